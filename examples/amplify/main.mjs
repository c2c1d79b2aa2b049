// Amplify 6: signs in by SRP, reads, listens, changes, and prints the event that it is told of.
import { Amplify } from "aws-amplify";
import { CONNECTION_STATE_CHANGE, ConnectionState, generateClient } from "aws-amplify/api";
import { fetchAuthSession, signIn, signOut } from "aws-amplify/auth";
import { Hub } from "aws-amplify/utils";
import WebSocket from "ws";

import config from "./amplify_config.json" with { type: "json" };

globalThis.WebSocket ??= WebSocket; // browsers have their own, and Node from 22 on
Amplify.configure(config);
const client = generateClient();

const FIRST = /* GraphQL */ `
  query First {
    applications(first: 1) { edges { node { id status hardshipReason } } }
  }`;
const UPDATED = /* GraphQL */ `
  subscription Updated($id: ID) {
    onApplicationUpdated(id: $id) { id version hardshipReason }
  }`;
const UPDATE = /* GraphQL */ `
  mutation Update($input: UpdateApplicationInput!) {
    updateApplication(input: $input) { id version }
  }`;

const connected = new Promise((resolve) => {
  Hub.listen("api", ({ payload: { event, data } }) => {
    const isUp = data?.connectionState === ConnectionState.Connected;
    if (event === CONNECTION_STATE_CHANGE && isUp) resolve();
  });
});

await signIn({ username: "consumer@harbor.test", password: "Almoner-Demo-1" });
const { data } = await client.graphql({ query: FIRST });
const application = data.applications.edges[0].node;
console.log("read", application.id, application.status);

// Amplify renews tokens by itself before they end; this is what it does then.
const { tokens } = await fetchAuthSession({ forceRefresh: true });
console.log("renewed until", new Date(tokens.accessToken.payload.exp * 1000).toISOString());

const told = new Promise((resolve, reject) => {
  const subscription = client.graphql({ query: UPDATED, variables: { id: application.id } });
  const listening = subscription.subscribe({
    next({ data: event }) {
      listening.unsubscribe();
      resolve(event.onApplicationUpdated);
    },
    error: reject,
  });
});
await connected; // what happens before is not told
const input = { id: application.id, hardshipReason: `Fewer hours since ${new Date().toISOString()}` };
const changed = await client.graphql({ query: UPDATE, variables: { input } });
console.log("changed to version", changed.data.updateApplication.version);
console.log("told", JSON.stringify(await told));
await signOut();
globalThis.process?.exit(); // Node would wait 15 seconds for a timer that Amplify leaves
