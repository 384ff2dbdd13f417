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
    : "No text is open: writes a new one, or answers. Open a text to have it changed.";
}

/** What a question says besides its text. */
function wishes() {
  return view.mode === "composer" ? { mode: "composer", selected_file: view.opened?.file?.filename ?? null } : {};
}

const STAGES = {
  triage: () => "Thinking about what to do…",
  tools: () => "Thinking about what to use…",
  based: (name) => `Writing ${name || "a file"}…`,
  diff: (name) => `Changing ${name || "the file"}…`,
  reply: () => "Answering…",
};

/** The sentence for a stage; one that is unknown here is told by its name. */
function stageSentence({ name = "", filename, file, attempt }) {
  const sentence = STAGES[name]?.(filename ?? file) ?? `${name || "Working"}…`;
  return attempt > 1 ? `${sentence} (attempt ${attempt})` : sentence;
}

/** Takes what an answer tells of a file: shows it with what changed, unless someone is writing. */
async function takeFile(here, data, face) {
  if (view !== here) return;
  await loadFiles(here).catch(() => {});
  const { id } = fileOf(data);
  const file = here.files.find((file) => file.id === id) ?? here.files.findLast((file) => isText(file) && file.filename === fileOf(data).name);
  if (view !== here || !file || here.writing || !isRoomy.matches) return;
  if (here.opened?.id === file.id) return here.opened.newest && choose(here.opened.newest, face);
  history.replaceState(null, "", addressOf(here.chat.id, file.id));
  await openFile(file.id, face);
}

/** Which file an event is about, in whichever of its forms. */
function fileOf(data) {
  const file = data.file ?? data.chat_file ?? data;
  return { id: data.chat_file_id ?? data.version?.chat_file_id ?? file.id, name: file.filename ?? data.filename };
}
