// The open chat: what of it is on the screen.

/** What is on the screen. Another chat gets another view; whatever still runs for an old one stops looking. */
let view = newView();

function newView(id = null) {
  return {
    id, chat: chats.find((chat) => chat.id === id) ?? null, model: null, mode: modes.get(id) ?? "chat",
    ready: null, left: new AbortController(), asking: false, running: new Set(), earlier: null, last: null,
    points: [], earlierPoints: null,
    files: [], documents: [], coming: [], opened: null, writing: null, cited: null,
  };
}

function show(next) {
  view.left.abort();
  view = next;
  // Over the conversation it would hide what was just chosen.
  if (!isRoomy.matches) wantsPanel = false;
  calm();
  messages.replaceChildren();
  showBranches();
  showHead();
  showModels();
  showMode();
  closeOpened();
  showFiles();
  showDocuments();
  showRunning();
}

function showHead() {
  const { chat } = view;
  const title = chat ? titleOf(chat) : "New chat";
  at("title").textContent = title;
  document.title = chat ? `${title} · Kafka` : "Kafka";
  at("rename").hidden = at("delete").hidden = !chat;
  showMenu();
  at("welcome").hidden = Boolean(chat) || messages.hasChildNodes();
  at("earlier").hidden = !view.earlier;
  showChats();
}

function openChat(id) {
  const here = newView(id);
  show(here);
  here.ready = loadChat(here, id);
  return here;
}

async function loadChat(here, id) {
  const { signal } = here.left;
  try {
    const [chat, page, files, showThem] = await patiently(() => Promise.all([
      call("GET", `chats/${id}`, { signal }), readMessages(id, signal), readFiles(id, signal), learnBranches(here),
    ]), signal);
    here.chat = chat;
    here.files = files;
    showConversation(page);
    showThem();
    showModels();
    showFiles();
    showEnd();
    // Whoever may not see documents, for example with a key for chats only, has the rest.
    loadDocuments(here).catch(() => {});
  } catch (error) {
    if (!signal.aborted) complain(error, "Try again", () => openChat(id));
  }
}

const readMessages = (id, signal) => call("GET", `chats/${id}/messages?limit=50`, { signal });

/** Shows the end of the conversation. */
function showConversation(page) {
  view.earlier = page.prev_cursor;
  view.last = null;
  messages.replaceChildren(...page.items.map((message) => showMessage(message).node));
  showHead();
  offerRetry();
}

async function showEarlier() {
  const { chat, left: { signal } } = view;
  try {
    const page = await call("GET", `chats/${chat.id}/messages?limit=50&before=${encodeURIComponent(view.earlier)}`, { signal });
    const fromEnd = conversation.scrollHeight - conversation.scrollTop;
    const { last } = view;
    messages.prepend(...page.items.map((message) => showMessage(message).node));
    view.last = last;
    view.earlier = page.prev_cursor;
    at("earlier").hidden = !view.earlier;
    if (view.earlierPoints) (await learnBranches(view, view.earlierPoints))();
    else showBranches();
    conversation.scrollTop = conversation.scrollHeight - fromEnd;
  } catch (error) {
    if (!signal.aborted) complain(error);
  }
}

// Whoever reads the end goes on reading it, whatever grows above or below.
let isAtEnd = true;

function showEnd() {
  conversation.scrollTop = conversation.scrollHeight;
  isAtEnd = true;
}

function keepAtEnd(change) {
  change();
  if (isAtEnd) showEnd();
}
