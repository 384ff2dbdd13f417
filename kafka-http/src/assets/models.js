// The models that can be chosen.

const ECHO = "echo";
/** `null` until they are known. */
let models = null;

async function loadModels() {
  models = (await patiently(() => call("GET", "models?limit=200"))).items;
  showModels();
}

/** The model that answers in the open chat. */
const modelOf = (chat) => chat?.default_model || models?.find((model) => model.is_default)?.name || ECHO;

function showModels() {
  if (!models) return;
  const chosen = view.model ?? modelOf(view.chat);
  const names = [...new Set([...models.map((model) => model.name), ECHO, chosen])];
  at("model").replaceChildren(...names.map((name) => new Option(name === ECHO ? "echo (repeats you)" : name, name, false, name === chosen)));
  at("echo").hidden = chosen !== ECHO;
}

async function chooseModel(name) {
  const here = view;
  here.model = name;
  showModels();
  if (!here.chat) return;
  const change = act("PATCH", `chats/${here.chat.id}`, { body: { default_model: name } });
  here.ready = change.catch(() => {});
  try {
    putFirst(await change);
  } catch (error) {
    here.model = null;
    showModels();
    complain(error);
  }
}
