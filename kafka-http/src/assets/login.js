// Logging in and out.

function askLogin(error) {
  // What a token says when it has ended is news; that there is none yet is not.
  at("login-why").textContent = session.token ? error.message : "This server asks who you are.";
  session.keep(null);
  if (!at("login").open) at("login").showModal();
}

async function login(event) {
  event.preventDefault();
  const account = at("account").value.trim();
  at("login-trouble").textContent = "";
  try {
    const name = account.includes("@") ? "email" : "username";
    const { token } = await call("POST", "auth/login", { body: { [name]: account, password: at("password").value } });
    session.keep(token);
    at("login").close();
    start();
  } catch (error) {
    at("login-trouble").textContent = error.message;
    at("password").select();
  } finally {
    if (session.token) at("password").value = "";
  }
}

async function logout() {
  try {
    await call("POST", "auth/logout");
  } catch (error) {
    if (error.status !== 401) return complain(error);
  }
  session.keep(null);
  location.replace("./");
}
