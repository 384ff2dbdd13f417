// What answers rest on: the numbers in them as ways to passages of documents, and the passage that is open.

/** How much is shown before a passage and behind it, in bytes. */
const AROUND = 600;
const NUMBERS = /\[\d{1,3}(?:, ?\d{1,3})*\]/g;
const GONE = "This citation is stale: the document was deleted or replaced since, and what it said is not kept.";

/** Makes ways of the numbers in an answer, and lists what they stand for below it. */
function showSources({ text, sources, cites }) {
  cites.hidden = !sources.length;
  if (!sources.length) return;
  linkNumbers(text, sources);
  const rows = sources.map((source) => element("li", { className: source.stale ? "stale" : "" },
    citation(source, `[${source.n}] ${source.filename}`), source.stale ? " (stale)" : ""));
  const count = `${sources.length} ${sources.length === 1 ? "source" : "sources"}`;
  cites.replaceChildren(element("summary", {}, count), element("ul", { ariaLabel: "Sources" }, ...rows));
}

function linkNumbers(node, sources) {
  const byNumber = new Map(sources.map((source) => [source.n, source]));
  const walk = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walk.nextNode()) if (!walk.currentNode.parentElement.closest("a, button, code")) texts.push(walk.currentNode);
  for (const text of texts) {
    const parts = [];
    let end = 0;
    for (const match of text.data.matchAll(NUMBERS)) {
      const found = match[0].match(/\d+/g).map((n) => byNumber.get(Number(n)));
      if (found.includes(undefined)) continue;
      parts.push(text.data.slice(end, match.index), ...found.map((source) => citation(source, `[${source.n}]`)));
      end = match.index + match[0].length;
    }
    if (end) text.replaceWith(...parts, text.data.slice(end));
  }
}

function citation(source, label) {
  const button = element("button", { type: "button", className: "citation", title: source.filename, ariaLabel: `Source ${source.n}, ${source.filename}` }, label);
  button.onclick = () => openPassage(source, button);
  return button;
}

/** Learns what an answer was made from, which its events do not tell. */
async function learnSources(here, answer) {
  const { sources } = await call("GET", `messages/${answer.response.message_id}`, { signal: here.left.signal });
  answer.sources = sources ?? [];
  keepAtEnd(() => showSources(answer));
}

/** Opens the passage that an address names. */
function openFound(passage) {
  const [id, start, end] = passage.split(".");
  const { activeElement: focused } = document;
  return openPassage({ document_id: id, start: Number(start), end: Number(end) }, focused === document.body ? at("open-files") : focused);
}

/** Shows a passage beside the conversation. `from` is where the focus goes afterwards. */
async function openPassage(source, from) {
  const here = view;
  if (here.opened) history.pushState(null, "", addressOf(here.chat.id));
  const wasOpen = isPanelOpen();
  closeOpened();
  const cited = here.cited = { source, from, wasOpen };
  nameCited(source.filename ?? "Document");
  at("about-passage").textContent = source.n ? `Source ${source.n}` : "Found by searching";
  at("passage").replaceChildren();
  if (isRoomy.matches) showPanel();
  else setPanel(true);
  at("cited-name").focus();
  const isStill = () => view === here && here.cited === cited;
  try {
    const passage = source.stale ? null : await readAround(source, here.left.signal);
    if (!isStill()) return;
    if (passage) nameCited(passage.filename);
    showPassage(passage?.parts);
  } catch (error) {
    if (!isStill()) return;
    if (error.status === 404) showPassage(null);
    else complain(error, isPassing(error) && "Try again", () => openPassage(source, from));
  }
}

function nameCited(filename) {
  at("cited-name").textContent = at("cited-name").title = filename;
}

/** What a document is called, and what stands before a passage of it, the passage, and what stands behind it. */
async function readAround({ document_id: id, start, end }, signal) {
  const { filename, text, start: first } = await call("GET", `documents/${id}/passages?start=${Math.max(0, start - AROUND)}`, { signal });
  const bytes = new TextEncoder().encode(text);
  // A character of which only the beginning is wanted is left out.
  const cut = (from, to) => new TextDecoder().decode(bytes.subarray(from - first, to - first), { stream: true });
  const [before, after] = [cut(first, start), cut(end, end + AROUND)];
  const parts = [
    first > 0 ? before.replace(/^\S*\s/, "… ") : before,
    cut(start, end),
    end + AROUND < first + bytes.length ? after.replace(/\s\S*$/, " …") : after,
  ];
  return { filename, parts };
}

function showPassage(parts) {
  const passage = at("passage");
  if (!parts) return passage.replaceChildren(element("p", { className: "state bad" }, GONE));
  const [before, said, after] = parts;
  const mark = element("mark", {}, said);
  passage.replaceChildren(before, mark, after);
  passage.scrollTop = mark.offsetTop - passage.clientHeight / 4;
}

/** Goes back to the list, or closes the panel if it was closed before. */
function leavePassage(toList) {
  const { from, wasOpen } = view.cited;
  view.cited = null;
  if (toList) wantsPanel = true;
  if (toList || (wasOpen && isRoomy.matches)) showPanel();
  else setPanel(false);
  if (toList) focusPanel();
  else if (from.isConnected) from.focus();
}
