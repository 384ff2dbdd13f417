//! `kafka doctor`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use kafka_core::testing::{Script, ScriptedEndpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    home,
    run::{fails, ids, kafka, printed, run, stderr, stdout, succeeded},
};

/// The exit code, and the findings as `check status detail`.
fn examined(directory: &TempDir, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let output = run(directory, &[&["doctor", "--json"], arguments].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |item: &Value| {
        format!("{} {} {}", text(&item["check"]), text(&item["status"]), text(&item["detail"]))
    };
    (output.status.code(), json["items"].as_array().unwrap().iter().map(line).collect())
}

fn has(findings: &[String], start: &str, part: &str) {
    let found = findings.iter().any(|finding| finding.starts_with(start) && finding.contains(part));
    assert!(found, "no {start:?} with {part:?} in {findings:#?}");
}

#[test]
fn a_fresh_place_is_in_order_and_stays_untouched() {
    let directory = TempDir::new().unwrap();
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    match home::is_on_postgres() {
        true => has(&findings, "schema ok", "the first command that needs it makes its tables"),
        false => has(&findings, "database ok", "does not exist yet"),
    }
    has(&findings, "models ok", "kafka model add openai|openrouter|ollama");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn an_installation_in_order_is_told_line_by_line() {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["chat", "Hi"]);
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    assert!(findings.iter().all(|finding| finding.contains(" ok ")), "{findings:#?}");
    has(&findings, "schema ok", "nothing is pending");
    has(&findings, "database ok", "is whole");
    has(&findings, "models ok", "the built-in echo answers");
    has(&findings, "files ok", "each has its bytes");
    let lines = printed(&directory, &["doctor"]);
    assert_eq!(lines.lines().count(), findings.len());
    assert!(lines.lines().all(|line| line.starts_with("ok       ")), "{lines}");
    assert_eq!(printed(&directory, &["doctor", "-q"]), "");
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["chat", "Hi"]);
    let data = directory.path().join("kafka-data");

    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(0));
    has(&findings, "data directory warning", "chmod 700");

    fs::set_permissions(data.join("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(2), "{findings:#?}");
    has(&findings, "secret error", "chmod 600");
    fs::set_permissions(data.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();

    fs::write(data.join("kafka.toml"), "auth = \"password\"\nlisten = \"0.0.0.0:8000\"\n").unwrap();
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    has(&findings, "configuration warning", "--trusted-proxy");
    fs::remove_file(data.join("kafka.toml")).unwrap();

    printed(&directory, &["migrate", "down", "--yes"]);
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(0));
    has(&findings, "schema warning", "kafka migrate up");
    // The doctor did not do it.
    assert_eq!(examined(&directory, &[]).1, findings);

    let output = kafka(&directory, &["doctor"]).env("KAFKA_LISTEN", "nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stdout(&output).starts_with("error    configuration  The value \"nowhere\""),
        "{}",
        stdout(&output)
    );
    assert!(stderr(&output).contains("found 1 error"), "{}", stderr(&output));
}

#[test]
fn rows_that_lost_what_they_name_are_found() {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["chat", "Hi"]);
    home::run_sql(&directory, "PRAGMA foreign_keys = OFF; DELETE FROM chats");
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(11), "{findings:#?}");
    has(&findings, "database error", "rows of messages name rows of chats that do not exist");
}

/// Where the bytes of files lie.
fn blobs(directory: &TempDir) -> Vec<PathBuf> {
    let shelves = fs::read_dir(home::blobs(directory)).unwrap();
    let entries = shelves.flat_map(|shelf| fs::read_dir(shelf.unwrap().path()).unwrap());
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn bytes_that_no_file_needs_are_removed_on_request() {
    let directory = TempDir::new().unwrap();
    let workspace = ids(&directory, &["workspace", "add", "Castle"]).remove(0);
    for (name, text) in [("kept.txt", "kept"), ("gone.txt", "gone for good")] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let files = ids(&directory, &["file", "add", &workspace, "kept.txt", "gone.txt"]);
    printed(&directory, &["file", "delete", &files[1]]);
    // What came lately may be about to be named.
    has(&examined(&directory, &["--fix"]).1, "files ok", "each has its bytes");
    assert_eq!(blobs(&directory).len(), 2);

    let earlier = SystemTime::now() - Duration::from_secs(2 * 3600);
    for blob in blobs(&directory) {
        fs::File::open(blob).unwrap().set_modified(earlier).unwrap();
    }
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    has(&findings, "files warning", "1 leftover of 13 bytes");
    assert_eq!(blobs(&directory).len(), 2);
    has(&examined(&directory, &["--fix"]).1, "files ok", "removed 1 leftover of 13 bytes");
    assert_eq!(blobs(&directory).len(), 1);
    assert_eq!(printed(&directory, &["file", "get", &files[0]]), "kept");
}

#[test]
fn a_file_without_its_bytes_is_named() {
    let directory = TempDir::new().unwrap();
    let workspace = ids(&directory, &["workspace", "add", "Castle"]).remove(0);
    fs::write(directory.path().join("survey.txt"), "high").unwrap();
    let file = ids(&directory, &["file", "add", &workspace, "survey.txt"]).remove(0);
    fs::remove_file(&blobs(&directory)[0]).unwrap();
    fails(&run(&directory, &["file", "get", &file]), 11, &["kafka doctor"]);
    let (code, findings) = examined(&directory, &["--fix"]);
    assert_eq!(code, Some(11), "{findings:#?}");
    has(&findings, &format!("files error {file} (survey.txt)"), "from a backup only");
    has(&findings, "files error", &format!("`kafka file delete {file}`"));
    printed(&directory, &["file", "delete", &file]);
    assert_eq!(examined(&directory, &[]).0, Some(0));
}

#[test]
fn models_are_looked_at_and_asked_on_request() {
    let directory = TempDir::new().unwrap();
    let endpoint = ScriptedEndpoint::start(|_| Script::json(200, &json!({"data": [{"id": "m"}]})));
    let mut add = kafka(&directory, &["model", "add", "openai", "--url", &endpoint.base_url()]);
    succeeded(&add.env("OPENAI_API_KEY", "sk-1").output().unwrap());
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(0));
    has(&findings, "model ok", "--probe");
    has(&findings, "models ok", "echo answers when none is named");
    has(&examined(&directory, &["--probe"]).1, "model ok", "openai answers in");
    drop(endpoint);
    has(&examined(&directory, &["--probe"]).1, "model warning", "cannot be reached");

    // Another secret cannot open the key.
    fs::remove_file(directory.path().join("kafka-data/secret")).unwrap();
    printed(&directory, &["chats", "list"]);
    let (code, findings) = examined(&directory, &[]);
    assert_eq!(code, Some(10), "{findings:#?}");
    has(&findings, "model error", "give the key again");
}

#[test]
fn passages_without_vectors_are_counted_and_their_endpoint_is_asked_on_request() {
    let directory = TempDir::new().unwrap();
    let endpoint =
        ScriptedEndpoint::start(|_| Script::json(404, &json!({"error": {"message": "no such model"}})));
    printed(&directory, &["chat", "Hi"]);
    let chat = ids(&directory, &["chats", "list"]).remove(0);
    fs::write(directory.path().join("cats.txt"), "A cat.").unwrap();
    printed(&directory, &["document", "add", "cats.txt", "--chat", &chat]);
    assert!(!examined(&directory, &[]).1.iter().any(|finding| finding.starts_with("vectors")));

    let settings = format!("embedding_url = {:?}\nembedding_model = \"nosuch\"\n", endpoint.base_url());
    fs::write(directory.path().join("kafka-data/kafka.toml"), settings).unwrap();
    let (code, findings) = examined(&directory, &[]);
    assert_eq!((code, endpoint.requests().len()), (Some(0), 0), "{findings:#?}");
    has(&findings, "documents ok", "they are to be found by their words and by vectors of nosuch");
    has(&findings, "vectors warning", "1 passages have none of nosuch");
    let (code, findings) = examined(&directory, &["--probe"]);
    assert_ne!(code, Some(0), "{findings:#?}");
    has(&findings, "vectors error", "no such model");

    // What the endpoint said last is told without asking it.
    fs::write(directory.path().join("dogs.txt"), "A dog.").unwrap();
    printed(&directory, &["document", "add", "dogs.txt", "--chat", &chat]);
    let asked = endpoint.requests().len();
    let (code, findings) = examined(&directory, &[]);
    assert_eq!((code, endpoint.requests().len()), (Some(0), asked), "{findings:#?}");
    has(&findings, "vectors warning", "2 passages have none of nosuch");
    has(&findings, "vectors warning", "its endpoint gives none since 20");
    has(&findings, "vectors warning", "no such model");
    let shown = ids(&directory, &["document", "list", "--chat", &chat]);
    assert!(printed(&directory, &["document", "show", &shown[1]]).contains("none; its words find it"));
}
