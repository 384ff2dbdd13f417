// The page itself: its drawer, its address, and what each part of it does when it is used.

const isNarrow = matchMedia("(max-width: 48rem)");

function setDrawer(isOpen) {
  const wasOpen = document.body.classList.contains("drawer");
  document.body.classList.toggle("drawer", isOpen);
  fence();
  at("open-drawer").ariaExpanded = String(isOpen);
  if (isOpen) (drawer.querySelector("[aria-current]") ?? at("new")).focus();
  else if (wasOpen && drawer.contains(document.activeElement)) at("open-drawer").focus();
}

function allowSending() {
  at("send").disabled = view.asking || !prompt.value.trim();
}

function fitPrompt() {
  allowSending();
  // Browsers with field-sizing do this by themselves.
  if (CSS.supports("field-sizing", "content")) return;
  prompt.style.height = "auto";
  prompt.style.height = `${prompt.scrollHeight}px`;
}

const addressOf = (chat, file) => `#chat=${chat}${file ? `&file=${file}` : ""}`;

/** Opens a chat, and a file of it; without a file the list of them. */
function goTo(chat, file) {
  const address = chat ? addressOf(chat, file) : "";
  if (location.hash === address) openFromAddress(false);
  else location.hash = address;
}

/** Opens what the address names. What is on the screen already stays. */
function openFromAddress(isFresh) {
  const address = new URLSearchParams(location.hash.slice(1));
  const [id, file, message, passage] = ["chat", "file", "message", "passage"].map((name) => address.get(name));
  const isHere = id && !isFresh && id === (view.chat?.id ?? view.id);
  if (!isHere) {
    if (id) openChat(id);
    else show(newView());
  }
  if (file && !isRoomy.matches) setPanel(true);
  if (file && file !== view.opened?.id) openFile(file);
  else if (!file && (view.opened || isHere)) closeOpened();
  setDrawer(false);
  // What was said just now is on the screen without its id.
  if (message) return bringIntoSight(isHere && !at(message) ? openChat(id) : view, message);
  if (passage) return openFound(passage);
  if (isHere) return focusPanel(file);
  if (!isNarrow.matches && at("undo").hidden) prompt.focus();
}

/** Puts the focus where someone who opened or closed a file goes on. */
function focusPanel(file) {
  if (document.activeElement !== document.body && !at("panel").contains(document.activeElement) && !at("main").inert) return;
  if (file) at("opened-name").focus();
  else if (!at("panel").hidden) (at("files").querySelector("a, button") ?? at("write")).focus();
}

async function start() {
  at("logout").hidden = !session.token;
  // First, so that nothing that someone does while the lists are on their way is undone.
  openFromAddress(true);
  try {
    await Promise.all([loadModels(), loadChats(), loadTags()]);
  } catch (error) {
    complain(error, "Try again", start);
  }
}

at("skip").onclick = (event) => { event.preventDefault(); prompt.focus(); };
at("new").onclick = () => {
  if (location.hash) location.hash = "";
  else openFromAddress(true);
  setDrawer(false);
  prompt.focus();
};
at("query").oninput = search;
at("search").onsubmit = (event) => { event.preventDefault(); search(); };
at("older-chats").onclick = () => loadChats(nextChats).catch(complain);
at("earlier").onclick = showEarlier;
at("onward").onclick = goOnward;
messages.onclick = doAct;
at("open-drawer").onclick = () => setDrawer(true);
at("shade").onclick = () => {
  if (document.body.classList.contains("drawer")) setDrawer(false);
  else setPanel(false);
};
at("chats").onclick = (event) => { if (event.target.closest("[aria-current]")) setDrawer(false); };
at("rename").onclick = askTitle;
at("renaming").querySelector("form").onsubmit = rename;
at("keep-title").onclick = () => at("renaming").close();
at("delete").onclick = () => deleteChat(view.chat);
at("listing").onchange = () => chooseShelf(at("listing").value).catch(complain);
at("menu").onbeforetoggle = placeMenu;
at("menu").onclick = (event) => { if (event.target.closest("button")) at("menu").hidePopover(); };
at("pin").onclick = pin;
at("archive").onclick = archive;
at("tag").onclick = askTags;
at("share").onclick = openSharing;
for (const format of ["md", "html", "json"]) at(`copy-${format}`).onclick = () => takeCopy(format);
at("tagging").querySelector("form").onsubmit = tag;
at("keep-tags").onclick = () => at("tagging").close();
at("sharing").querySelector("form").onsubmit = makeLink;
at("close-sharing").onclick = () => at("sharing").close();
at("copy-link").onclick = () => copyText(at("link").textContent, at("copy-link"));
at("open-usage").onclick = openUsage;
at("undo").onclick = undoLeaving;
at("model").onchange = () => chooseModel(at("model").value);
at("composer").onsubmit = (event) => { event.preventDefault(); send(); };
at("stop").onclick = stop;
at("attach").onclick = () => at("upload").click();
at("upload").onchange = () => {
  upload(at("upload").files, "files");
  // So that the same file can be chosen once more.
  at("upload").value = "";
  prompt.focus();
};
at("add").onclick = () => at("upload").click();
at("add-documents").onclick = () => at("upload-documents").click();
at("upload-documents").onchange = () => {
  upload(at("upload-documents").files, "documents");
  at("upload-documents").value = "";
};
at("leave-passage").onclick = () => leavePassage(true);
at("close-passage").onclick = () => leavePassage(false);
at("write").onclick = beginText;
at("open-files").onclick = () => setPanel(at("panel").hidden);
for (const id of ["close-panel", "close-opened"]) at(id).onclick = () => setPanel(false);
at("back").onclick = () => {
  wantsPanel = true;
  if (view.opened) goTo(view.chat.id);
  else closeOpened();
};
at("older-versions").onclick = showOlderVersions;
at("face-text").onchange = at("face-changes").onchange = (event) => {
  view.opened.face = event.target.value;
  showOpened();
};
at("since").onchange = () => {
  view.opened.since = Number(at("since").value);
  showOpened();
};
at("edit").onclick = beginEdit;
at("revert").onclick = revert;
at("save-file").onclick = saveFile;
at("delete-file").onclick = () => deleteFile(view.opened.file);
at("editor").onsubmit = store;
at("editor").oninput = noteDraft;
at("editor").onkeydown = (event) => {
  if (event.key === "s" && (event.ctrlKey || event.metaKey)) store(event);
};
at("discard").onclick = discard;
at("mode").onchange = (event) => setMode(event.target.value);
const isOverDocuments = ({ target }) => Boolean(target.closest?.("#document-shelf"));
document.body.ondragover = (event) => {
  if (!event.dataTransfer.types.includes("Files") || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  document.body.classList.add("dropping");
  document.body.classList.toggle("to-documents", isOverDocuments(event));
};
document.body.ondragleave = (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); };
document.body.ondrop = (event) => {
  document.body.classList.remove("dropping");
  const { files } = event.dataTransfer;
  if (!files.length) return;
  event.preventDefault();
  upload(files, isOverDocuments(event) ? "documents" : "files");
};
at("copy-curl").onclick = () => copyText(at("curl").textContent, at("copy-curl"));
at("login").oncancel = (event) => event.preventDefault();
at("login").querySelector("form").onsubmit = login;
at("logout").onclick = logout;
prompt.oninput = fitPrompt;
prompt.onkeydown = (event) => {
  // While an input method composes a word, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
};
onkeydown = (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open], :popover-open")) return;
  if (document.body.classList.contains("drawer")) setDrawer(false);
  else if (view.cited && at("cited").contains(document.activeElement)) leavePassage(false);
  else if (!isRoomy.matches && isPanelOpen()) setPanel(false);
  else if (view.running.size) stop();
};
conversation.onscroll = () => {
  isAtEnd = conversation.scrollHeight - conversation.scrollTop - conversation.clientHeight < 80;
};
new ResizeObserver(() => keepAtEnd(() => {})).observe(conversation);
onhashchange = () => openFromAddress(false);
onpagehide = () => finishLeaving(true);
onbeforeunload = (event) => { if (drafts.size) event.preventDefault(); };
// What others did with the files meanwhile.
onfocus = () => {
  loadFiles(view).catch(() => {});
  loadDocuments(view).catch(() => {});
};
isNarrow.onchange = () => setDrawer(false);
isRoomy.onchange = () => {
  wantsPanel = !at("panel").hidden;
  showPanel();
};

start();
