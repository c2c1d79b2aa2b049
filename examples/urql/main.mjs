// urql: signs in by SRP, reads, listens, changes, and prints the event that it is told of.
import { gql } from "@urql/core";
import { signIn, signOut } from "aws-amplify/auth";

import { connect } from "./almoner.mjs";

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

const { data, error } = await client.query(FIRST, {});
if (error) throw error;
const application = data.applications.edges[0].node;
console.log("read", application.id, application.status);

const told = new Promise((resolve, reject) => {
  const events = client.subscription(UPDATED, { id: application.id });
  const listening = events.subscribe((event) => {
    listening.unsubscribe();
    if (event.error) reject(event.error);
    else resolve(event.data.onApplicationUpdated);
  });
});
await connected; // what happens before is not told
const input = { id: application.id, hardshipReason: `Fewer hours since ${new Date().toISOString()}` };
const changed = await client.mutation(UPDATE, { input });
if (changed.error) throw changed.error;
console.log("changed to version", changed.data.updateApplication.version);
console.log("told", JSON.stringify(await told));
await signOut();
