// GraphQL Code Generator, for the schema of "@agency@":
//   ALMONER_TOKEN=$(almoner token admin@harbor.test) npx graphql-codegen --config codegen.ts
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: { "@url@": { headers: { Authorization: process.env.ALMONER_TOKEN ?? "" } } },
  documents: ["src/**/*.{ts,tsx}"],
  ignoreNoDocuments: true,
  generates: {
    "src/graphql/": {
      preset: "client",
      config: {
        strictScalars: true,
        // Amounts are exact decimals: as numbers they would not stay so.
        scalars: {
          Money: "string",
          Percent: "string",
          AWSDate: "string",
          AWSDateTime: "string",
          AWSEmail: "string",
          AWSIPAddress: "string",
          AWSJSON: "string",
          AWSPhone: "string",
          AWSTime: "string",
          AWSTimestamp: "number",
          AWSURL: "string",
        },
      },
    },
  },
};

export default config;
