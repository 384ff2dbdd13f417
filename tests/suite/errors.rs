//! What goes wrong is told as problem+json, with a status, a stable code and a sentence.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario},
    process::{Binary, RunningServer},
};

const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

#[test]
fn each_mistake_has_its_status_and_its_code() {
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&binary, data.path(), &[]);
        let api = Api::of(&server);
        let chat = api.chat();
        let messages = format!("/api/v1/chats/{chat}/messages");
        let responses = format!("/api/v1/chats/{chat}/responses");
        let of_nobody = |path: &str| path.replace("{}", NOBODY);
        let post = |path, body, status, contains| Scenario {
            method: "POST",
            path,
            body: Some(body),
            status,
            contains,
            ..Scenario::default()
        };
        let get = |path, status, contains| Scenario { path, status, contains, ..Scenario::default() };
        let paths = ["/api/v1/chats/{}", "/api/v1/chats/{}/messages", "/api/v1/messages/{}"].map(of_nobody);
        let more = ["/api/v1/responses/{}", "/api/v1/models/{}", "/api/v1/workspaces/{}"].map(of_nobody);
        api.run(&[
            get(
                "/api/v1/nothing",
                404,
                &[r#""code":"route_not_found""#, "content-type: application/problem+json"],
            ),
            get("/api/v1/nothing?token=abc", 404, &["route_not_found"]),
            get("/api/v1/chats/7", 404, &["chat_not_found"]),
            get("/api/v1/chats/%00", 404, &["chat_not_found"]),
            get("/api/v1/chats/%zz", 404, &["route_not_found"]),
            get(&paths[0], 404, &["chat_not_found"]),
            get(&paths[1], 404, &["chat_not_found"]),
            get(&paths[2], 404, &["message_not_found"]),
            get(&more[0], 404, &["response_not_found"]),
            get(&more[1], 404, &["model_not_found"]),
            get(&more[2], 404, &["workspace_not_found"]),
            get("/api/v1/users/me", 401, &["account_required", "www-authenticate: Bearer"]),
            Scenario {
                method: "PUT",
                path: "/api/v1/chats",
                status: 405,
                contains: &["method_not_allowed", "allow: GET, POST, HEAD, OPTIONS"],
                ..Scenario::default()
            },
            Scenario {
                method: "BREW",
                path: "/api/v1/auth/login",
                status: 405,
                contains: &["allow: POST, OPTIONS"],
                ..Scenario::default()
            },
            post("/api/v1/chats", "{", 400, &["bad_json"]),
            post("/api/v1/chats", "\u{FFFD}", 400, &["bad_json"]),
            post("/api/v1/chats", r#"{"title":"\ud800"}"#, 400, &["bad_json"]),
            post("/api/v1/chats", r#"["title"]"#, 422, &["field_invalid", r#""field":"body""#]),
            post(
                "/api/v1/chats",
                r#"{"title":7}"#,
                422,
                &["field_invalid", r#""field":"title""#, "not integer `7`"],
            ),
            post("/api/v1/chats", r#"{"notebooks":["a",7]}"#, 422, &[r#""field":"notebooks[1]""#]),
            post("/api/v1/chats", r#"{"title":"a\u0000b"}"#, 422, &["nul_in_text"]),
            post("/api/v1/chats", r#"{"workspace_id":"7"}"#, 422, &[r#""field":"workspace_id""#]),
            post(&messages, "", 422, &["field_missing", r#""field":"role""#]),
            post(&messages, r#"{"role":"boss","content":"x"}"#, 422, &[r#""field":"role""#, "assistant"]),
            post(&messages, r#"{"role":"user","content":""}"#, 422, &["content_empty"]),
            post(
                &responses,
                r#"{"content":"x","params":{"temperature":"hot"}}"#,
                422,
                &["params.temperature"],
            ),
            post(&responses, r#"{"content":"x","params":{"temperature":9}}"#, 422, &["params_out_of_range"]),
            post(&responses, r#"{"content":"x","model":"nobody"}"#, 404, &["model_not_found"]),
            post(&responses, r#"{"content":"x","stream":"yes"}"#, 422, &[r#""field":"stream""#]),
            post(
                &responses,
                r#"{"content":"x","mode":"composer","selected_file":"a.based"}"#,
                404,
                &["chat_file_not_found", "a.based"],
            ),
            post(
                &responses,
                r#"{"content":"x","mode":"composer","selected_file":5}"#,
                422,
                &["selected_file"],
            ),
            post(&responses, r#"{"content":"x","mode":"code"}"#, 422, &["mode_unknown", r#""field":"mode""#]),
            post(&responses, r#"{"content":"x","mode":7}"#, 422, &["field_invalid", r#""field":"mode""#]),
            post(
                &responses,
                r#"{"content":"x","parent_id":"zz"}"#,
                422,
                &["field_invalid", r#""field":"parent_id","message":"give an id""#],
            ),
            post(&responses, r#"{"content":"x","parent_id":7}"#, 422, &["give an id, not integer `7`"]),
            post(&responses, "{}", 422, &["nothing_to_answer"]),
            post(&responses, r#"{"content":""}"#, 422, &["content_empty"]),
            post(&responses, r#"{"content":"x","mode":"chat","model":"echo"}"#, 201, &["Echo: x"]),
            post(&responses, r#"{"content":"x","mode":"composer","model":"echo"}"#, 201, &["Echo: x"]),
            Scenario {
                headers: &[("Content-Type", "application/x-www-form-urlencoded")],
                ..post("/api/v1/chats", "title=a", 415, &["unsupported_media_type", "application/json"])
            },
            Scenario {
                headers: &[("Content-Type", "application/json; charset=utf-8")],
                ..post("/api/v1/chats", r#"{"title":"ü","else":[1]}"#, 201, &["\"ü\""])
            },
            get("/api/v1/chats?limit=0", 422, &["limit_out_of_range"]),
            get("/api/v1/chats?limit=201", 422, &["limit_out_of_range"]),
            get("/api/v1/chats?limit=many", 422, &["query_invalid", r#""field":"limit""#]),
            get("/api/v1/chats?page=1&limit=5", 422, &["page_contradictory"]),
            get("/api/v1/chats?page=1&after=x", 422, &["page_contradictory"]),
            get("/api/v1/chats?after=x&before=x", 422, &["page_contradictory"]),
            get("/api/v1/chats?after=x", 422, &["cursor_invalid", r#""field":"after""#]),
            get("/api/v1/chats?before=x", 422, &["cursor_invalid", r#""field":"before""#]),
            get("/api/v1/chats?page=0", 422, &["page_out_of_range"]),
            get("/api/v1/chats?page_size=101", 422, &["page_size_out_of_range"]),
            get("/api/v1/chats?archived=perhaps", 422, &[r#""field":"archived""#]),
            get("/api/v1/chats?workspace_id=7", 422, &[r#""field":"workspace_id""#]),
            Scenario {
                headers: &[("Authorization", "Basic abc")],
                ..get("/api/v1/chats", 401, &["credential_malformed"])
            },
            Scenario {
                headers: &[("Authorization", "Bearer wrong")],
                ..get("/api/v1/chats", 401, &["token_invalid", "www-authenticate: Bearer"])
            },
        ]);
    }
}

#[test]
fn a_problem_has_the_members_of_the_standard_and_the_request_id() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let sent = [("x-request-id", "trace-7")];
    let reply = Api::of(&server).send("GET", "/api/v1/chats?limit=0", &sent, None);
    assert_eq!(reply.header("x-request-id"), Some("trace-7"));
    assert_eq!(
        reply.json(),
        json!({
            "type": "about:blank",
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "The field limit is not acceptable: give a number from 1 to 200.",
            "code": "limit_out_of_range",
            "request_id": "trace-7",
            "errors": [{"field": "limit", "message": "give a number from 1 to 200"}],
        })
    );
}

#[test]
fn a_body_that_is_too_long_is_refused_and_nothing_is_stored() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    let path = format!("/api/v1/chats/{chat}/messages");
    let long = json!({"role": "user", "content": "x".repeat((1 << 20) + 1)});
    assert_eq!(api.expect(413, "POST", &path, Some(&long))["code"], "text_too_long");
    let claim = api.send("POST", &path, &[("Expect", "100-continue")], Some(&"x".repeat(17 << 20)));
    assert_eq!((claim.status, claim.json()["code"].clone()), (413, Value::from("body_too_large")));
    assert_eq!(api.get(&path)["items"], json!([]));
}
