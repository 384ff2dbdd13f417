// Files on their way into the chat.

/** Takes files into the open chat; the same key, for the same files, adds only what is missing. */
function upload(files, key = freshKey()) {
  // Whatever is asked next is asked in a chat that has them.
  if (files.length) view.ready = takeIn(view, [...files], key);
}

async function takeIn(here, files, key) {
  await here.ready;
  if (view !== here) return;
  here.coming = files.map(({ name, size }) => ({ name, size, arrived: 0 }));
  showFiles();
  const body = new FormData();
  for (const file of files) body.append("files", file);
  try {
    if (!await begin(here, files[0].name)) return;
    calm();
    showCurl("POST", `chats/${here.chat.id}/files`, body);
    await sendForm(`chats/${here.chat.id}/files`, body, key, (sent) => showArrived(here, sent));
    speak(`Added: ${here.coming.map(({ name }) => name).join(", ")}.`);
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

/** The files of a form are sent one after the other. */
function showArrived(here, sent) {
  if (view !== here) return;
  const bars = at("files").querySelectorAll("progress");
  let before = 0;
  here.coming.forEach((file, place) => {
    file.arrived = Math.max(0, Math.min(file.size, sent - before));
    before += file.size;
    if (bars[place]) bars[place].value = file.arrived;
  });
}
