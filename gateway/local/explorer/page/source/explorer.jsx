// The explorer's page: the bar of the demo's people above GraphiQL.
import "./workers.js";
import "graphiql/style.css";
import "./style.css";
import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { Bar } from "./bar.jsx";
import { fetcher } from "./gateway.js";
import { Asking, OPERATIONS_PLUGIN, World } from "./operations.jsx";
import { becomePerson, current, identityOf, listen, renew } from "./session.js";

const PLUGINS = [OPERATIONS_PLUGIN, HISTORY_PLUGIN];
const FIRST_TABS = ["Applications", "WhoAmI", "ApplicationUpdated"];
const FIRST_GROUP = "counselors";

function Explorer({ world, greeting }) {
  const session = useSyncExternalStore(listen, current);
  const [trouble, setTrouble] = useState(greeting);
  const attempt = useCallback(async (work) => {
    setTrouble(null);
    try {
      await work();
    } catch (error) {
      setTrouble(error.message);
    }
  }, []);
  const tabs = FIRST_TABS.map((name) => ({
    query: world.operations.find((operation) => operation.name === name).document,
  }));
  return (
    <World.Provider value={world}>
      <Asking.Provider value={session}>
        <Bar world={world} session={session} trouble={trouble} attempt={attempt} />
        <GraphiQL
          fetcher={fetcher}
          plugins={PLUGINS}
          visiblePlugin={OPERATIONS_PLUGIN}
          defaultTabs={tabs}
          defaultEditorToolsVisibility
          shouldPersistHeaders={false}
        >
          <GraphiQL.Logo><Care session={session} /></GraphiQL.Logo>
        </GraphiQL>
      </Asking.Provider>
    </World.Provider>
  );
}

/** Shows nothing: takes care of what GraphiQL leaves to its page. */
function Care({ session }) {
  const { stop, introspect, setTheme } = useGraphiQLActions();
  const { responseEditor, schema, subscription, tabs, theme } = useGraphiQL(
    pick("responseEditor", "schema", "subscription", "tabs", "theme"),
  );

  useEffect(() => {
    const placeholder = subscription ? "Events are shown as they come …" : "▶ or Ctrl-Enter runs it";
    responseEditor?.updateOptions({ placeholder });
  }, [responseEditor, subscription]);

  // Its editors keep the colours that the system had when they were opened.
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setTheme(theme);
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, [setTheme, theme]);

  // What somebody was answered is taken away as soon as another one asks.
  const who = identityOf(session);
  const was = useRef(who);
  useEffect(() => {
    if (was.current === who) return;
    was.current = who;
    stop();
    responseEditor?.setValue("");
    for (const tab of tabs) tab.response = null; // shown when their tab is; nothing else reads it
    if (!schema) introspect(); // it was refused to who asked before
  }, [who, stop, introspect, responseEditor, schema, tabs]);
  return null;
}

async function start() {
  const world = await (await fetch("/explorer/world")).json();
  let greeting = null;
  if (current() !== null) {
    // The token that this browser kept may be of a demo that was made anew since.
    await renew().catch((error) => { greeting = error.message; });
  } else {
    // At an agency's own address it is one of theirs.
    const [subdomain] = location.hostname.split(".");
    const agency = world.agencies.find(({ slug }) => slug === subdomain) ?? world.agencies[0];
    const person = agency.people.find(({ group }) => group === FIRST_GROUP);
    await becomePerson(person, agency).catch((error) => { greeting = error.message; });
  }
  createRoot(document.getElementById("explorer")).render(<Explorer world={world} greeting={greeting} />);
}

start();
