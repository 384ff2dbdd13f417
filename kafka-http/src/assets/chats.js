// The list of chats: its pages, its names, and taking chats out of it.

const CHATS_PAGE = 40;
const PINNED_PAGE = 200;
const TITLE_CHARS = 60;

let chats = [];
let nextChats = null;

/** What the list shows: `""` what is at hand, `"archived"`, or `"tag:…"`. */
let shelf = "";

const tagOfShelf = () => shelf.startsWith("tag:") ? shelf.slice(4) : null;
const isSame = (one, other) => one.toLowerCase() === other.toLowerCase();

/** Whether a chat stands on the shelf that is shown. */
function isListed(chat) {
  if (Boolean(chat.archived_at) !== (shelf === "archived")) return false;
  const tag = tagOfShelf();
  return tag === null || chat.tags.some((other) => isSame(other, tag));
}

/** Reads what the list shows: the pinned chats, all at once, and a page of the others. */
async function loadChats(cursor) {
  const asked = shelf;
  const read = (more) => {
    const query = new URLSearchParams({ archived: asked === "archived", ...more });
    if (tagOfShelf() !== null) query.set("tag", tagOfShelf());
    return call("GET", `chats?${query}`);
  };
  const others = { pinned: false, limit: CHATS_PAGE };
  const pages = await patiently(() => Promise.all(cursor
    ? [read({ ...others, after: cursor })]
    : [read({ pinned: true, limit: PINNED_PAGE }), read(others)]));
  if (shelf !== asked) return;
  const items = pages.flatMap((page) => page.items);
  const known = new Set(items.map((chat) => chat.id));
  chats = [...(cursor ? chats.filter((chat) => !known.has(chat.id)) : []), ...items];
  nextChats = pages.at(-1).next_cursor;
  showChats();
}

const rows = new Map();

function showChats() {
  const there = chats.filter((chat) => !isLeaving(chat.id));
  const inOrder = [...there.filter((chat) => chat.pinned_at), ...there.filter((chat) => !chat.pinned_at)];
  const shown = inOrder.map((chat) => {
    const row = rows.get(chat.id) ?? element("li", {}, element("a", { href: `#chat=${chat.id}` }, element("span"), element("time")));
    rows.set(chat.id, row);
    const [title, time] = row.firstChild.children;
    title.textContent = row.firstChild.title = titleOf(chat);
    row.classList.toggle("pinned", Boolean(chat.pinned_at));
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
  at("no-chats").hidden = shown.length > 0 || !shelf;
}

const titleOf = (chat) => chat.title?.trim() || "Untitled chat";

function dayOf(instant) {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date().toDateString();
  return date.toLocaleString([], isToday ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" });
}

/** Takes a chat as it is now, at the head of the list. */
function putFirst(chat) {
  chats = [chat, ...chats.filter((other) => other.id !== chat.id)].filter(isListed);
  if (view.chat?.id === chat.id) view.chat = chat;
  showHead();
}

function deleteChat(chat) {
  location.hash = "";
  leave({
    id: chat.id,
    name: titleOf(chat),
    path: `chats/${chat.id}`,
    draw: showChats,
    back: () => { location.hash = `chat=${chat.id}`; },
    gone() {
      chats = chats.filter((other) => other.id !== chat.id);
      rows.delete(chat.id);
    },
  });
}

const shortened = (text) => text.length > TITLE_CHARS ? `${text.slice(0, TITLE_CHARS - 1).trimEnd()}…` : text;

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
