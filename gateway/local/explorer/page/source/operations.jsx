// The panel of operations to try: those of whoever is asking first, each opened in a tab of its own
// with its variables filled in from what they may read.
import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { createContext, useContext, useState } from "react";
import { ask } from "./gateway.js";

export const World = createContext(null);
export const Asking = createContext(null);

export const OPERATIONS_PLUGIN = { title: "Operations to try", icon: Icon, content: Panel };

function Panel() {
  const { operations } = useContext(World);
  const session = useContext(Asking);
  const whom = session?.kind === "key" ? "API keys" : session?.group;
  const mine = operations.filter(({ groups, machines }) =>
    session?.kind === "key" ? machines : !whom || groups.includes(whom),
  );
  const others = operations.filter((operation) => !mine.includes(operation));
  return (
    <section className="operations" aria-label="Operations to try">
      <div className="graphiql-doc-explorer-title">Operations to try</div>
      {whom && <p className="hint">For {whom}, by the rules of the schema.</p>}
      <List operations={mine} />
      {others.length > 0 && (
        <details>
          <summary>Refused to {whom}: see how ({others.length})</summary>
          <List operations={others} />
        </details>
      )}
    </section>
  );
}

function List({ operations }) {
  return <ul>{operations.map((operation) => <Item key={operation.name} operation={operation} />)}</ul>;
}

function Item({ operation }) {
  const { addTab } = useGraphiQLActions();
  const { queryEditor, variableEditor } = useGraphiQL(pick("queryEditor", "variableEditor"));
  const [missing, setMissing] = useState(false);

  async function open() {
    const found = await valuesFor(operation);
    setMissing(found === null);
    const values = found ?? Object.fromEntries(operation.variables.map((name) => [name, ""]));
    addTab();
    queryEditor.setValue(operation.document);
    variableEditor.setValue(operation.variables.length ? JSON.stringify(values, null, 2) : "");
  }

  return (
    <li>
      <button type="button" onClick={open} disabled={!queryEditor || !variableEditor}>
        <span className={`kind ${operation.kind}`}>{operation.kind}</span>
        <strong>{operation.title}</strong>
        {operation.about && <span className="about">{operation.about}</span>}
        {missing && <span className="missing">Nothing was found to fill in: give the ids yourself.</span>}
      </button>
    </li>
  );
}

/** Return values for an operation's variables, from what whoever asks may read; null for none. */
async function valuesFor({ variables, lookups }) {
  if (variables.length === 0) return {};
  for (const lookup of lookups) {
    const found = valuesIn(await ask(lookup), variables);
    if (found !== null) return found;
  }
  return null;
}

/** Return the first values of these names: of one path through an answer, else of any; or null. */
function valuesIn(answer, names) {
  const together = valuesBelow(answer, names);
  if (together !== null) return together;
  const each = names.map((name) => valuesBelow(answer, [name]));
  return each.includes(null) ? null : Object.assign({}, ...each);
}

function valuesBelow(answer, names, above = {}) {
  if (answer === null || typeof answer !== "object" || isPassedOver(answer)) return null;
  const found = { ...above };
  if (!Array.isArray(answer)) {
    for (const name of names) if (typeof answer[name] === "string") found[name] = answer[name];
  }
  if (names.every((name) => name in found)) return found;
  for (const below of Object.values(answer)) {
    const values = valuesBelow(below, names, found);
    if (values !== null) return values;
  }
  return null;
}

/** Say whether a lookup leaves this out: `not` has a value, or `is_X` another one than X. */
function isPassedOver(answer) {
  const isOther = ([name, value]) => name.startsWith("is_") && value !== name.slice(3);
  return Boolean(answer.not) || Object.entries(answer).some(isOther);
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" width="1em" height="1em" fill="none" stroke="currentColor" strokeWidth="1.6">
      <path d="M4 5h16M4 12h10M4 19h7" strokeLinecap="round" />
      <path d="m16 13 5 4-5 4z" fill="currentColor" strokeLinejoin="round" />
    </svg>
  );
}
