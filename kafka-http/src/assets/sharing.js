// Links by which others read a chat: making one, and taking it back.

async function openSharing() {
  at("new-link").hidden = true;
  at("sharing-trouble").textContent = "";
  at("links").replaceChildren();
  at("sharing").showModal();
  await trySharing(showLinks);
}

/** What goes wrong is told where it is seen. */
async function trySharing(work) {
  at("sharing-trouble").textContent = "";
  try {
    await work();
  } catch (error) {
    if (error.status === 401) at("sharing").close(), askLogin(error);
    else at("sharing-trouble").textContent = error.message;
  }
}

async function showLinks() {
  const { chat } = view;
  const { items } = await call("GET", `chats/${chat.id}/share`);
  const instant = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  at("links").replaceChildren(...items.map(({ id, created_at: made, expires_at: end }) => {
    const text = `Made ${instant(made)}, ${end ? `works until ${instant(end)}` : "works until it is revoked"}`;
    const revoke = element("button", { type: "button", ariaLabel: `Revoke the link made ${instant(made)}` }, "Revoke");
    revoke.onclick = () => trySharing(async () => {
      await act("DELETE", `share-links/${id}`);
      if (at("new-link").dataset.id === id) at("new-link").hidden = true;
      await showLinks();
      at("close-sharing").focus();
    });
    return element("li", {}, element("span", {}, text), revoke);
  }));
  at("live-links").hidden = !items.length;
}

function makeLink(event) {
  event.preventDefault();
  return trySharing(async () => {
    const seconds = Number(at("expiry").value);
    const { id, url } = await act("POST", `chats/${view.chat.id}/share`, { body: seconds ? { expires_in: seconds } : {} });
    // Only now: the token is told once.
    at("link").textContent = new URL(url, location.origin).href;
    at("new-link").dataset.id = id;
    at("new-link").hidden = false;
    at("copy-link").focus();
    await showLinks();
  });
}
