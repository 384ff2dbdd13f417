//! Chats over HTTP.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    process::{Binary, RunningServer},
};

#[test]
fn a_chat_is_made_changed_and_deleted() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let made = api.post("/api/v1/chats", &json!({"title": "The trial", "notebooks": ["court"]}));
    let fields: Vec<&String> = made.as_object().unwrap().keys().collect();
    let mut expected = [
        "id",
        "title",
        "description",
        "notebooks",
        "default_model",
        "user_id",
        "workspace_id",
        "active_leaf_id",
        "message_count",
        "total_tokens",
        "archived_at",
        "pinned_at",
        "tags",
        "created_at",
        "updated_at",
    ];
    expected.sort_unstable();
    assert_eq!(fields, expected);
    assert_eq!((&made["title"], &made["user_id"]), (&json!("The trial"), &Value::Null));

    let path = format!("/api/v1/chats/{}", id(&made));
    assert_eq!(api.get(&path), made);
    let changed = api.patch(&path, &json!({"title": null, "pinned": true, "default_model": "echo"}));
    assert_eq!((&changed["title"], &changed["default_model"]), (&Value::Null, &json!("echo")));
    assert!(changed["pinned_at"].is_string());
    assert_eq!(changed["notebooks"], json!(["court"]), "what is absent stays");
    api.delete(&path);
    api.expect(404, "GET", &path, None);
    api.expect(404, "DELETE", &path, None);
}

#[test]
fn lists_are_read_forth_and_back_and_by_number() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let mut made: Vec<String> = (0..5).map(|_| api.chat()).collect();
    made.reverse();
    let ids = |page: &Value| page["items"].as_array().unwrap().iter().map(id).collect::<Vec<_>>();

    let first = api.get("/api/v1/chats?limit=2");
    assert_eq!((ids(&first), &first["prev_cursor"]), (made[..2].to_vec(), &Value::Null));
    let after = |page: &Value| page["next_cursor"].as_str().unwrap().to_owned();
    let second = api.get(&format!("/api/v1/chats?limit=2&after={}", after(&first)));
    assert_eq!(ids(&second), made[2..4]);
    let third = api.get(&format!("/api/v1/chats?limit=2&after={}", after(&second)));
    assert_eq!((ids(&third), &third["next_cursor"]), (made[4..].to_vec(), &Value::Null));
    let before = third["prev_cursor"].as_str().unwrap();
    assert_eq!(ids(&api.get(&format!("/api/v1/chats?limit=2&before={before}"))), made[2..4]);

    let page = api.get("/api/v1/chats?page=2&page_size=2");
    assert_eq!(ids(&page), made[2..4]);
    let numbers = [&page["total"], &page["page"], &page["page_size"], &page["total_pages"]];
    assert_eq!(numbers, [&json!(5), &json!(2), &json!(2), &json!(3)]);
    assert_eq!(api.get("/api/v1/chats?page=1")["page_size"], 20);
}

#[test]
fn filters_narrow_the_list() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let workspace = id(&api.post("/api/v1/workspaces", &json!({"name": "w"})));
    let castle = id(&api.post("/api/v1/chats", &json!({"title": "The Castle", "workspace_id": workspace})));
    let trial = id(&api.post("/api/v1/chats", &json!({"title": "100 % + a trial"})));
    api.patch(&format!("/api/v1/chats/{trial}"), &json!({"archived": true}));
    for (query, expected) in [
        ("q=castle", vec![&castle]),
        ("q=100+%25+%2B", vec![&trial]),
        ("q=%25", vec![&trial]),
        ("q=", vec![&trial, &castle]),
        ("archived=true", vec![&trial]),
        ("archived=false", vec![&castle]),
        (&*format!("workspace_id={workspace}"), vec![&castle]),
        (&*format!("workspace_id={workspace}&archived=true"), vec![]),
    ] {
        let page = api.get(&format!("/api/v1/chats?{query}"));
        let found: Vec<String> = page["items"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}
