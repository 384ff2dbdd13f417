//! Starting and ending the two programs that serve.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    http,
    process::{Binary, RunningServer},
};

#[test]
fn a_server_answers_where_it_says_and_ends_when_asked() {
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&binary, data.path(), &[]);
        let health = http::call(server.address(), "GET", "/health", None);
        assert_eq!(health.status, 200, "{health:?}");
        assert!(matches!(health.json(), Value::Object(_)));
        let head = http::call(server.address(), "HEAD", "/health", None);
        assert_eq!((head.status, head.header("content-length")), (200, health.header("content-length")));
        let ended = server.terminate();
        assert_eq!(ended.status.code(), Some(0), "{binary:?}: {ended:?}");
    }
}

#[test]
fn a_server_that_was_killed_starts_again_on_the_same_data() {
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        RunningServer::start(&binary, data.path(), &[]).kill9();
        let server = RunningServer::start(&binary, data.path(), &[]);
        assert_eq!(http::call(server.address(), "GET", "/ready", None).status, 200, "{binary:?}");
    }
}
