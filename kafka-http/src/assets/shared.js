// A chat for whoever has a link to it, to be read. The token stands behind the `#` of the address, which is sent to nobody.

const at = (id) => document.getElementById(id);
const token = location.hash.slice(1);
const PAGE = 50;

async function read(path) {
  const reply = await fetch(`/api/v1/shared${path}`, { headers: { authorization: `Bearer ${token}` }, cache: "no-store" });
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.detail);
  return body;
}

const timeOf = (instant) => new Date(instant).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

const ENDS = { streaming: "This answer is being written.", interrupted: "This answer was interrupted.", cancelled: "This answer was stopped.", failed: "The model failed." };

function shown({ role, type, content, model, status, created_at: made }) {
  const text = element("div", { className: "text", dir: "auto" });
  if (type === "file" || role === "user") text.append(content);
  else showMarkdown(text, content);
  const author = element("h2", {}, role === "user" ? "Question" : model ?? "Model");
  const end = ENDS[status] ? [element("p", { className: "state" }, ENDS[status])] : [];
  return element("article", { className: type === "file" ? `${role} note` : role }, author, text, ...end,
    element("div", { className: "facts" }, element("time", { dateTime: made }, timeOf(made))));
}

let earlier = null;

/** Shows the page before what is on the screen. Pages may be empty where only instructions stand. */
async function showEarlier() {
  const page = await read(`/messages?limit=${PAGE}${earlier ? `&before=${encodeURIComponent(earlier)}` : ""}`);
  const height = document.documentElement.scrollHeight;
  at("messages").prepend(...page.items.map(shown));
  if (earlier) scrollBy(0, document.documentElement.scrollHeight - height);
  earlier = page.prev_cursor;
  at("earlier").hidden = !earlier;
}

function complain(error) {
  at("about").textContent = error instanceof TypeError ? "The server does not answer; try again later." : error.message;
}

async function start() {
  const chat = await read("");
  const title = chat.title?.trim() || "Untitled chat";
  at("title").textContent = title;
  document.title = `${title} · Kafka`;
  await showEarlier();
  at("about").textContent = `Shared with you to read. Last changed ${timeOf(chat.updated_at)}.`;
}

at("earlier").onclick = () => showEarlier().catch(complain);
onhashchange = () => location.reload();
start().catch(complain);
