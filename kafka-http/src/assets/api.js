// Talking to the server: requests, problems, streams of events, and the curl line of a request.

const TOKEN = "kafka.token";
/** A stream that is silent for longer is lost: the server sends a comment every 15 s. In milliseconds. */
const SILENCE = 40_000;

const session = {
  token: sessionStorage.getItem(TOKEN),
  keep(token) {
    this.token = token;
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  },
};

/** The server refused; the message is its sentence. */
class Problem extends Error {
  constructor(status, body, retryAfter) {
    const fields = (body.errors ?? []).map(({ field, message }) => `${field}: ${message}`);
    const detail = body.detail ?? `The server answered with status ${status}.`;
    super(fields.length && !fields.some((field) => detail.includes(field)) ? `${detail} (${fields.join("; ")})` : detail);
    this.status = status;
    this.code = body.code;
    /** The number that the newest version has, where what was sent was made from an older one. */
    this.current = body.current;
    /** When the same may work, in milliseconds from now. */
    this.retryAfter = Number(retryAfter) * 1000 || undefined;
  }
}

/** There is no server, or the way to it is broken, so that the same may work later. */
class Unreachable extends Error {
  constructor() {
    super("The server does not answer. This page goes on by itself as soon as it is back.");
  }
}

async function request(method, path, { body, key, signal, keepalive } = {}) {
  const headers = {};
  if (session.token) headers.authorization = `Bearer ${session.token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  let reply;
  try {
    reply = await fetch(`/api/v1/${path}`, { method, headers, signal, keepalive, cache: "no-store", body: body && JSON.stringify(body) });
  } catch (error) {
    throw signal?.aborted ? error : new Unreachable();
  }
  if (reply.ok) return reply;
  throw failure(reply.status, await reply.json().catch(() => ({})), reply.headers.get("retry-after"));
}

/** What stands between, a proxy for example, has no problem+json; it tells that the server is away. */
function failure(status, body, retryAfter) {
  return [502, 503, 504].includes(status) && !body.code ? new Unreachable() : new Problem(status, body, retryAfter);
}

/** The JSON of an answer; `null` without content. */
async function call(method, path, options) {
  const reply = await request(method, path, options);
  return reply.status === 204 ? null : reply.json();
}

/** Sends a form, and tells meanwhile how many bytes of it are on their way; `fetch` cannot. */
function sendForm(method, path, form, key, tell) {
  return new Promise((done, refuse) => {
    const sending = new XMLHttpRequest();
    sending.open(method, `/api/v1/${path}`);
    if (session.token) sending.setRequestHeader("authorization", `Bearer ${session.token}`);
    sending.setRequestHeader("idempotency-key", key);
    sending.upload.onprogress = ({ loaded }) => tell(loaded);
    sending.onerror = () => refuse(new Unreachable());
    sending.onload = () => {
      let body = {};
      try { body = JSON.parse(sending.responseText); } catch { /* What stands between has its own forms. */ }
      if (sending.status < 400) done(body);
      else refuse(failure(sending.status, body, sending.getResponseHeader("retry-after")));
    };
    sending.send(form);
  });
}

/** Server-sent events as `{seq, kind, data}`, until the body ends. A body that breaks off is `Unreachable`. */
async function* events(reply, signal) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      let alarm;
      const silence = new Promise((_, reject) => { alarm = setTimeout(reject, SILENCE, new Unreachable()); });
      const { value, done } = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(alarm));
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
        if (fields.event) yield { seq: Number(fields.id), kind: fields.event, data: JSON.parse(fields.data) };
      }
    }
  } catch (error) {
    throw signal.aborted ? error : new Unreachable();
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** A key that lets a repeated request take effect once. */
function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The shell command that does the same. A token is never in it. */
function curlLine(method, path, body) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = ["curl"];
  if (body?.stream) words.push("-N");
  if (method !== "POST" || !body) words.push("-X", method);
  words.push(quoted(`${location.origin}/api/v1/${path}`));
  if (session.token) words.push("-H", '"authorization: Bearer $KAFKA_TOKEN"');
  if (body instanceof FormData) {
    for (const { name } of body.values()) words.push("-F", quoted(`files=@"${name.replace(/["\\]/g, "\\$&")}"`));
  } else if (body) {
    words.push("-H", quoted("content-type: application/json"), "-d", quoted(JSON.stringify(body)));
  }
  return words.join(" ");
}
