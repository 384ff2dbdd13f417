//! Models over HTTP.

use kafka_core::testing::{Script, ScriptedEndpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario, id},
    process::{Binary, RunningServer},
    rows::all_bytes,
};

const KEY: &str = "sk-very-secret-key";

#[test]
fn a_key_goes_in_is_used_and_never_comes_out() {
    let endpoint = ScriptedEndpoint::start(|_| Script::answer("I know you."));
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--log", "json:debug"]);
    let api = Api::of(&server);
    let base_url = endpoint.base_url();
    let made = api.post("/api/v1/models", &json!({"name": "m", "base_url": base_url, "api_key": KEY}));
    let path = format!("/api/v1/models/{}", id(&made));
    assert_eq!((&made["has_api_key"], &made["provider"]), (&json!(true), &json!("openai")));
    let chat = api.chat();
    let asked = json!({"content": "Who am I?", "model": "m"});
    let answer = api.post(&format!("/api/v1/chats/{chat}/responses"), &asked);
    assert_eq!(answer["message"]["content"], "I know you.");
    let seen = endpoint.requests();
    assert_eq!(seen[0].header("authorization"), Some(&*format!("Bearer {KEY}")));

    for shown in [&made, &api.get(&path), &api.get("/api/v1/models"), &api.patch(&path, &json!({})), &answer]
    {
        assert!(!shown.to_string().contains(KEY), "{shown}");
    }
    assert_eq!(api.patch(&path, &json!({"api_key": null}))["has_api_key"], false);
    let log = server.terminate().stderr;
    assert!(log.contains("/api/v1/models") && !log.contains(KEY), "{log}");
    let stored = all_bytes(data.path());
    assert!(!stored.windows(KEY.len()).any(|bytes| bytes == KEY.as_bytes()));
}

#[test]
fn a_key_does_not_follow_to_another_origin() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let new = json!({"name": "m", "base_url": "http://127.0.0.1:9/v1", "api_key": KEY});
    let path = format!("/api/v1/models/{}", id(&api.post("/api/v1/models", &new)));
    let moved = json!({"base_url": "http://127.0.0.1:10/v1"});
    assert_eq!(api.expect(422, "PATCH", &path, Some(&moved))["code"], "api_key_required");
    let with_key = json!({"base_url": "http://127.0.0.1:10/v1", "api_key": "other"});
    assert_eq!(api.patch(&path, &with_key)["base_url"], "http://127.0.0.1:10/v1");
}

#[test]
fn what_cannot_be_a_model_is_refused() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    api.post("/api/v1/models", &json!({"name": "taken", "base_url": "http://127.0.0.1:9"}));
    let post = |body, status, contains| Scenario {
        method: "POST",
        path: "/api/v1/models",
        body: Some(body),
        status,
        contains,
        ..Scenario::default()
    };
    api.run(&[
        post(r#"{"name":"taken","base_url":"http://127.0.0.1:9"}"#, 409, &["model_exists"]),
        post(r#"{"name":"echo","base_url":"http://127.0.0.1:9"}"#, 422, &["name_reserved"]),
        post(r#"{"name":"x"}"#, 422, &["field_missing", "base_url"]),
        post(r#"{"name":"x","base_url":"ftp://a"}"#, 422, &["base_url"]),
        post(r#"{"name":"x","base_url":"http://169.254.169.254/"}"#, 422, &["base_url_refused"]),
        post(r#"{"name":"x","base_url":"http://a","provider":"other"}"#, 422, &["provider"]),
    ]);
}

#[test]
fn a_probe_says_whether_the_endpoint_works() {
    let endpoint = ScriptedEndpoint::start(|_| Script::json(200, &json!({"data": [{"id": "m-1"}]})));
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let probe = |base_url: &str| -> Value {
        let model = id(&api.post("/api/v1/models", &json!({"name": base_url, "base_url": base_url})));
        api.expect(200, "POST", &format!("/api/v1/models/{model}/probe"), None)
    };
    let well = probe(&endpoint.base_url());
    assert_eq!((&well["reachable"], &well["models"]), (&json!(true), &json!(["m-1"])));
    let away = probe("http://127.0.0.1:9/v1");
    assert_eq!((&away["reachable"], &away["status"]), (&json!(false), &Value::Null));
    assert!(away["detail"].as_str().unwrap().contains("127.0.0.1:9"), "{away}");
}

#[test]
fn the_secret_is_replaced_under_a_running_server() {
    let endpoint = ScriptedEndpoint::start(|_| Script::answer("I know you."));
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka(), data.path(), &[]);
    let api = Api::of(&server);
    let keyed = |name: &str| json!({"name": name, "base_url": endpoint.base_url(), "api_key": KEY});
    let chat = api.chat();
    let asks = |name: &str| {
        let asked = json!({"content": "Who am I?", "model": name});
        let answer = api.post(&format!("/api/v1/chats/{chat}/responses"), &asked);
        assert_eq!(answer["message"]["content"], "I know you.");
    };
    api.post("/api/v1/models", &keyed("m0"));
    for round in 1..=3 {
        let rotated = Binary::kafka().command(data.path()).args(["secret", "rotate"]).output().unwrap();
        assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
        let name = format!("m{round}");
        api.post("/api/v1/models", &keyed(&name));
        asks("m0");
        asks(&name);
    }
    let sent = endpoint.requests();
    assert!(sent.iter().all(|request| request.header("authorization") == Some(&format!("Bearer {KEY}"))));
}
