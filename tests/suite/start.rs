//! Starting and ending the two programs that serve.

use std::{fs, net::TcpListener};

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

#[test]
fn a_server_that_asks_for_passwords_in_the_open_says_what_it_lacks() {
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        let serve = |args: &[&str]| {
            let place = ["--auth=password", "--listen=0.0.0.0:0", "--log=json:warn"];
            RunningServer::spawn(binary.serve(data.path(), &[&place, args].concat()))
        };
        let line = serve(&[]).wait_for_line(&["unencrypted"]);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["level"], "warn", "{line}");
        assert!(line["message"].as_str().unwrap().contains("--trusted-proxy"), "{line}");
        let quiet = serve(&["--trusted-proxy=10.0.0.1"]).terminate();
        assert_eq!((quiet.status.code(), quiet.stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn what_keeps_a_server_from_starting_is_one_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        let file = data.path().join("file");
        fs::write(&file, "not a database, but long enough to be looked at by whoever opens it").unwrap();
        let broken = format!("--database=sqlite:///{}", file.display());
        for (args, code, words) in [
            (&["--listen", &*taken][..], 5, &[&*taken, "--listen"][..]),
            (&["--listen", "203.0.113.1:1", "--auth=password"], 2, &["203.0.113.1:1", "--listen"]),
            (&["--listen", "0.0.0.0:0"], 2, &["--open-to", "--auth password"]),
            (&["--listen", "here"], 2, &["listen", "here"]),
            (&["--listen", "127.0.0.1:0", &broken], 11, &["file"]),
        ] {
            let output = binary.serve(data.path(), args).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{binary:?} {args:?}: {said}");
            assert!(output.stdout.is_empty(), "{output:?}");
            assert_eq!(said.matches("Error: ").count(), 1, "{said}");
            for word in words {
                assert!(said.contains(word), "{args:?} lacks {word}: {said}");
            }
        }
    }
}
