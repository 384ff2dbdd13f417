// Writing: a new text of the chat, or the next version of one.

/** What was written and not stored yet, by the id of its file, or of its chat for a new text, until the page is left. */
const drafts = new Map();

/** Begins a text that is no file yet. */
function beginText() {
  if (view.opened) goTo(view.chat.id);
  closeOpened();
  const key = view.chat?.id ?? "";
  write(drafts.get(key) ?? { key, name: "", text: "", was: "" });
  at("text-name").focus();
}

/** Begins the version after the newest, or goes on with it. */
function beginEdit() {
  const { id, newest, versions } = view.opened;
  const { content } = versions.get(newest);
  write(drafts.get(id) ?? { key: id, base: newest, was: content, text: content });
  at("draft").focus();
  // Someone else may have been faster.
  if (view.writing.base < newest) showStale(newest);
}

function write(draft) {
  view.writing = draft;
  at("text-name").value = draft.name ?? "";
  at("naming").hidden = !isNew(draft);
  at("text-name").required = isNew(draft);
  at("draft").value = draft.text;
  at("stale").replaceChildren();
  showOpened();
  if (isNew(draft)) at("opened-name").textContent = "New text";
  showDraft();
}

const isNew = (draft) => draft.base === undefined;

function noteDraft() {
  const { writing } = view;
  Object.assign(writing, { name: at("text-name").value, text: at("draft").value, once: undefined });
  if (writing.text !== writing.was) drafts.set(writing.key, writing);
  else drafts.delete(writing.key);
  showDraft();
}

function showDraft() {
  const { writing } = view;
  at("store").disabled = isNew(writing) ? !writing.name.trim() : writing.text === writing.was;
  at("store").textContent = isNew(writing) ? "Save" : `Save as version ${writing.base + 1}`;
  at("discard").textContent = writing.text !== writing.was ? "Discard" : "Close";
}

function discard() {
  drafts.delete(view.writing.key);
  endWriting();
}

function endWriting() {
  const { opened } = view;
  view.writing = null;
  at("stale").replaceChildren();
  if (!opened) return showPanel();
  choose(opened.newest);
  at("edit").focus();
}

async function store(event) {
  event?.preventDefault();
  const here = view;
  const { writing, opened } = here;
  if (!writing || writing.isOnItsWay || at("store").disabled) return;
  // The key makes saving again, after a connection that broke too early, the same version.
  writing.once ??= freshKey();
  writing.isOnItsWay = true;
  try {
    if (isNew(writing)) await storeText(here, writing);
    else await storeVersion(here, opened, writing);
  } catch (error) {
    if (view === here && error.code === "version_stale") {
      await loadFiles(here).catch(() => {});
      showStale(error.current);
    } else {
      complain(error, isPassing(error) && "Try again", () => store());
    }
  } finally {
    writing.isOnItsWay = false;
  }
}

async function storeText(here, { key, name, text, once }) {
  if (!await begin(here, name)) return;
  const file = await act("POST", `chats/${here.chat.id}/files`, { body: { filename: name, content: text }, key: once });
  drafts.delete(key);
  if (view !== here) return;
  here.writing = null;
  here.files = [...here.files, file];
  goTo(here.chat.id, file.id);
  showFiles();
}

async function storeVersion(here, opened, writing) {
  const { key, base, text: content, once } = writing;
  const { number } = await act("POST", `chat-files/${opened.id}/versions`, { body: { content, base }, key: once });
  drafts.delete(key);
  if (here.writing === writing) here.writing = null;
  await showNew(here, opened, number);
  if (view !== here || here.opened !== opened) return;
  at("edit").focus();
  speak(`Saved as version ${number}.`);
}

/**
 * Says that there is a newer version than the one that is edited, and what it changed. Whoever was told may
 * save on top of it.
 */
async function showStale(current) {
  const here = view;
  const { writing, opened } = here;
  if (isNew(writing) || writing.base >= current) return;
  const from = writing.from ??= writing.base;
  Object.assign(writing, { base: current, was: opened.versions.get(current)?.content, once: undefined });
  showDraft();
  const sentence = `Version ${current} was stored while you wrote, so yours is not stored yet. This is what changed since `
    + `version ${from}. Take from it what you need into your text and save that as version ${current + 1}, or discard yours.`;
  const say = (...nodes) => at("stale").replaceChildren(element("p", {}, sentence), ...nodes);
  say();
  speak(sentence);
  const { diff } = await call("GET", `chat-files/${opened.id}/diff?from=${from}&to=${current}`, { signal: here.left.signal }).catch(() => ({}));
  if (diff && view === here && here.writing === writing && writing.base === current) {
    say(...drawDiff(diff, `What changed from version ${from} to version ${current}`));
  }
}
