// A program with Amplify, a call a line: {"name", "args"} in, {"result"} or {"error"} out. Argument:
// the file that `almoner amplify --for amplify-config` writes.
"use strict";
const { readFileSync } = require("node:fs");
const readline = require("node:readline");
const { Amplify } = require("aws-amplify");
const { CONNECTION_STATE_CHANGE, generateClient } = require("aws-amplify/api");
const { fetchAuthSession, signIn } = require("aws-amplify/auth");
const { Hub } = require("aws-amplify/utils");

console.warn = () => {}; // it warns of every endpoint that is not AWS's
globalThis.WebSocket ??= require("ws").WebSocket;
Amplify.configure(JSON.parse(readFileSync(process.argv[2], "utf-8")));
const client = generateClient();
const PATIENCE_MS = 60_000;

const states = [];
Hub.listen("api", ({ payload: { event, data } }) => {
  if (event === CONNECTION_STATE_CHANGE) states.push(data.connectionState);
});
let events = [];
let errors = [];

async function until(holds, what) {
  const ends = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > ends) throw new Error(`${what} in vain; ${JSON.stringify({ states, errors })}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const functions = {
  async signIn(username, password) {
    await signIn({ username, password });
  },
  async claims(options) {
    return (await fetchAuthSession(options)).tokens.accessToken.payload;
  },
  async subscribe(query) {
    events = [];
    errors = [];
    const from = states.length;
    client.graphql({ query }).subscribe({
      next: ({ data }) => events.push(data),
      error: ({ errors: told }) => errors.push(...told.map(({ message }) => message)),
    });
    await until(() => states.slice(from).includes("Connected"), "waited for the connection");
  },
  async event() {
    await until(() => events.length > 0, "waited for an event");
    return events.shift();
  },
  async error() {
    await until(() => errors.length > 0, "waited for an error");
    return errors.shift();
  },
  async ask(query, variables) {
    return (await client.graphql({ query, variables })).data;
  },
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { name, args } = JSON.parse(line);
    try {
      console.log(JSON.stringify({ result: (await functions[name](...args)) ?? null }));
    } catch (error) {
      const { name: kind, message } = error.errors?.[0] ?? error;
      console.log(JSON.stringify({ error: { name: kind, message: message ?? String(error) } }));
    }
  }
}

main();
