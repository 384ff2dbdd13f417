// What went wrong, and what was done about it.

const at = (id) => document.getElementById(id);
const drawer = at("drawer"), conversation = at("conversation"), messages = at("messages"), prompt = at("prompt");

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4000;

/** Lets time pass, less of it when the signal is given. */
const pause = (ms, signal) => new Promise((done) => {
  setTimeout(done, ms);
  signal?.addEventListener("abort", done);
});

/** Whether the same may work a little later. */
const isPassing = (error) => error instanceof Unreachable || error.status === 503;

/** Shows a failure as its sentence, with a button that helps if there is one. */
function complain(error, label, remedy) {
  if (error.status === 401) return askLogin(error);
  if (!(error instanceof Problem || error instanceof Unreachable)) console.error(error);
  const help = element("button", { type: "button", className: "quiet", onclick: () => { calm(); remedy?.(); } }, label ?? "Close");
  at("trouble").replaceChildren(element("p", {}, error.message), help);
}

function calm() {
  at("trouble").replaceChildren();
}

function speak(sentence) {
  at("spoken").textContent = sentence;
}

/** Sends something that changes or asks, and shows how curl would. */
function act(method, path, options = {}) {
  calm();
  showCurl(method, path, options.body);
  return call(method, path, options);
}

function showCurl(method, path, body) {
  at("curl").textContent = curlLine(method, path, body);
  at("done").hidden = false;
}

/** Repeats what only reads until the server is there. */
async function patiently(read, signal) {
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
    try {
      const result = await read();
      if (wait > FIRST_PAUSE_MS) calm();
      return result;
    } catch (error) {
      if (!isPassing(error) || signal?.aborted) throw error;
      complain(error);
      await pause(error.retryAfter ?? wait, signal);
    }
    signal?.throwIfAborted();
  }
}
