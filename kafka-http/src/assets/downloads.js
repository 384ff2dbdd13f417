// Files on their way out. A link could carry no token, so the page fetches them and hands them over.

async function download(file) {
  try {
    const reply = await request("GET", `files/${fileIdOf(file)}/content`, { signal: view.left.signal });
    handOver(file.filename, await reply.blob());
  } catch (error) {
    if (error.name !== "AbortError") complain(error, isPassing(error) && "Try again", () => download(file));
  }
}

/** Has the browser save bytes under a name. */
function handOver(name, blob) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  // Long after the browser has begun to save it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
