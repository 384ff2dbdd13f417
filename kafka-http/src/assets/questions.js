// Asking, following the answer, and stopping it.

const LOST = "The connection is lost. This page goes on by itself as soon as the server is back.";

/** Asks what is written, once: from the key press on, not only from when the question is shown. */
async function send() {
  const here = view;
  const content = prompt.value;
  if (!content.trim() || here.asking || here.running.size) return;
  prompt.value = "";
  here.asking = true;
  fitPrompt();
  await put(content);
  here.asking = false;
  fitPrompt();
}

/** Makes the chat of a view that has none yet. False if someone went elsewhere meanwhile. */
async function begin(here, title) {
  if (here.chat) return true;
  const body = { title: shortened(title) };
  if (here.model) body.default_model = here.model;
  const chat = await act("POST", "chats", { body, key: freshKey() });
  if (view !== here) return false;
  here.chat = chat;
  putFirst(chat);
  modes.set(chat.id, here.mode);
  history.pushState(null, "", addressOf(chat.id));
  return true;
}

async function put(content) {
  const here = view;
  // A question stands under what was said before, and is for the model chosen last.
  await here.ready;
  if (view !== here) return;
  try {
    if (!await begin(here, content.trim().split("\n")[0])) return;
  } catch (error) {
    prompt.value = content;
    fitPrompt();
    return complain(error);
  }
  const before = here.last;
  const said = new Said("user", content);
  const isTaken = await ask({ content }, [said]);
  if (isTaken || view !== here) return;
  said.node.remove();
  here.last = before;
  offerRetry();
  if (!prompt.value) prompt.value = content;
  fitPrompt();
}

/** Has a question answered, or an answer given anew. */
async function retry(shown) {
  const here = view;
  await here.ready;
  if (view !== here || here.asking || here.running.size) return;
  prompt.focus();
  if (shown.role === "user") {
    if (await ask({}, []) || view !== here) return;
    here.last = shown;
    return offerRetry();
  }
  try {
    const question = shown === here.last ? {} : { parent_id: await parentOf(shown) };
    if (view === here) await inPlaceOf(shown.node, () => ask(question, []));
  } catch (error) {
    complain(error);
  }
}

/** Asks in the open chat and shows the answer as it comes. False if the server refused. */
async function ask(question, said) {
  const { chat } = view;
  const path = `chats/${chat.id}/responses`;
  const body = { ...question, ...wishes(), stream: true };
  const key = freshKey();
  const answer = new Answer({ model: modelOf(chat) });
  // What stands elsewhere than at the end makes the conversation branch.
  answer.branches = !said.length || "parent_id" in question;
  for (const question of said) question.answer = answer;
  calm();
  showCurl("POST", path, body);
  messages.append(...said.map(({ node }) => node), answer.node);
  at("welcome").hidden = true;
  showEnd();
  view.last = answer;
  // The key makes asking again, after a connection that broke too early, the same question.
  const isTaken = await follow(answer, (signal) => request("POST", path, { body, key, signal }));
  if (!isTaken) answer.node.remove();
  return isTaken;
}

/**
 * Shows the events of an answer until its last, over as many connections as that takes. Events that
 * were seen are not asked for again. False if the server refused, or who asked withdrew the question.
 */
async function follow(answer, begin) {
  const here = view;
  const { signal: left } = here.left;
  const signal = AbortSignal.any([left, answer.withdrawn.signal]);
  here.running.add(answer);
  showRunning();
  answer.begin();
  let failure = null;
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
    let trouble = new Unreachable();
    answer.isOnItsWay = true;
    try {
      const reply = await (answer.response
        ? request("GET", `responses/${answer.response.id}/events?after=${answer.seq}`, { signal })
        : begin(signal));
      answer.say(answer.stage);
      for await (const event of events(reply, signal)) {
        const isFirst = !answer.response;
        answer.take(event);
        if (isFirst && answer.branches) learnBranches(here).then((show) => view === here && show()).catch(() => {});
        if (event.kind === "file.created") takeFile(here, event.data, "text");
        else if (event.kind === "file.version") takeFile(here, event.data, "changes");
        wait = FIRST_PAUSE_MS;
        if (isFirst && answer.response && answer.isWithdrawn) cancel(answer.response);
      }
      if (answer.seq && answer.response.status !== "streaming") break;
    } catch (error) {
      trouble = error;
    }
    answer.isOnItsWay = false;
    if (left.aborted) return true;
    if (answer.isWithdrawn && !answer.response) break;
    if (!isPassing(trouble)) {
      failure = trouble;
      break;
    }
    keepAtEnd(() => answer.say(trouble instanceof Unreachable ? LOST : trouble.message));
    await pause(trouble.retryAfter ?? wait, signal);
    if (left.aborted) return true;
    if (answer.isWithdrawn && !answer.response) break;
  }
  here.running.delete(answer);
  const isDeleted = answer.response && failure?.status === 404;
  keepAtEnd(() => {
    answer.end();
    if (isDeleted) answer.say("This answer was deleted.", true);
  });
  showRunning();
  if (failure && !isDeleted) complain(failure);
  offerRetry();
  if (!answer.response) return false;
  if (answer.response.status === "cancelled") tellIfDeleted(answer, left);
  speak(answer.response.status === "completed" ? "The answer is complete." : answer.state.textContent);
  readAgain(here, left).catch(() => {});
  loadFiles(here).catch(() => {});
  learnSources(here, answer).catch(() => {});
  return true;
}

/** Deleting what is being written stops it first, so both end alike. */
async function tellIfDeleted(answer, signal) {
  try {
    await call("GET", `messages/${answer.response.message_id}`, { signal });
  } catch (error) {
    if (error.status === 404) keepAtEnd(() => answer.say("This answer was deleted.", true));
  }
}

function showRunning() {
  const isRunning = view.running.size > 0;
  const hadFocus = document.activeElement === at("stop");
  at("stop").hidden = !isRunning;
  at("send").hidden = isRunning;
  messages.classList.toggle("busy", isRunning);
  allowSending();
  if (isRunning) {
    for (const button of messages.querySelectorAll(".retry")) button.remove();
    speak("The answer is being written.");
  } else if (hadFocus) {
    prompt.focus();
  }
}

/** Stops what is being answered, and takes back what was not yet asked. */
function stop() {
  for (const answer of view.running) {
    if (answer.response) cancel(answer.response);
    else answer.withdraw();
  }
}

async function cancel(response) {
  try {
    await act("POST", `responses/${response.id}/cancel`);
  } catch (error) {
    complain(error);
  }
}
