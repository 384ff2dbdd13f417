// What the scripts that use the chat page share: what a person does there, and what a journey is.

import assert from "node:assert/strict";

import { PATIENCE, launch, until } from "./browser.mjs";

export const text = (page, selector) => page.locator(selector).innerText();
export const answer = (page) => page.locator("article.assistant:visible .text").last();
export const idle = (page) => page.locator("#send:visible").waitFor();

export async function reads(locator, expected) {
  await until(`it reads ${JSON.stringify(expected)}`, async () => {
    const found = await locator.innerText();
    return found === expected || found;
  });
}

/** Asks, and waits until the question is shown: from then on the page is busy until the answer ends. */
export async function say(page, words) {
  const questions = page.locator("article.user");
  const before = await questions.count();
  await page.fill("#prompt", words);
  await page.press("#prompt", "Enter");
  await until("the question is shown", async () => await questions.count() === before + 1);
}

export async function newChat(page) {
  await page.click("#new");
  await until("the chat is new", async () => await page.locator("article").count() === 0);
}

export async function chooseModel(page, name) {
  await page.selectOption("#model", name);
}

/** Waits until the versions are these numbers, the newest first. */
export const hasVersions = (page, ...numbers) => until("the versions", async () => {
  const found = await page.locator("#versions button > span").allTextContents();
  const expected = numbers.map((number, at) => `Version ${number}${at ? "" : " latest"}`);
  return found.join() === expected.join() || found.join();
});

/** Waits until the changes are these lines, of which the first character tells what became of them. */
export const changes = (page, expected) => until("the changes", async () => {
  const found = await page.locator("#page-of-text .diff .line").allTextContents();
  return found.join("|") === expected.join("|") || found.join("|");
});

/** Waits until the text that is open says this. */
export const says = (page, content) => until("the text", async () => {
  const found = await page.locator("#page-of-text code").textContent();
  return found === content || found;
});

/** Asks the server at `url` without the page. */
export const apiOf = (url) => async (method, path, body) => {
  const reply = await fetch(`${url}/api/v1/${path}`, {
    method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body),
  });
  assert.ok(reply.ok, `${method} ${path}: ${reply.status}`);
  return reply.json();
};

const browser = await launch();

/** A journey in a browser of its own. `expected` are the errors that a console may hold. */
export async function journey(name, walk, { start, isOpen = true, expected = /^$/, ...options }) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 750 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !expected.test(message.text())) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("dialog", (dialog) => wrong.push(`a dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    const to = new URL(request.url());
    const isOwn = to.origin === start && (to.pathname === "/" || to.pathname.startsWith("/api/v1/"));
    if (!isOwn && !["data:", "blob:"].includes(to.protocol)) wrong.push(`a request to ${request.url()}`);
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(event.violatedDirective));
  });
  try {
    await page.goto(start);
    if (isOpen) await page.locator("#model option").first().waitFor({ state: "attached" });
    await walk(page);
    assert.deepEqual(await page.evaluate(() => globalThis.violations), [], "the policy was kept");
    assert.deepEqual(wrong, [], "the console is empty, and nobody else was asked");
  } catch (error) {
    const shown = await page.locator("body").innerText().catch(() => "");
    throw new Error(`${name}: ${error.stack}\nthe page reads:\n${shown}\nit complained: ${wrong.join("\n")}`);
  }
  await context.close();
  console.log(`ok ${name}`);
}

/** Ends the script, of which all journeys went well. */
export async function end() {
  await browser.close();
  process.exit(0);
}
