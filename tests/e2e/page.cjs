// Opens a page in a real browser until it has said a word, and prints what it said and asked, as
// JSON. Arguments: the browser's program, the page's address, the word, and the hash of the only key
// whose certificate is taken without an authority (SPKI, SHA-256, base64).
"use strict";
const { chromium } = require("playwright-core");

const [executablePath, url, word, key] = process.argv.slice(2);
const PATIENCE_MS = 60_000;

async function main() {
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      `--ignore-certificate-errors-spki-list=${key}`,
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    ],
  });
  const said = [];
  const asked = [];
  const sockets = [];
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => said.push({ kind: "error", text: String(error) }));
    page.on("request", (request) => {
      const target = request.headers()["x-amz-target"] ?? null;
      asked.push({ method: request.method(), url: request.url(), target });
    });
    page.on("websocket", (socket) => sockets.push(socket.url()));
    page.on("console", (line) => said.push({ kind: line.type(), text: line.text() }));
    const over = ({ kind, text }) => kind === "error" || text.startsWith(word);
    await page.goto(url);
    const ends = Date.now() + PATIENCE_MS;
    while (!said.some(over) && Date.now() < ends) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify({ said, asked, sockets }));
}

main();
