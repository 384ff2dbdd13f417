// The page of the API in a browser: it is drawn without asking anyone but its server, and what it shows can be tried.
// Arguments: a server in open mode, one with passwords, and a token for it. `tests/suite/openapi.rs` starts this.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";

import { PATIENCE, launch } from "./support/browser.mjs";

const [open, closed, token] = process.argv.slice(3);
const browser = await launch();

/** The page of a server, whose requests and complaints are kept. */
async function pageOf(server) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.complaints = [];
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${server}/`) && !url.startsWith("data:")) page.complaints.push(`asks for ${url}`);
  });
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy|Refused/.test(message.text())) page.complaints.push(message.text());
  });
  await page.goto(`${server}/docs`);
  await page.waitForSelector(".opblock");
  return page;
}

/** Tries an operation that takes nothing, and gives the status that the page shows. */
async function tried(page, id) {
  const operation = page.locator(`#operations-${id}`);
  await operation.locator(".opblock-summary-control").click();
  await operation.locator(".try-out__btn").click();
  await operation.locator(".execute").click();
  const status = operation.locator(".live-responses-table .response-col_status").nth(1);
  return (await status.innerText()).trim().slice(0, 3);
}

async function seen(page, name) {
  if (!process.env.KAFKA_TEST_SCREENSHOTS) return;
  mkdirSync(process.env.KAFKA_TEST_SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${process.env.KAFKA_TEST_SCREENSHOTS}/${name}.png` });
}

{
  const page = await pageOf(open);
  const document = await (await fetch(`${open}/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap(Object.keys).length;
  assert.equal(await page.locator(".opblock").count(), operations);
  await seen(page, "docs");
  assert.equal(await tried(page, "chats-get_chats"), "200");
  await seen(page, "docs-tried");
  assert.deepEqual(page.complaints, []);
  console.log("ok the page shows every operation, and one is tried");
}

{
  const page = await pageOf(closed);
  assert.equal(await tried(page, "chats-get_chats"), "401");
  await page.locator(".auth-wrapper .authorize").first().click();
  await page.locator(".auth-container input").fill(token);
  await page.locator(".auth-container .authorize").click();
  await page.locator(".auth-container .btn-done").click();
  const operation = page.locator("#operations-chats-get_chats");
  await operation.locator(".execute").click();
  await operation.locator(".live-responses-table .response-col_status", { hasText: "200" }).waitFor();
  await seen(page, "docs-authorized");
  assert.deepEqual(page.complaints, []);
  console.log("ok who authorizes is let in");
}

await browser.close();
process.exit(0);
