// The text that is open: its versions, what one of them says, and what it changed.

/** Versions come by pages of this size, the newest first. */
const VERSIONS_PAGE = 20;

/** Opens a text of the open chat, or takes another look at it. `face` is `text` or `changes`. */
async function openFile(id, face = "text") {
  const here = view;
  const file = here.files.find((file) => file.id === id) ?? null;
  const opened = { id, file, versions: new Map(), lowest: Infinity, newest: 0, number: 0, since: 0, face };
  closeOpened();
  here.opened = opened;
  showOpened();
  await here.ready;
  if (view !== here || here.opened !== opened) return;
  try {
    opened.file = await patiently(() => call("GET", `chat-files/${id}`, { signal: here.left.signal }), here.left.signal);
    if (!isText(opened.file)) return leaveFile(here, opened);
    await readVersions(here, opened, opened.file.latest_version);
    if (here.opened === opened) choose(opened.newest);
  } catch (error) {
    if (here.left.signal.aborted || here.opened !== opened) return;
    leaveFile(here, opened);
    complain(error);
  }
}

/** Shows the list of files again. What was written and not stored is kept. */
function closeOpened() {
  view.opened = view.writing = view.cited = null;
  at("opened-name").textContent = at("about-sheet").textContent = "";
  for (const id of ["versions", "page-of-text", "stale"]) at(id).replaceChildren();
  showOpened();
}

/** Goes back from a file that is none to look into, or is none any more. */
function leaveFile(here, opened) {
  if (view === here && here.opened === opened) goTo(here.chat?.id);
}

/** Reads the versions from `top` downwards, at least a few of them. */
async function readVersions(here, opened, top) {
  const { signal } = here.left;
  const path = `chat-files/${opened.id}/versions`;
  const enough = top - VERSIONS_PAGE / 2;
  for (let at = top; at > 0 && at >= enough && !opened.versions.has(at);) {
    const page = Math.ceil(at / VERSIONS_PAGE);
    let items;
    try {
      ({ items } = await call("GET", `${path}?page=${page}&page_size=${VERSIONS_PAGE}`, { signal }));
    } catch (error) {
      // Long texts come one by one.
      if (error.code !== "page_too_large") throw error;
      items = [await call("GET", `${path}/${at}`, { signal })];
    }
    for (const version of items) opened.versions.set(version.number, version);
    at = Math.min(at, ...items.map(({ number }) => number)) - 1;
  }
  const numbers = [...opened.versions.keys()];
  opened.newest = Math.max(...numbers);
  opened.lowest = Math.min(...numbers);
}

/** Shows what was stored since the files were looked at last. */
async function catchUp(here) {
  const { opened } = here;
  if (!opened?.newest) return;
  const file = here.files.find(({ id }) => id === opened.id);
  if (!file) {
    if (!here.writing) leaveFile(here, opened);
    return;
  }
  const before = opened.newest;
  opened.file = file;
  if (file.latest_version > before) await readVersions(here, opened, file.latest_version);
  if (view !== here || here.opened !== opened) return;
  if (opened.newest === before) return;
  if (here.writing) showStale(opened.newest);
  if (opened.number === before) choose(opened.newest);
  else showOpened();
}

/** Looks at a version, and at what it changed of the one before. */
function choose(number, face = view.opened.face) {
  const { opened } = view;
  Object.assign(opened, { number, since: number - 1, face });
  showOpened();
}

function showOpened() {
  const { opened, writing } = view;
  showPanel();
  at("editor").hidden = !writing;
  const isRead = opened?.number > 0 && !writing;
  for (const id of ["history", "sheet", "delete-file", "save-file"]) at(id).hidden = !isRead;
  if (!opened) return;
  at("opened-name").textContent = at("opened-name").title = opened.file?.filename ?? "";
  if (!isRead) return;
  showVersions(opened);
  showSheet(opened);
}

function showVersions(opened) {
  const numbers = [...opened.versions.keys()].sort((one, other) => other - one);
  const hadFocus = at("versions").contains(document.activeElement);
  at("versions").replaceChildren(...numbers.map((number) => {
    const { timestamp } = opened.versions.get(number);
    const button = element("button", { type: "button", className: "quiet", onclick: () => choose(number) },
      element("span", {}, `Version ${number}`, number === opened.newest ? element("small", {}, " latest") : ""), element("time", { dateTime: timestamp, title: new Date(timestamp).toLocaleString() }, dayOf(timestamp)));
    if (number === opened.number) button.ariaCurrent = "true";
    return element("li", {}, button);
  }));
  if (hadFocus) at("versions").querySelector("[aria-current]")?.focus();
  at("older-versions").hidden = opened.lowest <= 1;
}

async function showOlderVersions() {
  const here = view;
  const { opened } = here;
  try {
    await readVersions(here, opened, opened.lowest - 1);
    if (here.opened === opened) showOpened();
  } catch (error) {
    if (!here.left.signal.aborted) complain(error);
  }
}

function showSheet(opened) {
  const { number, newest, versions, face, since } = opened;
  const { content } = versions.get(number);
  at(face === "changes" ? "face-changes" : "face-text").checked = true;
  at("revert").hidden = number === newest;
  at("revert").textContent = `Revert to version ${number}`;
  at("edit").hidden = number !== newest;
  at("edit").textContent = drafts.has(opened.id) ? "Go on editing" : "Edit";
  at("compare").hidden = face !== "changes" || newest < 2;
  const others = Array.from({ length: newest }, (_, place) => newest - place).filter((other) => other !== number);
  // Before the first there is none.
  if (!since) others.unshift(0);
  at("since").replaceChildren(...others.map((other) => new Option(other ? `version ${other}` : "nothing", other, false, other === since)));
  if (face === "changes") return showChanges(opened);
  at("about-sheet").textContent = shownLength(new Blob([content]).size);
  at("page-of-text").replaceChildren(content === ""
    ? element("p", { className: "empty" }, "This version is empty.")
    : BUILD.code({ lines: [content], language: "" }));
}

async function showChanges(opened) {
  const here = view;
  const { id, number, since } = opened;
  const isStill = () => view === here && here.opened === opened && opened.number === number && opened.since === since && opened.face === "changes";
  const say = (sentence) => at("page-of-text").replaceChildren(element("p", { className: "empty" }, sentence));
  at("about-sheet").textContent = "";
  if (!since) return say("This is the first version: there is none before it to compare it with.");
  try {
    const { diff } = await call("GET", `chat-files/${id}/diff?from=${since}&to=${number}`, { signal: here.left.signal });
    if (!isStill()) return;
    if (!diff) return say(`Versions ${since} and ${number} say the same.`);
    at("about-sheet").textContent = countChanges(diff);
    at("page-of-text").replaceChildren(...drawDiff(diff, `What makes version ${number} of version ${since}`));
  } catch (error) {
    if (isStill()) complain(error, "Try again", () => showChanges(opened));
  }
}

async function revert() {
  const here = view;
  const { opened } = here;
  const { id, number } = opened;
  try {
    const now = await act("POST", `chat-files/${id}/revert`, { body: { number }, key: freshKey() });
    await showNew(here, opened, now.number);
    speak(`The text is as it was in version ${number} again; that is version ${now.number}.`);
  } catch (error) {
    complain(error);
  }
}

/** Shows a version that was just stored, and what it changed. */
async function showNew(here, opened, number) {
  await loadFiles(here);
  if (view === here && here.opened === opened) choose(number, "changes");
}

/** Hands over the version that is looked at. */
function saveFile() {
  const { file, versions, number } = view.opened;
  handOver(file.filename, new Blob([versions.get(number).content], { type: "text/plain" }));
}
