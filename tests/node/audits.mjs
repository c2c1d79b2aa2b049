// Runs graphql-http's audits against a server and prints them as JSON: id, name, status and reason.
import { createRequire } from "node:module";

const [url, key] = process.argv.slice(2);
const { auditServer } = createRequire(`${process.env.NODE_PATH}/`)("graphql-http");
const fetchFn = (address, options) =>
  fetch(address, { ...options, headers: { ...options?.headers, "x-api-key": key } });
const audits = await auditServer({ url, fetchFn });
console.log(
  JSON.stringify(audits.map(({ id, name, status, reason }) => ({ id, name, status, reason }))),
);
