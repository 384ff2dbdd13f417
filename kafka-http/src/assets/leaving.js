// Deleting with a way back: what is deleted is at first only hidden.

const UNDO_MS = 8000;

let leaving = null;

const isLeaving = (id) => leaving?.id === id;

/**
 * Hides what has this id, and deletes `path` when the time to take that back is over. `draw` shows what is
 * left, `back` what is there again, and `gone` is told when there is no way back any more.
 */
function leave({ id, name, path, draw, back, gone }) {
  finishLeaving();
  leaving = { id, path, draw, back, gone, timer: setTimeout(finishLeaving, UNDO_MS) };
  draw();
  notify(`“${shortened(name)}” is deleted.`, true);
}

function undoLeaving() {
  const { timer, draw, back } = leaving;
  clearTimeout(timer);
  leaving = null;
  notify("");
  draw();
  back();
}

async function finishLeaving(keepalive = false) {
  if (!leaving) return;
  const { path, timer, gone } = leaving;
  clearTimeout(timer);
  gone();
  leaving = null;
  notify("");
  try {
    await act("DELETE", path, { keepalive: keepalive === true });
  } catch (error) {
    complain(error);
    loadChats().catch(complain);
    loadFiles(view).catch(complain);
    loadDocuments(view).catch(complain);
  }
}

function notify(text, canUndo = false) {
  const hadFocus = document.activeElement === at("undo");
  at("notice").firstChild.textContent = text;
  at("undo").hidden = !canUndo;
  if (canUndo) at("undo").focus();
  else if (hadFocus) prompt.focus();
}
