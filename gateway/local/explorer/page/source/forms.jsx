// Signing in by password at the identity provider, and asking with a machine's key.
import { useState } from "react";
import { answerChallenge, become, signIn } from "./session.js";

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

export function KeyForm({ done }) {
  const { send, trouble } = useSending(async ({ key }) => {
    become({ kind: "key", key: key.trim() });
    done();
  });
  return (
    <form onSubmit={send}>
      <h2>Ask as a machine</h2>
      <label>
        API key
        <input name="key" placeholder="da2-…" autoComplete="off" spellCheck="false" pattern="\s*da2-\S+\s*" required />
      </label>
      <p className="hint">
        An admin makes one by <em>Make an API key</em>, a terminal
        by <code>almoner key create harbor --scope applications:read</code>.
      </p>
      {trouble && <p className="trouble" role="alert">{trouble}</p>}
      <button className="primary">Use it</button>
    </form>
  );
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
