// Uses the chat page in a browser, by keyboard and pointer, as people do. `tests/suite/page.rs` starts
// this with the URLs of a server and of a server with passwords. Prints `ok` and a name for each
// journey; the first failure ends it.

import assert from "node:assert/strict";

import { outside, until } from "./support/browser.mjs";
import { answer, apiOf, chooseModel, end, idle, journey, newChat, reads, say, text } from "./support/chat_page.mjs";

const [url, closedUrl] = process.argv.slice(3);

const api = apiOf(url);

const LOST = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE/;

// ── Journeys ────────────────────────────────────────────────────────────────────────────────────

const journeys = {
  async "a first chat with echo, which is called echo"(page) {
    await until("echo is chosen", async () => await page.inputValue("#model") === "echo");
    await until("one can write", () => page.evaluate(() => document.activeElement.id === "prompt"));
    assert.match(await text(page, "#echo"), /only repeats what you say.*kafka model add ollama/s);
    assert.ok(await page.isDisabled("#send"));
    await say(page, "It's a 'first' question");
    await reads(answer(page), "Echo: It's a 'first' question");
    await idle(page);
    assert.equal(await text(page, "#title"), "It's a 'first' question");
    assert.match(await text(page, "#chats a[aria-current=page]"), /^It's a 'first' question/);
    assert.match(await text(page, "article.assistant .facts"), /\d+ tokens in, \d+ out.*s in all/s);
    const chat = new URL(page.url()).hash.replace("#chat=", "");
    assert.equal(await page.locator("#curl").textContent(),
      `curl -N '${url}/api/v1/chats/${chat}/responses' -H 'content-type: application/json' -d `
      + `'{"content":"It'\\''s a '\\''first'\\'' question","stream":true}'`);
    await page.reload();
    await reads(answer(page), "Echo: It's a 'first' question");
    assert.equal(await text(page, "article.user .text"), "It's a 'first' question");
  },

  async "what was said is found in all chats, and a click brings it into sight"(page) {
    const chat = await api("POST", "chats", { title: "Of rocks" });
    for (let number = 0; number < 60; number += 1) {
      const content = number ? `pebble ${number}` : "a <b>Granite</b> boulder";
      await api("POST", `chats/${chat.id}/messages`, { role: "user", content });
    }
    const query = { query: "granite", mode: "text" };
    await until("it is indexed", async () => (await api("POST", "search", query)).items.length === 1);
    await page.fill("#query", "granite");
    await page.locator("#hits a").waitFor();
    assert.match(await text(page, "#hits a"), /Of rocks.*a <b>Granite<\/b> boulder/s);
    assert.equal(await text(page, "#hits mark"), "Granite");
    assert.ok(await page.isHidden("#chats"));
    await page.click("#hits a");
    await until("the message is in sight", () => page.evaluate(() => document.activeElement.matches("article")
      && document.activeElement.innerText.includes("Granite")));
    await page.fill("#query", "nowhere");
    await page.locator("#no-hits").waitFor();
    await page.fill("#query", "");
    assert.ok(await page.isVisible("#chats") && await page.isHidden("#found"));
  },

  async "words are shown one by one, and stopping keeps them"(page) {
    await chooseModel(page, "slow");
    assert.ok(await page.isHidden("#echo"));
    await say(page, "Count");
    await reads(answer(page), "one");
    assert.equal(await page.getAttribute("article.assistant", "aria-busy"), "true");
    await outside("next word");
    await reads(answer(page), "one two");
    assert.ok(await page.isHidden("#send"));
    await page.keyboard.press("Escape");
    await reads(page.locator("article.assistant .state"), "You stopped this answer. What came is kept.");
    assert.equal(await answer(page).innerText(), "one two");
    assert.equal(await page.getAttribute("article.assistant", "aria-busy"), null);
    assert.match(await page.locator("#curl").textContent(), /^curl -X POST '.*\/responses\/[^/]+\/cancel'$/);

    await page.click("text=Try again");
    await reads(answer(page), "one");
    await page.click("#stop");
    await reads(page.locator("article.assistant .state"), "You stopped this answer. What came is kept.");
    await chooseModel(page, "quick");
    await page.click("text=Try again");
    await reads(answer(page), "Quick answer");
    await idle(page);
    assert.equal(await page.locator("article.assistant").count(), 1);
    assert.equal(await page.locator("article.user").count(), 1);
    assert.match(await text(page, "article.assistant .facts"), /3 tokens in, 2 out/);
    await page.reload();
    await reads(answer(page), "Quick answer");
    await until("the chat remembers its model", async () => await page.inputValue("#model") === "quick");
  },

  async "the server is killed in the middle of an answer and the page goes on"(page) {
    await chooseModel(page, "slow");
    await say(page, "Count");
    await reads(answer(page), "one");
    await outside("next word");
    await reads(answer(page), "one two");
    await page.evaluate(() => { globalThis.isSamePage = true; });
    await outside("kill");
    await reads(page.locator("article.assistant .state"), "The connection is lost. This page goes on by itself as soon as the server is back.");
    assert.equal(await answer(page).innerText(), "one two");
    await outside("start");
    await until("the answer is marked", async () => /was interrupted/.test(await text(page, "article.assistant .state")));
    assert.equal(await answer(page).innerText(), "one two");
    await page.click("text=Try again");
    await reads(answer(page), "one");
    await outside("next word");
    await outside("next word");
    await reads(answer(page), "one two three");
    await idle(page);
    assert.ok(await page.evaluate(() => globalThis.isSamePage), "nobody loaded the page again");
  },

  async "a question that is asked while the server is away is asked once it is back"(page) {
    await say(page, "First");
    await reads(answer(page), "Echo: First");
    await idle(page);
    await outside("kill");
    await say(page, "Second");
    await reads(page.locator("article.assistant .state:visible"), "The connection is lost. This page goes on by itself as soon as the server is back.");
    await outside("start");
    await reads(answer(page), "Echo: Second");
    await idle(page);
    await page.reload();
    await reads(answer(page), "Echo: Second");
    assert.equal(await page.locator("article").count(), 4, "it was asked once");
  },

  async "a question that went away with its connection is asked once"(page) {
    await say(page, "First");
    await reads(answer(page), "Echo: First");
    await idle(page);
    // The server has stored it, and of its answer not a word arrives.
    const keys = [];
    await page.route("**/responses", async (route) => {
      const { "idempotency-key": key } = route.request().headers();
      keys.push(key);
      if (keys.length > 1) return route.continue();
      const headers = { "content-type": "application/json", ...(key && { "idempotency-key": key }) };
      const reply = await fetch(route.request().url(), { method: "POST", headers, body: route.request().postData() });
      assert.equal(reply.status, 200);
      await reply.body.cancel();
      return route.abort("connectionreset");
    });
    await say(page, "Second");
    await reads(answer(page), "Echo: Second");
    await idle(page);
    assert.ok(keys.length > 1 && keys.every((key) => key === keys[0]), `${keys}`);
    const chat = new URL(page.url()).hash.replace("#chat=", "");
    const { items } = await api("GET", `chats/${chat}/messages`);
    assert.deepEqual(items.map(({ content }) => content), ["First", "Echo: First", "Second", "Echo: Second"]);
  },

  async "a question that cannot be sent, with the server away, is taken back"(page) {
    await say(page, "First");
    await reads(answer(page), "Echo: First");
    await idle(page);
    await page.route("**/responses", (route) => route.abort("connectionrefused"));
    await say(page, "Second");
    await reads(page.locator(".state").last(), "The connection is lost. This page goes on by itself as soon as the server is back.");
    await page.keyboard.press("Escape");
    await until("the question is back", async () => await page.inputValue("#prompt") === "Second");
    await idle(page);
    assert.equal(await page.locator("article").count(), 2);
    assert.equal(await text(page, "#trouble"), "");
    await page.unroute("**/responses");
    await say(page, "Third");
    await reads(answer(page), "Echo: Third");
    await idle(page);
    const chat = new URL(page.url()).hash.replace("#chat=", "");
    const { items } = await api("GET", `chats/${chat}/messages`);
    assert.deepEqual(items.map(({ content }) => content), ["First", "Echo: First", "Third", "Echo: Third"]);
  },

  async "a server that is busy says so, and is asked again when it says"(page) {
    let release;
    const held = new Promise((done) => { release = done; });
    let refusals = 0;
    await page.route("**/responses", async (route) => {
      if (refusals++ > 1) return route.continue();
      if (refusals > 1) await held;
      const problem = { status: 503, code: "busy", detail: "All hands are full; ask again later." };
      return route.fulfill({ status: 503, headers: { "retry-after": "1" }, contentType: "application/problem+json", body: JSON.stringify(problem) });
    });
    await say(page, "Hello");
    await reads(page.locator(".state").last(), "All hands are full; ask again later.");
    release();
    await reads(answer(page), "Echo: Hello");
    await idle(page);
  },

  async "an answer that is deleted elsewhere says so"(page) {
    await chooseModel(page, "slow");
    await say(page, "Count");
    await reads(answer(page), "one");
    const chat = new URL(page.url()).hash.replace("#chat=", "");
    const { items } = await api("GET", `chats/${chat}/messages`);
    const reply = await fetch(`${url}/api/v1/messages/${items[1].id}`, { method: "DELETE" });
    assert.equal(reply.status, 204);
    await idle(page);
    await reads(page.locator(".state").last(), "This answer was deleted.");
    assert.equal(await text(page, "#trouble"), "");
  },

  async "a question that waits for a setting is asked once, and the next one not before its end"(page) {
    await say(page, "First");
    await idle(page);
    let release;
    const held = new Promise((done) => { release = done; });
    await page.route("**/chats/*", async (route) => {
      if (route.request().method() === "PATCH") await held;
      return route.continue();
    });
    await chooseModel(page, "quick");
    await page.fill("#prompt", "Second");
    await page.press("#prompt", "Enter");
    await page.fill("#prompt", "Third");
    assert.ok(await page.isDisabled("#send"));
    await page.press("#prompt", "Enter");
    assert.equal(await page.inputValue("#prompt"), "Third");
    release();
    await reads(answer(page), "Quick answer");
    await until("one can ask", () => page.isEnabled("#send"));
    const questions = () => page.locator("article.user .text").allInnerTexts();
    assert.deepEqual(await questions(), ["First", "Second"]);
    await page.press("#prompt", "Enter");
    await until("the third is asked", async () => (await questions()).join() === "First,Second,Third");
    await idle(page);
  },

  async "leaving a chat and coming back finds the answer going on"(page) {
    await chooseModel(page, "slow");
    await say(page, "Count");
    await reads(answer(page), "one");
    await newChat(page);
    await outside("next word");
    await page.goBack();
    await reads(answer(page), "one two");
    await page.reload();
    await reads(answer(page), "one two");
    await outside("next word");
    await reads(answer(page), "one two three");
    await idle(page);
    assert.equal(await page.locator("article").count(), 2);
  },

  async "hostile text stays text"(page) {
    for (const model of ["hostile", "huge"]) {
      await chooseModel(page, model);
      await say(page, "<img src=x onerror=hacked=1>");
      await idle(page);
      await page.locator(".retry").waitFor();
      const found = await page.evaluate(() => ({
        hacked: globalThis.hacked,
        elements: [...new Set([...document.querySelectorAll("#messages .text *")].map((node) => node.localName))].sort(),
        attributes: [...new Set([...document.querySelectorAll("#messages .text *")].flatMap((node) => node.getAttributeNames()))].sort(),
        links: [...document.querySelectorAll("#messages a")].map((link) => [link.protocol, link.rel, link.target].join(" ")),
        text: [...document.querySelectorAll("#messages .text")].at(-1).textContent,
      }));
      assert.equal(found.hacked, undefined);
      const allowed = ["a", "button", "code", "div", "em", "h3", "li", "ol", "p", "pre", "strong", "ul"];
      assert.deepEqual(found.elements.filter((name) => !allowed.includes(name)), []);
      assert.deepEqual(found.attributes.filter((name) => /^on|src|style/.test(name)), []);
      assert.ok(found.links.length >= 2);
      for (const link of found.links) assert.equal(link, "https: noopener noreferrer _blank");
      for (const part of ["<img src=x onerror=", "<script>hacked=1</script>", "<iframe", "(javascript:hacked=1)", "(JaVaScRiPt:hacked=1)"]) {
        assert.ok(found.text.includes(part), part);
      }
      if (model === "huge") assert.ok(found.text.length > 200_000);
    }
  },

  async "a model that fails says so in a sentence"(page) {
    await chooseModel(page, "broken");
    await say(page, "Hello");
    const state = page.locator("article.assistant .state.bad");
    await state.waitFor();
    assert.match(await state.innerText(), /wants a key.*give the model one\.$/s);
    await chooseModel(page, "quick");
    await page.click("text=Try again");
    await reads(answer(page), "Quick answer");
    // What the server refuses comes back to be changed.
    await page.fill("#prompt", "x".repeat((1 << 20) + 1));
    await page.press("#prompt", "Enter");
    await page.locator("#trouble p").waitFor();
    assert.match(await text(page, "#trouble p"), /\.$/);
    assert.equal((await page.inputValue("#prompt")).length, (1 << 20) + 1);
    assert.equal(await page.locator("article").count(), 2);
  },

  async "chats are renamed, deleted and brought back"(page) {
    await say(page, "Kept");
    await idle(page);
    await newChat(page);
    await say(page, "Deleted");
    await reads(answer(page), "Echo: Deleted");
    await idle(page);
    await page.click("#rename");
    await page.fill("#new-title", "Renamed");
    await page.keyboard.press("Enter");
    await reads(page.locator("#title"), "Renamed");
    await page.click("#delete");
    await reads(page.locator("#notice span"), "“Renamed” is deleted.");
    assert.equal(await page.locator("#chats a", { hasText: "Renamed" }).count(), 0);
    await page.click("#undo");
    await reads(page.locator("#title"), "Renamed");
    await reads(answer(page), "Echo: Deleted");
    await page.click("#delete");
    // Whoever leaves does not change their mind any more.
    await page.reload();
    await page.locator("#chats a", { hasText: "Kept" }).first().waitFor();
    await until("it is gone", async () => {
      const { items } = await api("GET", "chats?q=Renamed");
      return items.length === 0 || items.length;
    });
  },

  async "long lists are loaded as they are needed"(page) {
    for (let at = 0; at < 45; at++) await api("POST", "chats", { title: `Many ${at}` });
    const { id } = await api("POST", "chats", { title: "Long" });
    for (let at = 0; at < 60; at++) await api("POST", `chats/${id}/messages`, { role: "user", content: `message ${at}` });
    await page.reload();
    await until("a page of chats", async () => await page.locator("#chats li").count() === 40);
    await page.click("#older-chats");
    await until("more chats", async () => await page.locator("#chats li").count() > 45);
    await page.click("#chats a >> text=Long");
    await until("the last messages", async () => await page.locator("article").count() === 50);
    await page.click("#earlier");
    await until("all messages", async () => await page.locator("article").count() === 60);
    assert.equal(await page.locator("article .text").first().innerText(), "message 0");
    assert.ok(await page.isHidden("#earlier"));
    await page.click("text=Answer this");
    await reads(answer(page), "Echo: message 59");
  },

  async "everything works by keyboard alone, and says what it is"(page) {
    await page.locator("#chats a").first().waitFor();
    const toTop = () => page.evaluate(() => {
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.removeAttribute("tabindex");
    });
    await toTop();
    const focused = () => page.evaluate(() => {
      const node = document.activeElement;
      const style = getComputedStyle(node.id === "prompt" ? node.form : node);
      const isSeen = style.outlineStyle !== "none" || style.boxShadow !== "none";
      return `${node.id || node.localName}${isSeen ? "" : " (unseen)"}`;
    });
    const tabTo = async (id) => {
      for (let steps = 0; steps < 80; steps++) {
        await page.keyboard.press("Tab");
        const now = await focused();
        assert.doesNotMatch(now, /unseen/);
        if (now === id) return;
      }
      assert.fail(`Tab does not reach ${id}`);
    };
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "prompt");
    await page.keyboard.type("Two");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("lines");
    await page.keyboard.press("Enter");
    await reads(answer(page), "Echo: Two\nlines");
    await idle(page);
    assert.equal(await focused(), "prompt");
    await toTop();
    await tabTo("rename");
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "new-title");
    await page.keyboard.press("Escape");
    assert.equal(await focused(), "rename");
    await tabTo("delete");
    await page.keyboard.press("Enter");
    await until("Undo has the focus", async () => await focused() === "undo");
    await page.keyboard.press("Enter");
    await reads(page.locator("#title"), "Two");

    for (const opener of [null, "#rename"]) {
      if (opener) await page.click(opener);
      const found = await page.evaluate(() => {
        const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
        const named = (node) => node.ariaLabel || node.labels?.length || node.textContent.trim();
        return {
          lang: document.documentElement.lang,
          doubled: ids.filter((id, at) => ids.indexOf(id) !== at),
          nameless: [...document.querySelectorAll("button, input, select, textarea, nav, dialog, a, pre")]
            .filter((node) => !named(node) && !node.getAttribute("aria-labelledby")).map((node) => node.outerHTML),
          dangling: [...document.querySelectorAll("[for], [aria-labelledby], [aria-describedby], [aria-controls]")]
            .flatMap((node) => ["for", "aria-labelledby", "aria-describedby", "aria-controls"].map((name) => node.getAttribute(name)))
            .filter((id) => id && !document.getElementById(id)),
          mains: document.querySelectorAll("main").length,
          titles: document.querySelectorAll("h1").length,
          log: document.querySelector("[role=log]") !== null && document.querySelectorAll("[role=status], [role=alert]").length >= 3,
        };
      });
      assert.deepEqual(found, { lang: "en", doubled: [], nameless: [], dangling: [], mains: 1, titles: 1, log: true });
    }
  },

  async "it fits a phone, a page at 200 %, and both colour schemes"(page) {
    await say(page, `${"long".repeat(60)} \`${"code".repeat(60)}\``);
    await idle(page);
    for (const [width, height] of [[390, 844], [320, 640], [550, 375], [1100, 750]]) {
      await page.setViewportSize({ width, height });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} of ${width}`);
      assert.ok(await page.locator("#prompt").isVisible());
    }
    await page.setViewportSize({ width: 390, height: 844 });
    await until("the drawer is closed", () => page.isHidden("#new"));
    await page.click("#open-drawer");
    await until("the drawer has the focus", () => page.evaluate(() => document.getElementById("drawer").contains(document.activeElement)));
    assert.ok(await page.evaluate(() => document.getElementById("main").inert));
    await page.keyboard.press("Escape");
    await until("the drawer is closed", () => page.isHidden("#new"));
    assert.equal(await page.evaluate(() => document.activeElement.id), "open-drawer");
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const ratios = await page.evaluate(() => {
        const style = getComputedStyle(document.documentElement);
        const light = (name) => {
          const channels = style.getPropertyValue(name).match(/[0-9a-f]{2}/gi).map((hex) => parseInt(hex, 16) / 255);
          const [r, g, b] = channels.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
        };
        const pairs = [["--text", "--page"], ["--text", "--said"], ["--text", "--tint"], ["--soft", "--page"], ["--soft", "--side"],
          ["--soft", "--raised"], ["--soft", "--said"], ["--soft", "--tint"], ["--accent", "--page"], ["--on-accent", "--accent"], ["--warn", "--warn-tint"], ["--added", "--added-tint"]];
        return pairs.map(([over, under]) => [over, under, Math.max(light(over), light(under)) / Math.min(light(over), light(under))]);
      });
      for (const [over, under, ratio] of ratios) assert.ok(ratio >= 4.5, `${over} on ${under}, ${colorScheme}: ${ratio}`);
    }
  },
};

for (const [name, walk] of Object.entries(journeys)) await journey(name, walk, { start: url, expected: /kill|away/.test(name) ? LOST : /status of (404|409|413|422|503)/ });

await journey("with passwords one logs in, and out", async (page) => {
  await page.locator("#login[open]").waitFor();
  await page.keyboard.press("Escape");
  await page.fill("#account", "k");
  await page.fill("#password", "the trial");
  await page.keyboard.press("Enter");
  await until("a sentence", async () => /\.$/.test(await text(page, "#login-trouble")));
  await page.fill("#password", "the castle");
  await page.keyboard.press("Enter");
  await page.locator("#login").waitFor({ state: "hidden" });
  await say(page, "Who am I?");
  await reads(answer(page), "Echo: Who am I?");
  await idle(page);
  const token = await page.evaluate(() => sessionStorage.getItem("kafka.token"));
  assert.ok(token);
  assert.match(await page.locator("#curl").textContent(), /-H "authorization: Bearer \$KAFKA_TOKEN"/);
  assert.ok(!(await page.content()).includes(token), "the token is nowhere in the page");
  assert.deepEqual(await page.evaluate(() => [localStorage.length, document.cookie]), [0, ""]);
  await page.reload();
  await reads(answer(page), "Echo: Who am I?");
  await page.click("#logout");
  await page.locator("#login[open]").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.equal(await page.locator("#chats li").count(), 0);
  const reply = await fetch(`${closedUrl}/api/v1/chats`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(reply.status, 401);
}, { start: closedUrl, isOpen: false, expected: /status of 401/ });

await end();
