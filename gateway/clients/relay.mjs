// Relay, with its events from graphql-ws.
import { createClient } from "graphql-ws";
import relay from "relay-runtime";

const { Environment, Network, Observable, RecordSource, Store } = relay;
const url = "@url@";

async function ask({ text: query }, variables) {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json",
      Authorization: await accessToken(),
    },
    body: JSON.stringify({ query, variables }),
  });
  return answer.json();
}

export function connect() {
  const events = createClient({
    url: "@socket_url@",
    connectionParams: async () => ({ Authorization: await accessToken() }),
  });
  const subscribe = ({ text: query, name: operationName }, variables) =>
    Observable.create((sink) => events.subscribe({ query, operationName, variables }, sink));
  return new Environment({
    network: Network.create(ask, subscribe),
    store: new Store(new RecordSource()),
  });
}
