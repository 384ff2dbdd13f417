// What can be done with a chat besides talking: pinning, archiving, tagging it, and taking a copy.

/** When to look for the title that a model may give a chat after its first answer: milliseconds after the last look. */
const TITLE_LOOKS = [1500, 4000, 10_000];

/** Reads the chat as it is after an answer; after the first one, where models give titles, until one has come. */
async function readAgain(here, signal) {
  const read = () => call("GET", `chats/${here.chat.id}`, { signal });
  putFirst(await read());
  if (here.chat.message_count > 2 || !("titles" in document.documentElement.dataset)) return;
  for (const wait of TITLE_LOOKS) {
    await pause(wait, signal);
    if (signal.aborted) return;
    const chat = await read();
    if (chat.title !== here.chat.title) return putFirst(chat);
  }
}

function showMenu() {
  const { chat } = view;
  at("more").hidden = !chat;
  if (!chat) return at("menu").hidePopover();
  at("pin").textContent = chat.pinned_at ? "Unpin" : "Pin";
  at("archive").textContent = chat.archived_at ? "Take out of the archive" : "Archive";
  at("tags").replaceChildren(...chat.tags.map((tag) => element("li", { dir: "auto" }, tag)));
}

/** Puts the menu under its button. */
function placeMenu(event) {
  at("more").ariaExpanded = String(event.newState === "open");
  const { bottom, right } = at("more").getBoundingClientRect();
  at("menu").style.top = `${bottom + 4}px`;
  at("menu").style.right = `${document.documentElement.clientWidth - right}px`;
}

/** Changes the open chat, and shows it as it is then. */
async function change(patch) {
  try {
    putFirst(await act("PATCH", `chats/${view.chat.id}`, { body: patch }));
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

const pin = () => change({ pinned: !view.chat.pinned_at });

async function archive() {
  const isBack = Boolean(view.chat.archived_at);
  if (await change({ archived: !isBack })) notify(`“${shortened(titleOf(view.chat))}” is ${isBack ? "back among the chats" : "in the archive"}.`);
  setTimeout(() => { if (at("undo").hidden) notify(""); }, 4000);
}

/** The document comes with a name of its own. */
async function takeCopy(format) {
  const { chat } = view;
  const path = `chats/${chat.id}/export?format=${format}`;
  calm();
  showCurl("GET", path);
  try {
    const reply = await request("GET", path);
    const name = reply.headers.get("content-disposition")?.match(/filename\*=UTF-8''(\S+)/)?.[1];
    handOver(name ? decodeURIComponent(name) : `chat.${format}`, await reply.blob());
  } catch (error) {
    complain(error, isPassing(error) && "Try again", () => takeCopy(format));
  }
}

function askTags() {
  at("new-tags").value = view.chat.tags.join(", ");
  at("tagging").showModal();
  at("new-tags").select();
}

async function tag(event) {
  event.preventDefault();
  const tags = at("new-tags").value.split(",").map((text) => text.trim()).filter(Boolean);
  at("tagging").close();
  if (await change({ tags })) loadTags().catch(complain);
}

/** Fills the choice of what the list shows. */
async function loadTags() {
  const { items } = await patiently(() => call("GET", "tags"));
  const option = (value, text) => element("option", { value }, text);
  const known = items.map(({ tag: name, chats: count }) => option(`tag:${name}`, `${name} (${count})`));
  const group = known.length ? [element("optgroup", { label: "Tags" }, ...known)] : [];
  at("listing").replaceChildren(option("", "All chats"), option("archived", "Archive"), ...group);
  // The last chat with a tag may have lost it.
  if (known.every(({ value }) => value !== shelf) && tagOfShelf() !== null) return chooseShelf("");
  at("listing").value = shelf;
}

function chooseShelf(value) {
  shelf = at("listing").value = value;
  chats = [];
  nextChats = null;
  showChats();
  return loadChats();
}
