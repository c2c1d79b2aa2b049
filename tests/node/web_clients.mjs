// Has the stock web clients ask a server, and prints what each of them was given, as JSON.
import { createRequire } from "node:module";

const [endpoint, key] = process.argv.slice(2);
const load = createRequire(`${process.env.NODE_PATH}/`);
const { ApolloClient, InMemoryCache, HttpLink, gql } = load("@apollo/client");
const { Client, fetchExchange } = load("@urql/core");
const { Amplify } = load("aws-amplify");
const { generateClient } = load("aws-amplify/api");

const ANSWERED = "query Mine { agency { slug } }";
const INVALID = "query Wrong { agency { badField } }";
const KEYS = { good: key, wrong: `da2-${"a".repeat(26)}` };

// What goes over the wire, noted beside what the client makes of it.
let seen = [];
const plain = globalThis.fetch;
const noting = async (address, options) => {
  const response = await plain(address, options);
  const method = (options?.method ?? "GET").toUpperCase();
  seen.push({ method, status: response.status, type: response.headers.get("content-type") });
  return response;
};
globalThis.fetch = noting; // Amplify takes no other

const told = (error) => ({
  name: error.name,
  message: error.message,
  errors: error.errors ?? error.graphQLErrors ?? null,
});

const apollo = (held) => {
  const link = new HttpLink({ uri: endpoint, fetch: noting, headers: { "x-api-key": held } });
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  return async (query) => (await client.query({ query: gql(query) })).data;
};

const urql = (held) => {
  const fetchOptions = { headers: { "x-api-key": held } };
  const client = new Client({
    url: endpoint,
    fetch: noting,
    fetchOptions,
    exchanges: [fetchExchange],
  });
  return async (query) => {
    const { data, error } = await client.query(query, {}).toPromise();
    if (error) throw error;
    return data;
  };
};

const amplify = (held) => {
  Amplify.configure({ API: { GraphQL: { endpoint, defaultAuthMode: "apiKey", apiKey: held } } });
  const client = generateClient();
  return async (query) => {
    try {
      return (await client.graphql({ query })).data;
    } catch (refused) {
      throw Object.assign(new Error(refused.errors?.[0]?.message), {
        name: refused.errors?.[0]?.name ?? "GraphQLResult",
        errors: refused.errors,
      });
    }
  };
};

const outcome = {};
for (const [name, client] of Object.entries({ apollo, urql, amplify })) {
  outcome[name] = {};
  for (const [what, held, query] of [
    ["answered", "good", ANSWERED],
    ["invalid", "good", INVALID],
    ["refused", "wrong", ANSWERED],
  ]) {
    seen = [];
    const made = client(KEYS[held]);
    try {
      outcome[name][what] = { data: await made(query), seen };
    } catch (error) {
      outcome[name][what] = { error: told(error), seen };
    }
  }
}
console.log(JSON.stringify(outcome));
