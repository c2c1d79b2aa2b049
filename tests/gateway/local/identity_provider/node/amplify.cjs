// Amplify's auth functions by name, a call a line: {"name", "args"} in, {"result"} or {"error"} out.
"use strict";
const readline = require("node:readline");
const { Amplify, fetchAuthSession } = require("@aws-amplify/core");
const auth = require("@aws-amplify/auth");
const { cognitoUserPoolsTokenProvider: tokenProvider } = require("@aws-amplify/auth/cognito");

console.warn = () => {}; // it warns of every endpoint that is not AWS's
const [userPoolEndpoint, userPoolId, userPoolClientId] = process.argv.slice(2);
const Auth = { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint } };
tokenProvider.setAuthConfig(Auth); // as the package aws-amplify does in its configure()
Amplify.configure({ Auth }, { Auth: { tokenProvider } });

const functions = {
  ...auth,
  async session(options) {
    const { tokens, userSub } = await fetchAuthSession(options);
    return {
      access: tokens?.accessToken.toString(),
      id: tokens?.idToken?.toString(),
      subject: userSub,
    };
  },
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { name, args } = JSON.parse(line);
    try {
      const result = await functions[name](...args);
      console.log(JSON.stringify({ result: result ?? null }));
    } catch (error) {
      console.log(JSON.stringify({ error: { name: error.name, message: error.message } }));
    }
  }
}

main();
