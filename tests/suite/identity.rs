//! Who may do what, and for how long, at the doors of a server in password mode. Passwords are slow to
//! check on purpose, and so are these tests.

use std::{collections::BTreeMap, path::Path, process::Output};

use kafka_http::router::{Access, ROUTES, Route};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario, id},
    http::Reply,
    process::{Binary, RunningServer},
    websocket::Socket,
};

const NOBODY: &str = "01900000-0000-7000-8000-000000000000";
const PASSWORD: &str = "the castle";

/// A server in password mode with further flags.
struct House {
    data: TempDir,
    server: RunningServer,
    api: Api,
}

impl House {
    fn with(binary: &Binary, flags: &[&str]) -> House {
        let data = TempDir::new().unwrap();
        let flags = [&["--auth=password"], flags].concat();
        let server = RunningServer::start(binary, data.path(), &flags);
        let api = Api::of(&server);
        House { data, server, api }
    }

    /// Registers someone. The first administers.
    fn register(&self, name: &str) -> (Value, Api) {
        let account = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
        let login = self.api.post("/api/v1/auth/register", &account);
        let api = self.api.with_token(login["token"].as_str().unwrap());
        (login["user"].clone(), api)
    }

    /// What a verb of the command line prints, run beside the server.
    fn cli(&self, arguments: &[&str]) -> String {
        let output = cli(self.data.path(), arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}

fn cli(directory: &Path, arguments: &[&str]) -> Output {
    Binary::kafka().command(directory).arg("--data-dir").arg(directory).args(arguments).output().unwrap()
}

/// An API key with these scopes.
fn key(api: &Api, scopes: &[String]) -> Api {
    let made = api.post("/api/v1/tokens", &json!({"name": "k", "scopes": scopes}));
    api.with_token(made["token"].as_str().unwrap())
}

/// Asks for a route with the ids of nothing. A WebSocket is asked for as its clients do.
fn ask(api: &Api, route: &Route) -> Reply {
    let path = route.path.replace("{id}", NOBODY).replace("{chat_id}", NOBODY).replace("{path}", NOBODY);
    let handshake = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let is_socket = route.path.starts_with("/ws/");
    let headers: &[_] = if is_socket { &handshake } else { &[] };
    api.open(route.method, &path, headers, (route.method != "GET").then_some("{}")).head()
}

fn every_scope() -> Vec<String> {
    let areas = ["chats", "files", "models", "documents", "usage", "account", "admin"];
    areas.iter().flat_map(|area| [format!("{area}:read"), format!("{area}:write")]).collect()
}

mod slow {
    use kafka_core::testing::{Gate, Script, ScriptedEndpoint};

    use super::*;

    #[test]
    fn every_route_asks_for_a_credential_and_for_its_scope() {
        for binary in Binary::both() {
            let house = House::with(&binary, &[]);
            let (_, admin) = house.register("admin");
            let mut keys = BTreeMap::new();
            let mut with = |scopes: Vec<String>| -> Api {
                keys.entry(scopes.clone()).or_insert_with(|| key(&admin, &scopes)).clone()
            };
            let mut scoped = 0;
            for route in ROUTES {
                let asked = format!("{} {}", route.method, route.path);
                let without = ask(&house.api, route);
                let wrong = ask(&house.api.with_token("kafka_wrong"), route);
                let Access::Needs(needed) = route.access else {
                    let expected = if route.access == Access::Anyone { 401 } else { without.status };
                    assert_eq!(without.status, expected, "{asked}");
                    continue;
                };
                assert_eq!((without.status, wrong.status), (401, 401), "{asked}");
                assert_eq!(without.header("www-authenticate"), Some("Bearer"), "{asked}");
                let needed = needed.to_string();
                let area = needed.split(':').next().unwrap();
                // All other areas, and reading where writing is asked for.
                let others: Vec<String> = every_scope()
                    .into_iter()
                    .filter(|scope| !scope.starts_with(area) || (scope.ends_with("read") && *scope != needed))
                    .collect();
                let refused = ask(&with(others), route);
                assert_eq!(refused.status, 403, "{asked}");
                let allowed = ask(&with(vec![needed]), route);
                // No key takes an account away.
                let takes_session = asked == "DELETE /api/v1/users/me";
                assert_eq!([401, 403].contains(&allowed.status), takes_session, "{asked}: {allowed:?}");
                scoped += 1;
            }
            assert!(scoped > 30, "{scoped} routes");
            let limited = key(&admin, &["chats:read".to_owned()]);
            limited.run(&[
                Scenario {
                    method: "POST",
                    path: "/api/v1/chats",
                    body: Some("{}"),
                    status: 403,
                    contains: &[r#""code":"scope_missing""#, "chats:write"],
                    ..Scenario::default()
                },
                Scenario { path: "/api/v1/chats", contains: &["\"items\""], ..Scenario::default() },
            ]);
        }
    }

    #[test]
    fn an_api_key_is_shown_once_listed_and_revoked() {
        let house = House::with(&Binary::kafka_http(), &["--registration=open"]);
        let (_, admin) = house.register("admin");
        let (_, other) = house.register("other");
        let new = json!({"name": "backup", "scopes": ["chats:read"], "expires_at": "2999-01-01T00:00:00Z"});
        let made = admin.post("/api/v1/tokens", &new);
        let fields: Vec<&String> = made.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["created_at", "expires_at", "id", "last_used_at", "name", "scopes", "token"]);
        assert_eq!(
            (&made["scopes"], &made["expires_at"]),
            (&json!(["chats:read"]), &json!("2999-01-01T00:00:00.000Z"))
        );
        let secret = made["token"].as_str().unwrap();
        let listed = admin.get("/api/v1/tokens");
        assert_eq!(listed["items"][0]["id"], made["id"]);
        assert!(!listed.to_string().contains(secret) && listed["items"][0].get("token").is_none());
        let path = format!("/api/v1/tokens/{}", id(&made));
        let post = |body, status, contains| Scenario {
            method: "POST",
            path: "/api/v1/tokens",
            body: Some(body),
            status,
            contains,
            ..Scenario::default()
        };
        admin.run(&[
            post(r#"{"name":"x","scopes":["chats"]}"#, 422, &["scopes", "chats, files, models"]),
            post(r#"{"name":"x","scopes":[]}"#, 422, &["scopes_empty"]),
            post(r#"{"name":""}"#, 422, &["name_empty"]),
            post(r#"{}"#, 422, &["field_missing"]),
            post(r#"{"name":"x","expires_at":"2001-01-01T00:00:00Z"}"#, 422, &["expiry_past"]),
            Scenario {
                path: "/api/v1/tokens?page=1&page_size=5",
                contains: &[r#""total":1"#],
                ..Scenario::default()
            },
        ]);
        other.expect(404, "DELETE", &path, None);
        let by_key = admin.with_token(secret);
        by_key.get("/api/v1/chats");
        admin.delete(&path);
        by_key.expect(401, "GET", "/api/v1/chats", None);
        let log = house.server.terminate().stderr;
        assert!(!log.contains(secret), "{log}");
    }

    /// A model that begins and does not end.
    fn endless(gate: &Gate) -> ScriptedEndpoint {
        let held = gate.clone();
        ScriptedEndpoint::start(move |_| {
            Script::events().token("Once ").wait_for(&held).finish("stop").done()
        })
    }

    #[test]
    fn what_the_command_line_revokes_ends_streams_and_sockets() {
        let gate = Gate::new();
        let endpoint = endless(&gate);
        for binary in Binary::both() {
            let house = House::with(&binary, &["--registration=open"]);
            house.register("admin");
            house.cli(&["model", "add", "endless", "--url", &endpoint.base_url(), "-q"]);
            for (name, verb) in [
                ("disabled", &["user", "disable", "disabled@example.org"][..]),
                ("revoked", &["token", "delete"]),
                ("reset", &["user", "reset", "reset@example.org"]),
            ] {
                house.register(name);
                let email = format!("{name}@example.org");
                let made: Value = serde_json::from_str(&house.cli(&[
                    "token",
                    "add",
                    "k",
                    "--user",
                    &email,
                    "--scope",
                    "chats:write",
                    "--json",
                ]))
                .unwrap();
                let secret = made["token"].as_str().unwrap();
                let user = house.api.with_token(secret);
                let chat = user.chat();
                let mut events = {
                    let asked = json!({"content": "Go on", "model": "endless", "stream": true}).to_string();
                    let path = format!("/api/v1/chats/{chat}/responses");
                    let (head, events) = user.open("POST", &path, &[], Some(&asked)).events();
                    assert_eq!(head.status, 200);
                    events
                };
                let mut socket =
                    Socket::connect(house.server.address(), &format!("/ws/{chat}?token={secret}"), &[])
                        .unwrap();
                assert_eq!(socket.json()["initial"], true);
                let key = id(&made);
                let named: &[&str] = if name == "revoked" { &[&key] } else { &[] };
                house.cli(&[verb, named].concat());
                // Cut off, not ended: the body has no end.
                assert!(events.any(|event| event.is_err()), "{name}");
                assert_eq!(socket.closed(), 1008, "{name}");
                user.expect(401, "GET", &format!("/api/v1/chats/{chat}"), None);
            }
        }
        gate.open();
    }

    /// Those who follow an answer are told together, each by its own right.
    #[test]
    fn who_may_no_longer_follow_takes_nobody_along() {
        let gate = Gate::new();
        let endpoint = endless(&gate);
        let house = House::with(&Binary::kafka_http(), &["--registration=open"]);
        house.register("admin");
        house.cli(&["model", "add", "endless", "--url", &endpoint.base_url(), "-q"]);
        house.register("reader");
        let [goes, stays] = ["goes", "stays"].map(|name| -> Value {
            let add =
                ["token", "add", name, "--user", "reader@example.org", "--scope", "chats:write", "--json"];
            serde_json::from_str(&house.cli(&add)).unwrap()
        });
        let user = house.api.with_token(stays["token"].as_str().unwrap());
        let chat = user.chat();
        let asked = json!({"content": "Go on", "model": "endless", "stream": true}).to_string();
        let path = format!("/api/v1/chats/{chat}/responses");
        let (_, events) = user.open("POST", &path, &[], Some(&asked)).events();
        let follow = |key: &Value| {
            let path = format!("/ws/{chat}?token={}", key["token"].as_str().unwrap());
            let mut socket = Socket::connect(house.server.address(), &path, &[]).unwrap();
            assert_eq!(socket.json()["initial"], true);
            socket.say(&json!({"action": "follow"}));
            assert_eq!(socket.json()["text"], "Once ");
            socket
        };
        let (mut gone, mut following) = (follow(&goes), follow(&stays));
        house.cli(&["token", "delete", &id(&goes)]);
        assert_eq!(gone.closed(), 1008);
        gate.open();
        assert_eq!(following.json()["message"]["content"], "Once ");
        assert!(events.last().unwrap().is_ok());
    }

    #[test]
    fn a_chat_that_the_command_line_deletes_closes_its_sockets() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let chat = Api::of(&server).chat();
        let (mut socket, _) = Socket::open(server.address(), &chat);
        assert!(cli(data.path(), &["chats", "delete", &chat]).status.success());
        assert_eq!(socket.json(), json!({"error": "Chat not found."}));
        assert_eq!(socket.closed(), 1000);
    }

    #[test]
    fn guesses_are_slowed_down_by_account_and_client() {
        let house = House::with(&Binary::kafka_http(), &["--trusted-proxy=127.0.0.1"]);
        house.register("k");
        let login = |client: &str, name: &str, password: &str| {
            let body = json!({"email": format!("{name}@example.org"), "password": password}).to_string();
            house.api.send("POST", "/api/v1/auth/login", &[("X-Forwarded-For", client)], Some(&body))
        };
        for name in ["k", "nobody"] {
            for _ in 0..10 {
                assert_eq!(login("192.0.2.1", name, "a wrong one").status, 401);
            }
            let refused = login("192.0.2.1", name, PASSWORD);
            assert_eq!((refused.status, refused.json()["code"].clone()), (429, json!("login_throttled")));
            let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=300).contains(&wait), "{wait}");
        }
        // Nobody else is locked out, whoever they are.
        assert_eq!(login("192.0.2.2", "k", PASSWORD).status, 200);
    }

    #[test]
    fn an_invitation_from_the_command_line_lets_one_in() {
        let house = House::with(&Binary::kafka_http(), &["--registration=invite"]);
        let (first, _) = house.register("admin");
        assert_eq!(first["is_admin"], true);
        let code = house.cli(&["user", "invite", "k@example.org", "-q"]);
        let body = |email: &str, invite: &str| {
            json!({"email": email, "password": PASSWORD, "invite": invite}).to_string()
        };
        let [wrong, other, right] =
            [body("k@example.org", "invite_x"), body("x@example.org", &code), body("K@example.org", &code)];
        let post = |body, status, contains| Scenario {
            method: "POST",
            path: "/api/v1/auth/register",
            body: Some(body),
            status,
            contains,
            lacks: &["hash"],
            ..Scenario::default()
        };
        house.api.run(&[
            post(r#"{"email":"k@example.org","password":"the castle"}"#, 403, &["invite_required"]),
            post(&wrong, 403, &["invite_invalid"]),
            post(&other, 403, &["invite_invalid"]),
            post(&right, 201, &["K@example.org", r#""is_admin":false"#]),
            post(&right, 403, &["invite_invalid"]),
        ]);
        let log = house.server.terminate().stderr;
        assert!(!log.contains(&code), "{log}");
    }

    #[test]
    fn administrators_see_and_change_accounts() {
        let house = House::with(&Binary::kafka_http(), &["--registration=open"]);
        let (me, admin) = house.register("admin");
        let (user, k) = house.register("k");
        let of = |user: &Value| format!("/api/v1/admin/users/{}", id(user));
        let [of_me, of_user] = [of(&me), of(&user)];
        let patch = |path, body, status, contains| Scenario {
            method: "PATCH",
            path,
            body: Some(body),
            status,
            contains,
            ..Scenario::default()
        };
        let get = |path, status, contains| Scenario { path, status, contains, ..Scenario::default() };
        let nowhere = format!("/api/v1/admin/users/{NOBODY}");
        k.run(&[
            get("/api/v1/admin/users", 403, &["admin_required"]),
            get("/api/v1/admin/stats", 403, &["admin_required"]),
            patch(&of_user, r#"{"is_admin":true}"#, 403, &["admin_required"]),
        ]);
        admin.run(&[
            get("/api/v1/admin/users", 200, &["admin@example.org", "k@example.org", "next_cursor"]),
            get("/api/v1/admin/users?page=2&page_size=1", 200, &["k@example.org", r#""total":2"#]),
            get("/api/v1/admin/users?limit=0", 422, &["limit_out_of_range"]),
            get("/api/v1/admin/stats", 200, &[r#""users":2"#, r#""admins":1"#, r#""running_answers":0"#]),
            patch(&of_user, r#"{"plan":"gold"}"#, 422, &["plan_unknown"]),
            patch(&of_user, r#"{"is_active":"no"}"#, 422, &["field_invalid", "is_active"]),
            patch(&of_me, r#"{"is_admin":false}"#, 409, &["last_admin"]),
            patch(&of_me, r#"{"is_active":false}"#, 409, &["last_admin"]),
            patch(&nowhere, r#"{"is_active":false}"#, 404, &["user_not_found"]),
            patch(&of_user, r#"{"is_active":false}"#, 200, &[r#""is_active":false"#]),
        ]);
        k.expect(401, "GET", "/api/v1/users/me", None);
        admin.patch(&of_user, &json!({"is_active": true, "is_admin": true, "plan": "free"}));
        assert_eq!(k.get("/api/v1/users/me")["is_admin"], true);
        // What belongs to nobody is looked after by administrators.
        let chat = house.cli(&["chats", "add", "Of nobody", "-q"]);
        assert_eq!(admin.get(&format!("/api/v1/chats/{chat}"))["user_id"], Value::Null);
        assert!(admin.get("/api/v1/chats").to_string().contains("Of nobody"));
    }

    #[test]
    fn callers_without_a_credential_chat_where_that_is_wanted() {
        let house = House::with(&Binary::kafka_http(), &["--anonymous=on", "--registration=open"]);
        let (_, admin) = house.register("admin");
        let (_, user) = house.register("k");
        let api = &house.api;
        let chat = api.chat();
        let path = format!("/api/v1/chats/{chat}");
        assert_eq!(api.get(&path)["user_id"], Value::Null);
        api.message(&chat, "Hello");
        let answer = api.post(&format!("{path}/responses"), &json!({"content": "Hi"}));
        let ticket = format!("/api/v1/responses/{}/ticket", id(&answer["response"]));
        api.post(&ticket, &json!({}));
        assert!(!api.events(&id(&answer["response"]), 0).is_empty());
        let (mut socket, _) = Socket::open(house.server.address(), &chat);
        socket.text("And?");
        api.get("/api/v1/models");
        user.expect(404, "GET", &path, None);
        admin.get(&path);
        let [operators, users] = [house.cli(&["chats", "add", "-q"]), user.chat()];
        let new = |path, body, headers| Scenario {
            method: "POST",
            path,
            body: Some(body),
            headers,
            status: 401,
            ..Scenario::default()
        };
        let get = |path, status| Scenario { path, status, ..Scenario::default() };
        let [of_operator, of_user] = [&operators, &users].map(|chat| format!("/api/v1/chats/{chat}"));
        api.run(&[
            get("/api/v1/chats", 401),
            get("/api/v1/workspaces", 401),
            get("/api/v1/tokens", 401),
            get("/api/v1/users/me", 401),
            get("/api/v1/admin/stats", 401),
            get(&of_operator, 404),
            get(&of_user, 404),
            new("/api/v1/workspaces", r#"{"name":"w"}"#, &[]),
            new("/api/v1/models", r#"{"name":"m","base_url":"http://127.0.0.1:9"}"#, &[]),
            new("/api/v1/chats", "{}", &[("Idempotency-Key", "k")]),
            Scenario { headers: &[("Authorization", "Bearer wrong")], ..get(&path, 401) },
        ]);
    }
}
