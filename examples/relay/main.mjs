// Relay: signs in by SRP, reads, listens, changes, and prints what the event made of its store.
import { signIn, signOut } from "aws-amplify/auth";
import relay from "relay-runtime";
import WebSocket from "ws";

import First from "./__generated__/operationsFirstQuery.graphql.js";
import Updated from "./__generated__/operationsUpdatedSubscription.graphql.js";
import Update from "./__generated__/operationsUpdateMutation.graphql.js";
import { connect } from "./almoner.mjs";

const { commitMutation, createOperationDescriptor, fetchQuery, requestSubscription } = relay;
globalThis.WebSocket ??= WebSocket; // browsers have their own, and Node from 22 on

await signIn({ username: "consumer@harbor.test", password: "Almoner-Demo-1" });
const environment = connect();
const first = { count: 10, cursor: null };
const { applications } = await fetchQuery(environment, First, first).toPromise();
const application = applications.edges[0].node;
console.log("read", application.id, application.status);
environment.retain(createOperationDescriptor(First, first)); // as a component on the screen does

/** Return what the store holds of the application, as a component that shows it is given it. */
function shown() {
  const { fragment } = createOperationDescriptor(First, first);
  return environment.lookup(fragment).data.applications.edges[0].node;
}

const told = new Promise((resolve, reject) => {
  const listening = requestSubscription(environment, {
    subscription: Updated,
    variables: { id: application.id },
    onNext({ onApplicationUpdated: event }) {
      listening.dispose();
      resolve(event);
    },
    onError: reject,
  });
});

function update(hardshipReason) {
  const variables = { input: { id: application.id, hardshipReason } };
  return new Promise((resolve, reject) => {
    const onCompleted = ({ updateApplication }) => resolve(updateApplication);
    commitMutation(environment, { mutation: Update, variables, onCompleted, onError: reject });
  });
}

// graphql-ws has no word for "subscribed", so it is changed until the event comes.
const quiet = Symbol("quiet");
const second = () => new Promise((resolve) => setTimeout(resolve, 1000, quiet));
let event = quiet;
while (event === quiet) {
  const { version } = await update(`Fewer hours since ${new Date().toISOString()}`);
  console.log("changed to version", version);
  event = await Promise.race([told, second()]);
}
console.log("told", JSON.stringify(event));
console.log("shown", JSON.stringify(shown()));
await signOut();
