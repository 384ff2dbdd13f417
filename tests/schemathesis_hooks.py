"""Gives what schemathesis makes up a world to happen in: ids of things that there are, and accounts that may go.

Only requests that are meant to be good are touched, but for what would spoil the others: a model that answers by
default and cannot be reached. What becomes of things between requests is left to the stateful phase.
"""

import itertools
import os
import threading

import requests
import schemathesis
from schemathesis.core import NOT_SET

URL = os.environ["KAFKA_URL"]
TOKEN = os.environ.get("KAFKA_TOKEN")
PASSWORD = "the castle of words"
COUNT = itertools.count()
LOCK = threading.RLock()
THINGS: dict = {}


def call(method, path, token=TOKEN, **body):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    reply = requests.request(method, URL + path, headers=headers, timeout=60, **body)
    reply.raise_for_status()
    return reply.json() if reply.content else None


def named():
    return f"thing {next(COUNT)}"


def new_file():
    files = {"files": ("a.txt", b"one\ntwo\n")}
    return call("POST", f"/api/v1/workspaces/{thing('workspace')}/files", files=files)["items"][0]["id"]


def new_message():
    said = {"role": "user", "content": "Hello"}
    return call("POST", f"/api/v1/chats/{thing('chat')}/messages", json=said)["id"]


def new_chat_file():
    written = {"filename": f"{next(COUNT)}.txt", "content": "one\n"}
    return call("POST", f"/api/v1/chats/{made('chat')}/files", json=written)["id"]


def new_document():
    files = {"files": ("a.txt", b"one\ntwo\n")}
    return call("POST", f"/api/v1/chats/{made('chat')}/documents", files=files)["items"][0]["id"]


def new_response():
    asked = {"content": "Hello", "model": "echo"}
    return call("POST", f"/api/v1/chats/{made('chat')}/responses", json=asked)["response"]["id"]


def new_model():
    return call("POST", "/api/v1/models", json={"name": named(), "base_url": "https://model.example.org/v1"})["id"]


def new_question():
    chat = call("POST", "/conversations", json={})["id"]
    call("POST", f"/conversations/{chat}/messages", json={"message": "Hello", "model": "echo"})
    return chat


def new_number_of_message():
    said = {"chat_id": thing("number of chat"), "role": "user", "content": "Hello"}
    return call("POST", "/api/messages", json=said)["id"]


def new_account():
    return call("POST", "/api/v1/auth/register", token=None, json={"email": f"n{next(COUNT)}@made.example.org", "password": PASSWORD})


MAKERS = {
    "account": lambda: (call("GET", "/api/v1/users/me") if TOKEN else new_account()["user"])["id"],
    "chat": lambda: call("POST", "/api/v1/chats", json={"title": "A chat"})["id"],
    "chat file": new_chat_file,
    "document": new_document,
    "file": new_file,
    "message": new_message,
    "model": new_model,
    "number of chat": lambda: call("POST", "/api/chats", json={"name": "A chat"})["id"],
    "number of message": new_number_of_message,
    "question": new_question,
    "response": new_response,
    "token": lambda: call("POST", "/api/v1/tokens", json={"name": "A key"})["id"],
    "workspace": lambda: call("POST", "/api/v1/workspaces", json={"name": named()})["id"],
}

# What the `{…}` of a path stands for, by how the path begins.
IN_PATHS = [
    ("/api/v1/workspaces/{", "workspace"), ("/api/v1/files/{", "file"), ("/api/v1/chats/{", "chat"),
    ("/api/v1/messages/{", "message"), ("/api/v1/chat-files/{", "chat file"), ("/api/v1/responses/{", "response"),
    ("/api/v1/models/{", "model"), ("/api/v1/documents/{", "document"),
    ("/api/v1/tokens/{", "token"), ("/api/v1/admin/users/{", "account"),
    ("/ws/{", "chat"), ("/workspace/delete/{", "workspace"), ("/chat/{", "chat"), ("/file/delete/{", "file"),
    ("/uploads/files/{", "file"), ("/models/delete/{", "model"), ("/api/chats/{", "number of chat"),
    ("/api/messages/chat/{", "number of chat"), ("/api/messages/{", "number of message"), ("/conversations/{", "question"),
]
# What fields of bodies stand for.
IN_BODIES = {
    "workspace_id": "workspace", "owner_id": "account", "user_id": "account", "file_id": "file", "chat_id": "chat",
}
# Fields that lead to something else than what is there, and may be left out.
LEFT_OUT = {"parent_id", "active_leaf_id", "after", "parts", "tool_call_id", "plan", "provider", "expires_at", "invite"}


def made(kind):
    """A thing that nobody else has."""
    try:
        return MAKERS[kind]()
    except requests.HTTPError:
        # What it was to be made in was deleted meanwhile.
        THINGS.clear()
        return MAKERS[kind]()


def thing(kind):
    """A thing that several have, one after the other: none lasts long."""
    with LOCK:
        uses, value = THINGS.get(kind, (0, None))
        if uses % 8 == 0:
            value = made(kind)
        THINGS[kind] = (uses + 1, value)
        return value


def furnish_path(case):
    kind = next((kind for start, kind in IN_PATHS if case.path.startswith(start)), None)
    if kind and case.path_parameters and not (kind == "token" and not TOKEN):
        name = next(name for name in ("id", "chat_id", "path") if name in case.path_parameters)
        # One that is replaced goes, too.
        goes = case.method == "DELETE" or (case.method == "PUT" and kind == "document")
        value = made(kind) if goes else thing(kind)
        case.path_parameters[name] = f"{value}_a.txt" if name == "path" else value
    if case.path_parameters and "n" in case.path_parameters:
        case.path_parameters["n"] = 1


def furnish_query(case):
    query = case.query or {}
    for name in ("after", "before", "ticket", "token", "from"):
        query.pop(name, None)
    if "page" in query or "page_size" in query:
        query.pop("limit", None)
    if "page" in query:
        query["page"] = 1
    if case.path.endswith("/diff"):
        query.update({"from": 1, "to": 1})
    if "workspace_id" in query:
        query["workspace_id"] = thing("workspace")
    if case.headers:
        case.headers.pop("Last-Event-ID", None)


def furnish_body(case):
    body = case.body
    for name in LEFT_OUT & body.keys():
        del body[name]
    for name, kind in IN_BODIES.items():
        if name in body:
            body[name] = thing(kind)
    if case.path.startswith("/api/v1/") and case.path != "/api/v1/chats/{id}/files":
        body.pop("user_id", None)
        body.pop("owner_id", None)
    if case.path == "/api/messages":
        body["chat_id"] = thing("number of chat")
    if case.path == "/api/v1/search":
        body.update({"mode": "hybrid"}) if "mode" in body else None
    if "target_id" in body:
        body["target_id"] = thing("chat" if body.get("is_chat") else "workspace")
    if "selected_file_ids" in body:
        body["selected_file_ids"] = []
    if case.path == "/api/v1/chat-files/{id}/versions":
        body.pop("diff", None)
        body.pop("base", None)
        body["content"] = body.get("content") or "two\n"
    if case.path == "/api/v1/chat-files/{id}/revert":
        body["number"] = 1
    if case.path == "/api/v1/tokens" and "scopes" in body:
        body["scopes"] = ["chats:read"]
    if case.path in ("/api/v1/models", "/models/new"):
        body.update({"name": named(), "base_url": "https://model.example.org/v1"})
    if case.path.startswith("/api/v1/models/"):
        body.pop("base_url", None)
        body.pop("name", None)
    if case.path == "/api/v1/chats/{id}/files":
        body.pop("file_id", None)
        body.update({"filename": named(), "content": "one\n"}) if "files" not in body else None
    if case.path == "/api/v1/auth/login" or (case.path.startswith("/auth") and TOKEN):
        body.update({"email": os.environ.get("KAFKA_EMAIL", "nobody@example.org"), "password": PASSWORD})
        body.pop("username", None)
    if case.path == "/api/v1/auth/register":
        body.update({"email": f"r{next(COUNT)}@made.example.org", "username": None, "password": PASSWORD})


def furnish_account(case):
    """Requests that end a session, or an account, have one of their own."""
    ends_account = case.path == "/api/v1/users/me" and case.method == "DELETE"
    if not TOKEN or not (ends_account or case.path in ("/api/v1/auth/logout", "/api/v1/users/me/password")):
        return
    if ends_account:
        token = new_account()["token"]
    else:
        with LOCK:
            if "leaving" not in THINGS:
                THINGS["leaving"] = new_account()["user"]
            account = THINGS["leaving"]
        token = call("POST", "/api/v1/auth/login", token=None, json={"email": account["email"], "password": PASSWORD})["token"]
        if case.path.endswith("/password") and isinstance(case.body, dict) and is_good(case):
            case.body.update({"current_password": PASSWORD, "new_password": PASSWORD})
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


def is_good(case):
    return case.meta is not None and case.meta.generation.mode.value == "positive"


if TOKEN:

    @schemathesis.auth()
    class Bearer:
        """The account that calls, where the hooks choose no other."""

        def get(self, case, context):
            return TOKEN

        def set(self, case, token, context):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


@schemathesis.hook
def filter_query(context, query):
    """An empty parameter is as good as none, also where it is to be a number, which its schema does not say."""
    return not query or "" not in query.values()


@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, dict):
        case.body.pop("is_default", None)
        if case.path.endswith("/responses"):
            case.body["model"] = "echo"
    if case.headers and is_good(case):
        # A key that came before would give what was made then, which may be gone.
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"key-{next(COUNT)}"
    furnish_account(case)
    if not is_good(case) or case.meta.phase.name.value == "stateful":
        return
    furnish_path(case)
    furnish_query(case)
    if case.body is not NOT_SET and isinstance(case.body, dict):
        furnish_body(case)
