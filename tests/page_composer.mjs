// Has texts composed on the chat page, as people do. `tests/suite/page.rs` starts this with the URL of a
// server whose model `composing` waits, in each call, until it may go on. Prints `ok` and a name for each
// journey; the first failure ends it.

import assert from "node:assert/strict";

import { outside, until } from "./support/browser.mjs";
import { answer, apiOf, changes, chooseModel, end, hasVersions, idle, journey, newChat, reads, say, says, text } from "./support/chat_page.mjs";

const [url] = process.argv.slice(3);
const api = apiOf(url);

/** What the model writes, and what it makes of the second line. */
const TALK = "\tres = talk(\"You help the user with flow. Leave when the user names a city.\", True)";
const POLITE = "\tres = talk(\"You help politely. Leave when the user names a city.\", True)";
const REST = ["until \"the user names a city\":", "\tcity = res.ask(question=\"Return the city the user named.\", example={\"city\": \"Oslo\"})"];
const FLOW = ["loop:", TALK, ...REST, ""].join("\n");

const state = (page) => page.locator("article.assistant .state:visible").last();
const notes = async (page) => (await page.locator("article.assistant .file-note").allInnerTexts()).map((note) => note.replace(/\s+/g, " "));

/** Lets the model go on, after the page has said what it does. */
async function stage(page, sentence) {
  await reads(state(page), sentence);
  await outside("go on");
}

const journeys = {
  async "a text is composed, changed by the model and by hand, taken back, and still there later"(page) {
    await chooseModel(page, "composing");
    assert.ok(await page.isHidden("#aim"));
    await page.focus("#mode-chat");
    await page.keyboard.press("ArrowRight");
    await reads(page.locator("#aim"), "Writes a new text, changes the one that was changed last, or answers. Open a text to have that one changed.");
    await say(page, "A flow, mock:badjson=1 mock:based=flow.based");
    await stage(page, "Thinking about what to do…");
    await stage(page, "Writing the text…");
    await stage(page, "Writing the text… (attempt 2)");
    await hasVersions(page, 1);
    await says(page, FLOW);
    await idle(page);
    assert.deepEqual(await notes(page), ["flow.based — created Open"]);
    assert.match(await text(page, "article.assistant .facts"), /3 calls of the model/);
    assert.ok(await page.isHidden("article.assistant .state"));
    assert.match(await page.locator("#curl").textContent(), /"mode":"composer","selected_file":null,"stream":true/);

    // The text that is open is the one that is changed.
    await reads(page.locator("#aim"), "Works on flow.based, which is open.");
    await say(page, "Be polite, mock:diff=replace");
    await stage(page, "Thinking about what to do…");
    await stage(page, "Changing the text…");
    await hasVersions(page, 2, 1);
    await changes(page, [" loop:", `-${TALK}`, `+${POLITE}`, ...REST.map((line) => ` ${line}`)]);
    await idle(page);
    assert.deepEqual(await notes(page), ["flow.based — created Open", "flow.based — changed Open"]);
    assert.match(await page.locator("#curl").textContent(), /"mode":"composer","selected_file":"flow.based","stream":true/);

    await page.click("#edit");
    await page.fill("#draft", FLOW.replace("names", "tells"));
    await page.click("#store");
    await hasVersions(page, 3, 2, 1);
    await page.click("#versions >> text=Version 1");
    await page.click("text=Revert to version 1");
    await hasVersions(page, 4, 3, 2, 1);
    await page.click("#face >> text=Text");
    await says(page, FLOW);
    await page.reload();
    await hasVersions(page, 4, 3, 2, 1);
    await says(page, FLOW);
    await until("the notes", async () => (await notes(page)).join() === "flow.based — written Open,flow.based — changed Open");
    await page.click("#back");
    await page.locator("[aria-label='Open flow.based']").first().click();
    await hasVersions(page, 4, 3, 2, 1);
  },

  async "who composes may be answered in words, and each chat keeps its choice"(page) {
    await chooseModel(page, "composing");
    await page.click("#mode >> text=Compose");
    await say(page, "mock:reply=Servus");
    await stage(page, "Thinking about what to do…");
    await stage(page, "Answering…");
    await reads(answer(page), "Servus");
    await idle(page);
    assert.deepEqual(await notes(page), []);
    assert.ok(await page.isHidden("#panel"));
    await newChat(page);
    assert.ok(await page.isChecked("#mode-chat"));
    await page.goBack();
    await until("the choice is back", () => page.isChecked("#mode-composer"));
  },

  async "a text that someone is writing on stays on the screen when another is composed"(page) {
    await chooseModel(page, "composing");
    await page.click("#open-files");
    await page.click("#write");
    await page.fill("#text-name", "mine.txt");
    await page.fill("#draft", "not stored yet");
    await page.click("#mode >> text=Compose");
    await say(page, "mock:based=flow.based");
    await stage(page, "Thinking about what to do…");
    await stage(page, "Writing the text…");
    await idle(page);
    assert.deepEqual(await notes(page), ["flow.based — created Open"]);
    assert.equal(await page.inputValue("#draft"), "not stored yet");
    await page.click("#store");
    await hasVersions(page, 1);
    assert.equal(await text(page, "#opened-name"), "mine.txt");
    const { items } = await api("GET", `chats/${new URLSearchParams(new URL(page.url()).hash.slice(1)).get("chat")}/files`);
    assert.deepEqual(items.map(({ filename }) => filename), ["flow.based", "mine.txt"]);
  },

  async "on a phone what was composed waits behind a button, and is what the next question is about"(page) {
    await page.setViewportSize({ width: 400, height: 800 });
    await chooseModel(page, "composing");
    await page.click("#mode >> text=Compose");
    await say(page, "mock:based=flow.based");
    await stage(page, "Thinking about what to do…");
    await stage(page, "Writing the text…");
    await idle(page);
    await reads(page.locator("#aim"), "Works on flow.based, which is open.");
    assert.ok(await page.isHidden("#panel"));
    await say(page, "Be polite, mock:diff=replace");
    await stage(page, "Thinking about what to do…");
    await stage(page, "Changing the text…");
    await idle(page);
    await page.locator("[aria-label='Open flow.based']").last().click();
    await hasVersions(page, 2, 1);
    assert.equal(await page.locator("#page-of-text .diff .line").count(), 5);
    await page.click("#close-opened");
    assert.ok(await page.isHidden("#panel"));
    await page.locator("[aria-label='Open flow.based']").last().click();
    assert.ok(await page.isVisible("#panel"));
  },
};

for (const [name, walk] of Object.entries(journeys)) await journey(name, walk, { start: url, viewport: { width: 1400, height: 850 } });

await end();
