// Signing in by password at the identity provider, and asking with a machine's key.
import { useState } from "react";
import { ask } from "./gateway.js";
import { answerChallenge, become, demoToken, signIn } from "./session.js";

// What a key that the explorer makes may do, for the one day that it has.
const MAKE_KEY = `mutation { createApiKey(input: {
  name: "The explorer's"
  scopes: ["agency:read", "applications:read", "consumers:read", "credit:read", "audit:read"]
  expiresInDays: 1
}) { secret } }`;

const CHALLENGES = {
  NEW_PASSWORD_REQUIRED: { label: "New password", type: "password", autoComplete: "new-password" },
  SOFTWARE_TOKEN_MFA: { label: "Code of your authenticator app", inputMode: "numeric", autoComplete: "one-time-code" },
};

export function SignInForm({ world, done }) {
  const [challenge, setChallenge] = useState(null);
  const { send, trouble, busy } = useSending(async (given) => {
    const { pool, email } = given;
    const left = challenge
      ? await answerChallenge(world, pool, email, challenge, given.answer)
      : await signIn(world, pool, email.trim(), given.password);
    if (left === null) done();
    else if (left.name in CHALLENGES) setChallenge(left);
    else throw new Error(`The challenge ${left.name} cannot be answered here.`);
  });
  const { label, ...asked } = CHALLENGES[challenge?.name] ?? {};
  return (
    <form onSubmit={send}>
      <h2>Sign in by password</h2>
      <label>
        Agency
        <select name="pool">
          {world.agencies.map(({ poolId, name }) => <option key={poolId} value={poolId}>{name}</option>)}
        </select>
      </label>
      <label>
        E-mail address
        <input name="email" type="email" autoComplete="username" placeholder="counselor@harbor.test" required />
      </label>
      <label>
        Password
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      {challenge && <label>{label}<input name="answer" {...asked} required autoFocus /></label>}
      <p className="hint">The demo's people have <code>{world.password}</code>; others sign up at the identity provider.</p>
      {trouble && <p className="trouble" role="alert">{trouble}</p>}
      <button className="primary" disabled={busy}>{challenge ? "Go on" : "Sign in"}</button>
    </form>
  );
}

export function KeyForm({ world, done }) {
  const { send, trouble, busy } = useSending(async ({ key, agency }) => {
    const own = key.trim();
    become(own ? { kind: "key", key: own } : { kind: "key", key: await madeBy(world, agency), agency });
    done();
  });
  return (
    <form onSubmit={send}>
      <h2>Ask as a machine</h2>
      <label>
        API key
        <input name="key" placeholder="da2-…, or empty for a new one" autoComplete="off" spellCheck="false" pattern="\s*da2-\S+\s*" />
      </label>
      <label>
        A new one is made by the admin of
        <select name="agency">
          {world.agencies.filter(({ slug, people }) => slug && people.length).map(({ slug, name }) => (
            <option key={slug} value={slug}>{name}</option>
          ))}
        </select>
      </label>
      <p className="hint">It reads, for a day. In a terminal: <code>almoner key create</code></p>
      {trouble && <p className="trouble" role="alert">{trouble}</p>}
      <button className="primary" disabled={busy}>Use it</button>
    </form>
  );
}

/** Return the secret of a key that the agency's admin makes. */
async function madeBy(world, agency) {
  const { people } = world.agencies.find(({ slug }) => slug === agency);
  const { email } = people.find(({ group }) => group === "admins");
  const data = await ask(MAKE_KEY, { Authorization: await demoToken(email) });
  if (!data?.createApiKey?.secret) throw new Error("No key could be made.");
  return data.createApiKey.secret;
}

function useSending(work) {
  const [trouble, setTrouble] = useState(null);
  const [busy, setBusy] = useState(false);
  async function send(event) {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.currentTarget));
    setBusy(true);
    setTrouble(null);
    try {
      await work(given);
    } catch (error) {
      setTrouble(error.message);
    } finally {
      setBusy(false);
    }
  }
  return { send, trouble, busy };
}
