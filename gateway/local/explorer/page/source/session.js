// Who is asking: somebody of the demo, somebody who signed in by password, or a machine's key.
//
// A session is a plain object, kept for as long as the browser's tab is open: {kind, email, agency,
// group, token, refreshToken, key, actsIn}. Tokens of the demo's people are given by the explorer's
// server and renewed by themselves; those of a sign-in are renewed by its refresh token.
const KEPT = "almoner:session";
const RENEW_SECONDS = 60;
const API = "AWSCognitoIdentityProviderService";

const listeners = new Set();
let session = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");

export const current = () => session;

/** Call `listener` whenever somebody else is asking, or with another token. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function become(next) {
  session = next;
  sessionStorage.setItem(KEPT, JSON.stringify(session));
  for (const listener of listeners) listener();
}

/** Become somebody of the demo. */
export async function becomePerson({ email, group }, { slug }, actsIn = null) {
  become({ kind: "demo", email, group, agency: slug, actsIn, token: await demoToken(email) });
}

/** Become whoever has the password. Returns a challenge that is left to be answered, or null. */
export async function signIn(world, pool, email, password) {
  return settle(world, pool, email, await cognito(world, pool, "InitiateAuth", {
    ClientId: agencyOf(world, pool).clientId,
    AuthFlow: "USER_PASSWORD_AUTH",
    AuthParameters: { USERNAME: email, PASSWORD: password },
  }));
}

/** Answer a challenge: a new password, or the code of an authenticator app. */
export async function answerChallenge(world, pool, email, challenge, answer) {
  const member = challenge.name === "NEW_PASSWORD_REQUIRED" ? "NEW_PASSWORD" : "SOFTWARE_TOKEN_MFA_CODE";
  return settle(world, pool, email, await cognito(world, pool, "RespondToAuthChallenge", {
    ClientId: agencyOf(world, pool).clientId,
    ChallengeName: challenge.name,
    Session: challenge.session,
    ChallengeResponses: { USERNAME: email, [member]: answer },
  }));
}

/** The headers of a request, and the payload of a connection: the credential, and where to act. */
export async function credentials() {
  if (session === null) return {};
  if (session.kind === "key") return { "x-api-key": session.key };
  if (secondsLeft(session.token) < RENEW_SECONDS) await renew().catch(() => {});
  const { token, actsIn } = session;
  return actsIn ? { Authorization: token, "x-agency": actsIn } : { Authorization: token };
}

/** What a token says of itself; its signature is the gateway's business. */
export function claimsOf(token) {
  const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

export const secondsLeft = (token) => claimsOf(token).exp - Date.now() / 1000;

/** Tell apart who is asking, whichever token they have. */
export const identityOf = (session) =>
  session && [session.kind, session.email ?? session.key, session.actsIn].join();

/** Get a fresh token for whoever is asking; a machine's key is not renewed. */
export async function renew() {
  const was = session;
  if (was.kind === "key") return;
  const token = was.kind === "demo" ? await demoToken(was.email) : await refreshed(was);
  if (session === was) become({ ...was, token });
}

/** Return a token of somebody of the demo, without becoming them. */
export async function demoToken(user) {
  const answer = await fetch("/explorer/token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message);
  return body.token;
}

async function refreshed({ refreshToken, issuer, pool, clientId }) {
  const answer = await cognito({ issuer }, pool, "GetTokensFromRefreshToken", {
    ClientId: clientId,
    RefreshToken: refreshToken,
  });
  return answer.AuthenticationResult.AccessToken;
}

function settle(world, pool, email, answer) {
  if (answer.ChallengeName) return { name: answer.ChallengeName, session: answer.Session };
  const { AccessToken: token, RefreshToken: refreshToken } = answer.AuthenticationResult;
  const [group] = claimsOf(token)["cognito:groups"] ?? [];
  const { slug, clientId } = agencyOf(world, pool);
  const { issuer } = world;
  become({ kind: "password", email, group, agency: slug, token, refreshToken, issuer, pool, clientId });
  return null;
}

const agencyOf = (world, pool) => world.agencies.find(({ poolId }) => poolId === pool);

async function cognito({ issuer }, pool, operation, asked) {
  const answer = await fetch(`${issuer}/${pool}`, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": `${API}.${operation}` },
    body: JSON.stringify(asked),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.message);
  return body;
}
