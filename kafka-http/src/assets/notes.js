// What messages of the type `file` tell: that a file was uploaded, written, changed or taken back.

/** A unified diff, with or without the names of both texts. */
const DIFF = /^(--- [^\n]*\n\+\+\+ [^\n]*\n)?@@ -\d/;

/** What became of which file; `null` for a text that only tells. */
function readNote(content) {
  let told;
  try {
    told = JSON.parse(content);
  } catch {
    return null;
  }
  const { based_filename: written, based_content: text, diff, revert_notice: notice, filename, path } = told ?? {};
  if (typeof written === "string") {
    // A whole text may be a new file or a new version of one.
    const verb = notice ? "reverted" : diff || DIFF.test(text) ? "changed" : "written";
    return { name: written, verb, more: typeof notice === "string" ? notice : "" };
  }
  return typeof filename === "string" ? { name: filename, verb: "uploaded", path, more: "" } : null;
}

/** A line that tells what became of a file, with a way to it. */
function noteLine({ name, verb, path, more = "" }) {
  const line = element("p", { className: "file-note" }, element("span", { className: "file-name", title: name }, name), ` — ${verb}`);
  const isUpload = verb === "uploaded" && !name.endsWith(".based");
  const label = isUpload ? "Download" : "Open";
  const button = element("button", { type: "button", className: "quiet", ariaLabel: `${label} ${name}` }, label);
  button.onclick = () => reach(name, path);
  line.append(button);
  return more ? [line, element("p", { className: "file-more" }, more)] : [line];
}

/** Opens or downloads what the chat has under this name; of uploads the path tells equal names apart. */
async function reach(name, path) {
  const here = view;
  const find = () => here.files.find((file) => file.path === path) ?? here.files.findLast((file) => file.filename === name && (isText(file) || path === undefined));
  if (!find()) await loadFiles(here).catch(complain);
  if (view !== here) return;
  const file = find();
  if (!file) complain(new Problem(404, { detail: `${name} is not in this chat any more.` }));
  else if (isText(file)) goTo(here.chat.id, file.id);
  else download(file);
}
