// Apollo Client 4: signs in by SRP, reads, listens, changes, and prints the event it is told of.
import { gql } from "@apollo/client";
import { signIn, signOut } from "aws-amplify/auth";
import WebSocket from "ws";

import { connect } from "./almoner.mjs";

globalThis.WebSocket ??= WebSocket; // browsers have their own, and Node from 22 on

const FIRST = gql`
  query First {
    applications(first: 1) { edges { node { id status hardshipReason } } }
  }`;
const UPDATED = gql`
  subscription Updated($id: ID) {
    onApplicationUpdated(id: $id) { id version hardshipReason }
  }`;
const UPDATE = gql`
  mutation Update($input: UpdateApplicationInput!) {
    updateApplication(input: $input) { id version }
  }`;

await signIn({ username: "consumer@harbor.test", password: "Almoner-Demo-1" });
let taken;
const connected = new Promise((resolve) => { taken = resolve; });
const client = connect({ connected: taken });

const { data } = await client.query({ query: FIRST });
const application = data.applications.edges[0].node;
console.log("read", application.id, application.status);

const told = new Promise((resolve, reject) => {
  const events = client.subscribe({ query: UPDATED, variables: { id: application.id } });
  const listening = events.subscribe({
    next({ data: event, error }) {
      listening.unsubscribe();
      if (error) reject(error);
      else resolve(event.onApplicationUpdated);
    },
    error: reject,
  });
});
await connected; // what happens before is not told
const input = { id: application.id, hardshipReason: `Fewer hours since ${new Date().toISOString()}` };
const changed = await client.mutate({ mutation: UPDATE, variables: { input } });
console.log("changed to version", changed.data.updateApplication.version);
console.log("told", JSON.stringify(await told));
await signOut();
globalThis.process?.exit(); // Node would wait 15 seconds for a timer that the link leaves
