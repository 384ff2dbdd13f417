// A browser's own WebSocket and EventSource, on pages of other origins than the server's, as the web
// page of someone else's application has them. `tests/suite/browser_clients.rs` starts this with what
// stands in `places`. Prints `ok` and a name for each journey; the first failure ends it.

import assert from "node:assert/strict";

import { PATIENCE, launch, outside, until } from "./support/browser.mjs";

/**
 * Origins of servers: `open`, `closed` (with passwords) and `ending`; ids of chats in them: `talk`, `slow`,
 * `own`, `last`; `token` opens `closed`. Origins of empty pages: `local` on loopback; `friend`, which
 * `closed` allows; `stranger`, which nobody allows.
 */
const places = JSON.parse(process.argv[3]);
const browser = await launch("--host-resolver-rules=MAP *.example 127.0.0.1");

// ── What every journey shares ───────────────────────────────────────────────────────────────────

/** Runs in the page: a socket whose frames are kept until they are asked for. */
function defineTalk() {
  globalThis.Talk = class {
    heard = [];
    waiting = null;

    constructor(url, protocols) {
      this.socket = new WebSocket(url, protocols);
      this.socket.onmessage = ({ data }) => {
        this.heard.push(data);
        this.waiting?.();
      };
      this.opened = new Promise((done) => {
        this.socket.onopen = () => done(this.socket.protocol);
        this.closed = new Promise((told) => {
          this.socket.onclose = ({ code, wasClean }) => {
            done(null);
            told({ code, wasClean });
          };
        });
      });
    }

    async next() {
      if (!this.heard.length) await new Promise((done) => { this.waiting = done; });
      return this.heard.shift();
    }
  };
}

/** A socket in a page, as the script sees it. */
class Talk {
  constructor(handle) {
    this.handle = handle;
  }

  static async open(page, server, chat, protocols = []) {
    const url = `${server.replace("http", "ws")}/ws/${chat}`;
    return new Talk(await page.evaluateHandle(([url, protocols]) => new globalThis.Talk(url, protocols), [url, protocols]));
  }

  /** An open chat and its first frame. */
  static async enter(...where) {
    const talk = await Talk.open(...where);
    const opening = await talk.frame();
    assert.equal(opening.initial, true);
    return [talk, opening];
  }

  /** The protocol that was agreed on, or `null` when the server refused. */
  protocol = () => patiently("the handshake", this.handle.evaluate((talk) => talk.opened));
  closed = () => patiently("the close", this.handle.evaluate((talk) => talk.closed));
  next = () => patiently("a frame", this.handle.evaluate((talk) => talk.next()));
  frame = async () => JSON.parse(await this.next());
  send = (text) => this.handle.evaluate((talk, text) => talk.socket.send(text), text);
  sendBytes = (bytes) => this.handle.evaluate((talk, bytes) => talk.socket.send(new Uint8Array(bytes)), bytes);
  act = (action, fields = {}) => this.send(JSON.stringify({ action, ...fields }));
  close = () => this.handle.evaluate((talk) => talk.socket.close(1000));
}

function patiently(what, promise) {
  let alarm;
  const late = new Promise((_, reject) => { alarm = setTimeout(() => reject(new Error(`${what} does not come`)), PATIENCE); });
  return Promise.race([promise, late]).finally(() => clearTimeout(alarm));
}

/** A page of that origin, in a browser of its own. */
async function pageOf(origin) {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE);
  await context.addInitScript(defineTalk);
  const page = await context.newPage();
  await page.goto(origin);
  return page;
}

async function journey(name, walk) {
  try {
    await walk();
  } catch (error) {
    throw new Error(`${name}: ${error.stack}`);
  }
  for (const context of browser.contexts()) await context.close();
  console.log(`ok ${name}`);
}

const bearer = (token) => ["kafka.v1", `bearer.${token}`];

// ── WebSocket ───────────────────────────────────────────────────────────────────────────────────

await journey("a page of another loopback origin talks without a credential in open mode", async () => {
  const page = await pageOf(places.local);
  const [talk, opening] = await Talk.enter(page, places.open, places.talk);
  assert.equal(await talk.protocol(), "");
  assert.equal(opening.chat_id, places.talk);
  assert.deepEqual(opening.conversation, []);
  for (const text of ["hello there", "", "{}", "🙂"]) {
    await talk.send(text);
    assert.equal(await talk.next(), `Echo: ${text}`);
  }

  // Rubbish gets a sentence, and the socket stays.
  for (const rubbish of ['{"action": "dance"}', '{"action": "new_message", "prompt": 5}', '{"action": "cancel", "response_id": "7"}']) {
    await talk.send(rubbish);
    const { error, conversation } = await talk.frame();
    assert.ok(error, rubbish);
    assert.deepEqual(conversation.at(-1), { role: "assistant", type: "text", content: error });
  }
  await talk.sendBytes([0, 1, 255]);
  assert.match((await talk.frame()).error, /Binary/);
  await talk.send("still here");
  assert.equal(await talk.next(), "Echo: still here");
  await talk.close();
  assert.deepEqual(await talk.closed(), { code: 1000, wasClean: true });

  const [again, kept] = await Talk.enter(page, places.open, places.talk, ["other", "kafka.v1"]);
  assert.equal(await again.protocol(), "kafka.v1");
  const texts = ["hello there", "", "{}", "🙂", "still here"].flatMap((text) => [text, `Echo: ${text}`]);
  assert.deepEqual(kept.conversation.map(({ content }) => content), texts);

  const nowhere = await Talk.open(page, places.open, "01890000-0000-7000-8000-000000000000");
  assert.deepEqual(await nowhere.frame(), { error: "Chat not found." });
  assert.deepEqual(await nowhere.closed(), { code: 1000, wasClean: true });
});

await journey("two tabs see one answer, and it is cancelled while it streams", async () => {
  const [asking] = await Talk.enter(await pageOf(places.local), places.open, places.slow);
  const [following] = await Talk.enter(await pageOf(places.local), places.open, places.slow);
  await following.act("follow");
  const ask = () => asking.act("new_message", { prompt: "Count", stream: true });
  const begins = async () => {
    const question = await following.frame();
    assert.deepEqual([question.action, question.message.content, question.message.status], ["message", "Count", "complete"]);
    assert.equal((await following.frame()).message.status, "streaming");
  };
  const bothHear = async (text) => {
    const [one, other] = [await asking.frame(), await following.frame()];
    assert.deepEqual(one, other);
    assert.deepEqual(one, { action: "delta", response_id: one.response_id, seq: one.seq, text });
    return one;
  };

  await ask();
  await begins();
  const deltas = [await bothHear("one")];
  for (const word of [" two", " three"]) {
    await outside("next word");
    deltas.push(await bothHear(word));
  }
  assert.deepEqual(deltas.map(({ seq }) => seq - deltas[0].seq), [0, 1, 2]);
  assert.equal(await asking.next(), "one two three");
  const { message } = await following.frame();
  assert.deepEqual([message.role, message.status, message.content], ["assistant", "complete", "one two three"]);

  await ask();
  await begins();
  const { response_id } = await bothHear("one");
  await asking.act("cancel", { response_id });
  const end = JSON.parse(await asking.next());
  assert.deepEqual(end, { action: "end", response_id, status: "cancelled" });
  assert.equal(await asking.next(), "one");
  const cancelled = (await following.frame()).message;
  assert.deepEqual([cancelled.status, cancelled.content], ["cancelled", "one"]);
});

await journey("with passwords a token among the protocols opens the socket", async () => {
  const page = await pageOf(places.local);
  const [talk] = await Talk.enter(page, places.closed, places.own, bearer(places.token));
  assert.equal(await talk.protocol(), "kafka.v1");
  await talk.send("hello");
  assert.equal(await talk.next(), "Echo: hello");
  for (const protocols of [[], ["kafka.v1"], bearer("wrong")]) {
    const refused = await Talk.open(page, places.closed, places.own, protocols);
    assert.equal(await refused.protocol(), null);
    assert.deepEqual(await refused.closed(), { code: 1006, wasClean: false });
  }
});

await journey("only pages that are allowed open sockets", async () => {
  const stranger = await pageOf(places.stranger);
  for (const [server, chat, protocols] of [[places.open, places.talk, []], [places.closed, places.own, bearer(places.token)]]) {
    const refused = await Talk.open(stranger, server, chat, protocols);
    assert.equal(await refused.protocol(), null);
    assert.deepEqual(await refused.closed(), { code: 1006, wasClean: false });
  }
  const friend = await pageOf(places.friend);
  assert.equal(await (await Talk.open(friend, places.open, places.talk)).protocol(), null);
  await Talk.enter(friend, places.closed, places.own, bearer(places.token));
});

await journey("a server that ends says so", async () => {
  const [talk] = await Talk.enter(await pageOf(places.local), places.ending, places.last);
  await outside("end");
  assert.deepEqual(await talk.closed(), { code: 1001, wasClean: true });
});

// ── EventSource ─────────────────────────────────────────────────────────────────────────────────

await journey("EventSource goes on by itself after a kill, and misses nothing", async () => {
  const page = await pageOf(places.friend);
  const watched = await page.evaluateHandle(async ({ closed, own, token }) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const call = (path, body) => fetch(`${closed}/api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    const asked = await call(`chats/${own}/responses`, { content: "Count", model: "slow", stream: true });
    const first = new TextDecoder().decode((await asked.body.getReader().read()).value);
    const { id } = JSON.parse(first.match(/^data: (.*)$/m)[1]).response;
    const { ticket } = await (await call(`responses/${id}/ticket`, {})).json();
    const source = new EventSource(`${closed}/api/v1/responses/${id}/events?ticket=${ticket}`);
    const seen = [];
    const watched = { source, seen, opened: 0, lost: [] };
    source.onopen = () => { watched.opened += 1; };
    source.onerror = () => watched.lost.push(source.readyState);
    const kinds = ["started", "completed", "failed", "cancelled", "interrupted"].map((end) => `response.${end}`);
    for (const kind of [...kinds, "message.delta", "message.reasoning", "stage", "usage", "message"]) {
      source.addEventListener(kind, ({ lastEventId, data }) => {
        seen.push([Number(lastEventId), kind, JSON.parse(data).text]);
        if (kinds.indexOf(kind) > 0) source.close();
      });
    }
    return watched;
  }, places);
  const seen = () => watched.evaluate(({ seen }) => seen);
  const told = async (count) => until(`${count} events`, async () => (await seen()).length === count || JSON.stringify(await seen()));
  await told(2);
  await outside("next word");
  await told(3);
  await outside("kill");
  await until("the loss is noticed", () => watched.evaluate(({ lost }) => lost.length > 0));
  await outside("start");
  await told(4);
  assert.deepEqual(await seen(), [
    [1, "response.started", undefined],
    [2, "message.delta", "one"],
    [3, "message.delta", " two"],
    [4, "response.interrupted", undefined],
  ]);
  const { opened, lost } = await watched.evaluate(({ opened, lost }) => ({ opened, lost }));
  assert.equal(opened, 2);
  const CONNECTING = 0;
  assert.deepEqual([...new Set(lost)], [CONNECTING]);
});

await browser.close();
process.exit(0);
