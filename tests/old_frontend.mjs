// Uses the stand-in for the Kafka system's front end in a browser, as its users do, from their first login to
// the last thing they delete. `tests/suite/old_frontend.rs` starts this with what stands in `places`. Prints
// `ok` and a name for each step; the first failure ends it.

import assert from "node:assert/strict";

import { PATIENCE, launch, outside, until } from "./support/browser.mjs";

/**
 * `page` is the front end's address, `server` that of what it talks to, `model` that of an endpoint for models.
 * `friend` and `stranger` are addresses of a front end whose server allows pages of the first only.
 */
const places = JSON.parse(process.argv[3]);
const browser = await launch("--host-resolver-rules=MAP *.example 127.0.0.1");

const CASTLE = "The castle hill was hidden, veiled in mist and darkness.";
const LETTER = "Dear Klamm,";
const greeting = (text) => `loop:\n\tr = talk("${text}", True)\nuntil "done":\n\tsay("Bye.")\n`;
/** What the model writes for a first prompt. */
const HELLO = `loop:\n\tr = talk("Say hello.", True)\nuntil "hello was said":\n\tsay("Hello.")\n`;

// ── What every step uses ────────────────────────────────────────────────────────────────────────

/** What is asked for outside the browser while the step goes on, and what the pages complained of. */
const wrong = [];
let expected = /^$/;

async function visitor() {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE);
  context.on("weberror", (error) => wrong.push(String(error.error().stack)));
  context.on("console", (message) => {
    if (message.type() === "error" && !expected.test(message.text())) wrong.push(message.text());
  });
  return context;
}

const context = await visitor();
const page = await context.newPage();
/** What the page said over its sockets. */
const said = [];
page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => said.push(JSON.parse(payload))));

async function step(name, walk) {
  try {
    await walk();
    assert.deepEqual(wrong, [], "the console is empty");
  } catch (error) {
    const shown = await page.locator("body").innerText().catch(() => "");
    throw new Error(`${name}: ${error.stack}\nthe page reads:\n${shown}\nit complained: ${wrong.join("\n")}`);
  }
  console.log(`ok ${name}`);
}

/** Waits until something that is read again and again is what it should be. */
async function reads(read, wanted) {
  const as = JSON.stringify(wanted);
  await until(`it reads ${as}`, async () => {
    const found = JSON.stringify(await read());
    return found === as || found;
  });
}

const names = (list, where = page) => where.locator(`#${list} .name`).allTextContents();
const history = (where = page) => where.locator("#history li").evaluateAll(
  (items) => items.map((item) => [...item.children].map(({ textContent }) => textContent).join(": ")));
const diff = () => page.locator("#diff li").allTextContents();
const chosen = (where = page) => where.locator("#workspaces option:checked").innerText();
const row = (list, name) => page.locator(`#${list} li`, { has: page.locator(".name", { hasText: name }) });

async function ask(prompt, answer, where = page) {
  const before = await history(where);
  await where.fill("#prompt", prompt);
  await where.press("#prompt", "Shift+Enter");
  await reads(() => history(where), [...before, `You: ${prompt}`, `Assistant: ${answer}`]);
  await where.locator("#sending").waitFor({ state: "hidden" });
}

/** Loads the page again; it begins with the first workspace and the model that does not exist. */
async function reload(chat, where = page) {
  await where.reload();
  await reads(() => chosen(where), "Default Workspace");
  await where.selectOption("#workspaces", { label: "Letters" });
  await reads(() => where.locator("#breadcrumb").innerText(), chat);
  await where.selectOption("#model", "scribe");
  await where.check("#is-chat");
}

async function rename(list, from, to) {
  page.once("dialog", (dialog) => dialog.accept(to));
  await row(list, from).getByRole("button", { name: "Rename" }).click();
  await reads(async () => (await names(list)).includes(to), true);
}

const remove = (list, name) => row(list, name).getByRole("button", { name: "Delete" }).click();
const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

/** What a second client does, in the server's own API. */
async function api(method, path, body) {
  const reply = await fetch(`${places.server}/api/v1/${path}`, {
    method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body),
  });
  assert.ok(reply.ok, `${method} ${path}: ${reply.status}`);
  return reply.json();
}

const chatId = () => page.url().split("/chat/")[1];

// ── The journey ─────────────────────────────────────────────────────────────────────────────────

await step("one logs in for the first time", async () => {
  await page.goto(places.page);
  await page.fill("#email", "k@example.org");
  await page.press("#email", "Enter");
  await reads(chosen, "Default Workspace");
  assert.ok(await page.isHidden("#login"));
  for (const list of ["files", "chats", "models"]) assert.deepEqual(await names(list), []);
  const kept = JSON.parse(await page.evaluate(() => localStorage.getItem("authResponse")));
  assert.equal(kept.email, "k@example.org");
});

await step("a workspace is made", async () => {
  await page.fill("#new-workspace input", "Letters");
  await page.click("#new-workspace button");
  await reads(chosen, "Letters");
  for (const list of ["files", "chats"]) assert.deepEqual(await names(list), []);
});

await step("a model is added", async () => {
  await page.fill("#new-model [name=name]", "scribe");
  await page.fill("#new-model [name=base_url]", places.model);
  await page.fill("#new-model [name=ak]", "the key of K");
  await page.click("#new-model button");
  await reads(() => names("models"), [`scribe at ${places.model}`]);
});

await step("a file is uploaded into the workspace, and a chat is made of it", async () => {
  await page.setInputFiles("#pick", file("letter.txt", LETTER));
  await reads(() => names("files"), ["letter.txt"]);
  assert.match(await page.inputValue("#files input"), /^[0-9a-f-]{36}$/);
  await page.check("#files input");
  await page.fill("#new-chat input", "Trial");
  await page.click("#new-chat button");
  await reads(() => page.locator("#breadcrumb").innerText(), "Trial");
  assert.deepEqual(await names("chats"), ["Trial"]);
  await reads(() => names("context"), ["letter.txt"]);
  assert.deepEqual(await page.locator("#model option").allInnerTexts(), ["Model A", "scribe"]);
  assert.deepEqual(await history(), []);
});

await step("the first prompt makes a file, also in chat mode; what follows is answered", async () => {
  await page.check("#is-chat");
  await ask("Who is there?", "Model not found.");
  await page.selectOption("#model", "scribe");
  await page.fill("#prompt", "Hello");
  await page.press("#prompt", "Shift+Enter");
  // The page opens another socket at once, and what it is told there replaces all it had.
  await reads(history, ["You: Who is there?", "You: Hello", `Assistant: hello.based: ${HELLO}`]);
  await reads(() => names("based"), ["hello.based"]);
  assert.equal(await page.inputValue("#editor"), HELLO);
  const { is_first_prompt, is_chat_or_composer, selected_filename } = said.at(-1);
  assert.deepEqual([is_first_prompt, is_chat_or_composer, selected_filename], [true, false, ""]);
  await outside('the model was sent "the key of K"');
  await outside(`the model was sent ${JSON.stringify(LETTER)}`);
  // What begins as JSON does is shown all the same.
  await ask('{"a": 1}', ' {"a": 1}');
});

await step("a file is picked, and the model reads it", async () => {
  await page.setInputFiles("#attach", file("castle.txt", CASTLE));
  await reads(() => names("context"), ["letter.txt", "castle.txt"]);
  await ask("What is the hill like?", "You say: What is the hill like?");
  await outside(`the model was sent ${JSON.stringify(CASTLE)}`);
});

await step("two files are dropped, of which one is the first version of a text", async () => {
  const transfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const [name, text] of files) transfer.items.add(new File([text], name));
    return transfer;
  }, [["greet.based", greeting("Greet.")], ["other.based", greeting("Ask.")]]);
  await page.dispatchEvent("#drop", "drop", { dataTransfer: transfer });
  await reads(() => names("context"), ["letter.txt", "castle.txt", "greet.based", "other.based"]);
  await reload("Trial");
  await reads(() => names("files"), ["letter.txt", "castle.txt", "greet.based", "other.based"]);
  await reads(() => names("context"), ["letter.txt", "castle.txt"]);
  assert.deepEqual((await names("based")).sort(), ["greet.based", "hello.based", "other.based"]);
  await row("based", "greet.based").getByRole("button").click();
  assert.deepEqual(await names("versions"), ["Latest"]);
  assert.equal(await page.inputValue("#editor"), greeting("Greet."));
  assert.deepEqual(await diff(), greeting("Greet.").split("\n"));
  assert.ok(await page.isHidden("#revert"));
});

await step("two more versions are listed, the newest first, with their differences", async () => {
  const { items } = await api("GET", `chats/${chatId()}/files`);
  const { id } = items.find(({ filename }) => filename === "greet.based");
  for (const text of ["Greet warmly.", "Greet coldly."]) await api("POST", `chat-files/${id}/versions`, { content: greeting(text) });
  await reload("Trial");
  // What was changed last is what the page shows.
  await reads(() => names("based"), ["greet.based", "other.based", "hello.based"]);
  assert.equal(await page.inputValue("#editor"), greeting("Greet coldly."));
  assert.deepEqual(await names("versions"), ["Latest", "v2", "v1"]);
  for (const [name, text] of [["v2", "Greet warmly."], ["v1", "Greet."]]) {
    await page.locator("#versions").getByRole("button", { name }).click();
    assert.deepEqual(await diff(), [`-\tr = talk("${text}", True)`, '+\tr = talk("Greet coldly.", True)']);
    assert.ok(await page.isVisible("#revert"));
  }
});

await step("an older version is the newest again", async () => {
  await page.click("#revert");
  await reads(() => names("versions"), ["Latest", "v3", "v2", "v1"]);
  assert.equal(await page.inputValue("#editor"), greeting("Greet."));
  assert.equal((await history()).at(-1), `Assistant: greet.based: ${greeting("Greet.")}`);
  // These are the server's versions, and not what the page makes up until they come.
  for (const title of await page.locator("#versions button").evaluateAll((all) => all.map((each) => each.title))) {
    assert.match(title, /^[0-9a-f]{8}-/);
  }
  assert.ok(await page.isHidden("#revert"));
});

await step("files are deleted, from the chat and altogether", async () => {
  const before = await history();
  await remove("context", "castle.txt");
  await remove("files", "other.based");
  await reads(() => names("context"), ["letter.txt"]);
  await reads(() => names("files"), ["letter.txt", "castle.txt", "greet.based"]);
  await reload("Trial");
  await reads(history, [...before.filter((line) => line !== "Assistant: Model not found."), "Assistant: castle.txt was deleted."]);
  await reads(() => names("context"), ["letter.txt"]);
  assert.deepEqual(await names("based"), ["greet.based", "hello.based"]);
  // It had come into the workspace by way of this chat, and leaves it the same way.
  assert.deepEqual(await names("files"), ["letter.txt", "greet.based"]);
  await ask("And now?", "You say: And now?");
  await outside(`the model was not sent ${JSON.stringify(CASTLE)}`);
});

await step("a file and a chat get other names, and everything is there when the page is loaded again", async () => {
  await rename("files", "letter.txt", "dear Klamm.txt");
  await rename("chats", "Trial", "The trial");
  const before = await history();
  await reload("The trial");
  await reads(() => history(), before);
  assert.deepEqual(await names("chats"), ["The trial"]);
  assert.deepEqual(await names("files"), ["dear Klamm.txt", "greet.based"]);
  assert.deepEqual(await names("models"), [`scribe at ${places.model}`]);
  await reads(() => names("context"), ["dear Klamm.txt"]);
  assert.deepEqual(await names("versions"), ["Latest", "v3", "v2", "v1"]);
});

await step("two tabs lose nothing of each other", async () => {
  const other = await context.newPage();
  await other.goto(page.url());
  await reload("The trial", other);
  const before = await history();
  await reads(() => history(other), before);
  await ask("From one", "You say: From one");
  await ask("From the other", "You say: From the other", other);
  const after = [...before, ...["From one", "From the other"].flatMap((text) => [`You: ${text}`, `Assistant: You say: ${text}`])];
  for (const tab of [page, other]) {
    await reload("The trial", tab);
    await reads(() => history(tab), after);
  }
  await other.close();
});

await step("a server that is killed while it answers keeps what was said, and the page comes back", async () => {
  const before = await history();
  await page.fill("#prompt", "Count");
  await page.press("#prompt", "Shift+Enter");
  await reads(history, [...before, "You: Count"]);
  assert.ok(await page.isVisible("#sending"));
  const last = async () => (await api("GET", `chats/${chatId()}/messages`)).items.at(-1);
  await reads(async () => (await last()).status, "streaming");
  const events = await fetch(`${places.server}/api/v1/responses/${(await last()).response.id}/events`);
  let told = "";
  for await (const bytes of events.body) {
    told += Buffer.from(bytes).toString();
    if (told.includes("event: stage")) break;
  }
  await outside("kill");
  await page.locator("#sending").waitFor({ state: "hidden" });
  await outside("start");
  await reads(async () => (await last()).status, "interrupted");
  await page.fill("#prompt", "Are you there?");
  await page.press("#prompt", "Shift+Enter");
  // What the server tells when the page comes back does not hold yet what is asked then.
  const after = [...before, "You: Count", "Assistant: "];
  const answer = "Assistant: You say: Are you there?";
  await reads(history, [...after, answer]);
  await reload("The trial");
  await reads(history, [...after, "You: Are you there?", answer]);
  assert.deepEqual(await names("versions"), ["Latest", "v3", "v2", "v1"]);
});

await step("a chat, a model and a workspace are deleted", async () => {
  await remove("chats", "The trial");
  await reads(() => names("chats"), []);
  await remove("models", "scribe");
  await reads(() => names("models"), []);
  const deleted = page.waitForResponse((reply) => reply.url().includes("/workspace/delete/") && reply.request().method() === "DELETE");
  await page.click("#delete-workspace");
  assert.ok((await deleted).ok());
  assert.equal(await chosen(), "Letters");
  await page.reload();
  await reads(chosen, "Default Workspace");
  assert.deepEqual(await page.locator("#workspaces option").allInnerTexts(), ["Default Workspace"]);
  assert.deepEqual(await names("models"), []);
  // The chat that the address names is gone, which the page does not show.
  assert.deepEqual(await history(), []);
  assert.equal(await page.locator("#breadcrumb").innerText(), "");
});

await step("a page of another host works where it is allowed, and nowhere else", async () => {
  const elsewhere = await (await visitor()).newPage();
  await elsewhere.goto(places.friend);
  await elsewhere.fill("#email", "friend@example.org");
  await elsewhere.press("#email", "Enter");
  await reads(() => chosen(elsewhere), "Default Workspace");
  await elsewhere.fill("#new-chat input", "Elsewhere");
  await elsewhere.click("#new-chat button");
  await reads(() => elsewhere.locator("#breadcrumb").innerText(), "Elsewhere");
  expected = /CORS policy|ERR_FAILED|Failed to fetch/;
  await elsewhere.goto(places.stranger);
  await elsewhere.fill("#email", "friend@example.org");
  const refused = elsewhere.waitForEvent("requestfailed");
  await elsewhere.press("#email", "Enter");
  assert.match((await refused).url(), /\/auth\/login$/);
  assert.ok(await elsewhere.isVisible("#login"));
  assert.equal(await elsewhere.locator("#workspaces option").count(), 0);
  // The page throws what it cannot read; that is all that may have happened.
  await until("the refusal is noticed", () => wrong.length > 0);
  assert.deepEqual(wrong.splice(0).filter((text) => !expected.test(text)), []);
});

await browser.close();
process.exit(0);
