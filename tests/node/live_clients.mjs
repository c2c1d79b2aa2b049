// The stock clients graphql-ws and graphql-sse, with a line that can be cut in between. A command a
// line comes in, as JSON; what happens goes out, a line each: {"connecting"} and {"connected"}, the
// how manieth attempt; {"next"}, {"error"}, {"complete"}, {"closed"}.
import { createRequire } from "node:module";
import net from "node:net";
import readline from "node:readline";

const [protocol, target] = process.argv.slice(2);
const load = createRequire(`${process.env.NODE_PATH}/`);
const tell = (what) => console.log(JSON.stringify(what));

const there = new URL(target);
const lines = new Set();
const between = net.createServer((near) => {
  const far = net.connect(Number(there.port), there.hostname);
  lines.add(near);
  near.pipe(far).pipe(near);
  for (const end of [near, far]) end.on("error", () => end.destroy());
  near.on("close", () => {
    far.destroy();
    lines.delete(near);
  });
});
await new Promise((resolve) => between.listen(0, "127.0.0.1", resolve));
const address = `127.0.0.1:${between.address().port}${there.pathname}`;

let credential;
const credentials = async () => credential;
let attempts = 0;
const on = {
  connecting: () => tell({ connecting: (attempts += 1) }),
  connected: () => tell({ connected: attempts }),
  closed: ({ code }) => tell({ closed: code }),
};
const soon = { retryAttempts: 5, retryWait: async () => {}, retry: async () => {} };
const client =
  protocol === "ws"
    ? load("graphql-ws").createClient({
        url: `ws://${address}`,
        webSocketImpl: load("ws").WebSocket,
        connectionParams: credentials,
        on,
        ...soon,
      })
    : load("graphql-sse").createClient({
        url: `http://${address}`,
        headers: credentials,
        on,
        ...soon,
      });

let stop;
const commands = {
  credential(headers) { credential = headers; },
  subscribe(query) {
    stop = client.subscribe(
      { query },
      {
        next: (result) => tell({ next: result }),
        error: (error) =>
          tell({ error: { code: error.code ?? error.response?.status, message: error.message } }),
        complete: () => tell({ complete: attempts }),
      },
    );
  },
  cut() { for (const line of lines) line.destroy(); },
  stop() { stop(); },
};
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, ...args] = JSON.parse(line);
  commands[name](...args);
}
process.exit();
