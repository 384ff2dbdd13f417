// Files and documents on their way into the chat.

/** The two lists, by their ids, which their paths end in. */
const SHELVES = { files: { show: showFiles, load: loadFiles }, documents: { show: showDocuments, load: loadDocuments } };

/**
 * Takes files into a list of the open chat, or one in place of a document; the same key, for the same files, adds only
 * what is missing.
 */
function upload(files, shelf, key = freshKey(), old) {
  // Whatever is asked next is asked in a chat that has them.
  if (files.length) view.ready = takeIn(view, [...files], shelf, key, old);
}

async function takeIn(here, files, shelf, key, old) {
  await here.ready;
  if (view !== here) return;
  const { show, load } = SHELVES[shelf];
  here.coming = files.map(({ name, size }) => ({ name, size, arrived: 0, shelf }));
  show();
  const body = new FormData();
  for (const file of files) body.append("files", file);
  try {
    if (!await begin(here, files[0].name)) return;
    calm();
    const [method, path] = old ? ["PUT", `documents/${old.id}`] : ["POST", `chats/${here.chat.id}/${shelf}`];
    showCurl(method, path, body);
    const { id } = await sendForm(method, path, body, key, (sent) => showArrived(here, sent));
    if (old && id === old.id) complain(new Problem(200, { detail: `${old.filename} is made of this file already.` }));
    else speak(`Added: ${here.coming.map(({ name }) => name).join(", ")}.`);
  } catch (error) {
    if (view !== here) return;
    if (isPassing(error)) complain(error, "Try again", () => upload(files, shelf, key, old));
    else complain(error);
  }
  here.coming = [];
  // Of several files those before one that was refused are there.
  if (!here.chat) return show();
  const loaded = load(here).catch(show);
  // Nobody waits until a document is read.
  if (shelf === "files") await loaded;
}

/** The files of a form are sent one after the other. */
function showArrived(here, sent) {
  if (view !== here) return;
  const bars = at("shelf").querySelectorAll(".coming progress");
  let before = 0;
  here.coming.forEach((file, place) => {
    file.arrived = Math.max(0, Math.min(file.size, sent - before));
    before += file.size;
    if (bars[place]) bars[place].value = file.arrived;
  });
}
