//! Every route works: a walk that calls each once, and fails when one was forgotten.

use std::collections::BTreeSet;

use kafka_core::testing::{Script, ScriptedEndpoint};
use kafka_http::router::ROUTES;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    chat_documents,
    support::{
        api::{self, Api, id},
        form::Form,
        http::Reply,
        process::{Binary, RunningServer},
    },
};

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

/// Calls routes and remembers which.
struct Walk {
    api: Api,
    walked: BTreeSet<(&'static str, &'static str)>,
}

impl Walk {
    /// Uploads into the route and gives the id of the only file.
    fn upload(&mut self, route: &'static str, id: &str) -> String {
        self.walked.insert(("POST", route));
        let reply = self.api.upload(&route.replace("{id}", id), &[], &[("a.txt", b"Hello")]);
        assert_eq!(reply.status, 201, "{}", text(&reply));
        api::id(&reply.json()["items"][0])
    }

    /// Sends a form to the route, with `id` in its place, and expects 200.
    fn form(&mut self, method: &'static str, route: &'static str, id: &str, form: Form) -> Value {
        self.walked.insert((method, route));
        form.ok(&self.api, method, &route.replace("{id}", id))
    }

    /// Calls the route with `id` in its place and expects this status.
    fn call(
        &mut self,
        method: &'static str,
        route: &'static str,
        id: &str,
        body: Option<Value>,
        status: u16,
    ) -> Value {
        self.walked.insert((method, route));
        let path = route.replace("{id}", id).replace("{n}", "1").replace("{file}", "swagger-ui.css");
        let query = if path.ends_with("/diff") { "?from=1&to=1" } else { "" };
        let path = path + query;
        let reply = self.api.send(method, &path, &[], body.as_ref().map(Value::to_string).as_deref());
        assert_eq!(reply.status, status, "{method} {path}: {}", text(&reply));
        assert!(reply.header("x-request-id").is_some() && reply.header("server") == Some("kafka"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }
}

impl Walk {
    /// The routes of the Kafka system, as its front end calls them.
    fn replaced_system(&mut self, base_url: &str) {
        let own = self.api.clone();
        self.api = own.without_token();
        let account = Some(json!({"email": "josef@example.org"}));
        self.call("POST", "/auth", "", account.clone(), 200);
        let account = self.call("POST", "/auth/login", "", account, 200);
        let user = account["user_id"].as_str().unwrap();

        let form = || Form::default().field("owner_id", user).field("name", "Castle");
        let made = self.form("POST", "/workspace/new", "", form().file("a.txt", b"Hello"));
        let (workspace, file) =
            (made["workspace_id"].as_str().unwrap(), made["files"][0]["file_id"].as_str().unwrap());
        let form = Form::default().field("workspace_id", workspace).field("new_name", "Trial");
        self.form("PATCH", "/workspace/rename", "", form);
        let form = Form::default().field("user_id", user).field("workspace_id", workspace);
        let made = self.form("POST", "/chat/new", "", form.field("chat_name", "K."));
        let chat = made["chat_id"].as_str().unwrap();
        self.form(
            "PATCH",
            "/chat/rename",
            "",
            Form::default().field("chat_id", chat).field("new_name", "J."),
        );
        let form = Form::default().field("target_id", chat).field("is_chat", "on");
        self.form("POST", "/file/upload", "", form.file("b.txt", b"Hello"));
        let form = Form::default().field("file_id", file).field("new_name", "c.txt");
        let renamed = self.form("PATCH", "/file/rename", "", form);
        self.walked.insert(("GET", "/uploads/files/{path}"));
        let path = format!("/{}", renamed["new_path"].as_str().unwrap());
        assert_eq!(text(&self.api.send("GET", &path, &[], None)), "Hello");
        let form = Form::default().field("user_id", user).field("name", "m").field("ak", "key");
        let model = id(&self.form("POST", "/models/new", "", form.field("base_url", base_url)));
        for (route, id) in [
            ("/models/delete/{id}", &*model),
            ("/file/delete/{id}", file),
            ("/chat/{id}", chat),
            ("/workspace/delete/{id}", workspace),
        ] {
            self.call("DELETE", route, id, None, 200);
        }
        self.api = own;
    }
}

impl Walk {
    /// The routes of the Chat History Backend.
    fn chat_history(&mut self) {
        let own = self.api.clone();
        self.api = own.without_token();
        let number = |made: &Value| made["id"].as_i64().unwrap().to_string();
        let chat = number(&self.call("POST", "/api/chats", "", Some(json!({"name": "Trial"})), 201));
        self.call("GET", "/api/chats", "", None, 200);
        self.call("GET", "/api/chats/{id}", &chat, None, 200);
        self.call("PUT", "/api/chats/{id}", &chat, Some(json!({"notebooks": ["a"]})), 200);
        let said = json!({"chat_id": chat, "role": "ai", "content": "Hello"});
        let message = number(&self.call("POST", "/api/messages", "", Some(said), 201));
        self.call("GET", "/api/messages/chat/{id}", &chat, None, 200);
        self.call("GET", "/api/messages/{id}", &message, None, 200);
        self.call("PUT", "/api/messages/{id}", &message, Some(json!({"role": "user"})), 200);
        self.call("DELETE", "/api/messages/{id}", &message, None, 204);
        self.call("DELETE", "/api/chats/{id}", &chat, None, 204);
        self.api = own;
    }

    /// The routes of Open Chat.
    fn open_chat(&mut self) {
        let own = self.api.clone();
        self.api = own.without_token();
        self.call("GET", "/models", "", None, 200);
        let chat = id(&self.call("POST", "/conversations", "", Some(json!({})), 200));
        self.call("GET", "/conversations", "", None, 200);
        self.call("GET", "/conversations/{id}", &chat, None, 200);
        self.call("PATCH", "/conversations/{id}", &chat, Some(json!({"default_model": "echo"})), 200);
        self.call("POST", "/conversations/{id}/messages", &chat, Some(json!({"message": "Hi"})), 200);
        self.call("GET", "/conversations/{id}/stream", &chat, None, 200);
        self.call("GET", "/conversations/{id}/messages", &chat, None, 200);
        self.call("DELETE", "/conversations/{id}", &chat, None, 200);
        self.api = own;
    }
}

#[test]
fn head_is_get_without_its_body_and_a_trailing_slash_changes_nothing() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    let message = api.message(&chat, "Hello");
    let answer = api.post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "Hi"}));
    let response = id(&answer["response"]);
    let written = json!({"filename": "a", "content": "Hello"});
    let text_of_chat = id(&api.post(&format!("/api/v1/chats/{chat}/files"), &written));
    let uploaded = api.upload(&format!("/api/v1/chats/{chat}/documents"), &[], &[("a.txt", b"Hello")]);
    let document = id(&uploaded.json()["items"][0]);
    chat_documents::read(&api, &document);
    let without_account = [
        "/api/v1/users/me",
        "/api/v1/workspaces/{id}",
        "/api/v1/workspaces/{id}/files",
        "/api/v1/workspaces/{id}/documents",
        "/api/v1/files/{id}",
        "/api/v1/files/{id}/content",
        "/api/v1/files/{id}/text",
        "/api/v1/models/{id}",
        "/uploads/files/{path}",
    ];
    for route in ROUTES.iter().filter(|route| route.method == "GET") {
        let noun = route.path.split('/').nth(3).unwrap_or_default();
        let id = match noun {
            "messages" if route.path.starts_with("/api/v1/") => &message,
            "responses" => &response,
            "chat-files" => &text_of_chat,
            "documents" => &document,
            _ => &chat,
        };
        let path = route.path.replace("{id}", id).replace("{chat_id}", &chat).replace("{path}", &chat);
        let path = path.replace("{n}", "1").replace("{file}", "swagger-ui.css");
        let query = if path.ends_with("/diff") { "?from=1&to=1" } else { "" };
        let expected = match route.path {
            "/api/v1/users/me" | "/api/v1/tokens" => 401,
            // Only the token of a link opens them.
            path if path.starts_with("/api/v1/shared") => 401,
            // Only a WebSocket client opens it.
            "/ws/{chat_id}" => 400,
            // Ids there are whole numbers.
            path if path.starts_with("/api/") && !path.starts_with("/api/v1/") && path.contains('{') => 422,
            path if without_account.contains(&path) => 404,
            _ => 200,
        };
        let got = api.send("GET", &format!("{path}{query}"), &[("x-request-id", "same")], None);
        assert_eq!(got.status, expected, "{path}");
        let head = api.send("HEAD", &format!("{path}{query}"), &[("x-request-id", "same")], None);
        let headers = |reply: &Reply| {
            reply.headers.iter().filter(|(name, _)| name != "date").cloned().collect::<Vec<_>>()
        };
        assert_eq!((head.status, headers(&head)), (got.status, headers(&got)), "{path}");
        let slashed = format!("{}/{query}", path.trim_end_matches('/'));
        let slashed = api.send("GET", &slashed, &[("x-request-id", "same")], None);
        // The one that tells the time tells another one.
        let body = |reply: &Reply| if path == "/health" { String::new() } else { text(reply) };
        assert_eq!((slashed.status, body(&slashed)), (got.status, body(&got)), "{path}");
    }
}

mod slow {
    use super::*;

    #[test]
    fn every_route_can_be_called() {
        let endpoint = ScriptedEndpoint::start(|_| Script::json(200, &json!({"data": [{"id": "m"}]})));
        for binary in Binary::both() {
            let data = TempDir::new().unwrap();
            let server = RunningServer::start(&binary, data.path(), &[]);
            let mut walk = Walk { api: Api::of(&server), walked: BTreeSet::new() };

            walk.call("GET", "/", "", None, 200);
            walk.call("GET", "/health", "", None, 200);
            walk.call("GET", "/ready", "", None, 200);
            walk.call("GET", "/openapi.json", "", None, 200);
            walk.call("GET", "/docs", "", None, 200);
            walk.call("GET", "/docs/{file}", "", None, 200);

            let named = json!({"name": "Letters"});
            let workspace = id(&walk.call("POST", "/api/v1/workspaces", "", Some(named.clone()), 201));
            walk.call("GET", "/api/v1/workspaces", "", None, 200);
            walk.call("GET", "/api/v1/workspaces/{id}", &workspace, None, 200);
            walk.call("PATCH", "/api/v1/workspaces/{id}", &workspace, Some(named), 200);

            let file = walk.upload("/api/v1/workspaces/{id}/files", &workspace);
            walk.call("GET", "/api/v1/workspaces/{id}/files", &workspace, None, 200);
            walk.upload("/api/v1/workspaces/{id}/documents", &workspace);
            walk.call("GET", "/api/v1/workspaces/{id}/documents", &workspace, None, 200);
            walk.call("GET", "/api/v1/files/{id}", &file, None, 200);
            walk.call("GET", "/api/v1/files/{id}/content", &file, None, 200);
            walk.call("GET", "/api/v1/files/{id}/text", &file, None, 200);
            walk.call("PATCH", "/api/v1/files/{id}", &file, Some(json!({"filename": "b.txt"})), 200);
            walk.call("DELETE", "/api/v1/files/{id}", &file, None, 204);

            let chat = id(&walk.call("POST", "/api/v1/chats", "", None, 201));
            walk.call("GET", "/api/v1/chats", "", None, 200);
            walk.call("GET", "/api/v1/chats/{id}", &chat, None, 200);
            walk.call("PATCH", "/api/v1/chats/{id}", &chat, Some(json!({"title": "The castle"})), 200);

            let said = json!({"role": "user", "content": "Hello"});
            let message = id(&walk.call("POST", "/api/v1/chats/{id}/messages", &chat, Some(said), 201));
            walk.call("GET", "/api/v1/chats/{id}/messages", &chat, None, 200);
            walk.call("GET", "/api/v1/chats/{id}/branches", &chat, None, 200);
            walk.call("POST", "/api/v1/messages/{id}/activate", &message, None, 200);
            walk.call("POST", "/api/v1/chats/{id}/fork", &chat, Some(json!({})), 201);
            walk.call("GET", "/api/v1/messages/{id}", &message, None, 200);
            walk.call("PATCH", "/api/v1/messages/{id}", &message, Some(json!({"content": "Hi"})), 200);

            walk.upload("/api/v1/chats/{id}/files", &chat);
            let written = json!({"filename": "a.based", "content": "Hello"});
            let text = id(&walk.call("POST", "/api/v1/chats/{id}/files", &chat, Some(written), 201));
            walk.call("GET", "/api/v1/chats/{id}/files", &chat, None, 200);
            walk.call("GET", "/api/v1/chat-files/{id}", &text, None, 200);
            let version = json!({"content": "Hi", "base": 1});
            walk.call("POST", "/api/v1/chat-files/{id}/versions", &text, Some(version), 201);
            walk.call("GET", "/api/v1/chat-files/{id}/versions", &text, None, 200);
            walk.call("GET", "/api/v1/chat-files/{id}/versions/{n}", &text, None, 200);
            walk.call("POST", "/api/v1/chat-files/{id}/revert", &text, Some(json!({"number": 1})), 201);
            walk.call("GET", "/api/v1/chat-files/{id}/diff", &text, None, 200);
            walk.call("DELETE", "/api/v1/chat-files/{id}", &text, None, 204);

            let asked = json!({"content": "How are you?"});
            let answer = walk.call("POST", "/api/v1/chats/{id}/responses", &chat, Some(asked), 201);
            let response = id(&answer["response"]);
            walk.call("GET", "/api/v1/responses/{id}", &response, None, 200);
            walk.call("GET", "/api/v1/responses/{id}/events", &response, None, 200);
            walk.call("POST", "/api/v1/responses/{id}/cancel", &response, None, 200);
            walk.call("POST", "/api/v1/responses/{id}/ticket", &response, None, 201);
            walk.call("POST", "/api/v1/search", "", Some(json!({"query": "hello"})), 200);
            walk.call("GET", "/ws/{chat_id}", &chat, None, 400);

            let new = json!({"name": "m", "base_url": endpoint.base_url()});
            let model = id(&walk.call("POST", "/api/v1/models", "", Some(new), 201));
            walk.call("GET", "/api/v1/models", "", None, 200);
            walk.call("GET", "/api/v1/models/{id}", &model, None, 200);
            walk.call("PATCH", "/api/v1/models/{id}", &model, Some(json!({"is_default": true})), 200);
            walk.call("POST", "/api/v1/models/{id}/probe", &model, None, 200);

            walk.call("GET", "/api/v1/usage", "", None, 200);
            walk.call("GET", "/api/v1/plans", "", None, 200);

            walk.call("PATCH", "/api/v1/chats/{id}", &chat, Some(json!({"tags": ["a"]})), 200);
            walk.call("GET", "/api/v1/tags", "", None, 200);
            walk.call("GET", "/api/v1/chats/{id}/export", &chat, None, 200);
            let new = Some(json!({"expires_in": 60}));
            let shared = walk.call("POST", "/api/v1/chats/{id}/share", &chat, new, 201);
            walk.call("GET", "/api/v1/chats/{id}/share", &chat, None, 200);
            walk.call("GET", "/share", "", None, 200);
            let own = std::mem::replace(
                &mut walk.api,
                Api::of(&server).with_token(shared["token"].as_str().unwrap()),
            );
            walk.call("GET", "/api/v1/shared", "", None, 200);
            walk.call("GET", "/api/v1/shared/messages", "", None, 200);
            walk.api = own;
            walk.call("DELETE", "/api/v1/share-links/{id}", &id(&shared), None, 204);
            walk.call("DELETE", "/api/v1/chats/{id}/share", &chat, None, 204);

            let document = walk.upload("/api/v1/chats/{id}/documents", &chat);
            walk.call("GET", "/api/v1/chats/{id}/documents", &chat, None, 200);
            walk.call("GET", "/api/v1/documents/{id}", &document, None, 200);
            chat_documents::read(&walk.api, &document);
            walk.call("GET", "/api/v1/documents/{id}/passages", &document, None, 200);
            let same = Form::default().file("a.txt", b"Hello");
            let same = walk.form("PUT", "/api/v1/documents/{id}", &document, same);
            assert_eq!(id(&same), document, "it says that already");
            walk.call("DELETE", "/api/v1/documents/{id}", &document, None, 204);

            walk.call("DELETE", "/api/v1/messages/{id}", &message, None, 204);
            walk.call("DELETE", "/api/v1/chats/{id}", &chat, None, 204);
            walk.call("DELETE", "/api/v1/models/{id}", &model, None, 204);
            walk.call("DELETE", "/api/v1/workspaces/{id}", &workspace, None, 204);

            let account = json!({"email": "k@example.org", "password": "the castle"});
            let made = walk.call("POST", "/api/v1/auth/register", "", Some(account.clone()), 201);
            let user = id(&made["user"]);
            walk.call("GET", "/api/v1/admin/users", "", None, 200);
            walk.call("PATCH", "/api/v1/admin/users/{id}", &user, Some(json!({"is_active": true})), 200);
            walk.call("GET", "/api/v1/admin/stats", "", None, 200);
            walk.call("GET", "/api/v1/admin/usage", "", None, 200);
            let login = |walk: &mut Walk, password: &str| {
                let account = json!({"email": "k@example.org", "password": password});
                let token = walk.call("POST", "/api/v1/auth/login", "", Some(account), 200);
                walk.api = walk.api.with_token(token["token"].as_str().unwrap());
            };
            login(&mut walk, "the castle");
            walk.call("GET", "/api/v1/users/me", "", None, 200);
            walk.call("PATCH", "/api/v1/users/me", "", Some(json!({"full_name": "K."})), 200);
            let key = id(&walk.call("POST", "/api/v1/tokens", "", Some(json!({"name": "k"})), 201));
            walk.call("GET", "/api/v1/tokens", "", None, 200);
            walk.call("DELETE", "/api/v1/tokens/{id}", &key, None, 204);
            let change = json!({"current_password": "the castle", "new_password": "the trial"});
            walk.call("POST", "/api/v1/users/me/password", "", Some(change), 204);
            login(&mut walk, "the trial");
            walk.call("POST", "/api/v1/auth/logout", "", None, 204);
            login(&mut walk, "the trial");
            walk.call("DELETE", "/api/v1/users/me", "", None, 204);

            walk.replaced_system(&endpoint.base_url());
            walk.chat_history();
            walk.open_chat();

            let all: BTreeSet<_> = ROUTES.iter().map(|route| (route.method, route.path)).collect();
            assert_eq!(walk.walked, all, "the walk and the table of routes differ");
        }
    }
}
