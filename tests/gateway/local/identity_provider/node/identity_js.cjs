// amazon-cognito-identity-js, a call a line: {"name", "args"} in, {"result"} or {"error"} out.
"use strict";
const readline = require("node:readline");
const cognito = require("amazon-cognito-identity-js");

const [endpoint, UserPoolId, ClientId] = process.argv.slice(2);
const pool = new cognito.CognitoUserPool({ UserPoolId, ClientId, endpoint });
let user;

const spelled = (session) => ({
  access: session.getAccessToken().getJwtToken(),
  id: session.getIdToken().getJwtToken(),
  refresh: session.getRefreshToken().getToken(),
});

const answers = (resolve, reject) => ({
  onSuccess: (session) => resolve({ tokens: spelled(session) }),
  onFailure: reject,
  newPasswordRequired: (attributes) => resolve({ challenge: "NEW_PASSWORD_REQUIRED", attributes }),
  totpRequired: (challenge) => resolve({ challenge }),
});

const called = (method, ...args) =>
  new Promise((resolve, reject) =>
    user[method](...args, (error, result) => (error ? reject(error) : resolve(result)))
  );

const functions = {
  authenticate(Username, Password, flow = "USER_SRP_AUTH") {
    user = new cognito.CognitoUser({ Username, Pool: pool });
    user.setAuthenticationFlowType(flow);
    const details = new cognito.AuthenticationDetails({ Username, Password });
    return new Promise((resolve, reject) =>
      user.authenticateUser(details, answers(resolve, reject))
    );
  },
  completeNewPassword: (password) =>
    new Promise((resolve, reject) =>
      user.completeNewPasswordChallenge(password, {}, answers(resolve, reject))
    ),
  sendCode: (code) =>
    new Promise((resolve, reject) =>
      user.sendMFACode(code, answers(resolve, reject), "SOFTWARE_TOKEN_MFA")
    ),
  associate: () =>
    new Promise((resolve, reject) =>
      user.associateSoftwareToken({ associateSecretCode: resolve, onFailure: reject })
    ),
  verify: (code) =>
    new Promise((resolve, reject) =>
      user.verifySoftwareToken(code, "telephone", { onSuccess: () => resolve(null), onFailure: reject })
    ),
  prefer: (enabled) =>
    called("setUserMfaPreference", null, { Enabled: enabled, PreferredMfa: enabled }),
  refresh: (token) =>
    called(
      "refreshSession",
      new cognito.CognitoRefreshToken({ RefreshToken: token ?? user.signInUserSession.getRefreshToken().getToken() })
    ).then(spelled),
  attributes: () =>
    called("getUserAttributes").then((all) =>
      Object.fromEntries(all.map((one) => [one.getName(), one.getValue()]))
    ),
  globalSignOut: () =>
    new Promise((resolve, reject) =>
      user.globalSignOut({ onSuccess: resolve, onFailure: reject })
    ),
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { name, args } = JSON.parse(line);
    try {
      const result = await functions[name](...args);
      console.log(JSON.stringify({ result: result ?? null }));
    } catch (error) {
      console.log(JSON.stringify({ error: { name: error.code ?? error.name, message: error.message } }));
    }
  }
}

main();
