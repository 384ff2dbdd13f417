// Has documents read on the chat page, by keyboard and by drop, replaces them, opens what answers cite of them and what is
// found in them, and looks at what was used. `tests/suite/page.rs` starts this with the URL of a server that has a model `citing`. Prints `ok` and a name for
// each journey; the first failure ends it.

import assert from "node:assert/strict";

import { until } from "./support/browser.mjs";
import { answer, apiOf, chooseModel, end, idle, journey, reads, say, text } from "./support/chat_page.mjs";

const [url, shots] = process.argv.slice(3);
const api = apiOf(url);

/** For whoever wants to look at it. */
const shoot = (page, name) => shots && page.screenshot({ path: `${shots}/${name}.png` });

const FOG = "The horn is sounded in fog.";
/** Passages that stand apart, since what stands between them says nothing of horns, in characters of two bytes. */
const HANDBOOK = `# Lighthouse\n\n${"Ölfässer stehen im Keller. ".repeat(80)}\n\n# Horn\n\n${FOG}\n\n# Stores\n\n${"Jährlich wird geölt. ".repeat(80)}`;
const file = (name, content, mimeType = "text/plain") => ({ name, mimeType, buffer: Buffer.from(content) });
const chatOf = (page) => new URLSearchParams(new URL(page.url()).hash.slice(1)).get("chat");

/** Waits until the list has these documents, each with what is said of it. */
const lists = (page, expected) => until("the documents", async () => {
  const rows = await page.locator("#documents li").evaluateAll((rows) => rows.map((row) => `${row.querySelector("span").textContent}: ${row.querySelector("small").textContent}`));
  return rows.length === expected.length && rows.every((row, at) => row.startsWith(expected[at])) || JSON.stringify(rows);
});

const choose = (page, ...chosen) => chooseBy(page, "#add-documents", chosen);

async function chooseBy(page, button, chosen) {
  const chooser = page.waitForEvent("filechooser");
  await page.focus(button);
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(chosen);
}

/** A chat that has a handbook, and an answer that cites it. */
async function cite(page, title) {
  const { id: chat } = await api("POST", "chats", { title, default_model: "citing" });
  await page.goto(`${url}/#chat=${chat}`);
  await reads(page.locator("#title"), title);
  if (await page.isHidden("#panel")) await page.click("#open-files");
  await choose(page, file("handbook.md", HANDBOOK), file("horn.txt", "The horn was painted red."));
  await lists(page, ["handbook.md: 5 passages, about ", "horn.txt: 1 passage, about "]);
  if (await page.evaluate(() => document.getElementById("main").inert)) await page.keyboard.press("Escape");
  await say(page, "When is the horn sounded?");
  await reads(answer(page), "In fog the horn is sounded [1], see also [2][1]; not [7], nor [1].");
  await idle(page);
  return chat;
}

const cited = (page) => page.locator("article.assistant .text .citation");
const focused = (page, id) => until(`the focus is on ${id}`, () => page.evaluate((id) => document.activeElement.id === id, id));

/** Waits until a passage is open that has this marked. */
const marks = (page, said) => reads(page.locator("#passage mark"), said);

const journeys = {
  async "documents come by keyboard and by drop, are followed until they are read, and deleted"(page) {
    await page.click("#open-files");
    assert.match(await text(page, "#no-documents"), /no documents yet\. Drop some here or add them/);
    // What the server says of a document meanwhile; it may be too fast to be seen.
    let shown = { processing_status: "pending" };
    await page.route("**/documents?limit=200", async (route) => {
      const reply = await route.fetch();
      const body = await reply.json();
      if (shown) body.items = body.items.map((item) => ({ ...item, ...shown }));
      return route.fulfill({ response: reply, json: body });
    });
    await choose(page, file("handbook.md", HANDBOOK), file("picture.bin", Buffer.from([0, 1, 2])));
    await lists(page, ["handbook.md: waiting to be read…", "picture.bin: waiting to be read…"]);
    assert.equal(await page.locator("#documents progress").count(), 2);
    assert.equal(await text(page, "#open-files"), "Files (2)");
    shown = { processing_status: "processing" };
    await lists(page, ["handbook.md: being read…", "picture.bin: being read…"]);
    await shoot(page, "documents_reading");
    // The focus stays where it is, whatever the list says.
    await page.focus("[aria-label='Delete handbook.md']");
    shown = null;
    await lists(page, ["handbook.md: 5 passages, about ", "picture.bin: "]);
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Delete handbook.md");
    const failed = page.locator("#documents li.failed");
    assert.match(await failed.locator("small").innerText(), /^[A-Z].{10,}\.$/s, "a reason");
    assert.equal(await page.locator("#documents progress").count(), 0);
    await until("it is told", async () => /handbook\.md: 5 passages.*picture\.bin: /s.test(await page.locator("#spoken").textContent()));
    await shoot(page, "documents_read");
    const chat = chatOf(page);

    const drop = async (target, name) => {
      const transfer = await page.evaluateHandle((name) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["Dropped."], name));
        return transfer;
      }, name);
      await page.dispatchEvent(target, "dragover", { dataTransfer: transfer });
      const isHere = await page.evaluate(() => document.body.className.includes("to-documents"));
      await page.dispatchEvent(target, "drop", { dataTransfer: transfer });
      return isHere;
    };
    assert.ok(await drop("#documents", "dropped.txt"));
    await lists(page, ["handbook.md", "picture.bin", "dropped.txt: 1 passage, about "]);
    assert.equal(await page.locator("#curl").textContent(), `curl '${url}/api/v1/chats/${chat}/documents' -F 'files=@"dropped.txt"'`);
    assert.ok(!await drop("#conversation", "file.txt"));
    await reads(page.locator("#files span"), "file.txt");
    assert.deepEqual((await api("GET", `chats/${chat}/documents`)).items.map(({ filename }) => filename), ["handbook.md", "picture.bin", "dropped.txt"]);

    const download = page.waitForEvent("download");
    await page.click("[aria-label='Download dropped.txt']");
    assert.equal((await download).suggestedFilename(), "dropped.txt");
    await page.click("[aria-label='Delete picture.bin']");
    await lists(page, ["handbook.md", "dropped.txt"]);
    await page.click("#undo");
    await lists(page, ["handbook.md", "picture.bin", "dropped.txt"]);
    await page.click("[aria-label='Delete picture.bin']");
    await page.reload();
    await until("it is gone", async () => (await api("GET", `chats/${chat}/documents`)).items.length === 2);

    // Those of its workspace answer, too, and are not the chat's to delete.
    const { id: workspace } = await api("POST", "workspaces", { name: "Lighthouse" });
    const form = new FormData();
    form.append("files", new File(["Shared."], "shared.txt"));
    assert.equal((await fetch(`${url}/api/v1/workspaces/${workspace}/documents`, { method: "POST", body: form })).status, 201);
    const { id } = await api("POST", "chats", { title: "In a workspace", workspace_id: workspace });
    await page.goto(`${url}/#chat=${id}`);
    await lists(page, ["shared.txt: of the workspace: 1 passage"]);
    assert.equal(await page.locator("#documents [aria-label^=Delete]").count(), 0);
  },

  async "answers cite, and a citation opens its passage by keyboard"(page) {
    const chat = await cite(page, "Horn");
    assert.deepEqual(await cited(page).allInnerTexts(), ["[1]", "[2]", "[1]"], "neither unknown numbers nor code");
    const { items } = await api("GET", `chats/${chat}/messages`);
    const { sources } = items.at(-1);
    for (const isNew of [true, false]) {
      // Also as it was stored.
      if (!isNew) await page.reload();
      await cited(page).first().waitFor();
      const texts = Object.fromEntries(await Promise.all(sources.map(async (source) =>
        [source.n, (await api("GET", `documents/${source.document_id}/passages?start=${source.start}&end=${source.end}`)).text])));
      await cited(page).first().focus();
      await page.keyboard.press("Enter");
      await focused(page, "cited-name");
      assert.equal(await text(page, "#cited-name"), sources[0].filename);
      await until("the passage is marked", async () => await page.locator("#passage mark").textContent() === texts[1]);
      assert.equal(Object.values(texts).filter((text) => text.includes(FOG)).length, 1);
      await shoot(page, `passage_${isNew}`);
      await page.keyboard.press("Escape");
      await until("the focus is back", () => page.evaluate(() => document.activeElement.textContent === "[1]"));
      assert.ok(await page.isVisible("#shelf"));
    }
    // What stands around a passage in characters of more than a byte.
    const [handbook] = (await api("GET", `chats/${chat}/documents`)).items;
    const around = sources.find((source) => source.document_id === handbook.id);
    const all = Buffer.from(HANDBOOK);
    await page.click("details.sources summary");
    await page.click(`.sources li:nth-child(${around.n}) button`);
    const said = all.subarray(around.start, around.end).toString();
    await until("what is around", async () => {
      const shown = await page.locator("#passage").textContent();
      const [before, after] = shown.split(said);
      const isRight = /^… .*Keller\./s.test(before) && HANDBOOK.includes(before.slice(2)) && HANDBOOK.includes(after.slice(0, -2)) && / …$/.test(after) && !shown.includes("\uFFFD");
      return isRight || shown;
    });
    await shoot(page, "passage_around");
    await page.click("#leave-passage");
    assert.ok(await page.isVisible("#document-shelf"));
  },

  async "a citation of a document that is gone says so"(page) {
    const chat = await cite(page, "Stale");
    const { items } = await api("GET", `chats/${chat}/messages`);
    const [{ document_id: id }] = items.at(-1).sources;
    const { status } = await fetch(`${url}/api/v1/documents/${id}`, { method: "DELETE" });
    assert.equal(status, 204);
    const isStale = async () => {
      await cited(page).first().click();
      await until("it says so", async () => /^This citation is stale: /.test(await text(page, "#passage")));
      assert.equal(await page.locator("#passage mark").count(), 0);
    };
    await isStale();
    await page.reload();
    await page.click("details.sources summary");
    assert.equal(await page.locator(".sources li.stale").count(), 1);
    assert.match(await page.locator(".sources li.stale").innerText(), /^\[1\] .* \(stale\)$/);
    await isStale();
    await shoot(page, "stale");
  },

  async "a document is replaced by keyboard, and stays where the new one cannot be read"(page) {
    const chat = await cite(page, "New editions");
    const replace = (name, chosen) => chooseBy(page, `[aria-label='Replace ${name}']`, chosen);
    await replace("handbook.md", file("handbook.md", HANDBOOK));
    await reads(page.locator("#trouble p"), "handbook.md is made of this file already.");
    const both = (await api("GET", `chats/${chat}/documents`)).items;
    assert.deepEqual(both.map(({ filename }) => filename), ["handbook.md", "horn.txt"]);
    // What the server says until the new one is read; it may be too fast to be seen.
    let isReading = true;
    await page.route("**/documents?limit=200", async (route) => {
      const reply = await route.fetch();
      const body = await reply.json();
      const coming = { ...both[0], id: "coming", filename: "edition.md", replaces: both[0].id, processing_status: "processing" };
      if (isReading) body.items = [...both, coming];
      return route.fulfill({ response: reply, json: body });
    });
    await replace("handbook.md", file("edition.md", "A bell is rung in fog."));
    await lists(page, ["handbook.md: 5 passages, about ", "horn.txt: 1 passage, about ", "edition.md: in place of handbook.md: being read…"]);
    assert.equal(await page.locator("#documents [aria-label^=Replace]").count(), 2, "of the new one there is nothing to replace");
    assert.equal(await page.locator("#documents [aria-label='Delete the new edition.md']").count(), 1);
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Replace handbook.md");
    assert.equal(await page.locator("#curl").textContent(), `curl -X PUT '${url}/api/v1/documents/${both[0].id}' -F 'files=@"edition.md"'`);
    await shoot(page, "documents_replacing");
    isReading = false;
    await lists(page, ["horn.txt: 1 passage, about ", "edition.md: 1 passage, about "]);
    await replace("horn.txt", file("picture.bin", Buffer.from([0, 1, 2])));
    await lists(page, ["horn.txt: 1 passage, about ", "edition.md: ", "picture.bin: in place of horn.txt: "]);
    await until("it cannot be read", async () => await page.locator("#documents li.failed").count() === 1);
    await shoot(page, "documents_replaced");
    await cited(page).first().click();
    await until("it says so", async () => /^This citation is stale: .*replaced/.test(await text(page, "#passage")));
  },

  async "what is found in a document opens there, by keyboard"(page) {
    const upload = async (place, name, said) => {
      const form = new FormData();
      form.append("files", new File([said], name));
      assert.equal((await fetch(`${url}/api/v1/${place}/documents`, { method: "POST", body: form })).status, 201);
    };
    const { id: chat } = await api("POST", "chats", { title: "Beacons" });
    const { id: workspace } = await api("POST", "workspaces", { name: "Coast" });
    await upload(`chats/${chat}`, "beacons.txt", "The beacons are quenched at dawn.");
    await upload(`workspaces/${workspace}`, "coast.txt", "The coast is quenched in rain.");
    await until("both are found", async () => (await api("POST", "search", { query: "quenched", mode: "text" })).items.length === 2);
    await page.fill("#query", "quenched");
    const hit = (name) => page.locator("#hits a", { hasText: name });
    // Also when it is open already, and when its chat is.
    for (const name of ["beacons.txt", "beacons.txt", "coast.txt"]) {
      await hit(name).focus();
      await page.keyboard.press("Enter");
      await focused(page, "cited-name");
      await marks(page, name === "coast.txt" ? "The coast is quenched in rain." : "The beacons are quenched at dawn.");
      assert.deepEqual([await text(page, "#cited-name"), await text(page, "#about-passage")], [name, "Found by searching"]);
      assert.equal(chatOf(page), name === "coast.txt" ? null : chat);
      await shoot(page, "found");
      await page.keyboard.press("Escape");
      await until("the focus is back", () => page.evaluate((name) => document.activeElement.textContent.startsWith(name), name));
    }
    await page.reload();
    await marks(page, "The coast is quenched in rain.");
  },

  async "what was used is drawn, and says the same as a table"(page) {
    await page.focus("#open-usage");
    await page.keyboard.press("Enter");
    await page.locator("#chart svg").waitFor();
    const used = await api("GET", "usage");
    const today = used.days.at(-1);
    const said = await page.locator("#chart svg").getAttribute("aria-label");
    assert.match(said, /^Tokens a day from .+ to .+: [\d,]+ in all, most on .+: [\d,]+\. The table below says the same\.$/);
    assert.ok(said.includes(`${used.total_tokens_used.toLocaleString("en-US")} in all`), said);
    assert.equal(await page.locator("#chart rect.sent").count(), 1);
    assert.equal(await page.locator("#chart rect.answered").count(), 1);
    const [sent, answered] = await page.locator("#chart rect").evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute("height"))));
    assert.ok(Math.abs(sent / answered - today.tokens_prompt / today.tokens_completion) < 0.01, `${sent} ${answered}`);
    const figures = await page.locator("#standing div").evaluateAll((figures) => figures.map((figure) => figure.textContent));
    const number = (count) => count.toLocaleString("en-US");
    assert.deepEqual(figures, [`Tokens today${number(used.daily_token_count)}`, `Tokens in all${number(used.total_tokens_used)}`, `Chats${used.session_count}`, `Documents${used.doc_count}`]);
    assert.ok(used.doc_count > 3 && used.session_count > 2);
    await page.click("#usage summary");
    const row = await page.locator("#day-table tbody tr").innerText();
    assert.ok(row.endsWith(`\t${number(today.tokens_prompt)}\t${number(today.tokens_completion)}\t${number(today.tokens_total)}`), row);
    const model = used.models.find(({ model }) => model === "citing");
    assert.ok((await page.locator("#model-table").innerText()).includes(`citing\t${model.responses}\t`));
    await shoot(page, "usage");
    await page.keyboard.press("Escape");
    await page.locator("#usage").waitFor({ state: "hidden" });
    await focused(page, "open-usage");
  },
};

for (const [name, walk] of Object.entries(journeys)) await journey(name, walk, { start: url, locale: "en-US", expected: /404/ });

await journey("it fits a phone, in the dark", async (page) => {
  await page.setViewportSize({ width: 380, height: 700 });
  await chooseModel(page, "citing");
  await cite(page, "A rather long title for a small screen");
  await shoot(page, "phone_answer");
  const isNarrow = async () => {
    const wide = await page.evaluate(() => [document.documentElement, document.getElementById("panel"), document.getElementById("usage")].map((node) => node.scrollWidth - node.clientWidth));
    assert.deepEqual(wide, [0, 0, 0]);
  };
  await page.click("#open-files");
  await isNarrow();
  await shoot(page, "phone_documents");
  await page.keyboard.press("Escape");
  await cited(page).first().click();
  await focused(page, "cited-name");
  await page.locator("#passage mark").waitFor();
  await isNarrow();
  await shoot(page, "phone_passage");
  await page.keyboard.press("Escape");
  await until("the conversation is back", async () => await page.isHidden("#panel"));
  await page.click("#open-drawer");
  await page.click("#open-usage");
  await page.locator("#chart svg").waitFor();
  await isNarrow();
  await shoot(page, "phone_usage");
  await page.keyboard.press("Escape");
}, { start: url, locale: "en-US", colorScheme: "dark" });

await end();
