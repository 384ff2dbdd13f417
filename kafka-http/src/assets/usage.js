// What was used: how the account stands, and a chart of the last days with the same as a table.

/** Of the chart, in units of its own. */
const CHART = { width: 600, height: 120 };

const count = (number) => number.toLocaleString();
const dayInWords = (day) => new Date(`${day}T00:00Z`).toLocaleDateString([], { timeZone: "UTC", day: "numeric", month: "short" });

async function openUsage() {
  at("usage-trouble").textContent = "";
  for (const id of ["standing", "chart", "day-table", "model-table"]) at(id).replaceChildren();
  at("used").hidden = true;
  if (!at("usage").open) at("usage").showModal();
  try {
    showUsage(await call("GET", "usage"));
  } catch (error) {
    if (error.status === 401) at("usage").close(), askLogin(error);
    else at("usage-trouble").textContent = error.message;
  }
}

function showUsage({ daily_token_count: today, total_tokens_used: all, session_count: chats, doc_count: documents, limits, days, models }) {
  const of = (number, most) => most == null ? count(number) : `${count(number)} of ${count(most)}`;
  const figures = [["Tokens today", of(today, limits?.token_limit_daily)], ["Tokens in all", count(all)], ["Chats", of(chats, limits?.chat_limit)], ["Documents", count(documents)]];
  at("standing").replaceChildren(...figures.map(([name, figure]) => element("div", {}, element("dt", {}, name), element("dd", {}, figure))));
  at("chart").replaceChildren(...drawDays(days));
  at("day-table").replaceChildren(...tableOf(["Day (UTC)", "Sent", "Answered", "In all"], days.filter(({ tokens_total: tokens }) => tokens).reverse()
    .map((day) => [dayInWords(day.day), day.tokens_prompt, day.tokens_completion, day.tokens_total])));
  at("model-table").replaceChildren(...tableOf(["Model", "Answers", "Sent", "Answered", "In all"],
    models.map((model) => [model.model, model.responses, model.tokens_prompt, model.tokens_completion, model.tokens_total])));
  at("no-models").hidden = models.length > 0;
  at("used").hidden = false;
}

/** The parts of a table: its heads, and rows of a name and numbers. */
function tableOf(heads, rows) {
  const row = ([name, ...numbers]) => element("tr", {}, element("th", { scope: "row" }, name), ...numbers.map((number) => element("td", {}, count(number))));
  return [
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...rows.map(row)),
  ];
}

function drawing(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A bar for each day: what models were sent below, what they answered above. */
function drawDays(days) {
  const { width, height } = CHART;
  const tallest = days.reduce((one, other) => other.tokens_total > one.tokens_total ? other : one);
  const most = Math.max(1, ...days.map((day) => day.tokens_prompt + day.tokens_completion));
  const tall = (tokens) => tokens && Math.max(1, tokens / most * height);
  const step = width / days.length;
  const bars = days.flatMap((day, place) => {
    const [sent, answered] = [tall(day.tokens_prompt), tall(day.tokens_completion)];
    const bar = (name, y, tokens) => drawing("rect", { class: name, x: place * step + step * 0.15, width: step * 0.7, y, height: tokens },
      drawing("title", {}, `${dayInWords(day.day)}: ${count(day.tokens_prompt)} sent, ${count(day.tokens_completion)} answered`));
    return [sent && bar("sent", height - sent, sent), answered && bar("answered", height - sent - answered, answered)].filter(Boolean);
  });
  const [first, last] = [days[0], days.at(-1)].map(({ day }) => dayInWords(day));
  const total = days.reduce((sum, day) => sum + day.tokens_total, 0);
  const about = total ? `${count(total)} in all, most on ${dayInWords(tallest.day)}: ${count(tallest.tokens_total)}` : "none";
  const label = `Tokens a day from ${first} to ${last}: ${about}. The table below says the same.`;
  return [
    element("p", {}, total ? count(most) : ""),
    drawing("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, ...bars),
    element("p", {}, element("span", {}, first), element("span", {}, last)),
  ];
}
