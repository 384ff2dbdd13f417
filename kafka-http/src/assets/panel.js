// The panel of files and documents: when it is open, what of it has the focus, and what lies behind it.

/** Where there is room the panel stands beside the conversation, elsewhere over it. */
const isRoomy = matchMedia("(min-width: 64rem)");

/**
 * What someone chose last. Until then the panel is open where there is room and a file to show. Over the
 * conversation it comes and goes only when someone says so; a text stays open behind it.
 */
let wantsPanel = null;

function isPanelOpen() {
  if (!isRoomy.matches) return wantsPanel === true;
  const { opened, writing, cited, files, documents, coming } = view;
  return Boolean(opened || writing || cited) || (wantsPanel ?? files.length + documents.length + coming.length > 0);
}

function showPanel() {
  const isOpen = isPanelOpen();
  const hadFocus = at("panel").contains(document.activeElement);
  at("panel").hidden = !isOpen;
  at("opened").hidden = !(view.opened || view.writing);
  at("cited").hidden = !view.cited;
  at("shelf").hidden = !(at("opened").hidden && at("cited").hidden);
  document.body.classList.toggle("beside", isOpen);
  document.body.classList.toggle("reading", isOpen && !at("opened").hidden);
  document.body.classList.toggle("citing", isOpen && !at("cited").hidden);
  at("open-files").ariaExpanded = String(isOpen);
  const count = [...view.files, ...view.documents].filter(({ id }) => !isLeaving(id)).length + view.coming.length;
  at("open-files").lastElementChild.textContent = count ? `Files (${count})` : "Files";
  fence();
  if (!isOpen && hadFocus) at("open-files").focus();
  showAim();
}

function setPanel(isOpen) {
  wantsPanel = isOpen;
  if (!isOpen && isRoomy.matches) {
    if (view.opened) goTo(view.chat.id);
    closeOpened();
  }
  showPanel();
  if (!isOpen) return;
  learnLengths(view);
  if (!isRoomy.matches) at("close-panel").focus();
}

/** What lies behind something else can be neither read nor reached. */
function fence() {
  const isDrawerOver = document.body.classList.contains("drawer") && isNarrow.matches;
  const isPanelOver = !isRoomy.matches && isPanelOpen();
  at("main").inert = isDrawerOver || isPanelOver;
  drawer.inert = isPanelOver;
  // What goes wrong is told where it is seen.
  const place = isPanelOver ? at("panel") : at("dock");
  if (at("trouble").parentElement !== place) place.prepend(at("trouble"));
}
