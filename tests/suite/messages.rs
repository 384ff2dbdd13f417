//! Messages over HTTP.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    process::{Binary, RunningServer},
};

fn contents(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap()).collect()
}

#[test]
fn the_last_page_comes_first_and_each_page_is_oldest_first() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    for content in ["a", "b", "c", "d", "e"] {
        api.message(&chat, content);
    }
    let path = format!("/api/v1/chats/{chat}/messages");
    let last = api.get(&format!("{path}?limit=2"));
    assert_eq!((contents(&last), &last["next_cursor"]), (vec!["d", "e"], &Value::Null));
    let before = last["prev_cursor"].as_str().unwrap();
    let middle = api.get(&format!("{path}?limit=2&before={before}"));
    assert_eq!(contents(&middle), ["b", "c"]);
    let after = middle["next_cursor"].as_str().unwrap();
    assert_eq!(contents(&api.get(&format!("{path}?limit=2&after={after}"))), ["d", "e"]);
    assert_eq!(contents(&api.get(&format!("{path}?page=1&page_size=2"))), ["a", "b"]);
}

#[test]
fn an_edit_keeps_the_old_text_on_its_own_branch() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    let path = format!("/api/v1/chats/{chat}/messages");
    let question = api.message(&chat, "question");
    let old = api.message(&chat, "old");
    let edit = json!({"role": "user", "content": "new", "parent_id": question});
    let new = api.post(&path, &edit);
    assert_eq!(
        (&new["parent_id"], &new["status"], &new["response"]),
        (&json!(question), &json!("complete"), &Value::Null)
    );
    assert_eq!(contents(&api.get(&path)), ["question", "new"]);
    api.patch(&format!("/api/v1/chats/{chat}"), &json!({"active_leaf_id": old}));
    assert_eq!(contents(&api.get(&path)), ["question", "old"]);

    api.patch(&format!("/api/v1/messages/{old}"), &json!({"content": "changed in place"}));
    assert_eq!(contents(&api.get(&path)), ["question", "changed in place"]);
    api.delete(&format!("/api/v1/messages/{old}"));
    assert_eq!(contents(&api.get(&path)), ["question"], "the parent of a deleted leaf is the leaf");
    let root = api.post(&path, &json!({"role": "system", "content": "root", "parent_id": null}));
    assert_eq!(root["parent_id"], Value::Null);
    assert_eq!(contents(&api.get(&path)), ["root"]);
    let elsewhere = json!({"role": "user", "content": "x", "parent_id": id(&json!({"id": api.chat()}))});
    assert_eq!(api.expect(422, "POST", &path, Some(&elsewhere))["code"], "parent_unknown");
}
