// Models' text as nodes: headings, paragraphs, lists, code, emphasis and links to the web. Everything
// else stays the text it is; nothing here ever parses HTML.

/** Longer paragraphs are shown as they are: looking for emphasis in them costs more than it gives. */
const PLAIN_FROM = 20_000;
const LIST_DEPTH = 8;

const FENCE = /^\s{0,12}(`{3,}|~{3,})[ \t]*([\w+#.-]{0,30})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*?)[ \t#]*$/;
const ITEM = /^([ \t]*)(?:([-*+])|(\d{1,9})[.)])[ \t]+(.*)$/;
const BARE_LINK = /https?:\/\/[^\s<>"'`*)\]]{0,2000}[^\s<>"'`*)\].,;:!?]/.source;
const INLINE = new RegExp([
  /\\(?<escaped>[!-/:-@[-`{-~])/.source,
  /``(?<code2>.{1,500}?)``|`(?<code>[^`]{1,500})`/.source,
  /\*\*(?<strong>[^\s*](?:[^]{0,500}?[^\s])??)\*\*/.source,
  /\*(?<em>[^\s*](?:[^*]{0,500}?[^\s*])?)\*/.source,
  /(?<!\w)__(?<strong2>[^\s_](?:[^]{0,500}?[^\s])??)__(?!\w)/.source,
  /(?<!\w)_(?<em2>[^\s_](?:[^_]{0,500}?[^\s_])?)_(?!\w)/.source,
  /!?\[(?<label>[^[\]]{1,500})\]\((?<href>https?:\/\/[^\s()<>]{1,1000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,200})?)\)/.source,
  `(?<bare>${BARE_LINK})`,
].join("|"), "g");

/** An element with properties and children; strings become text nodes. */
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const drawn = new WeakMap();

/** Shows `text` in `node`. Blocks that did not change since the last time keep their nodes. */
function showMarkdown(node, text) {
  const before = drawn.get(node) ?? [];
  const blocks = blocksOf(text);
  blocks.forEach((block, at) => {
    const old = before[at];
    if (old?.kind === block.kind && old.source === block.source) {
      block.node = old.node;
      return;
    }
    block.node = BUILD[block.kind](block);
    if (old) old.node.replaceWith(block.node);
    else node.append(block.node);
  });
  for (const block of before.slice(blocks.length)) block.node.remove();
  drawn.set(node, blocks);
}

function blocksOf(text) {
  const blocks = [];
  let open = null;
  const begin = (kind, line, more) => {
    open = { kind, source: line, ...more };
    blocks.push(open);
  };
  const extend = (line) => { open.source += `\n${line}`; };
  for (const line of text.split(/\r\n|\r|\n/)) {
    const fence = line.match(FENCE);
    const item = line.match(ITEM);
    if (open?.kind === "code") {
      // A fence ends with its own sign, at least as long, and nothing behind it.
      if (fence && fence[1].startsWith(open.fence) && !fence[2]) open = null;
      else open.lines.push(line);
      if (open) open.source += `\n${line}`;
    } else if (fence) {
      begin("code", line, { fence: fence[1], language: fence[2], lines: [] });
    } else if (HEADING.test(line)) {
      begin("heading", line);
      open = null;
    } else if (item && (open?.kind === "list" || open?.kind !== "paragraph" || item[3] === undefined || item[3] === "1")) {
      if (open?.kind === "list") extend(line);
      else begin("list", line);
    } else if (!line.trim()) {
      // Items may stand apart.
      if (open?.kind === "list") open.isApart = true;
      else open = null;
    } else if (open?.kind === "list" && (!open.isApart || /^\s{2,}/.test(line))) {
      extend(line);
    } else if (open?.kind === "paragraph") {
      extend(line);
    } else {
      begin("paragraph", line);
    }
    if (open && line.trim()) open.isApart = false;
  }
  return blocks;
}

const BUILD = {
  paragraph: ({ source }) => element("p", {}, ...inline(source)),
  heading({ source }) {
    const [, signs, text] = source.match(HEADING);
    // The page has h1 and each message h2.
    return element(`h${Math.min(signs.length + 2, 6)}`, {}, ...inline(text));
  },
  code({ lines, language }) {
    const code = element("code", {}, lines.join("\n"));
    const pre = element("pre", { tabIndex: 0, ariaLabel: language ? `Code in ${language}` : "Code" }, code);
    const copy = element("button", { type: "button", className: "quiet", onclick: () => copyText(code.textContent, copy) }, "Copy");
    return element("div", { className: "code" }, pre, copy);
  },
  list({ source }) {
    const levels = [];
    let root;
    for (const line of source.split("\n")) {
      const item = line.match(ITEM);
      if (!item) {
        levels.at(-1).last.append("\n", ...inline(line.trim()));
        continue;
      }
      const [, blank, , number, text] = item;
      const indent = blank.replaceAll("\t", "    ").length;
      while (levels.length > 1 && indent < levels.at(-1).indent) levels.pop();
      if (!levels.length || (indent > levels.at(-1).indent + 1 && levels.length < LIST_DEPTH)) {
        const node = element(number === undefined ? "ul" : "ol");
        if (number !== undefined) node.start = Number(number);
        if (levels.length) levels.at(-1).last.append(node);
        root ??= node;
        levels.push({ indent, node });
      }
      levels.at(-1).last = element("li", {}, ...inline(text));
      levels.at(-1).node.append(levels.at(-1).last);
    }
    return root;
  },
};

function inline(text, depth = 0) {
  if (text.length > PLAIN_FROM || depth > 4) return [text];
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const found = match.groups;
    nodes.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (found.escaped) nodes.push(found.escaped);
    else if (found.code ?? found.code2) nodes.push(element("code", {}, found.code ?? found.code2.trim()));
    else if (found.strong ?? found.strong2) nodes.push(element("strong", {}, ...inline(found.strong ?? found.strong2, depth + 1)));
    else if (found.em ?? found.em2) nodes.push(element("em", {}, ...inline(found.em ?? found.em2, depth + 1)));
    else nodes.push(link(found.href ?? found.bare, found.label ?? found.bare, match[0]));
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== "");
}

/** A link to the web that tells the other side nothing; any other address stays the text it was. */
function link(address, label, source) {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!["http:", "https:"].includes(url?.protocol)) return source;
  return element("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, label);
}

async function copyText(text, button) {
  const label = button.dataset.label ??= button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Only pages served over HTTPS or from this machine may write the clipboard.
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = label; }, 2000);
}
