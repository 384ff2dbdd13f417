//! Composing over HTTP: in one piece, as a stream, and what is kept of it.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::beside::kafka;
use crate::support::{
    api::{Api, id},
    model,
    process::{Binary, RunningServer},
};

fn expected(kinds: &[(String, Value)]) -> Vec<&str> {
    kinds.iter().map(|(kind, _)| kind.as_str()).collect()
}

/// The events of an answer, as they are stored.
fn events(api: &Api, response: &str) -> Vec<(String, Value)> {
    let reply = api.send("GET", &format!("/api/v1/responses/{response}/events"), &[], None);
    let body = String::from_utf8(reply.body).unwrap();
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
    };
    let blocks = body.split("\n\n").filter(|block| block.contains("event: "));
    blocks
        .map(|block| (field(block, "event: "), serde_json::from_str(&field(block, "data: ")).unwrap()))
        .collect()
}

#[test]
fn a_file_is_composed_changed_and_told_with_every_attempt() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let (api, endpoint) = (Api::of(&server), model::start());
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}));
    let chat = api.chat();
    let path = format!("/api/v1/chats/{chat}/responses");
    let ask = |content: &str| json!({"content": content, "mode": "composer"});

    let answer = api.post(&path, &ask("write mock:based=flow.based mock:badjson=1"));
    assert_eq!(
        (&answer["message"]["type"], &answer["response"]["status"]),
        (&json!("file"), &json!("completed"))
    );
    let attempts = answer["response"]["attempts"].as_array().unwrap();
    let told =
        |attempt: &Value| [&attempt["step"], &attempt["attempt"], &attempt["outcome"]].map(Clone::clone);
    assert_eq!(
        attempts.iter().map(told).collect::<Vec<_>>(),
        [
            [json!("triage"), json!(1), json!("accepted")],
            [json!("write"), json!(1), json!("refused")],
            [json!("write"), json!(2), json!("accepted")],
        ]
    );
    assert!(attempts[1]["reason"].as_str().unwrap().contains("JSON"), "{attempts:?}");
    assert_eq!((&attempts[1]["tokens_prompt"], &attempts[1]["tokens_completion"]), (&json!(3), &json!(2)));
    assert!(!answer["response"].to_string().contains("mock:"), "prompts are no part of the trail");
    let response = id(&answer["response"]);
    assert_eq!(api.get(&format!("/api/v1/responses/{response}"))["attempts"], answer["response"]["attempts"]);

    // And on the command line, beside the server.
    let shown = kafka(data.path(), &["chats", "show", chat.as_str()]);
    assert!(shown.contains("[write, attempt 1, refused: ") && !shown.contains("accepted"), "{shown}");

    let told = events(&api, &response);
    let kinds =
        ["response.started", "stage", "stage", "stage", "file.created", "usage", "response.completed"];
    assert_eq!(expected(&told), kinds);
    let files = api.get(&format!("/api/v1/chats/{chat}/files"));
    assert_eq!(told[4].1["chat_file"], files["items"][0]);
    assert_eq!(told[2].1, json!({"name": "write"}));
    assert_eq!(told[5].1["tokens_total"], 15);

    let mut change = ask("change mock:diff");
    (change["stream"], change["selected_file"]) = (json!(true), json!("flow.based"));
    let reply = api.send("POST", &path, &[("Content-Type", "application/json")], Some(&change.to_string()));
    let body = String::from_utf8(reply.body).unwrap();
    assert!(body.contains("event: file.version\n") && body.contains("event: response.completed\n"), "{body}");
    let file = id(&files["items"][0]);
    let versions = api.get(&format!("/api/v1/chat-files/{file}/versions"));
    assert!(versions["items"][1]["content"].as_str().unwrap().starts_with("# edited by the mock model\n"));

    // What nothing can be made of is the endpoint's failure, and says which.
    let failed = api.expect(502, "POST", &path, Some(&ask("x mock:based=x.based mock:invalid=5")));
    assert_eq!(failed["code"], "write_failed");
    let kept = api.get(&format!("/api/v1/responses/{}", failed["response_id"].as_str().unwrap()));
    assert_eq!(
        (kept["attempts"].as_array().unwrap().len(), &kept["error"]["code"]),
        (6, &json!("write_failed"))
    );
    assert_eq!(api.get(&format!("/api/v1/chats/{chat}/files"))["items"].as_array().unwrap().len(), 1);

    // Once, however often it is asked with one key.
    let twice = [0, 1].map(|_| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "one")];
        let reply = api.send("POST", &path, &headers, Some(&ask("y mock:based=y.based").to_string()));
        reply.json()["response"]["id"].clone()
    });
    assert_eq!(twice[0], twice[1]);
    assert_eq!(api.get(&format!("/api/v1/chats/{chat}/files"))["items"].as_array().unwrap().len(), 2);
}
