// The page: the list of chats, the open chat, and the answers that are being written in it.

const at = (id) => document.getElementById(id);
const drawer = at("drawer"), conversation = at("conversation"), messages = at("messages"), prompt = at("prompt");

const CHATS_PAGE = 40;
const UNDO_MS = 8000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4000;
const TITLE_CHARS = 60;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// ── What went wrong, and what was done ──────────────────────────────────────────────────────────

/** Shows a failure as its sentence, with a button that helps if there is one. */
function complain(error, label, remedy) {
  if (error.status === 401) return askLogin(error);
  if (!(error instanceof Problem || error instanceof Unreachable)) console.error(error);
  const help = element("button", { type: "button", className: "quiet", onclick: () => { calm(); remedy?.(); } }, label ?? "Close");
  at("trouble").replaceChildren(element("p", {}, error.message), help);
}

function calm() {
  at("trouble").replaceChildren();
}

function speak(sentence) {
  at("spoken").textContent = sentence;
}

/** Sends something that changes or asks, and shows how curl would. */
function act(method, path, options = {}) {
  calm();
  showCurl(method, path, options.body);
  return call(method, path, options);
}

function showCurl(method, path, body) {
  at("curl").textContent = curlLine(method, path, body);
  at("done").hidden = false;
}

/** Repeats what only reads until the server is there. */
async function patiently(read, signal) {
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
    try {
      const result = await read();
      if (wait > FIRST_PAUSE_MS) calm();
      return result;
    } catch (error) {
      if (!(error instanceof Unreachable) || signal?.aborted) throw error;
      complain(error);
    }
    await pause(wait);
    signal?.throwIfAborted();
  }
}

// ── Chats ───────────────────────────────────────────────────────────────────────────────────────

let chats = [];
let nextChats = null;

async function loadChats(cursor) {
  const page = await patiently(() => call("GET", `chats?limit=${CHATS_PAGE}${cursor ? `&after=${encodeURIComponent(cursor)}` : ""}`));
  const known = new Set(page.items.map((chat) => chat.id));
  chats = [...(cursor ? chats.filter((chat) => !known.has(chat.id)) : []), ...page.items];
  nextChats = page.next_cursor;
  showChats();
}

const rows = new Map();

function showChats() {
  const shown = chats.filter((chat) => chat !== leaving?.chat).map((chat) => {
    const row = rows.get(chat.id) ?? element("li", {}, element("a", { href: `#chat=${chat.id}` }, element("span"), element("time")));
    rows.set(chat.id, row);
    const [title, time] = row.firstChild.children;
    title.textContent = row.firstChild.title = titleOf(chat);
    time.textContent = dayOf(chat.updated_at);
    time.dateTime = chat.updated_at;
    if (chat.id === view.chat?.id) row.firstChild.ariaCurrent = "page";
    else row.firstChild.removeAttribute("aria-current");
    return row;
  });
  // A row that moves loses the focus, so rows move only when their order changed.
  const list = at("chats");
  if (shown.length !== list.children.length || shown.some((row, place) => row !== list.children[place])) list.replaceChildren(...shown);
  at("older-chats").hidden = !nextChats;
}

const titleOf = (chat) => chat.title?.trim() || "Untitled chat";

function dayOf(instant) {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date().toDateString();
  return date.toLocaleString([], isToday ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" });
}

/** Takes a chat as it is now, at the head of the list. */
function putFirst(chat) {
  chats = [chat, ...chats.filter((other) => other.id !== chat.id)];
  if (view.chat?.id === chat.id) view.chat = chat;
  showHead();
}

// A deleted chat is first only hidden, so that it can be brought back.
let leaving = null;

function deleteChat(chat) {
  finishDeleting();
  leaving = { chat, timer: setTimeout(finishDeleting, UNDO_MS) };
  location.hash = "";
  showChats();
  notify(`“${shortened(titleOf(chat))}” is deleted.`, true);
}

function undoDeleting() {
  const { chat, timer } = leaving;
  clearTimeout(timer);
  leaving = null;
  notify("");
  showChats();
  location.hash = `chat=${chat.id}`;
}

async function finishDeleting(keepalive = false) {
  if (!leaving) return;
  const { chat, timer } = leaving;
  clearTimeout(timer);
  chats = chats.filter((other) => other !== chat);
  rows.delete(chat.id);
  leaving = null;
  notify("");
  try {
    await act("DELETE", `chats/${chat.id}`, { keepalive: keepalive === true });
  } catch (error) {
    complain(error);
    loadChats().catch(complain);
  }
}

function notify(text, canUndo = false) {
  const hadFocus = document.activeElement === at("undo");
  at("notice").firstChild.textContent = text;
  at("undo").hidden = !canUndo;
  if (canUndo) at("undo").focus();
  else if (hadFocus) prompt.focus();
}

const shortened = (text) => text.length > TITLE_CHARS ? `${text.slice(0, TITLE_CHARS - 1).trimEnd()}…` : text;

// ── Models ──────────────────────────────────────────────────────────────────────────────────────

const ECHO = "echo";
/** `null` until they are known. */
let models = null;

async function loadModels() {
  models = (await patiently(() => call("GET", "models?limit=200"))).items;
  showModels();
}

/** The model that answers in the open chat. */
const modelOf = (chat) => chat?.default_model || models?.find((model) => model.is_default)?.name || ECHO;

function showModels() {
  if (!models) return;
  const chosen = view.model ?? modelOf(view.chat);
  const names = [...new Set([...models.map((model) => model.name), ECHO, chosen])];
  at("model").replaceChildren(...names.map((name) => new Option(name === ECHO ? "echo (repeats you)" : name, name, false, name === chosen)));
  at("echo").hidden = chosen !== ECHO;
}

async function chooseModel(name) {
  const here = view;
  here.model = name;
  showModels();
  if (!here.chat) return;
  const change = act("PATCH", `chats/${here.chat.id}`, { body: { default_model: name } });
  here.ready = change.catch(() => {});
  try {
    putFirst(await change);
  } catch (error) {
    here.model = null;
    showModels();
    complain(error);
  }
}

// ── The open chat ───────────────────────────────────────────────────────────────────────────────

/** What is on the screen. Another chat gets another view; whatever still runs for an old one stops looking. */
let view = newView();

function newView(chat = null) {
  return { chat, model: null, ready: null, left: new AbortController(), asking: false, running: new Set(), earlier: null, last: null };
}

function show(next) {
  view.left.abort();
  view = next;
  calm();
  messages.replaceChildren();
  showHead();
  showModels();
  showRunning();
}

function showHead() {
  const { chat } = view;
  const title = chat ? titleOf(chat) : "New chat";
  at("title").textContent = title;
  document.title = chat ? `${title} · Kafka` : "Kafka";
  at("rename").hidden = at("delete").hidden = !chat;
  at("welcome").hidden = Boolean(chat) || messages.hasChildNodes();
  at("earlier").hidden = !view.earlier;
  showChats();
}

function openChat(id) {
  const here = newView(chats.find((chat) => chat.id === id));
  show(here);
  here.ready = loadChat(here, id);
}

async function loadChat(here, id) {
  const { signal } = here.left;
  try {
    const [chat, page] = await patiently(
      () => Promise.all([call("GET", `chats/${id}`, { signal }), call("GET", `chats/${id}/messages?limit=50`, { signal })]), signal);
    here.chat = chat;
    here.earlier = page.prev_cursor;
    showHead();
    showModels();
    messages.append(...page.items.map((message) => showMessage(message).node));
    showEnd();
    offerRetry();
  } catch (error) {
    if (!signal.aborted) complain(error, "Try again", () => openChat(id));
  }
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

// ── Messages ────────────────────────────────────────────────────────────────────────────────────

const AUTHORS = { user: "You", system: "Instructions", tool: "Tool" };

/** Adds nothing to the page; an answer that is still being written is followed at once. */
function showMessage(message) {
  const shown = message.role === "assistant" ? new Answer(message) : new Said(message.role, message.content);
  view.last = shown;
  if (message.status === "streaming" && message.response) follow(shown);
  return shown;
}

/** What someone wrote: its text as it is. */
class Said {
  constructor(role, content) {
    this.role = role;
    this.facts = element("div", { className: "facts" });
    this.node = element("article", { className: role },
      element("h2", { className: role === "user" ? "unseen" : "" }, AUTHORS[role] ?? role),
      element("div", { className: "text" }, content), this.facts);
    this.facts.hidden = true;
  }
}

const ENDS = {
  interrupted: "This answer was interrupted: the server or the model went away in the middle. What came is kept.",
  cancelled: "You stopped this answer. What came is kept.",
  failed: "The model failed.",
};

/** What a model wrote, or is writing. */
class Answer {
  role = "assistant";
  seq = 0;
  thoughts = "";

  constructor({ content = "", response = null, parts = null, model = null }) {
    this.content = content;
    this.response = response;
    this.author = element("h2");
    this.text = element("div", { className: "text" });
    this.thinking = element("div");
    this.reasoning = element("details", { className: "reasoning", hidden: true }, element("summary", {}, "Reasoning"), this.thinking);
    this.state = element("p", { className: "state", hidden: true });
    this.facts = element("div", { className: "facts" });
    this.node = element("article", { className: "assistant" }, this.author, this.reasoning, this.text, this.state, this.facts);
    this.model = model;
    for (const part of Array.isArray(parts) ? parts : []) {
      if (part.type === "reasoning") this.thoughts += part.text;
    }
    this.draw();
    if (response?.status !== "streaming") this.end();
  }

  /** Begins again at the first event, as for someone who saw nothing. */
  begin() {
    this.content = this.thoughts = "";
    this.node.classList.add("running");
    this.node.ariaBusy = "true";
  }

  take({ seq, kind, data }) {
    this.seq = seq;
    if (kind === "message.delta") this.content += data.text;
    else if (kind === "message.reasoning") this.thoughts += data.text;
    if (data.response) this.response = data.response;
    this.drawSoon();
  }

  /** Draws with the next frame; a long text, which costs more, less often. */
  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => requestAnimationFrame(() => {
      if (this.isDue) keepAtEnd(() => this.draw());
    }), this.cost * 4);
  }

  cost = 0;

  draw() {
    this.isDue = false;
    const began = performance.now();
    showMarkdown(this.text, this.content);
    this.author.textContent = this.response?.model_used ?? this.model ?? "Model";
    this.reasoning.hidden = !this.thoughts;
    this.thinking.textContent = this.thoughts;
    this.cost = performance.now() - began;
  }

  /** Shows how it stands: nothing, or a sentence. */
  say(sentence, isBad = false) {
    this.state.textContent = sentence;
    this.state.hidden = !sentence;
    this.state.classList.toggle("bad", isBad);
  }

  end() {
    this.draw();
    this.node.classList.remove("running");
    this.node.removeAttribute("aria-busy");
    const { status, error } = this.response ?? {};
    this.say(error?.detail ?? ENDS[status] ?? "", status === "failed" || status === "interrupted");
    this.facts.replaceChildren(...this.figures().map((figure) => element("span", {}, figure)));
  }

  figures() {
    const { response } = this;
    if (!response) return [];
    const time = (ms) => ms < 1000 ? `${ms} ms` : `${(ms / 1000).toLocaleString([], { maximumFractionDigits: 1 })} s`;
    const { tokens_prompt: sent, tokens_completion: answered, first_token_ms: first, completion_time_ms: all } = response;
    return [
      answered != null && `${sent ?? 0} tokens in, ${answered} out${response.usage_estimated ? " (estimated)" : ""}`,
      first != null && `first word after ${time(first)}`,
      all != null && `${time(all)} in all`,
      dayOf(response.created_at),
    ].filter(Boolean);
  }
}

/** Puts the button that answers again under the last message, and nowhere else. */
function offerRetry() {
  for (const button of messages.querySelectorAll(".retry")) button.remove();
  const { last, running } = view;
  if (!last || running.size || !["user", "assistant"].includes(last.role)) return;
  const label = last.role === "user" ? "Answer this" : "Try again";
  last.facts.hidden = false;
  last.facts.prepend(element("button", { type: "button", className: "quiet retry", onclick: retry }, label));
}

// ── Asking ──────────────────────────────────────────────────────────────────────────────────────

/** Asks what is written, once: from the key press on, not only from when the question is shown. */
async function send() {
  const here = view;
  const content = prompt.value;
  if (!content.trim() || here.asking || here.running.size) return;
  prompt.value = "";
  here.asking = true;
  fitPrompt();
  await put(content);
  here.asking = false;
  fitPrompt();
}

async function put(content) {
  let here = view;
  // A question stands under what was said before, and is for the model chosen last.
  await here.ready;
  if (view !== here) return;
  try {
    if (!view.chat) {
      const body = { title: shortened(content.trim().split("\n")[0]) };
      if (view.model) body.default_model = view.model;
      const chat = await act("POST", "chats", { body, key: freshKey() });
      if (view !== here) return;
      here = newView(chat);
      show(here);
      putFirst(chat);
      history.pushState(null, "", `#chat=${chat.id}`);
    }
  } catch (error) {
    prompt.value = content;
    fitPrompt();
    return complain(error);
  }
  const before = here.last;
  const said = new Said("user", content);
  const isTaken = await ask({ content }, [said]);
  if (isTaken || view !== here) return;
  said.node.remove();
  here.last = before;
  offerRetry();
  if (!prompt.value) prompt.value = content;
  fitPrompt();
}

async function retry() {
  const here = view;
  await here.ready;
  if (view !== here || here.asking || here.running.size) return;
  const old = here.last;
  const hides = old.role === "assistant";
  if (hides) old.node.hidden = true;
  prompt.focus();
  const isTaken = await ask({}, []);
  if (view !== here) return;
  if (isTaken) {
    if (hides) old.node.remove();
  } else {
    old.node.hidden = false;
    here.last = old;
    offerRetry();
  }
}

/** Asks in the open chat and shows the answer as it comes. False if the server refused. */
async function ask(question, said) {
  const { chat } = view;
  const path = `chats/${chat.id}/responses`;
  const body = { ...question, stream: true };
  const key = freshKey();
  const answer = new Answer({ model: modelOf(chat) });
  calm();
  showCurl("POST", path, body);
  messages.append(...said.map(({ node }) => node), answer.node);
  at("welcome").hidden = true;
  showEnd();
  view.last = answer;
  // The key makes asking again, after a connection that broke too early, the same question.
  const isTaken = await follow(answer, (signal) => request("POST", path, { body, key, signal }));
  if (!isTaken) answer.node.remove();
  return isTaken;
}

/**
 * Shows the events of an answer until its last, over as many connections as that takes. Events that
 * were seen are not asked for again. False if the server refused.
 */
async function follow(answer, begin) {
  const here = view;
  const { signal } = here.left;
  here.running.add(answer);
  showRunning();
  answer.begin();
  let failure = null;
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
    try {
      const reply = await (answer.response
        ? request("GET", `responses/${answer.response.id}/events?after=${answer.seq}`, { signal })
        : begin(signal));
      answer.say("");
      for await (const event of events(reply, signal)) {
        answer.take(event);
        wait = FIRST_PAUSE_MS;
      }
      if (answer.seq && answer.response.status !== "streaming") break;
    } catch (error) {
      if (signal.aborted) return true;
      const isAway = error instanceof Unreachable || error.status === 503;
      if (!isAway) {
        failure = error;
        break;
      }
    }
    keepAtEnd(() => answer.say("The connection is lost. This page goes on by itself as soon as the server is back."));
    await pause(wait);
    if (signal.aborted) return true;
  }
  here.running.delete(answer);
  keepAtEnd(() => answer.end());
  showRunning();
  if (failure) complain(failure);
  offerRetry();
  if (answer.response) {
    speak(answer.response.status === "completed" ? "The answer is complete." : answer.state.textContent);
    call("GET", `chats/${here.chat.id}`, { signal }).then(putFirst).catch(() => {});
  }
  return !failure || Boolean(answer.response);
}

function showRunning() {
  const isRunning = view.running.size > 0;
  const hadFocus = document.activeElement === at("stop");
  at("stop").hidden = !isRunning;
  at("send").hidden = isRunning;
  allowSending();
  if (isRunning) {
    for (const button of messages.querySelectorAll(".retry")) button.remove();
    speak("The answer is being written.");
  } else if (hadFocus) {
    prompt.focus();
  }
}

async function stop() {
  for (const { response } of view.running) {
    if (!response) continue;
    try {
      await act("POST", `responses/${response.id}/cancel`);
    } catch (error) {
      complain(error);
    }
  }
}

// ── Logging in and out ──────────────────────────────────────────────────────────────────────────

function askLogin(error) {
  // What a token says when it has ended is news; that there is none yet is not.
  at("login-why").textContent = session.token ? error.message : "This server asks who you are.";
  session.keep(null);
  if (!at("login").open) at("login").showModal();
}

async function login(event) {
  event.preventDefault();
  const account = at("account").value.trim();
  at("login-trouble").textContent = "";
  try {
    const name = account.includes("@") ? "email" : "username";
    const { token } = await call("POST", "auth/login", { body: { [name]: account, password: at("password").value } });
    session.keep(token);
    at("login").close();
    start();
  } catch (error) {
    at("login-trouble").textContent = error.message;
    at("password").select();
  } finally {
    if (session.token) at("password").value = "";
  }
}

async function logout() {
  try {
    await call("POST", "auth/logout");
  } catch (error) {
    if (error.status !== 401) return complain(error);
  }
  session.keep(null);
  location.replace("./");
}

// ── The page itself ─────────────────────────────────────────────────────────────────────────────

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

function askTitle() {
  at("new-title").value = view.chat.title ?? "";
  at("renaming").showModal();
  at("new-title").select();
}

async function rename(event) {
  event.preventDefault();
  const { chat } = view;
  at("renaming").close();
  try {
    putFirst(await act("PATCH", `chats/${chat.id}`, { body: { title: at("new-title").value.trim() } }));
  } catch (error) {
    complain(error);
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
