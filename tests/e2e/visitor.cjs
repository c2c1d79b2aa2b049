// A visitor at the edge router, in a real browser with the keyboard alone: opens an address, chooses
// a state by its label, goes on, and prints where they end, as JSON. Arguments: the browser's
// program, the address, the state's name.
"use strict";
const { chromium } = require("playwright-core");

const [executablePath, url, state] = process.argv.slice(2);

async function main() {
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
    ],
  });
  const seen = { complaints: [], asked: [] };
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => seen.complaints.push(String(error)));
    page.on("console", (line) => seen.complaints.push(line.text()));
    page.on("request", (request) => seen.asked.push(request.url()));
    await page.goto(url);
    seen.heading = await page.getByRole("heading", { level: 1 }).innerText();
    seen.alert = (await page.getByRole("alert").allInnerTexts()).join(" ");
    seen.font = await page.evaluate(() => getComputedStyle(document.body).fontFamily);
    const before = seen.asked.length;
    const choice = page.getByLabel("The state you live in");
    await page.keyboard.press("Tab");
    while (!(await choice.evaluate((one) => one === document.activeElement))) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.type(state);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForURL((there) => there.href !== url);
    seen.asked = seen.asked.slice(before);
    seen.url = page.url();
    seen.heading_after = await page.getByRole("heading", { level: 1 }).first().innerText().catch(() => null);
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(seen));
}

main();
