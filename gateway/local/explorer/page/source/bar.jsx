// The bar above GraphiQL: who is asking, in which agency, with what token and until when.
import { useEffect, useState } from "react";
import { Popover } from "./popover.jsx";
import { become, becomePerson, claimsOf, renew, secondsLeft } from "./session.js";
import { KeyForm, SignInForm } from "./forms.jsx";

export function Bar({ world, session, trouble, attempt }) {
  return (
    <header className="bar">
      <a className="brand" href="/" aria-label="Almoner explorer">
        <img src="/explorer/page/mark.svg" alt="" width="24" height="24" />
        <span>Almoner</span>
        <small>explorer</small>
      </a>
      <Switcher world={world} session={session} attempt={attempt} />
      {session?.group === "operators" && <ActsIn world={world} session={session} />}
      {trouble && <p className="trouble" role="alert">{trouble}</p>}
      <div className="space" />
      {session?.token && <Token session={session} attempt={attempt} />}
      <Popover title="Sign in by password" label="Sign in">
        {(close) => <SignInForm world={world} done={close} />}
      </Popover>
      <Popover title="Use an API key" label="API key">
        {(close) => <KeyForm world={world} done={close} />}
      </Popover>
    </header>
  );
}

function Switcher({ world, session, attempt }) {
  const agency = world.agencies.find(({ slug }) => slug === session?.agency);
  const person = personOf(world, session);
  const label = session === null ? <em>Nobody yet: choose</em> : (
    <>
      <Face name={person.name} group={session.group} />
      <span className="who">
        <strong>{person.name}</strong>
        <small>{[one(session.group) ?? `${session.key?.slice(0, 8)}…`, agency?.name].filter(Boolean).join(" · ")}</small>
      </span>
      <span className="caret" aria-hidden="true">▾</span>
    </>
  );
  return (
    <Popover title="Switch the user" className="switcher" label={label}>
      {(close) => (
        <div className="agencies">
          {world.agencies.filter(({ people }) => people.length).map((agency) => (
            <div key={agency.poolId}>
              <h2>{agency.name}</h2>
              <ul>
                {agency.people.map((person) => (
                  <li key={person.email}>
                    <button
                      type="button"
                      data-user={person.email}
                      aria-current={session?.kind === "demo" && session.email === person.email}
                      onClick={() => {
                        close();
                        attempt(() => becomePerson(person, agency));
                      }}
                    >
                      <Face name={person.name} group={person.group} />
                      <span className="who">
                        <strong>{person.name}</strong>
                        <small>{person.email}</small>
                      </span>
                      <span className={`badge ${person.group}`}>{one(person.group)}</span>
                    </button>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </div>
      )}
    </Popover>
  );
}

/** The agency that an operator acts in: the header x-agency. */
function ActsIn({ world, session }) {
  return (
    <label className="acts-in">
      acts in
      <select
        value={session.actsIn ?? ""}
        onChange={({ target }) => become({ ...session, actsIn: target.value || null })}
      >
        <option value="">no agency</option>
        {world.agencies.filter(({ slug }) => slug).map(({ slug, name }) => (
          <option key={slug} value={slug}>{name}</option>
        ))}
      </select>
    </label>
  );
}

function Token({ session, attempt }) {
  const claims = claimsOf(session.token);
  const left = useSecondsLeft(session.token);
  const ended = left <= 0;
  const label = (
    <>
      {(claims["cognito:groups"] ?? ["no group"]).map((group) => (
        <span key={group} className={`badge ${group}`}>{group}</span>
      ))}
      <span className={ended ? "left ended" : "left"}>{ended ? "expired" : `${spanOf(left)} left`}</span>
    </>
  );
  return (
    <Popover title="The token" className="token" label={label}>
      {() => (
        <>
          <h2>Access token</h2>
          <dl>
            {Object.entries(claims).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{told(name, value)}</dd>
              </div>
            ))}
          </dl>
          <div className="buttons">
            <button type="button" onClick={() => attempt(renew)}>Renew</button>
            <Copy text={session.token}>Copy the token</Copy>
          </div>
        </>
      )}
    </Popover>
  );
}

function Copy({ text, children }) {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      onClick={() => navigator.clipboard.writeText(text).then(() => setDone(true), () => {})}
    >
      {done ? "Copied" : children}
    </button>
  );
}

function Face({ name, group }) {
  const letters = name.split(/\s+/).slice(0, 2).map((word) => word[0]?.toUpperCase());
  return <span className={`face ${group ?? ""}`} aria-hidden="true">{letters}</span>;
}

function useSecondsLeft(token) {
  const [left, setLeft] = useState(() => secondsLeft(token));
  useEffect(() => {
    const look = () => setLeft(secondsLeft(token));
    look();
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [token]);
  return left;
}

function personOf(world, session) {
  const people = world.agencies.flatMap(({ people }) => people);
  if (session?.kind === "key") return { name: "API key" };
  return people.find(({ email }) => email === session?.email) ?? { name: session?.email ?? "" };
}

const one = (group) => group?.replace(/s$/, "");

const spanOf = (seconds) =>
  seconds >= 60 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds)} s`;

const told = (name, value) =>
  ["exp", "iat", "auth_time"].includes(name)
    ? new Date(value * 1000).toLocaleTimeString()
    : [value].flat().join(", ");
