// The choice between talking and having files written, and what is told while they are.

/** What was chosen, by the chat's id, until the page is left. */
const modes = new Map();

function setMode(mode) {
  view.mode = mode;
  if (view.chat) modes.set(view.chat.id, mode);
  showMode();
}

function showMode() {
  at(view.mode === "composer" ? "mode-composer" : "mode-chat").checked = true;
  prompt.placeholder = view.mode === "composer" ? "Say what to write or change" : "Write a message";
  showAim();
}

/** Says what the composer will work on. */
function showAim() {
  at("aim").hidden = view.mode !== "composer";
  const name = view.opened?.file?.filename;
  at("aim").textContent = name
    ? `Works on ${name}, which is open.`
    : "Writes a new text, changes the one that was changed last, or answers. Open a text to have that one changed.";
}

/** What a question says besides its text. */
function wishes() {
  return view.mode === "composer" ? { mode: "composer", selected_file: view.opened?.file?.filename ?? null } : {};
}

const STAGES = {
  triage: () => "Thinking about what to do…",
  write: (filename) => `Writing ${filename ?? "the text"}…`,
  edit: (filename) => `Changing ${filename ?? "the text"}…`,
  reply: () => "Answering…",
};

/** The sentence for a stage; one that is unknown here is told by its name. */
function stageSentence({ name, filename, attempt }) {
  const sentence = STAGES[name]?.(filename) ?? `${name || "Working"}…`;
  return attempt > 1 ? `${sentence} (attempt ${attempt})` : sentence;
}

/** Takes what an answer tells of a file: shows it with what changed, unless someone is writing. */
async function takeFile(here, data, face) {
  if (view !== here) return;
  await loadFiles(here).catch(() => {});
  const file = here.files.find(({ id }) => id === data.chat_file?.id);
  if (view !== here || !file || here.writing) return;
  if (here.opened?.id === file.id) {
    if (here.opened.newest) choose(here.opened.newest, face);
    return;
  }
  history.replaceState(null, "", addressOf(here.chat.id, file.id));
  await openFile(file.id, face);
}
