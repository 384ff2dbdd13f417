// The files of the open chat: the list of them, and taking one out of the chat.

const KINDS = { based: "Based", text: "Text", upload: "File" };
/** The path of an upload names the file whose bytes it is: `uploads/files/<id>_<filename>`. */
const FILE_ID = /^uploads\/files\/([0-9a-f-]{36})_/;
const UNITS = ["bytes", "KiB", "MiB"];

const fileIdOf = ({ path }) => path.match(FILE_ID)?.[1];
const isText = (file) => file.latest_version != null;

/** Lengths of uploads by their file's id, as far as they were asked for. */
const lengths = new Map();

function shownLength(bytes) {
  if (bytes === 1) return "1 byte";
  const unit = bytes < 1024 ? 0 : bytes < 1024 ** 2 ? 1 : 2;
  return `${(bytes / 1024 ** unit).toLocaleString([], { maximumFractionDigits: 1 })} ${UNITS[unit]}`;
}

/** A whole list, however many pages that takes. */
async function readAll(path, signal) {
  const all = [];
  for (let after = null, isFirst = true; isFirst || after; isFirst = false) {
    const page = await call("GET", `${path}?limit=200${after ? `&after=${encodeURIComponent(after)}` : ""}`, { signal });
    all.push(...page.items);
    after = page.next_cursor;
  }
  return all;
}

const readFiles = (chat, signal) => readAll(`chats/${chat}/files`, signal);

async function loadFiles(here) {
  if (!here.chat) return;
  const { signal } = here.left;
  here.files = await patiently(() => readFiles(here.chat.id, signal), signal);
  if (view !== here) return;
  showFiles();
  await catchUp(here);
}

function showFiles() {
  const files = view.files.filter(({ id }) => !isLeaving(id));
  at("files").replaceChildren(...files.map(fileRow), ...comingRows("files"));
  at("no-files").hidden = at("files").hasChildNodes();
  showPanel();
  learnLengths(view);
}

function fileRow(file) {
  const { id, filename, kind, latest_version: newest } = file;
  const size = lengths.get(fileIdOf(file));
  const about = [KINDS[kind] ?? kind, isText(file) ? `version ${newest}` : size != null && shownLength(size)].filter(Boolean);
  const name = isText(file)
    ? element("a", { href: addressOf(view.chat.id, id), title: filename }, filename)
    : element("span", { title: filename }, filename);
  const tools = [iconButton("delete", `Delete ${filename}`, () => deleteFile(file))];
  if (!isText(file)) tools.unshift(iconButton("save-file", `Download ${filename}`, () => download(file)));
  return element("li", {}, name, element("small", {}, about.join(", ")), ...tools);
}

/** What is on its way into this list. */
const comingRows = (shelf) => view.coming.filter((file) => file.shelf === shelf).map(comingRow);

function comingRow({ name, size, arrived }) {
  const progress = element("progress", { max: size || 1, value: arrived, ariaLabel: `${name} is on its way` });
  return element("li", { className: "coming" }, element("span", { title: name }, name), element("small", {}, "on its way…"), progress);
}

/** A button with the picture of the one that has this id. */
function iconButton(id, label, onclick) {
  const picture = at(id).querySelector("svg").cloneNode(true);
  return element("button", { type: "button", className: "icon", ariaLabel: label, title: label, onclick }, picture);
}

/** Asks how long the uploads are that are on the screen for the first time. */
async function learnLengths(here) {
  if (here.isLearning || at("panel").hidden) return;
  here.isLearning = true;
  const unknown = here.files.filter((file) => !isText(file) && !lengths.has(fileIdOf(file)));
  for (const id of unknown.map(fileIdOf)) {
    // What cannot be read, for example with a key for chats only, is shown without its length.
    const found = await call("GET", `files/${id}`, { signal: here.left.signal }).catch(() => ({}));
    lengths.set(id, found.size_bytes);
  }
  here.isLearning = false;
  if (unknown.length && view === here) showFiles();
}

function deleteFile(file) {
  const here = view;
  if (here.opened?.id === file.id) goTo(here.chat.id);
  leave({
    id: file.id,
    name: file.filename,
    path: `chat-files/${file.id}`,
    draw: () => { if (view === here) showFiles(); },
    back: () => { if (view === here) at("panel").querySelector("#files a, #files button")?.focus(); },
    gone() {
      here.files = here.files.filter((other) => other.id !== file.id);
      drafts.delete(file.id);
    },
  });
}
