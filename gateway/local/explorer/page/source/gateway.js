// How the page asks the gateway: queries and mutations by HTTP, subscriptions by graphql-ws, each
// with the credential of whoever is asking at that moment.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";
import { credentials, current, listen } from "./session.js";

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
  if (connection === null) connect();
  const operation = options?.documentAST?.definitions.find(
    ({ kind, name }) => kind === "OperationDefinition" && name?.value === asked.operationName,
  );
  return operation?.operation === "subscription" ? connection.iterate(asked) : byHttp(asked, options);
}

/** Ask a query on the page's own behalf; returns its data, or null. */
export async function ask(query) {
  const answer = await fetch(ENDPOINT, {
    method: "POST",
    headers: { "content-type": "application/json", ...(await credentials()) },
    body: JSON.stringify({ query }),
  });
  return (await answer.json()).data ?? null;
}

function connect() {
  openedBy = identityOf(current());
  connection = createClient({
    url: `${location.origin.replace("http", "ws")}${ENDPOINT}`,
    connectionParams: credentials,
    retryAttempts: 0, // a socket that closes is told in the answer's pane
  });
}

const identityOf = (session) =>
  session && [session.kind, session.email ?? session.key, session.actsIn].join();
