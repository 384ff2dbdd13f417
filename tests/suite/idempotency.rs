//! Requests that come twice.

use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    process::{Binary, RunningServer},
};

#[test]
fn a_key_lets_a_request_take_effect_once() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    let messages = format!("/api/v1/chats/{chat}/messages");
    let responses = format!("/api/v1/chats/{chat}/responses");
    for (path, body, other) in [
        ("/api/v1/chats", json!({"title": "a"}), json!({"title": "b"})),
        ("/api/v1/workspaces", json!({"name": "a"}), json!({"name": "b"})),
        (
            "/api/v1/models",
            json!({"name": "a", "base_url": "http://127.0.0.1:9"}),
            json!({"name": "b", "base_url": "http://127.0.0.1:9"}),
        ),
        (&messages, json!({"role": "user", "content": "a"}), json!({"role": "user", "content": "b"})),
        (&responses, json!({"content": "a"}), json!({"content": "b"})),
    ] {
        let post = |path: &str, key: &str, body: &Value| {
            let reply = api.send("POST", path, &[("Idempotency-Key", key)], Some(&body.to_string()));
            (reply.status, reply.json())
        };
        let first = post(path, "k", &body);
        assert_eq!(first.0, 201, "{path}: {}", first.1);
        assert_eq!(post(path, "k", &body), first, "{path}");
        assert_eq!(post(&format!("{path}/"), "k", &body), first, "{path} with a slash");
        let (status, problem) = post(path, "k", &other);
        assert_eq!((status, &problem["code"]), (422, &json!("idempotency_mismatch")), "{path}");
        let next = post(path, "another", &other);
        assert_eq!(next.0, 201, "{path}");
        assert_ne!(next.1, first.1, "{path}");
        assert_eq!(post(path, &"x".repeat(256), &body).1["code"], "idempotency_key_invalid");
    }
    assert_eq!(api.get(&messages)["items"].as_array().unwrap().len(), 6);
}

#[test]
fn what_shows_a_secret_is_not_kept_and_not_given_twice() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let account = json!({"email": "k@example.org", "password": "the castle"}).to_string();
    let register = "/api/v1/auth/register";
    let refused = api.send("POST", register, &[("Idempotency-Key", "k")], Some(&account));
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("idempotency_unsupported")));
    let registered = api.send("POST", register, &[], Some(&account));
    assert_eq!((registered.status, registered.header("cache-control")), (201, Some("no-store")));
    let logged_in = api.send("POST", "/api/v1/auth/login", &[], Some(&account));
    assert_eq!((logged_in.status, logged_in.header("cache-control")), (200, Some("no-store")));
    let user = api.with_token(logged_in.json()["token"].as_str().unwrap());
    let key = json!({"name": "k"}).to_string();
    let refused = user.send("POST", "/api/v1/tokens", &[("Idempotency-Key", "k")], Some(&key));
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("idempotency_unsupported")));
    let made = user.send("POST", "/api/v1/tokens", &[], Some(&key));
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")));
}

#[test]
fn a_twin_follows_the_answer_that_runs() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint =
        ScriptedEndpoint::start(move |_| Script::new().wait_for(&held).then(Script::stream(&["a", "b"])));
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}));
    let path = format!("/api/v1/chats/{}/responses", api.chat());
    let key = [("Idempotency-Key", "k")];
    let open = || api.open("POST", &path, &key, Some(r#"{"content":"Hello","stream":true}"#)).events().1;
    let mut first = open().map(Result::unwrap);
    let started = first.next().unwrap();
    let mut twin = open().map(Result::unwrap);
    assert_eq!(twin.next().unwrap(), started);
    gate.open();
    let rest: Vec<_> = first.collect();
    assert_eq!(twin.collect::<Vec<_>>(), rest);
    let response = id(&started.json()["response"]);
    assert_eq!(api.events(&response, 1), rest);
    assert_eq!(endpoint.requests().len(), 1);
}
