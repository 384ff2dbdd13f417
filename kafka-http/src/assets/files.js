// The files of the open chat: what there is, and taking in more.

const KINDS = { based: "Based", text: "Text", upload: "File" };

async function loadFiles(here) {
  const { signal } = here.left;
  here.files = (await patiently(() => call("GET", `chats/${here.chat.id}/files?limit=200`, { signal }), signal)).items;
  if (view === here) showFiles();
}

function showFiles() {
  const row = (name, about) => element("li", {}, element("span", { title: name }, name), element("small", {}, about));
  const list = at("files");
  list.replaceChildren(
    ...view.files.map(({ filename, kind, latest_version: newest }) => row(filename, `${KINDS[kind]}${newest ? `, version ${newest}` : ""}`)),
    ...view.coming.map((name) => row(name, "on its way…")));
  list.hidden = !list.hasChildNodes();
}

/** Takes files into the open chat; the same key, for the same files, adds only what is missing. */
function upload(files, key = freshKey()) {
  // Whatever is asked next is asked in a chat that has them.
  if (files.length) view.ready = takeIn(view, [...files], key);
}

async function takeIn(here, files, key) {
  await here.ready;
  if (view !== here) return;
  here.coming = files.map(({ name }) => name);
  showFiles();
  const body = new FormData();
  for (const file of files) body.append("files", file);
  try {
    if (!await begin(here, files[0].name)) return;
    await act("POST", `chats/${here.chat.id}/files`, { body, key });
    speak(`Added: ${here.coming.join(", ")}.`);
  } catch (error) {
    if (view !== here) return;
    if (isPassing(error)) complain(error, "Try again", () => upload(files, key));
    else complain(error);
  }
  here.coming = [];
  // Of several files those before one that was refused are there.
  if (here.chat) await loadFiles(here).catch(() => {});
  else showFiles();
}
