// The page itself: its drawer, its address, and what each part of it does when it is used.

const isNarrow = matchMedia("(max-width: 48rem)");

function setDrawer(isOpen) {
  const wasOpen = document.body.classList.contains("drawer");
  document.body.classList.toggle("drawer", isOpen);
  at("main").inert = isOpen && isNarrow.matches;
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

function openFromAddress() {
  const id = new URLSearchParams(location.hash.slice(1)).get("chat");
  if (id) openChat(id);
  else show(newView());
  setDrawer(false);
  if (!isNarrow.matches && at("undo").hidden) prompt.focus();
}

async function start() {
  at("logout").hidden = !session.token;
  // First, so that nothing that someone does while the lists are on their way is undone.
  openFromAddress();
  try {
    await Promise.all([loadModels(), loadChats()]);
  } catch (error) {
    complain(error, "Try again", start);
  }
}

at("skip").onclick = (event) => { event.preventDefault(); prompt.focus(); };
at("new").onclick = () => {
  if (location.hash) location.hash = "";
  else openFromAddress();
  setDrawer(false);
  prompt.focus();
};
at("older-chats").onclick = () => loadChats(nextChats).catch(complain);
at("earlier").onclick = showEarlier;
at("open-drawer").onclick = () => setDrawer(true);
at("shade").onclick = () => setDrawer(false);
at("chats").onclick = (event) => { if (event.target.closest("[aria-current]")) setDrawer(false); };
at("rename").onclick = askTitle;
at("renaming").querySelector("form").onsubmit = rename;
at("keep-title").onclick = () => at("renaming").close();
at("delete").onclick = () => deleteChat(view.chat);
at("undo").onclick = undoDeleting;
at("model").onchange = () => chooseModel(at("model").value);
at("composer").onsubmit = (event) => { event.preventDefault(); send(); };
at("stop").onclick = stop;
at("attach").onclick = () => at("upload").click();
at("upload").onchange = () => {
  upload(at("upload").files);
  // So that the same file can be chosen once more.
  at("upload").value = "";
  prompt.focus();
};
at("main").ondragover = (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); };
at("main").ondrop = (event) => {
  const { files } = event.dataTransfer;
  if (!files.length) return;
  event.preventDefault();
  upload(files);
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
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (document.body.classList.contains("drawer")) setDrawer(false);
  else if (view.running.size) stop();
};
conversation.onscroll = () => {
  isAtEnd = conversation.scrollHeight - conversation.scrollTop - conversation.clientHeight < 80;
};
new ResizeObserver(() => keepAtEnd(() => {})).observe(conversation);
onhashchange = openFromAddress;
onpagehide = () => finishDeleting(true);
isNarrow.onchange = () => setDrawer(false);

start();
