// Searching: what was found in all chats, and the way to a message. The way to a passage is that of citations.

const TYPING_MS = 250;
/** Pages of older messages that are read on the way to one. */
const WAY_UP = 40;

let searching = new AbortController();
let typing;

/** Shows what is found in place of the list of chats, once nobody types any more. */
function search() {
  clearTimeout(typing);
  searching.abort();
  searching = new AbortController();
  const query = at("query").value.trim();
  at("found").hidden = !query;
  at("listed").hidden = Boolean(query);
  if (query) typing = setTimeout(() => find(query), TYPING_MS);
  else at("hits").replaceChildren();
}

async function find(query, after) {
  const { signal } = searching;
  try {
    const { items, next_cursor: next } = await call("POST", "search", { body: { query, mode: "text", after }, signal });
    if (!after) at("hits").replaceChildren();
    at("hits").append(...items.map(hitRow));
    at("no-hits").hidden = at("hits").hasChildNodes();
    at("more-hits").hidden = !next;
    at("more-hits").onclick = () => find(query, next);
  } catch (error) {
    if (!signal.aborted) complain(error, "Try again", () => find(query, after));
  }
}

function hitRow(hit) {
  const message = hit.message_id ? `&message=${hit.message_id}` : "";
  const passage = hit.document_id ? `&passage=${hit.document_id}.${hit.start}.${hit.end}` : "";
  // A document that the chats of a workspace share is in none of them.
  const href = `#${hit.chat_id ? `chat=${hit.chat_id}` : ""}${message}${passage}`;
  const onclick = () => { if (location.hash === href) openFromAddress(false); };
  return element("li", {}, element("a", { href, onclick },
    element("span", {}, hit.filename || hit.title?.trim() || "Untitled chat"),
    element("time", { dateTime: hit.created_at }, dayOf(hit.created_at)),
    element("p", {}, ...marked(hit.snippet))));
}

/** A snippet with its marks: U+0002 stands before what was searched for, U+0003 behind it. */
function marked(snippet) {
  const [before, ...parts] = snippet.split("\u0002");
  return [before, ...parts.flatMap((part) => {
    const [found, rest = ""] = part.split("\u0003");
    return [element("mark", {}, found), rest];
  })];
}

/** Brings a message of the open chat into sight, from however far up. */
async function bringIntoSight(here, id) {
  await here.ready;
  for (let pages = 0; view === here; pages += 1) {
    const node = at(id);
    if (node) {
      isAtEnd = false;
      node.scrollIntoView({ block: "center" });
      node.tabIndex = -1;
      node.focus({ preventScroll: true });
      return;
    }
    if (!view.earlier || pages >= WAY_UP) break;
    await showEarlier();
  }
  if (view === here) complain(new Problem(404, { detail: "That message stands on another branch of this chat, or very far up." }));
}
