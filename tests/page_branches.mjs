// Edits, goes back, asks anew and forks in the chat page. `tests/suite/page.rs` starts this with the URL of a server.
// Prints `ok` and a name for each journey; the first failure ends it.

import assert from "node:assert/strict";

import { until } from "./support/browser.mjs";
import { answer, apiOf, end, idle, journey, newChat, reads, say, text } from "./support/chat_page.mjs";

const [url] = process.argv.slice(3);
const api = apiOf(url);

/** What stands on the screen, from the first message to the last. */
const spoken = (page) => page.locator("article:visible .text").allInnerTexts();
const isSpoken = (page, ...expected) => until(`it says ${expected}`, async () => {
  const found = await spoken(page);
  return found.join("|") === expected.join("|") || found.join("|");
});
const button = (page, label, at = 0) => page.locator(`article:visible [aria-label="${label}"]:visible`).nth(at);
const pager = (page) => page.locator(".pager:visible > span");
const focused = (page) => page.evaluate(() => document.activeElement.ariaLabel);

async function ask(page, words) {
  await say(page, words);
  await reads(answer(page), `Echo: ${words}`);
  await idle(page);
}

async function edit(page, words, at = 0) {
  await button(page, "Edit", at).click();
  await page.fill(".rewriting textarea", words);
  await page.press(".rewriting textarea", "Enter");
  await reads(answer(page), `Echo: ${words}`);
  await idle(page);
}

const chatOf = (page) => new URL(page.url()).hash.match(/chat=([^&]+)/)[1];

const journeys = {
  async "an edit keeps the old text, which one goes back to"(page) {
    await ask(page, "old");
    await ask(page, "further");
    await button(page, "Edit").click();
    assert.equal(await page.inputValue(".rewriting textarea"), "old");
    await page.keyboard.press("Escape");
    assert.equal(await focused(page), "Edit");
    assert.equal(await page.locator(".rewriting").count(), 0);
    await edit(page, "new");
    await isSpoken(page, "new", "Echo: new");
    assert.match(await page.locator("#curl").textContent(), /"parent_id":null/);
    await until("which of two it is", async () => await text(page, ".pager:visible > span") === "2 of 2");
    await button(page, "Previous version").click();
    await isSpoken(page, "old", "Echo: old", "further", "Echo: further");
    assert.equal(await text(page, ".pager:visible > span"), "1 of 2");
    assert.equal(await button(page, "Previous version").getAttribute("aria-disabled"), "true");
    await page.reload();
    await isSpoken(page, "old", "Echo: old", "further", "Echo: further");
    await reads(pager(page), "1 of 2");
    await button(page, "Next version").click();
    await isSpoken(page, "new", "Echo: new");
    // It goes on from there, and what was said just now can be edited, too.
    await ask(page, "more");
    await edit(page, "and more", 1);
    await isSpoken(page, "new", "Echo: new", "and more", "Echo: and more");
    await until("both places", async () => (await pager(page).allInnerTexts()).join() === "2 of 2,2 of 2");
  },

  async "each answer can be given anew, and the one before it is kept"(page) {
    await ask(page, "one");
    await ask(page, "two");
    await button(page, "Try again").click();
    await isSpoken(page, "one", "Echo: one");
    await idle(page);
    await reads(pager(page), "2 of 2");
    await page.click(".retry");
    await until("a third", async () => await pager(page).count() === 1 && await pager(page).innerText() === "3 of 3");
    await button(page, "Previous version").click();
    await reads(pager(page), "2 of 3");
    await button(page, "Previous version").click();
    await isSpoken(page, "one", "Echo: one", "two", "Echo: two");
  },

  async "all of it works by keyboard"(page) {
    await ask(page, "typed");
    await button(page, "Edit").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("typed anew");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("twice");
    await page.keyboard.press("Enter");
    await isSpoken(page, "typed anew\ntwice", "Echo: typed anew\ntwice");
    await idle(page);
    assert.equal(await page.evaluate(() => document.activeElement.id), "prompt");
    await reads(pager(page), "2 of 2");
    await button(page, "Previous version").focus();
    await page.keyboard.press("Enter");
    await isSpoken(page, "typed", "Echo: typed");
    await until("the focus stays", async () => await focused(page) === "Previous version");
    assert.equal(await text(page, "#spoken"), "1 of 2");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await isSpoken(page, "typed anew\ntwice", "Echo: typed anew\ntwice");
  },

  async "a fork begins like the chat, and leaves it as it is"(page) {
    await ask(page, "begin");
    await ask(page, "go on");
    const chat = chatOf(page);
    await button(page, "Fork from here", 1).click();
    await until("the fork is open", () => chatOf(page) !== chat);
    await isSpoken(page, "begin", "Echo: begin");
    assert.equal(await text(page, "#title"), "begin (fork)");
    await ask(page, "another way");
    await page.goBack();
    await isSpoken(page, "begin", "Echo: begin", "go on", "Echo: go on");
  },

  async "what the server refuses leaves all as it was"(page) {
    await ask(page, "kept");
    await button(page, "Edit").click();
    await page.fill(".rewriting textarea", "x".repeat((1 << 20) + 1));
    await page.press(".rewriting textarea", "Enter");
    await page.locator("#trouble p").waitFor();
    assert.equal((await page.inputValue(".rewriting textarea")).length, (1 << 20) + 1, "what was written is not lost");
    await page.click("text=Keep the old text");
    await isSpoken(page, "kept", "Echo: kept");
    assert.equal(await page.locator(".retry").count(), 1);
  },

  async "what follows the last message is found, too"(page) {
    await ask(page, "question");
    await page.click(".retry");
    await reads(pager(page), "2 of 2");
    const chat = chatOf(page);
    const { items } = await api("GET", `chats/${chat}/messages`);
    await fetch(`${url}/api/v1/messages/${items[1].id}`, { method: "DELETE" });
    await page.reload();
    await isSpoken(page, "question");
    await page.click("#onward");
    await isSpoken(page, "question", "Echo: question");
    assert.ok(await page.isHidden("#onward"));
    await newChat(page);
    assert.ok(await page.isHidden("#onward"));
  },
};

for (const [name, walk] of Object.entries(journeys)) await journey(name, walk, { start: url, expected: /status of 413/ });
await end();
