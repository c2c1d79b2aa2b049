// A person at the explorer, in a real browser, a call a line: {"name", "args"} in, {"result"} or
// {"error"} out. Arguments: the browser's program, and names that it takes for 127.0.0.1 besides.
"use strict";
const readline = require("node:readline");
const { chromium } = require("playwright-core");

const [executablePath, ...rebound] = process.argv.slice(2);
const PATIENCE_MS = 30_000;
const asked = []; // every request of every page: {url, headers, status}
const sockets = []; // every connection of realtime: {closed}
const complaints = []; // what the page says of itself on the console
let browser;
let page;

async function begin() {
  const names = rebound.map((name) => `MAP ${name} 127.0.0.1`);
  browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      `--host-resolver-rules=${[...names, "MAP * ~NOTFOUND", "EXCLUDE localhost", "EXCLUDE *.localhost", "EXCLUDE 127.0.0.1"].join(", ")}`,
    ],
  });
}

async function until(holds) {
  const ends = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > ends) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const button = (label) => page.getByRole("button", { name: label, exact: true });
const dialog = (title) => page.getByRole("dialog", { name: title });
const shown = (selector) => page.locator(selector).innerText().then((text) => text.replaceAll("\u00a0", " "));

const functions = {
  /** Open an address as somebody who was never there. */
  async open(url) {
    await page?.context().close();
    asked.length = complaints.length = 0;
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    context.setDefaultTimeout(PATIENCE_MS);
    context.on("request", (request) => {
      const entry = { url: request.url(), headers: request.headers(), status: null };
      asked.push(entry);
      request.response().then((response) => { entry.status = response?.status() ?? null; }, () => {});
    });
    page = await context.newPage();
    page.on("console", (said) => said.type() === "error" && complaints.push(said.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    sockets.length = 0;
    page.on("websocket", (socket) => {
      const entry = { closed: false };
      sockets.push(entry);
      asked.push({ url: socket.url(), headers: {}, status: 101 });
      socket.on("close", () => { entry.closed = true; });
    });
    const response = await page.goto(url);
    return response.status();
  },
  text: () => page.locator("body").innerText(),
  bar: () => shown("header.bar"),
  async pick(email) {
    await button("Switch the user").click();
    await page.locator(`[data-user="${email}"]`).click();
  },
  async signIn(pool, email, password) {
    await button("Sign in by password").click();
    const form = dialog("Sign in by password");
    await form.getByLabel("Agency").selectOption(pool);
    await form.getByLabel("E-mail address").fill(email);
    await form.getByLabel("Password").fill(password);
    await form.getByRole("button", { name: "Sign in" }).click();
  },
  async answerChallenge(label, answer) {
    const form = dialog("Sign in by password");
    await form.getByLabel(label).fill(answer);
    await form.getByRole("button", { name: "Go on" }).click();
  },
  trouble: () => page.locator("header.bar").getByRole("alert").innerText(),
  async makeKey(agency) {
    await button("Use an API key").click();
    const form = dialog("Use an API key");
    await form.getByLabel("A new one is made by the admin of").selectOption(agency);
    await form.getByRole("button", { name: "Use it" }).click();
    await form.waitFor({ state: "hidden" });
  },
  actIn: (agency) => page.getByLabel("acts in").selectOption(agency),
  async claims() {
    await button("The token").click();
    const told = await dialog("The token").innerText();
    await page.keyboard.press("Escape");
    return told;
  },
  /** Open one of the operations to try, with what was filled in for it. */
  async choose(title) {
    const tabs = await page.getByRole("tab").count();
    const itself = page.locator(`strong:text-is("${title}")`);
    await page.locator(".operations button").filter({ has: itself }).click();
    await page.getByRole("tab").nth(tabs).waitFor();
  },
  async run() {
    await page.locator(".graphiql-query-editor .view-line span").first().waitFor();
    await page.locator(".graphiql-execute-button").click();
  },
  /** Wait until the answer's pane shows a text. */
  async answered(text) {
    const lines = page.locator(".result-window .view-lines");
    await lines.filter({ hasText: text }).waitFor().catch(async () => {
      throw new Error(`${text} was not answered, but: ${await lines.innerText()}`);
    });
    return functions.answer();
  },
  /** Wait until no connection of realtime is left. */
  ended: () => until(() => sockets.every(({ closed }) => closed)),
  answer: () => shown(".result-window .view-lines"),
  /** Wait until the bar shows a text. */
  async greeted(text) {
    await page.locator("header.bar").filter({ hasText: text }).waitFor();
  },
  /** Ask from within whatever page is open, as a script of it would; what it could read, or why not. */
  attempt: (url, options) =>
    page.evaluate(
      ([where, how]) =>
        fetch(where, how).then(
          async (answer) => ({ status: answer.status, body: await answer.text() }),
          (error) => ({ error: error.name }),
        ),
      [url, options],
    ),
  asked: () => asked,
  complaints: () => complaints,
  screenshot: (path, scheme) =>
    page.emulateMedia({ colorScheme: scheme }).then(() => page.screenshot({ path })).then(() => null),
};

async function main() {
  await begin();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { name, args } = JSON.parse(line);
    try {
      const result = await functions[name](...args);
      console.log(JSON.stringify({ result: result ?? null }));
    } catch (error) {
      console.log(JSON.stringify({ error: { name: error.name, message: error.message } }));
    }
  }
  await browser.close();
}

main();
