// Pins, archives, tags, exports and shares chats on the chat page, as people do, and reads a shared one. `tests/suite/page.rs`
// starts this with the URLs of a server, of a server with passwords, and of one where models give titles. Prints `ok` and a name for each journey; the first
// failure ends it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { until } from "./support/browser.mjs";
import { answer, apiOf, chooseModel, end, idle, journey, reads, say, text } from "./support/chat_page.mjs";

const [url, closedUrl, titledUrl, shots] = process.argv.slice(3);
const api = apiOf(url);

/** For whoever wants to look at it. */
const shoot = (page, name) => shots && page.screenshot({ path: `${shots}/${name}.png` });
const listed = async (page) => (await page.locator("#chats a span").allInnerTexts()).join("|");
const lists = (page, expected) => until(`the list is ${expected}`, async () => {
  const found = await listed(page);
  return found === expected || found;
});

/** Opens the menu of the chat and chooses. */
async function choose(page, label) {
  await page.click("#more");
  await page.click(`#menu >> text=${label}`);
  await page.locator("#menu").waitFor({ state: "hidden" });
}

async function talk(page, url, title) {
  const chat = await apiOf(url)("POST", "chats", { title });
  await apiOf(url)("POST", `chats/${chat.id}/messages`, { role: "user", content: `About ${title}` });
  await page.goto(`${url}/#chat=${chat.id}`);
  await reads(page.locator("#title"), title);
  return chat;
}

const journeys = {
  async "chats are pinned, archived and brought back by keyboard"(page) {
    for (const title of ["First", "Second"]) await api("POST", "chats", { title });
    await page.reload();
    await lists(page, "Second|First");
    await page.click("#chats >> text=First");
    await reads(page.locator("#title"), "First");
    await page.focus("#more");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await until("the menu is entered", () => page.evaluate(() => document.activeElement.id === "pin"));
    await shoot(page, "menu");
    await page.keyboard.press("Enter");
    await lists(page, "First|Second");
    assert.equal(await page.locator("#chats .pinned").count(), 1);
    await say(page, "Hello");
    await idle(page);
    await page.click("#chats >> text=Second");
    await say(page, "Hello");
    await idle(page);
    assert.equal(await listed(page), "First|Second", "a pinned chat stays first");
    await choose(page, "Archive");
    await lists(page, "First");
    await page.selectOption("#listing", "archived");
    await lists(page, "Second");
    await page.click("#chats >> text=Second");
    await choose(page, "Take out of the archive");
    await lists(page, "");
    assert.ok(await page.isVisible("#no-chats"));
    await page.selectOption("#listing", "");
    await lists(page, "First|Second");
  },

  async "chats are tagged, and found by their tags"(page) {
    await talk(page, url, "Birds");
    await choose(page, "Tags…");
    await page.fill("#new-tags", " Work, work , <b>x</b>");
    await page.press("#new-tags", "Enter");
    await until("the tags", async () => (await page.locator("#tags li").allInnerTexts()).join("|") === "Work|<b>x</b>");
    await until("they can be chosen", async () => (await page.locator("#listing optgroup option").allInnerTexts()).join("|") === "<b>x</b> (1)|Work (1)");
    await page.selectOption("#listing", "tag:Work");
    await lists(page, "Birds");
    await shoot(page, "tags");
    await choose(page, "Tags…");
    await page.fill("#new-tags", "");
    await page.click("#tagging >> text=Save");
    await until("all chats are listed again", async () => (await listed(page)).includes("First"));
    assert.equal(await page.inputValue("#listing"), "");
  },

  async "a chat is exported as a file of its name"(page) {
    await talk(page, url, "Castle: the \"trial\"");
    for (const [label, ending, expected] of [["Markdown", "md", /^# Castle: the \\"trial\\"/], ["HTML", "html", /^<!doctype html>/], ["JSON", "json", /^\{"format":"kafka-chat","version":1/]]) {
      const coming = page.waitForEvent("download");
      await choose(page, `Export as ${label}`);
      const download = await coming;
      assert.match(download.suggestedFilename(), new RegExp(`^Castle.*\\.${ending}$`));
      assert.match(await readFile(await download.path(), "utf8"), expected);
    }
  },

  async "a chat is shared, read by whoever has the link, and not any more"(page) {
    await page.goto(url);
    await page.click("#new");
    await say(page, "Is the **castle** open?\n<img src=x onerror=hacked=1>");
    await reads(answer(page), "Echo: Is the castle open?\n<img src=x onerror=hacked=1>");
    await idle(page);
    await choose(page, "Share…");
    await page.selectOption("#expiry", "86400");
    await page.click("#sharing >> text=Make a link");
    await page.locator("#link").waitFor();
    const link = await page.locator("#link").textContent();
    assert.ok(link.startsWith(`${url}/share#share_`), link);
    assert.equal(await page.locator("#links li").count(), 1);
    await shoot(page, "sharing");
    // Whoever has it, without anything else.
    const visitor = await page.context().browser().newPage();
    const asked = [];
    visitor.on("request", (request) => asked.push(request.url()));
    await visitor.goto(link);
    await reads(visitor.locator("article.user .text"), "Is the **castle** open?\n<img src=x onerror=hacked=1>");
    await reads(visitor.locator("article.assistant .text"), "Echo: Is the castle open?\n<img src=x onerror=hacked=1>");
    assert.equal(await visitor.evaluate(() => globalThis.hacked), undefined);
    assert.equal(await visitor.locator("textarea, input, select").count(), 0);
    assert.ok(asked.every((address) => !address.includes("share_")), asked.join());
    await shoot(visitor, "shared");
    await page.locator("#links button").click();
    await until("no link is left", async () => await page.locator("#links li").count() === 0);
    assert.ok(await page.isHidden("#new-link"));
    await page.keyboard.press("Escape");
    await visitor.reload();
    await until("it leads nowhere", async () => (await text(visitor, "#about")).startsWith("This link leads nowhere"));
    assert.equal(await visitor.locator("article").count(), 0);
    await visitor.close();
  },

  async "the menu fits a phone"(page) {
    await page.setViewportSize({ width: 380, height: 700 });
    await talk(page, url, "A rather long title for a small screen");
    await page.click("#more");
    const box = await page.locator("#menu").boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 380, JSON.stringify(box));
    await shoot(page, "phone");
    await page.keyboard.press("Escape");
    await page.locator("#menu").waitFor({ state: "hidden" });
  },
};

for (const [name, walk] of Object.entries(journeys)) await journey(name, walk, { start: url });

await journey("with passwords a link needs none", async (page) => {
  await page.fill("#account", "k");
  await page.fill("#password", "the castle");
  await page.press("#password", "Enter");
  await page.locator("#login").waitFor({ state: "hidden" });
  await say(page, "Only for you");
  await idle(page);
  await choose(page, "Share…");
  await page.click("#sharing >> text=Make a link");
  await page.locator("#link").waitFor();
  const link = await page.locator("#link").textContent();
  const visitor = await page.context().browser().newPage();
  await visitor.goto(link);
  await reads(visitor.locator("article.user .text"), "Only for you");
  await visitor.close();
}, { start: closedUrl, isOpen: false, expected: /401/ });

/** Asks in a new chat for the first time, and tells how often the chat was read until a minute later. */
async function firstExchange(page) {
  let looks = 0;
  page.on("request", (request) => {
    if (request.method() === "GET" && /\/chats\/[^/]+$/.test(new URL(request.url()).pathname)) looks += 1;
  });
  await page.clock.install();
  await page.reload();
  await page.locator("#model option >> text=naming").waitFor({ state: "attached" });
  await chooseModel(page, "naming");
  await say(page, "Where do storks go?");
  await reads(answer(page), "Storks in winter");
  await idle(page);
  await until("the chat is read", () => looks > 0);
  for (let second = 0; second < 60; second += 1) await page.clock.runFor(1000);
  return looks;
}

await journey("where models give titles, the first one is looked for", async (page) => {
  await firstExchange(page);
  await reads(page.locator("#title"), "Storks in winter");
}, { start: titledUrl });

await journey("elsewhere the chat is read once", async (page) => {
  assert.equal(await firstExchange(page), 1);
  assert.equal(await text(page, "#title"), "Where do storks go?");
}, { start: url });

await end();
