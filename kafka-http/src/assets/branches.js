// Branches: saying something else in place of a message, other answers, and forks. What was said before stays, and
// is gone back to where the conversation branches.

/** What can be done with a message, as buttons below it. */
function footOf(shown, facts) {
  const foot = element("div", { className: "foot" }, at("acts").content.cloneNode(true), facts);
  const verbs = shown.isNote ? [] : ["previous", "next", "fork", { user: "edit", assistant: "again" }[shown.role]];
  for (const button of foot.querySelectorAll("[data-act]")) if (!verbs.includes(button.dataset.act)) button.remove();
  return foot;
}

const acts = {
  edit: rewrite,
  again: retry,
  fork: forkAt,
  previous: (shown) => goOver(shown, -1),
  next: (shown) => goOver(shown, 1),
};

function doAct(event) {
  const button = event.target.closest("[data-act]");
  if (button && !button.ariaDisabled) acts[button.dataset.act](button.closest("article").shown);
}

/** The id of a message. What was said here just now is what its answer follows. */
async function idOf({ node, response, answer }) {
  const asked = async () => (await call("GET", `messages/${answer.response.message_id}`)).parent_id;
  return node.id ||= response?.message_id ?? await asked();
}

/** The message that it follows, or `null`. */
async function parentOf(shown) {
  if (shown.parent === undefined) shown.parent = (await call("GET", `messages/${await idOf(shown)}`)).parent_id;
  return shown.parent;
}

/** Learns where the conversation branches, the last places first; `earlier` goes on above those. */
async function learnBranches(here, earlier) {
  const { signal } = here.left;
  const cursor = earlier ? `&before=${encodeURIComponent(earlier)}` : "";
  const page = await call("GET", `chats/${here.chat?.id ?? here.id}/branches?limit=200${cursor}`, { signal });
  return () => {
    here.points = earlier ? [...page.items, ...here.points] : page.items;
    here.earlierPoints = page.prev_cursor;
    showBranches();
  };
}

const pointOf = (id) => view.points.find((point) => point.message_ids.includes(id));

/** Shows which of several each message is. */
function showBranches() {
  for (const { parent_id: parent, active_id: active, message_ids: ids } of view.points) {
    const isIt = ({ id, hidden, shown }) => !hidden && (id === active || !id && shown.role === "user" && shown.parent === parent);
    const node = active && [...messages.children].find(isIt);
    if (!node) continue;
    node.id = active;
    const place = ids.indexOf(active);
    const pager = node.querySelector(".pager");
    const [previous, where, next] = pager?.children ?? [];
    if (!pager) continue;
    pager.hidden = false;
    where.textContent = `${place + 1} of ${ids.length}`;
    previous.ariaDisabled = place ? null : "true";
    next.ariaDisabled = place + 1 < ids.length ? null : "true";
  }
  at("onward").hidden = !view.points.some((point) => !point.active_id);
}

/** Goes over to the message that was stored before or after this one in its place. */
function goOver({ node }, step) {
  const ids = pointOf(node.id).message_ids;
  const top = node.getBoundingClientRect().top;
  return chooseBranch(ids[ids.indexOf(node.id) + step], top, step < 0 ? "previous" : "next");
}

/** Goes on to what follows the last message but is on no active branch. */
const goOnward = () => chooseBranch(view.points.findLast((point) => !point.active_id).message_ids.at(-1));

/** Shows the branch that a message stands on, and leaves the message where the one before it was. */
async function chooseBranch(id, top, verb) {
  const here = view;
  const { signal } = here.left;
  try {
    putFirst(await act("POST", `messages/${id}/activate`));
    const [page, showThem] = await Promise.all([readMessages(here.chat.id, signal), learnBranches(here)]);
    if (view !== here) return;
    showConversation(page);
    showThem();
    if (!at(id)) await bringIntoSight(here, id);
  } catch (error) {
    if (!signal.aborted) complain(error);
    return;
  }
  const node = at(id);
  if (view !== here || !node) return;
  if (top !== undefined) {
    isAtEnd = false;
    conversation.scrollTop += node.getBoundingClientRect().top - top;
  }
  (node.querySelector(`[data-act=${verb}]`) ?? prompt).focus({ preventScroll: true });
  speak(node.querySelector(".pager:not([hidden]) > span")?.textContent ?? "");
}

/** Says something else in place of a message. */
function rewrite(shown, draft = shown.content) {
  const field = element("textarea", { value: draft, ariaLabel: "New text" });
  const close = () => {
    form.remove();
    shown.node.classList.remove("editing");
    shown.node.querySelector("[data-act=edit]").focus();
  };
  const form = element("form", { className: "rewriting" }, field, element("div", { className: "buttons" },
    element("button", { type: "button", onclick: close }, "Keep the old text"),
    element("button", { type: "submit", className: "main" }, "Ask this instead")));
  form.onsubmit = (event) => {
    event.preventDefault();
    sayInstead(shown, field.value, close);
  };
  form.onkeydown = (event) => {
    if (event.key === "Enter" && event.target === field && !event.shiftKey && !event.isComposing) form.onsubmit(event);
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  shown.node.classList.add("editing");
  shown.node.append(form);
  field.focus();
}

async function sayInstead(shown, content, close) {
  const here = view;
  if (!content.trim() || here.asking || here.running.size) return;
  here.asking = true;
  try {
    const said = new Said("user", content);
    said.parent = await parentOf(shown);
    if (view !== here) return;
    close();
    prompt.focus();
    const isTaken = await inPlaceOf(shown.node, () => ask({ content, parent_id: said.parent }, [said]));
    if (isTaken || view !== here) return;
    said.node.remove();
    rewrite(shown, content);
  } catch (error) {
    complain(error);
  } finally {
    here.asking = false;
    allowSending();
  }
}

/** Asks for something in place of a message and of all that follows it, which stay if the server refuses. */
async function inPlaceOf(first, begin) {
  const here = view;
  const { last } = here;
  const old = [...messages.children].slice([...messages.children].indexOf(first));
  for (const node of old) node.hidden = true;
  const isTaken = await begin();
  if (view !== here) return isTaken;
  for (const node of old) {
    if (isTaken) node.remove();
    else node.hidden = false;
  }
  if (!isTaken) {
    here.last = last;
    offerRetry();
  }
  return isTaken;
}

/** Makes a chat that begins as this one does up to a message, and opens it. */
async function forkAt(shown) {
  const here = view;
  try {
    const body = { message_id: await idOf(shown), title: shortened(`${titleOf(here.chat)} (fork)`) };
    const chat = await act("POST", `chats/${here.chat.id}/fork`, { body, key: freshKey() });
    putFirst(chat);
    if (view === here) goTo(chat.id);
    speak("This is the fork.");
  } catch (error) {
    complain(error);
  }
}
