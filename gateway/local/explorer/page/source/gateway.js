// How the page asks the gateway: queries and mutations by HTTP, subscriptions by graphql-ws, each
// with the credential of whoever is asking at that moment.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { Kind, parse } from "graphql";
import { createClient } from "graphql-ws";
import { credentials, current, identityOf, listen } from "./session.js";

const ENDPOINT = "/graphql";

// A connection belongs to who opened it: somebody else gets another one.
let connection = null;
let openedBy = null;
listen(() => {
  if (connection !== null && identityOf(current()) !== openedBy) {
    connection.dispose();
    connection = null;
  }
});

const byHttp = createGraphiQLFetcher({
  url: ENDPOINT,
  enableIncrementalDelivery: false,
  // What is written into the headers editor wins.
  fetch: async (url, { headers, ...rest }) =>
    fetch(url, { ...rest, headers: { ...(await credentials()), ...headers } }),
});

export function fetcher(asked, options) {
  const operation = operationOf(asked);
  const named = { ...asked, operationName: operation?.name?.value ?? asked.operationName };
  return operation?.operation === "subscription"
    ? connected().iterate(named)
    : byHttp(named, options);
}

/** Return the operation that is to be run; what does not parse, the gateway is to say so. */
function operationOf({ query, operationName }) {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    // GraphiQL learns of an operation's name a moment after its text was set.
    return operations.length === 1
      ? operations[0]
      : operations.find(({ name }) => name?.value === operationName);
  } catch {
    return undefined;
  }
}

/** Ask for what the page itself wants to know; returns the data, or null. */
export async function ask(query, asWhom = credentials()) {
  const answer = await fetch(ENDPOINT, {
    method: "POST",
    headers: { "content-type": "application/json", ...(await asWhom) },
    body: JSON.stringify({ query }),
  });
  return (await answer.json()).data ?? null;
}

function connected() {
  openedBy = identityOf(current());
  connection ??= createClient({
    url: `${location.origin.replace("http", "ws")}${ENDPOINT}`,
    connectionParams: credentials,
    retryAttempts: 0, // a socket that closes is told in the answer's pane
  });
  return connection;
}
