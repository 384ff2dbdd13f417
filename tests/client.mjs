// The typed client in a browser, on a page of the server itself. Arguments: a server in open mode, and one with
// passwords. `tests/suite/openapi.rs` starts this.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { PATIENCE, launch } from "./support/browser.mjs";

const [open, closed] = process.argv.slice(3);
const home = join(import.meta.dirname, "../kafka-http/client");
const files = {
  "/client/page.html": `<!doctype html><script type="importmap">
    {"imports": {"openapi-fetch": "/client/openapi-fetch.js"}}</script>`,
  "/client/openapi-fetch.js": readFileSync(join(home, "node_modules/openapi-fetch/dist/index.mjs"), "utf8"),
  "/client/index.js": readFileSync(join(home, "dist/index.js"), "utf8"),
  "/client/events.js": readFileSync(join(home, "dist/events.js"), "utf8"),
};
const browser = await launch();

/** A page on which the client's files lie beside the server's. */
async function pageOf(server) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.route("**/client/*", (route) => {
    const path = new URL(route.request().url()).pathname;
    return route.fulfill({ body: files[path], contentType: path.endsWith(".html") ? "text/html" : "text/javascript" });
  });
  await page.goto(`${server}/client/page.html`);
  return page;
}

/** Runs in the page: a chat, an answer that is watched, and the same again by its number. */
async function converse({ token }) {
  const { connect, eventsOf, readEvents } = await import("/client/index.js");
  const kafka = connect({ baseUrl: "", token });
  const { data: chat, error } = await kafka.POST("/api/v1/chats", { body: { title: "From a browser" } });
  if (error) return { code: error.code };
  const path = { id: chat.id };
  const body = { content: "one two", model: "echo", stream: true };
  const asked = await kafka.POST("/api/v1/chats/{id}/responses", { params: { path }, body, parseAs: "stream" });
  const events = [];
  for await (const event of readEvents(asked.data)) events.push(event);
  const again = [];
  for await (const event of eventsOf(kafka, events[0].data.response.id, 1)) again.push(event);
  const { data: page } = await kafka.GET("/api/v1/chats/{id}/messages", { params: { path } });
  const { error: missing } = await kafka.GET("/api/v1/chats/{id}", {
    params: { path: { id: "0197d1a0-4c3f-7e21-9d5b-6f0a1b2c3d4e" } },
  });
  return { events, again, said: page.items.map(({ content }) => content), missing: missing.code };
}

function expected({ events, again, said, missing }) {
  const text = events.filter(({ event }) => event === "message.delta").map(({ data }) => data.text).join("");
  assert.equal(text, "Echo: one two");
  assert.equal(events.at(-1).event, "response.completed");
  assert.deepEqual(events.map(({ id }) => id), events.map((_, at) => at + 1));
  assert.deepEqual(again, events.slice(1));
  assert.deepEqual(said, ["one two", "Echo: one two"]);
  assert.equal(missing, "chat_not_found");
}

{
  const page = await pageOf(open);
  expected(await page.evaluate(converse, {}));
  console.log("ok a page talks to an open server");
}

{
  const page = await pageOf(closed);
  assert.deepEqual(await page.evaluate(converse, {}), { code: "credential_missing" });
  const token = await page.evaluate(async () => {
    const { connect } = await import("/client/index.js");
    const account = { email: "k@example.org", password: "the castle" };
    const { data } = await connect({ baseUrl: "" }).POST("/api/v1/auth/login", { body: account });
    return data.token;
  });
  expected(await page.evaluate(converse, { token }));
  console.log("ok a page logs in and talks");
}

await browser.close();
process.exit(0);
