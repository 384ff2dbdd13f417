// Uses the files of a chat on the chat page, by keyboard and pointer, as people do. `tests/suite/page.rs`
// starts this with the URLs of a server and of a server with passwords. Prints `ok` and a name for each
// journey; the first failure ends it.

import assert from "node:assert/strict";
import fs from "node:fs/promises";

import { until } from "./support/browser.mjs";
import { answer, apiOf, changes, end, hasVersions, idle, journey, newChat, reads, say, says, text } from "./support/chat_page.mjs";

const [url, closedUrl] = process.argv.slice(3);
const api = apiOf(url);

const WIDE = { width: 1400, height: 850 };
const PHONE = { width: 400, height: 800 };
/** Would do harm if it were anything but text. */
const HOSTILE = `<img src=x onerror="hacked=1"><script>hacked=1<` + `/script>`;

// ── What these journeys share ───────────────────────────────────────────────────────────────────

const chatOf = (page) => new URLSearchParams(new URL(page.url()).hash.slice(1)).get("chat");
const file = (name, content, mimeType = "text/plain") => ({ name, mimeType, buffer: Buffer.from(content) });

/** Waits until the list has these files, each as its name and what is said of it. */
const lists = (page, expected) => until("the files", async () => {
  const rows = await page.locator("#files li").evaluateAll((rows) =>
    rows.map((row) => [row.querySelector("a, span").textContent, row.querySelector("small").textContent]));
  return JSON.stringify(rows) === JSON.stringify(expected) || JSON.stringify(rows);
});

async function choose(page, button, ...chosen) {
  const chooser = page.waitForEvent("filechooser");
  await page.focus(button);
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(chosen);
}

async function downloaded(page, act) {
  const coming = page.waitForEvent("download");
  await act();
  const download = await coming;
  return [download.suggestedFilename(), await fs.readFile(await download.path(), "utf8")];
}

/** A chat that has a text with these versions, which is open. */
async function openText(page, filename, ...versions) {
  const { id: chat } = await api("POST", "chats", { title: filename });
  const { id } = await api("POST", `chats/${chat}/files`, { filename, content: versions[0] });
  for (const content of versions.slice(1)) await api("POST", `chat-files/${id}/versions`, { content });
  await page.goto(`${url}/#chat=${chat}&file=${id}`);
  await hasVersions(page, ...versions.map((_, at) => versions.length - at));
  return { chat, id };
}

// ── Journeys ────────────────────────────────────────────────────────────────────────────────────

const journeys = {
  async "files come by keyboard and by drop, are downloaded and deleted"(page) {
    assert.ok(await page.isHidden("#panel"));
    await page.click("#open-files");
    assert.match(await text(page, "#no-files"), /no files yet\. Drop some here, add them, or write a text/);
    let release;
    const held = new Promise((done) => { release = done; });
    await page.route("**/files", async (route) => {
      await held;
      return route.continue();
    });
    await choose(page, "#add", file("the castle.txt", "veiled in mist"), file("greet.based", "loop:"));
    await lists(page, [["the castle.txt", "on its way…"], ["greet.based", "on its way…"]]);
    assert.equal(await page.locator("#files progress").count(), 2);
    // What is asked meanwhile waits for them.
    await page.fill("#prompt", "What is there?");
    await page.press("#prompt", "Enter");
    assert.equal(await page.locator("article").count(), 0);
    release();
    const all = [["the castle.txt", "File, 14 bytes"], ["greet.based", "Based, version 1"]];
    await lists(page, all);
    await reads(answer(page), "Echo: What is there?");
    await idle(page);
    await page.unroute("**/files");
    assert.equal(await text(page, "#title"), "the castle.txt");
    assert.equal(await text(page, "#open-files"), "Files (2)");
    const chat = chatOf(page);
    const { items } = await api("GET", `chats/${chat}/files`);
    assert.deepEqual(items.map(({ filename }) => filename), ["the castle.txt", "greet.based"]);

    // An answer may have changed them, and so may someone elsewhere.
    await api("POST", `chat-files/${items[1].id}/versions`, { content: "loop: # again" });
    await say(page, "And now?");
    all[1][1] = "Based, version 2";
    await lists(page, all);
    await idle(page);
    await api("POST", `chat-files/${items[1].id}/versions`, { content: "loop: # and again" });
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    all[1][1] = "Based, version 3";
    await lists(page, all);

    const transfer = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["x"], `it's "<b>".txt`));
      return transfer;
    });
    await page.dispatchEvent("#conversation", "drop", { dataTransfer: transfer });
    all.push([`it's "<b>".txt`, "File, 1 byte"]);
    await lists(page, all);
    assert.equal(await page.locator("#curl").textContent(), `curl '${url}/api/v1/chats/${chat}/files' -F 'files=@"it'\\''s \\"<b>\\".txt"'`);
    // One that is refused leaves those before it.
    await choose(page, "#attach", file("last.txt", "xyz"), file("greet.based", "loop:"));
    await until("a sentence", async () => /greet\.based.*\.$/.test(await text(page, "#trouble p")));
    all.push(["last.txt", "File, 3 bytes"]);
    await lists(page, all);
    const busy = { status: 503, code: "busy", detail: "All hands are full; ask again later." };
    await page.route("**/files", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(busy) }), { times: 1 });
    await choose(page, "#attach", file("late.bin", Buffer.alloc(2048)));
    await reads(page.locator("#trouble p"), busy.detail);
    await page.click("#trouble >> text=Try again");
    all.push(["late.bin", "File, 2 KiB"]);
    await lists(page, all);
    assert.equal(await text(page, "#trouble"), "");

    assert.deepEqual(await downloaded(page, () => page.click("[aria-label='Download the castle.txt']")), ["the castle.txt", "veiled in mist"]);
    await page.click("[aria-label='Delete the castle.txt']");
    await reads(page.locator("#notice span"), "“the castle.txt” is deleted.");
    await lists(page, all.slice(1));
    await page.click("#undo");
    await lists(page, all);
    await page.click("[aria-label='Delete the castle.txt']");
    await lists(page, all.slice(1));
    // Whoever leaves does not change their mind any more.
    await page.reload();
    await until("it is gone", async () => (await api("GET", `chats/${chat}/files`)).items.length === all.length - 1);
    await page.reload();
    await lists(page, all.slice(1));
    await newChat(page);
    assert.equal(await text(page, "#open-files"), "Files");
  },

  async "a text is written, edited, compared, taken back and deleted"(page) {
    await page.click("#open-files");
    await page.click("#write");
    assert.ok(await page.isDisabled("#store"));
    await page.keyboard.type("letter.txt");
    await page.fill("#draft", "Dear Milena,\nit is late.\n");
    await page.click("#back");
    await page.click("#write");
    assert.equal(await page.inputValue("#text-name"), "letter.txt", "what is not stored yet is kept");
    await page.click("#store");
    await hasVersions(page, 1);
    await says(page, "Dear Milena,\nit is late.\n");
    assert.equal(await text(page, "#title"), "letter.txt");
    assert.equal(await text(page, "#opened-name"), "letter.txt");
    assert.equal(await text(page, "#about-sheet"), "25 bytes");
    await page.click("#face >> text=Changes");
    assert.match(await text(page, "#page-of-text"), /the first version/);

    await page.click("#edit");
    assert.ok(await page.isDisabled("#store"), "nothing changed yet");
    assert.equal(await page.evaluate(() => document.activeElement.id), "draft");
    await page.fill("#draft", "Dear Milena,\nit is early.\nF.\n");
    await page.keyboard.press("Control+s");
    await hasVersions(page, 2, 1);
    await changes(page, [" Dear Milena,", "-it is late.", "+it is early.", "+F."]);
    assert.equal(await text(page, "#about-sheet"), "2 added, 1 removed");
    assert.deepEqual(await page.locator(".diff del, .diff ins").evaluateAll((lines) => lines.map((line) => [line.localName, line.dataset.number])),
      [["del", "2"], ["ins", "2"], ["ins", "3"]]);

    // Any two are compared, both ways.
    await page.click("#versions >> text=Version 1");
    assert.match(await text(page, "#page-of-text"), /the first version/);
    await page.selectOption("#since", { label: "version 2" });
    await changes(page, [" Dear Milena,", "-it is early.", "-F.", "+it is late."]);
    await page.click("#face >> text=Text");
    await says(page, "Dear Milena,\nit is late.\n");
    await page.click("text=Revert to version 1");
    await hasVersions(page, 3, 2, 1);
    await changes(page, [" Dear Milena,", "-it is early.", "-F.", "+it is late."]);
    await page.selectOption("#since", { label: "version 1" });
    await reads(page.locator("#page-of-text"), "Versions 1 and 3 say the same.");
    const { items: [{ id }] } = await api("GET", `chats/${chatOf(page)}/files`);
    const { items } = await api("GET", `chat-files/${id}/versions`);
    assert.deepEqual(items.map(({ content }) => content.length), [25, 29, 25], "versions are only ever added");

    await page.click("#versions >> text=Version 2");
    assert.deepEqual(await downloaded(page, () => page.click("#save-file")), ["letter.txt", "Dear Milena,\nit is early.\nF.\n"]);
    await page.reload();
    await hasVersions(page, 3, 2, 1);
    await says(page, "Dear Milena,\nit is late.\n");
    await page.click("#back");
    await lists(page, [["letter.txt", "Text, version 3"]]);
    await page.click("#files a");
    await hasVersions(page, 3, 2, 1);
    await page.click("#close-opened");
    assert.ok(await page.isHidden("#panel"));
    await page.click("#open-files");
    await page.click("#files a");
    await hasVersions(page, 3, 2, 1);
    await page.goBack();
    await lists(page, [["letter.txt", "Text, version 3"]]);
    await page.goForward();
    await page.click("#delete-file");
    await reads(page.locator("#notice span"), "“letter.txt” is deleted.");
    await lists(page, []);
    await page.reload();
    await until("it is gone", async () => (await api("GET", `chats/${chatOf(page)}/files`)).items.length === 0);
  },

  async "whoever edits is told what was stored meanwhile, and loses nothing"(page) {
    const { id } = await openText(page, "shared.txt", "one\n");
    await page.click("#edit");
    await page.fill("#draft", "mine\n");
    await api("POST", `chat-files/${id}/versions`, { content: "one\ntheirs\n" });
    await page.click("#store");
    await reads(page.locator("#stale p"), "Version 2 was stored while you wrote, so yours is not stored yet. This is what changed since "
      + "version 1. Take from it what you need into your text and save that as version 3, or discard yours.");
    await until("what changed", async () => (await page.locator("#stale .line").allTextContents()).join("|") === " one|+theirs");
    assert.equal(await page.inputValue("#draft"), "mine\n");
    assert.equal((await api("GET", `chat-files/${id}`)).latest_version, 2);
    // Looking elsewhere keeps what was written, and leaving the page asks first.
    const mayLeave = () => page.evaluate(() => dispatchEvent(new Event("beforeunload", { cancelable: true })));
    assert.ok(!await mayLeave());
    await page.click("#back");
    await page.click("#files a");
    await says(page, "one\ntheirs\n");
    await page.click("text=Go on editing");
    assert.equal(await page.inputValue("#draft"), "mine\n");
    await page.fill("#draft", "mine\ntheirs\n");
    await page.click("text=Save as version 3");
    await hasVersions(page, 3, 2, 1);
    assert.ok(await mayLeave());
    await changes(page, ["-one", "+mine", " theirs"]);
    // And who does not want it any more gets the newest.
    await page.click("#edit");
    await page.fill("#draft", "something");
    await page.fill("#draft", "mine\ntheirs\n");
    assert.ok(await mayLeave(), "nothing is left to store");
    await page.fill("#draft", "other");
    await page.click("#discard");
    await reads(page.locator("#edit"), "Edit");
    await page.click("#face >> text=Text");
    await says(page, "mine\ntheirs\n");
  },

  async "many versions and long changes come as they are needed"(page) {
    const { chat, id } = await openText(page, "long.txt", "0\n");
    for (let at = 1; at < 45; at++) await api("POST", `chat-files/${id}/versions`, { content: `${at}\n` });
    const long = Array.from({ length: 2500 }, (_, at) => `line ${at}\n`).join("");
    await api("POST", `chat-files/${id}/versions`, { content: long });
    await page.goto(`${url}/#chat=${chat}`);
    await page.reload();
    await page.click("#files a");
    const count = () => page.locator("#versions button").count();
    await until("the newest", async () => await count() === 26);
    await page.click("#older-versions");
    await until("older ones", async () => await count() === 46);
    assert.ok(await page.isHidden("#older-versions"));
    await page.click("#face >> text=Changes");
    await until("the first lines", async () => await page.locator(".diff .line").count() === 1999);
    await page.click("text=Show 502 more lines");
    await until("all lines", async () => await page.locator(".diff .line").count() === 2501);
    // Texts that are too long for one page of versions come one by one.
    const huge = await openText(page, "huge.txt", "a".repeat(700_000), "b".repeat(700_000));
    await says(page, "b".repeat(700_000));
    await page.click("#versions >> text=Version 1");
    await says(page, "a".repeat(700_000));
    assert.equal((await api("GET", `chat-files/${huge.id}`)).latest_version, 2);
  },

  async "what messages tell of files is read and leads to them"(page) {
    const { chat, id } = await openText(page, "weather.based", "loop:\n", "loop: # 2\n");
    const note = (role, content) => api("POST", `chats/${chat}/messages`, { role, type: "file", content: typeof content === "string" ? content : JSON.stringify(content) });
    const form = new FormData();
    form.append("files", new File(["a castle"], "castle.png"));
    const { items: [upload] } = await (await fetch(`${url}/api/v1/chats/${chat}/files`, { method: "POST", body: form })).json();
    await note("assistant", { based_filename: "weather.based", based_content: "loop:\n" });
    await note("assistant", { based_filename: "weather.based", based_content: "@@ -1 +1 @@\n-loop:\n+loop: # 2\n" });
    await note("assistant", { based_filename: "weather.based", based_content: "loop:\n", revert_notice: "weather.based is as it was in version 1 again." });
    await note("user", { file_id: upload.id, filename: "castle.png", path: upload.path });
    await note("user", { file_id: upload.id, filename: "away.png", path: "uploads/files/0_away.png" });
    await note("system", "old.based was deleted.");
    await note("assistant", { based_filename: HOSTILE, based_content: HOSTILE });
    await note("assistant", "{\"nothing\": 7}");
    await page.goto(`${url}/#chat=${chat}`);
    await page.reload();
    await until("all notes", async () => await page.locator("article").count() === 8);
    const told = await page.locator("article .text").allInnerTexts();
    assert.deepEqual(told.map((line) => line.replace(/\s+/g, " ").trim()), [
      "weather.based — written Open",
      "weather.based — changed Open",
      "weather.based — reverted Open weather.based is as it was in version 1 again.",
      "castle.png — uploaded Download",
      "away.png — uploaded Download",
      "old.based was deleted.",
      `${HOSTILE} — written Open`,
      "{\"nothing\": 7}",
    ]);
    assert.equal(await page.locator(".retry").count(), 0, "a note is no question");
    assert.deepEqual(await downloaded(page, () => page.click("[aria-label='Download castle.png']")), ["castle.png", "a castle"]);
    await page.click("[aria-label='Download away.png']");
    await reads(page.locator("#trouble p"), "away.png is not in this chat any more.");
    await page.locator("[aria-label='Open weather.based']").first().click();
    await hasVersions(page, 2, 1);
    assert.ok(page.url().endsWith(`&file=${id}`));
  },

  async "names and texts with markup are text"(page) {
    const name = HOSTILE.replaceAll("/", "") + ".based";
    const { id } = await openText(page, name, `${HOSTILE}\n`, `${HOSTILE}\n${HOSTILE} again\n`);
    await says(page, `${HOSTILE}\n${HOSTILE} again\n`);
    await page.click("#face >> text=Changes");
    await changes(page, [` ${HOSTILE}`, `+${HOSTILE} again`]);
    await page.click("#edit");
    await page.fill("#draft", HOSTILE);
    await api("POST", `chat-files/${id}/versions`, { content: `${HOSTILE}\nand again\n` });
    await page.click("#store");
    await page.locator("#stale .line").first().waitFor();
    await page.click("#discard");
    await page.click("#mode >> text=Compose");
    await reads(page.locator("#aim"), `Works on ${name}, which is open.`);
    await page.click("#back");
    await lists(page, [[name, "Based, version 3"]]);
    await page.click("#files button");
    await reads(page.locator("#notice span"), `“${name}” is deleted.`);
    await page.click("#undo");
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    const made = await page.evaluate(() => [...document.querySelectorAll("img, script:not([type=module])")].length);
    assert.equal(made, 0);
  },

  async "files are used by keyboard alone, and say what they are"(page) {
    const { chat } = await openText(page, "letter.txt", "one\n", "two\n");
    await page.goto(`${url}/#chat=${chat}`);
    await lists(page, [["letter.txt", "Text, version 2"]]);
    const focused = () => page.evaluate(() => {
      const node = document.activeElement;
      const shown = node.closest(".either label") ?? (node.id === "prompt" ? node.form : node);
      const style = getComputedStyle(shown);
      return `${node.id || node.getAttribute("aria-label") || node.textContent}${style.outlineStyle !== "none" || style.boxShadow !== "none" ? "" : " (unseen)"}`;
    });
    const tabTo = async (name) => {
      for (let steps = 0; steps < 80; steps++) {
        await page.keyboard.press("Tab");
        const now = await focused();
        assert.doesNotMatch(now, /unseen/);
        if (now === name) return;
      }
      assert.fail(`Tab does not reach ${name}`);
    };
    await page.focus("#open-files");
    await tabTo("letter.txt");
    await page.keyboard.press("Enter");
    await until("the file has the focus", async () => await focused() === "opened-name");
    await hasVersions(page, 2, 1);
    await tabTo("face-text");
    await page.keyboard.press("ArrowRight");
    await changes(page, ["-one", "+two"]);
    await page.keyboard.press("Shift+Tab");
    assert.match(await focused(), /^Version 1/);
    await page.keyboard.press("Enter");
    assert.match(await focused(), /^Version 1/, "whoever chose goes on there");
    await tabTo("revert");
    await page.keyboard.press("Enter");
    await hasVersions(page, 3, 2, 1);
    await page.focus("#save-file");
    await tabTo("edit");
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "draft");
    await page.keyboard.type("zero ");
    await tabTo("store");
    await page.keyboard.press("Enter");
    await hasVersions(page, 4, 3, 2, 1);
    assert.equal(await focused(), "edit");
    await page.focus("#back");
    await page.keyboard.press("Enter");
    await until("the list has the focus", async () => await focused() === "letter.txt");
    await page.focus("#prompt");
    await tabTo("mode-chat");
    await page.keyboard.press("ArrowRight");
    assert.equal(await focused(), "mode-composer");
    assert.match(await text(page, "#aim"), /^Writes a new text/);

    for (const opened of [false, true]) {
      if (opened) await page.click("#files a");
      if (opened) await page.click("#edit");
      const nameless = await page.evaluate(() => [...document.querySelectorAll("button, input, select, textarea, aside, section, fieldset, a, pre, progress, ol, ul")]
        .filter((node) => node.checkVisibility() && node.id !== "chats" && !(node.ariaLabel || node.labels?.length || node.textContent.trim()))
        .map((node) => node.outerHTML));
      assert.deepEqual(nameless, []);
    }
  },

  async "files fit a phone, a small window and a wide one, in both colour schemes"(page) {
    const long = "never".repeat(40);
    const { chat } = await openText(page, `${long}.txt`, "short\n", `${long} ${long}\n${"word ".repeat(200)}\n`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const viewport of [PHONE, { width: 320, height: 640 }, { width: 900, height: 700 }, { width: 1100, height: 750 }, WIDE]) {
        await page.setViewportSize(viewport);
        for (const step of ["#face >> text=Text", "#face >> text=Changes", "#edit", "#discard", "#back"]) {
          await page.click(step);
          const wide = await page.evaluate(() => [document.documentElement.scrollWidth, document.getElementById("panel").scrollWidth - document.getElementById("panel").clientWidth]);
          assert.ok(wide[0] <= viewport.width && wide[1] <= 0, `${step} at ${viewport.width}: ${wide}`);
        }
        await page.click("#files a");
        await hasVersions(page, 2, 1);
      }
    }
    // Over the conversation the panel has the focus to itself, and gives it back.
    await page.setViewportSize(PHONE);
    await page.goto(`${url}/#chat=${chat}`);
    await page.reload();
    assert.ok(await page.isHidden("#panel"));
    await page.click("#open-files");
    assert.equal(await page.evaluate(() => document.activeElement.id), "close-panel");
    assert.ok(await page.evaluate(() => document.getElementById("main").inert && document.getElementById("drawer").inert));
    // What goes wrong is told where it is seen.
    await page.route("**/chat-files/**", (route) => route.fulfill({ status: 503, json: { code: "busy", detail: "All hands are full." } }), { times: 1 });
    await page.click("#files a");
    await reads(page.locator("#panel #trouble p"), "All hands are full.");
    await hasVersions(page, 2, 1);
    await page.click("#back");
    await page.focus("#close-panel");
    await page.keyboard.press("Escape");
    assert.ok(await page.isHidden("#panel"));
    assert.equal(await page.evaluate(() => document.activeElement.id), "open-files");
    assert.equal(await page.locator("#dock #trouble").count(), 1);
    assert.ok(await page.evaluate(() => !document.getElementById("main").inert));
  },
};

for (const [name, walk] of Object.entries(journeys)) {
  await journey(name, walk, { start: url, viewport: WIDE, expected: /status of (404|409|422|503)/ });
}

await journey("with passwords files come and go with the token", async (page) => {
  await page.fill("#account", "k");
  await page.fill("#password", "the castle");
  await page.keyboard.press("Enter");
  await page.locator("#login").waitFor({ state: "hidden" });
  await choose(page, "#attach", file("castle.txt", "veiled in mist"));
  await lists(page, [["castle.txt", "File, 14 bytes"]]);
  assert.deepEqual(await downloaded(page, () => page.click("[aria-label='Download castle.txt']")), ["castle.txt", "veiled in mist"]);
}, { start: closedUrl, isOpen: false, viewport: WIDE, expected: /status of 401/ });

await end();
