//! Searching over HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    process::{Binary, RunningServer},
};

const SEARCH: &str = "/api/v1/search";

/// What is found once the last of what was stored is: the promise is a second, and a busy machine takes longer.
fn find(api: &Api, last: &str, request: &Value) -> Value {
    let began = Instant::now();
    while api.expect(200, "POST", SEARCH, Some(&json!({"query": last})))["items"] == json!([]) {
        assert!(began.elapsed() < Duration::from_secs(20), "{last} is not found");
    }
    api.expect(200, "POST", SEARCH, Some(request))
}

#[test]
fn a_hit_has_its_shape_and_its_marks() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = id(&api.post("/api/v1/chats", &json!({"title": "Of <rocks>"})));
    let message = api.message(&chat, "<b>Gránite</b>\u{2} & gneiss");
    let stored = api.get(&format!("/api/v1/messages/{message}"));
    let found =
        find(&api, "gneiss", &json!({"query": "granite", "in": ["messages"], "mode": "text", "unknown": 1}));
    let mut items = found["items"].as_array().unwrap().clone();
    let score = items[0].as_object_mut().unwrap().remove("score").unwrap();
    assert!(score.as_f64().unwrap() > 0.0);
    let expected = json!([{
        "kind": "message", "snippet": "<b>\u{2}Gránite\u{3}</b> & gneiss", "chat_id": chat, "title": "Of <rocks>",
        "message_id": message, "role": "user", "document_id": null, "filename": null, "start": null, "end": null,
        "text": null, "created_at": stored["created_at"],
    }]);
    assert_eq!((json!(items), &found["next_cursor"]), (expected, &Value::Null));
    assert_eq!(found.as_object().unwrap().len(), 2);
    let title = find(&api, "gneiss", &json!({"query": "rocks"}));
    let hit = &title["items"][0];
    assert_eq!(
        (&hit["kind"], &hit["chat_id"], &hit["message_id"]),
        (&json!("chat"), &json!(chat), &Value::Null)
    );
}

#[test]
fn what_is_no_search_is_told_by_its_field() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    for (body, field) in [
        (json!({}), "query"),
        (json!({"query": 1}), "query"),
        (json!({"query": "a\u{0}"}), "query"),
        (json!({"query": "x".repeat(1001)}), "query"),
        (json!({"query": "a", "in": ["chat"]}), "in"),
        (json!({"query": "a", "mode": "vector"}), "mode"),
        (json!({"query": "a", "mode": "any"}), "mode"),
        (json!({"query": "a", "sort": "oldest"}), "sort"),
        (json!({"query": "a", "role": "ai"}), "role"),
        (json!({"query": "a", "from": "yesterday"}), "from"),
        (json!({"query": "a", "limit": 101}), "limit"),
        (json!({"query": "a", "after": "x"}), "after"),
    ] {
        let problem = api.expect(422, "POST", SEARCH, Some(&body));
        let named = problem["errors"][0]["field"].as_str().unwrap_or_default();
        assert!(named.starts_with(field), "{body}: {problem}");
    }
    for day in ["2026-11-30", "yesterday", ""] {
        let problem = api.expect(422, "POST", SEARCH, Some(&json!({"query": "a", "to": day})));
        let said = problem["errors"][0]["message"].as_str().unwrap();
        assert_eq!(said, format!("give an instant such as 2026-01-31T08:00:00Z, not {day:?}"));
    }
    for query in
        ["", "\"", "' OR 1=1 --", "NEAR(", "*", "-", "a:b^2", "\u{10ffff}\u{fffe}\u{301}", "𝔘𝔫𝔦 ㍿ \u{202e}"]
    {
        for mode in ["text", "hybrid"] {
            api.expect(200, "POST", SEARCH, Some(&json!({"query": query, "mode": mode})));
        }
    }
}
