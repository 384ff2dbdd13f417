//! What a server writes about its work.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    api::Api,
    process::{Binary, RunningServer, is_on_postgres},
    rows::run_sql,
};

const SECRET: &str = "bearer-that-nobody-may-see";

#[test]
fn each_request_is_one_line_without_bodies_and_credentials() {
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&binary, data.path(), &["--log", "json"]);
        let api = Api::of(&server);
        api.send("POST", "/api/v1/chats", &[("x-request-id", "r-1")], Some(r#"{"title":"private"}"#));
        api.with_token(SECRET).send("GET", &format!("/api/v1/chats?token={SECRET}&limit=1"), &[], None);
        let log = server.terminate().stderr;
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let requests: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request").collect();
        assert_eq!(requests.len(), 2, "{log}");
        // A line is written after its answer was sent, so two connections may swap theirs.
        let of = |method: &str| requests.iter().find(|line| line["method"] == method).unwrap();
        let (made, refused) = (of("POST"), of("GET"));
        assert_eq!(made["path"], "/api/v1/chats");
        assert_eq!((&made["status"], &made["request_id"]), (&201.into(), &"r-1".into()));
        assert_eq!((&made["client"], &made["level"]), (&"127.0.0.1".into(), &"info".into()));
        assert_eq!(
            (&refused["path"], &refused["status"]),
            (&"/api/v1/chats?token=***&limit=1".into(), &401.into())
        );
        assert!(!log.contains(SECRET) && !log.contains("private"), "{log}");
    }
}

#[test]
fn the_level_decides_what_is_written() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--log", "text:warn"]);
    Api::of(&server).chat();
    assert_eq!(server.terminate().stderr, "");
}

#[test]
fn a_failure_of_the_server_tells_the_log_why_and_the_client_nothing() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    run_sql(data.path(), "ALTER TABLE workspaces RENAME TO elsewhere", &[]);
    let reply = api.send("GET", "/api/v1/workspaces", &[("x-request-id", "r-7")], None);
    assert_eq!(reply.status, 500);
    let told = String::from_utf8_lossy(&reply.body).into_owned();
    let cause = if is_on_postgres() { "relation \"workspaces\" does not exist" } else { "no such table" };
    assert!(told.contains("its log says why") && !told.contains(cause), "{told}");
    let log = server.terminate().stderr;
    let causes: Vec<&str> = log.lines().filter(|line| line.contains(cause)).collect();
    assert_eq!(causes.len(), 1, "{log}");
    assert!(causes[0].contains(" error ") && causes[0].contains("request_id=r-7"), "{log}");
}
