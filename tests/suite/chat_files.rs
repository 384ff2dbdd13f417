//! Files of chats over HTTP, and versions of texts.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    process::{Binary, RunningServer},
};

const NOTHING: &str = "01890000-0000-7000-8000-000000000000";

#[test]
fn a_file_comes_into_a_chat_in_each_way() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let workspace = id(&api.post("/api/v1/workspaces", &json!({"name": "Letters"})));
    let in_workspace = format!("/api/v1/workspaces/{workspace}/files");
    let chat = id(&api.post("/api/v1/chats", &json!({"workspace_id": workspace})));
    let files = format!("/api/v1/chats/{chat}/files");

    let uploaded = api.upload(&files, &[], &[("a.bin", b"\0\xff"), ("castle.based", b"state K")]).json();
    let [bytes, based] = [0, 1].map(|at| uploaded["items"][at].clone());
    assert_eq!((&bytes["kind"], &bytes["latest_version"]), (&json!("upload"), &Value::Null));
    assert_eq!((&based["kind"], &based["latest_version"]), (&json!("based"), &json!(1)));
    let written = api.post(&files, &json!({"filename": "a/notes.txt", "content": "Hello"}));
    assert_eq!((&written["filename"], &written["kind"]), (&json!("notes.txt"), &json!("text")));
    let file = api.upload(&in_workspace, &[], &[("letter.txt", b"Dear")]).json()["items"][0].clone();
    let linked = api.post(&files, &json!({"file_id": file["id"]}));
    assert_eq!(linked["filename"], "letter.txt");
    assert_eq!(api.get(&files)["items"], json!([bytes, based, written, linked]));
    assert_eq!(api.get(&format!("/api/v1/chat-files/{}", id(&based))), based);

    let refused = |status: u16, body: Value, code: &str| {
        assert_eq!(api.expect(status, "POST", &files, Some(&body))["code"], code, "{body}");
    };
    refused(409, json!({"file_id": file["id"]}), "file_in_chat");
    refused(409, json!({"filename": "castle.based", "content": ""}), "filename_taken");
    refused(404, json!({"file_id": NOTHING}), "file_not_found");
    refused(422, json!({"file_id": 7}), "field_invalid");
    refused(422, json!({}), "field_missing");
    refused(422, json!({"filename": "a"}), "field_missing");
    let elsewhere = format!("/api/v1/chats/{NOTHING}/files");
    assert_eq!(api.upload(&elsewhere, &[], &[("a", b"a")]).json()["code"], "chat_not_found");
    assert_eq!(api.expect(404, "GET", &elsewhere, None)["code"], "chat_not_found");
    // One that is refused does not undo those before it.
    let partly = api.upload(&files, &[], &[("b.bin", b"b"), ("castle.based", b"")]);
    assert_eq!((partly.status, &partly.json()["code"]), (409, &json!("filename_taken")));
    assert_eq!(partly.json()["items"][0]["filename"], "b.bin");

    api.delete(&format!("/api/v1/chat-files/{}", id(&linked)));
    api.get(&format!("/api/v1/files/{}", id(&file)));
    assert_eq!(api.get(&files)["items"].as_array().unwrap().len(), 4);
    let gone = api.expect(404, "GET", &format!("/api/v1/chat-files/{}", id(&linked)), None);
    assert_eq!(gone["code"], "chat_file_not_found");
}

#[test]
fn versions_are_added_and_never_lost() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let files = format!("/api/v1/chats/{}/files", api.chat());
    let text = api.post(&files, &json!({"filename": "a.txt", "content": "one\n"}));
    let file = format!("/api/v1/chat-files/{}", id(&text));
    let versions = format!("{file}/versions");
    let second = api.post(&versions, &json!({"content": "two\n", "base": 1}));
    assert_eq!((&second["number"], &second["content"]), (&json!(2), &json!("two\n")));

    let stale = api.expect(409, "POST", &versions, Some(&json!({"content": "three\n", "base": 1})));
    assert_eq!((&stale["code"], &stale["current"]), (&json!("version_stale"), &json!(2)));
    assert_eq!(api.get(&file)["latest_version"], 2);

    let reverted = api.post(&format!("{file}/revert"), &json!({"number": 1}));
    assert_eq!((&reverted["number"], &reverted["content"]), (&json!(3), &json!("one\n")));
    let all = api.get(&versions)["items"].as_array().unwrap().clone();
    assert_eq!(all.iter().map(|version| &version["number"]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(api.get(&format!("{versions}/2"))["content"], "two\n");
    assert!(api.get(&format!("{file}/diff?from=1&to=2"))["diff"].is_string());

    // The same key adds one version.
    let body = json!({"content": "four\n"}).to_string();
    let post = || api.send("POST", &versions, &[("Idempotency-Key", "k")], Some(&body)).json();
    assert_eq!(post(), post());
    assert_eq!(api.get(&file)["latest_version"], 4);

    let bytes = api.upload(&files, &[], &[("b.bin", b"b")]).json()["items"][0].clone();
    let bytes = format!("/api/v1/chat-files/{}", id(&bytes));
    let nothing = format!("/api/v1/chat-files/{NOTHING}");
    for (status, method, path, body, code) in [
        (404, "GET", format!("{versions}/5"), None, "version_not_found"),
        (404, "GET", format!("{versions}/0"), None, "version_not_found"),
        (404, "GET", format!("{versions}/x"), None, "version_not_found"),
        (404, "GET", format!("{versions}/99999999999999999999"), None, "version_not_found"),
        (404, "POST", format!("{file}/revert"), Some(json!({"number": 9})), "version_not_found"),
        (404, "GET", format!("{file}/diff?from=1&to=9"), None, "version_not_found"),
        (422, "GET", format!("{file}/diff?from=1"), None, "field_missing"),
        (422, "GET", format!("{file}/diff?from=one&to=2"), None, "query_invalid"),
        (422, "POST", format!("{file}/revert"), Some(json!({})), "field_missing"),
        (422, "POST", versions.clone(), Some(json!({})), "version_ambiguous"),
        (422, "POST", versions.clone(), Some(json!({"content": "", "diff": ""})), "version_ambiguous"),
        (409, "GET", format!("{bytes}/versions"), None, "file_without_versions"),
        (409, "POST", format!("{bytes}/versions"), Some(json!({"content": ""})), "file_without_versions"),
        (404, "GET", format!("{nothing}/versions"), None, "chat_file_not_found"),
        (404, "POST", format!("{nothing}/versions"), Some(json!({"content": ""})), "chat_file_not_found"),
    ] {
        let problem = api.expect(status, method, &path, body.as_ref());
        assert_eq!(problem["code"], code, "{method} {path}");
    }
    assert_eq!(api.get(&file)["latest_version"], 4);
}
