// Runs Amplify's simulator of AppSync over a schema of every scalar: node simulator.mjs PORT KEY
import { createRequire } from "node:module";
import net from "node:net";

const [port, apiKey] = process.argv.slice(2);
const load = createRequire(`${process.env.NODE_PATH}/`);
const { AmplifyAppSyncSimulator } = load("@aws-amplify/amplify-appsync-simulator");

const SCHEMA = `
type Thing { id: ID! }
type Query {
  thing(
    date: AWSDate, time: AWSTime, moment: AWSDateTime, seconds: AWSTimestamp, email: AWSEmail,
    json: AWSJSON, phone: AWSPhone, url: AWSURL, address: AWSIPAddress
  ): Thing
  failing: String
}
type Mutation { change(id: ID!): Thing }
type Subscription { changed: Thing @aws_subscribe(mutations: ["change"]) }
schema { query: Query mutation: Mutation subscription: Subscription }
`;
const unit = (typeName, fieldName, request, response) => ({
  kind: "UNIT",
  typeName,
  fieldName,
  dataSourceName: "none",
  requestMappingTemplate: JSON.stringify({ version: "2018-05-29", payload: request }),
  responseMappingTemplate: response,
});

// Some frames end it: what is not caught would take the process with it, and all that is yet to ask.
process.on("uncaughtException", (error) => console.error(`uncaught: ${error.message}`));

// It would listen on every address of this machine.
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (...given) {
  return listen.apply(this, typeof given[0] === "number" ? [given[0], "127.0.0.1"] : given);
};

const simulator = new AmplifyAppSyncSimulator({ port: Number(port), wsPort: Number(port) });
simulator.init({
  schema: { content: SCHEMA },
  appSync: {
    name: "conformance",
    apiKey,
    defaultAuthenticationType: { authenticationType: "API_KEY" },
    additionalAuthenticationProviders: [],
  },
  dataSources: [{ name: "none", type: "NONE" }],
  resolvers: [
    unit("Mutation", "change", { id: "$ctx.args.id" }, "$util.toJson($ctx.result)"),
    unit("Query", "failing", {}, '$util.error("It failed.", "Failing")'),
  ],
});
await simulator.start();
console.log("ready");
