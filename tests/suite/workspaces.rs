//! Workspaces over HTTP.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    process::{Binary, RunningServer},
};

#[test]
fn a_workspace_takes_its_chats_with_it() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let made = api.post("/api/v1/workspaces", &json!({"name": "Letters"}));
    assert_eq!((&made["name"], &made["owner_id"]), (&json!("Letters"), &Value::Null));
    let path = format!("/api/v1/workspaces/{}", id(&made));
    assert_eq!(api.patch(&path, &json!({"name": "Diaries"}))["name"], "Diaries");
    assert_eq!(api.get("/api/v1/workspaces")["items"][0]["name"], "Diaries");
    let chat = id(&api.post("/api/v1/chats", &json!({"workspace_id": id(&made)})));
    api.delete(&path);
    api.expect(404, "GET", &path, None);
    api.expect(404, "GET", &format!("/api/v1/chats/{chat}"), None);
    let orphan = json!({"workspace_id": id(&made)});
    assert_eq!(api.expect(404, "POST", "/api/v1/chats", Some(&orphan))["code"], "workspace_not_found");
}
