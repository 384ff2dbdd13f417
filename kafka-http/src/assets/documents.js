// The documents of the open chat: the list of them, how far reading each has come, replacing and deleting one.

const isUnread = ({ processing_status: status }) => status === "pending" || status === "processing";

/** Those of the chat, and those that all chats of its workspace share. */
async function readDocuments({ id, workspace_id: workspace }, signal) {
  const paths = [`chats/${id}/documents`, ...workspace ? [`workspaces/${workspace}/documents`] : []];
  return (await Promise.all(paths.map((path) => readAll(path, signal)))).flat();
}

/** Reads the list, and again until each document is read or cannot be. Whoever looks anew goes on looking. */
async function loadDocuments(here) {
  if (!here.chat) return;
  const { signal } = here.left;
  const look = here.look = {};
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
    const documents = await patiently(() => readDocuments(here.chat, signal), signal);
    if (view !== here || here.look !== look) return;
    const before = here.documents;
    here.documents = documents;
    showDocuments();
    tellRead(before, documents);
    if (!documents.some(isUnread)) return;
    await pause(wait, signal);
    if (here.look !== look) return;
  }
}

/** Says what became of those that were not read before. */
function tellRead(before, documents) {
  const waited = new Set(before.filter(isUnread).map(({ id }) => id));
  const done = documents.filter((document) => waited.has(document.id) && !isUnread(document));
  if (done.length) speak(done.map((document) => `${document.filename}: ${standing(document)}`).join(". "));
}

function showDocuments() {
  const list = at("documents");
  const focused = list.contains(document.activeElement) && document.activeElement.ariaLabel;
  const documents = view.documents.filter(({ id }) => !isLeaving(id));
  list.replaceChildren(...documents.map(documentRow), ...comingRows("documents"));
  if (focused) [...list.querySelectorAll("button")].find(({ ariaLabel }) => ariaLabel === focused)?.focus();
  at("no-documents").hidden = list.hasChildNodes();
  showPanel();
}

/** How far a document has come, in words. */
function standing({ processing_status: status, error_message: reason, chunk_count: passages, tokens_used: tokens, embedding_model: model }) {
  if (status === "pending") return "waiting to be read…";
  if (status === "processing") return "being read…";
  if (status === "failed") return reason ?? "It cannot be read.";
  const about = `${passages.toLocaleString()} ${passages === 1 ? "passage" : "passages"}, about ${tokens.toLocaleString()} tokens, found by ${model ? "words and meaning" : "words"}`;
  return reason ? `${about}. ${reason}` : about;
}

function documentRow(document) {
  const { id, file_id: file, chat_id: chat, filename, processing_status: status } = document;
  const old = view.documents.find(({ id }) => id === document.replaces);
  const name = old ? `the new ${filename}` : filename;
  const tools = [];
  if (file) tools.push(iconButton("save-file", `Download ${name}`, () => download({ filename, path: `uploads/files/${file}_` })));
  if (chat && !old) tools.push(iconButton("replace", `Replace ${name}`, () => replaceDocument(document)));
  if (chat) tools.push(iconButton("delete", `Delete ${name}`, () => deleteDocument(document)));
  const about = (chat ? "" : "of the workspace: ") + (old ? `in place of ${old.filename}: ` : "") + standing(document);
  const row = element("li", { id: `document-${id}`, className: status }, element("span", { title: filename }, filename), element("small", {}, about), ...tools);
  if (isUnread(document)) row.append(element("progress", { ariaLabel: `${filename} is being read` }));
  return row;
}

/** Has a file chosen that takes the place of a document once it is read. */
function replaceDocument(old) {
  const input = at("upload-replacement");
  input.onchange = () => {
    upload(input.files, "documents", freshKey(), old);
    input.value = "";
  };
  input.click();
}

function deleteDocument({ id, filename }) {
  const here = view;
  leave({
    id,
    name: filename,
    path: `documents/${id}`,
    draw: () => { if (view === here) showDocuments(); },
    back: () => { if (view === here) at(`document-${id}`)?.querySelector("button")?.focus(); },
    gone() {
      here.documents = here.documents.filter((other) => other.id !== id);
    },
  });
}
