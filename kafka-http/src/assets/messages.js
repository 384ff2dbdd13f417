// Messages: what someone wrote, and what a model wrote or is writing.

const WITHDRAWING_MS = 1000;

const AUTHORS = { user: "You", assistant: "Model", system: "Instructions", tool: "Tool" };

/** Adds nothing to the page; an answer that is still being written is followed at once. */
function showMessage(message) {
  const isNote = message.type === "file" && !message.response;
  const shown = message.role === "assistant" && !isNote ? new Answer(message) : new Said(message.role, message.content, isNote);
  view.last = shown;
  if (message.id) shown.node.id = message.id;
  shown.parent = message.parent_id;
  if (message.status === "streaming" && message.response) follow(shown);
  return shown;
}

/** What someone wrote: its text as it is; or a note that tells what became of a file. */
class Said {
  constructor(role, content, isNote = false) {
    this.role = role;
    this.isNote = isNote;
    this.content = content;
    const note = isNote && readNote(content);
    this.facts = element("div", { className: "facts" });
    this.node = element("article", { className: role },
      element("h2", { className: isNote || role === "user" ? "unseen" : "" }, AUTHORS[role] ?? role),
      element("div", { className: "text" }, ...note ? noteLine(note) : [content]), footOf(this, this.facts));
    this.node.shown = this;
    this.facts.hidden = true;
    this.node.classList.toggle("note", isNote);
  }
}

const ENDS = {
  interrupted: "This answer was interrupted: the server or the model went away in the middle. What came is kept.",
  cancelled: "You stopped this answer. What came is kept.",
  failed: "The model failed.",
};

/** What a model wrote, or is writing. */
class Answer {
  role = "assistant";
  seq = 0;
  thoughts = "";
  /** What it does besides writing. */
  stage = "";
  /** Whether a request is under way, which the server may have taken already. */
  isOnItsWay = false;
  isWithdrawn = false;
  /** Ends every request for this answer, and the waiting for the next. */
  withdrawn = new AbortController();

  constructor({ content = "", response = null, parts = null, sources = null, model = null, type = "text", status }) {
    const note = type === "file" && readNote(content);
    this.content = note ? "" : content;
    this.response = response;
    this.status = status;
    this.author = element("h2");
    this.text = element("div", { className: "text" });
    this.files = element("div", { className: "file-notes" }, ...note ? noteLine(note) : []);
    this.thinking = element("div");
    this.reasoning = element("details", { className: "reasoning", hidden: true }, element("summary", {}, "Reasoning"), this.thinking);
    this.sources = sources ?? [];
    this.cites = element("details", { className: "sources", hidden: true });
    this.state = element("p", { className: "state", hidden: true });
    this.facts = element("div", { className: "facts" });
    this.node = element("article", { className: "assistant" }, this.author, this.reasoning, this.text, this.files, this.cites, this.state, footOf(this, this.facts));
    this.node.shown = this;
    this.model = model;
    for (const part of Array.isArray(parts) ? parts : []) {
      if (part.type === "reasoning") this.thoughts += part.text;
    }
    this.draw();
    if (response?.status !== "streaming") this.end();
  }

  /** Begins again at the first event, as for someone who saw nothing. */
  begin() {
    this.content = this.thoughts = this.stage = this.stageName = "";
    this.files.replaceChildren();
    this.node.classList.add("running");
    this.node.ariaBusy = "true";
  }

  /** Takes the question back. What may be with the server already is let in for a moment, to be stopped there. */
  withdraw() {
    this.isWithdrawn = true;
    const abort = () => { if (!this.response) this.withdrawn.abort(); };
    setTimeout(abort, this.isOnItsWay ? WITHDRAWING_MS : 0);
  }

  take({ seq, kind, data }) {
    this.seq = seq;
    if (kind === "message.delta") this.write(data.text);
    else if (kind === "message.reasoning") this.thoughts += data.text;
    else if (kind === "stage") this.tell(data);
    else if (kind === "file.created") this.note(data, "created");
    else if (kind === "file.version") this.note(data, "changed");
    if (data.response) {
      this.response = data.response;
      this.node.id = data.response.message_id;
    }
    this.drawSoon();
  }

  write(text) {
    this.content += text;
    if (!this.stage) return;
    this.stage = "";
    this.say("");
  }

  /** Says what it does besides writing. A stage that begins again is another attempt. */
  tell(stage) {
    this.attempt = stage.name === this.stageName ? this.attempt + 1 : 1;
    this.stageName = stage.name;
    this.stage = stageSentence({ attempt: this.attempt, ...stage });
    keepAtEnd(() => this.say(this.stage));
    speak(this.stage);
  }

  /** Says that it made something of a file. */
  note(data, verb) {
    const name = data.chat_file?.filename ?? "a file";
    keepAtEnd(() => this.files.append(...noteLine({ name, verb })));
  }

  /** Draws with the next frame; a long text, which costs more, less often. */
  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => requestAnimationFrame(() => {
      if (this.isDue) keepAtEnd(() => this.draw());
    }), this.cost * 4);
  }

  cost = 0;

  draw() {
    this.isDue = false;
    const began = performance.now();
    showMarkdown(this.text, this.content);
    this.author.textContent = this.response?.model_used ?? this.model ?? "Model";
    this.reasoning.hidden = !this.thoughts;
    this.thinking.textContent = this.thoughts;
    this.cost = performance.now() - began;
  }

  /** Shows how it stands: nothing, or a sentence. */
  say(sentence, isBad = false) {
    this.state.textContent = sentence;
    this.state.hidden = !sentence;
    this.state.classList.toggle("bad", isBad);
  }

  end() {
    this.draw();
    showSources(this);
    this.node.classList.remove("running");
    this.node.removeAttribute("aria-busy");
    // A copy in a fork has no record of its own.
    const { status = this.status, error } = this.response ?? {};
    this.say(error?.detail ?? ENDS[status] ?? "", status === "failed" || status === "interrupted");
    this.facts.replaceChildren(...this.figures().map((figure) => element("span", {}, figure)));
  }

  figures() {
    const { response } = this;
    if (!response) return [];
    const time = (ms) => ms < 1000 ? `${ms} ms` : `${(ms / 1000).toLocaleString([], { maximumFractionDigits: 1 })} s`;
    const { tokens_prompt: sent, tokens_completion: answered, first_token_ms: first, completion_time_ms: all } = response;
    return [
      answered != null && `${sent ?? 0} tokens in, ${answered} out${response.usage_estimated ? " (estimated)" : ""}`,
      first != null && `first word after ${time(first)}`,
      all != null && `${time(all)} in all`,
      response.attempts?.length > 1 && `${response.attempts.length} calls of the model`,
      dayOf(response.created_at),
    ].filter(Boolean);
  }
}

/** Puts the button that answers again under the last message, and nowhere else. */
function offerRetry() {
  for (const button of messages.querySelectorAll(".retry")) button.remove();
  const { last, running } = view;
  if (!last || last.isNote || running.size || !["user", "assistant"].includes(last.role)) return;
  const label = last.role === "user" ? "Answer this" : "Try again";
  last.facts.hidden = false;
  last.facts.prepend(element("button", { type: "button", className: "quiet retry", onclick: () => retry(last) }, label));
}
