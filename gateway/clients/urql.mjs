// urql, with its events from graphql-sse: plain HTTP, so that no proxy has to know WebSockets.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-sse";

const url = "@url@";
const credential = async () => ({ Authorization: await accessToken() });

/** connected: called when the gateway has taken a subscription, and after each interruption. */
export function connect({ connected } = {}) {
  const events = createClient({ url, headers: credential, on: { connected } });
  return new Client({
    url,
    preferGetMethod: false, // queries stay out of the logs of whatever is in between
    fetch: async (input, init) =>
      fetch(input, { ...init, headers: { ...init.headers, ...(await credential()) } }),
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: events.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
}
