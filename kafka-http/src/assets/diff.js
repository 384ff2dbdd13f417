// A unified diff as lines that a person can read.

/** So many are drawn at once; the rest waits for a button. */
const DIFF_LINES = 2000;

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** What was added and removed, and the lines around it, each with its number in the newer text. */
function drawDiff(diff, label) {
  const box = element("pre", { className: "diff", tabIndex: 0, ariaLabel: label });
  const lines = diffLines(diff);
  const more = element("button", { type: "button", className: "quiet" });
  const drawSome = () => {
    box.append(...lines.splice(0, DIFF_LINES).map(diffLine));
    more.textContent = `Show ${lines.length.toLocaleString()} more lines`;
    more.hidden = !lines.length;
  };
  more.onclick = drawSome;
  drawSome();
  return [box, more];
}

function diffLines(diff) {
  const found = [];
  let [old, now] = [0, 0];
  for (const line of diff.replace(/^--- [^\n]*\n\+\+\+ [^\n]*\n/, "").replace(/\n$/, "").split("\n")) {
    const hunk = line.match(HUNK);
    if (hunk) {
      [old, now] = [Number(hunk[1]), Number(hunk[3])];
      found.push({ kind: "place", text: `from line ${Math.max(now, 1)}` });
    } else if (line[0] === "-") {
      found.push({ kind: "del", number: old++, text: line });
    } else if (line[0] === "+") {
      found.push({ kind: "ins", number: now++, text: line });
    } else if (line[0] === "\\") {
      found.push({ kind: "note", text: "no line end at the end" });
    } else {
      old++;
      found.push({ kind: "span", number: now++, text: line });
    }
  }
  return found;
}

function diffLine({ kind, number, text }) {
  const isLine = number !== undefined;
  const node = element(isLine ? kind : "span", { className: isLine ? "line" : kind }, text);
  if (isLine) node.dataset.number = number;
  return node;
}

/** How many lines a diff adds and removes. */
function countChanges(diff) {
  const lines = diffLines(diff);
  const count = (kind) => lines.filter((line) => line.kind === kind).length;
  return `${count("ins").toLocaleString()} added, ${count("del").toLocaleString()} removed`;
}
