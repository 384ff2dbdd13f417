//! `kafka secret`.

use std::{fs, path::PathBuf};

use kafka_core::testing::{Script, ScriptedEndpoint};
use serde_json::json;
use tempfile::TempDir;

use crate::run::{fails, fed, json, kafka, printed, succeeded};

fn secret_file(directory: &TempDir) -> PathBuf {
    directory.path().join("kafka-data/secret")
}

/// Adds a model with the key `sk-good` and asks it.
fn installation(directory: &TempDir) -> ScriptedEndpoint {
    let endpoint = ScriptedEndpoint::start(|request| match request.header("authorization") {
        Some("Bearer sk-good") => Script::stream(&["Fine."]),
        _ => Script::json(401, &json!({"error": {"message": "bad key"}})),
    });
    let url = endpoint.base_url();
    let add = ["model", "add", "mine", "--url", &url, "--key-stdin", "--default"];
    succeeded(&fed(kafka(directory, &add), "sk-good\n"));
    assert_eq!(printed(directory, &["chat", "How are you?"]), "Fine.\n");
    endpoint
}

#[test]
fn a_rotated_secret_opens_what_the_one_before_it_sealed() {
    let directory = TempDir::new().unwrap();
    let _endpoint = installation(&directory);
    let before = json(&directory, &["secret", "show"]);
    let old_text = fs::read_to_string(secret_file(&directory)).unwrap();
    let said = printed(&directory, &["secret", "rotate"]);
    let after = json(&directory, &["secret", "show"]);
    let id = after["secret_id"].as_str().unwrap();
    assert_eq!(said, format!("1 key is sealed with the secret {id}.\n"));
    assert_ne!(before["secret_id"], after["secret_id"]);
    let counts = json!({"newest": 1, "older": 0, "unreadable": [], "secret_id": id});
    assert_eq!(after, counts);
    assert_eq!(printed(&directory, &["chat", "How are you?"]), "Fine.\n");

    // The secret itself is told by nothing.
    for secret in fs::read_to_string(secret_file(&directory)).unwrap().lines() {
        assert!(!printed(&directory, &["secret", "show"]).contains(secret));
    }
    // With the old one alone nothing opens any more, and that is said by name.
    fs::write(secret_file(&directory), old_text).unwrap();
    let lost = json(&directory, &["secret", "show"]);
    assert_eq!(lost["unreadable"], json!(["mine"]));
    assert!(printed(&directory, &["secret", "rotate"]).contains("give them again: mine."));
}

/// Killed after the file was changed and before the keys were sealed anew.
#[test]
fn an_interrupted_rotation_loses_nothing() {
    let directory = TempDir::new().unwrap();
    let _endpoint = installation(&directory);
    for _ in 0..2 {
        let text = fs::read_to_string(secret_file(&directory)).unwrap();
        let newest = text.lines().next().unwrap();
        let next: String = newest.chars().rev().collect();
        fs::write(secret_file(&directory), format!("{next}\n{newest}\n")).unwrap();
        assert_eq!(json(&directory, &["secret", "show"])["older"], 1);
        assert_eq!(printed(&directory, &["chat", "How are you?"]), "Fine.\n");
        printed(&directory, &["secret", "rotate"]);
        assert_eq!(json(&directory, &["secret", "show"])["older"], 0);
        assert_eq!(printed(&directory, &["chat", "How are you?"]), "Fine.\n");
    }
}

#[test]
fn a_configured_secret_is_replaced_by_hand() {
    const OLD: &str = "9f3c1a7be05d42866fd1b07c2e94a85331d6c8f27a0be5944c17f86e0b3d92ac";
    const NEW: &str = "03e1f59a7cb24d6880dd17ac4e926bf5c8310e7fa25b944db6e82f16790ac35d";
    let directory = TempDir::new().unwrap();
    let with = |secret: &str, arguments: &[&str]| {
        let mut command = kafka(&directory, arguments);
        command.env("KAFKA_SECRET_KEY", secret);
        command
    };
    let add = ["model", "add", "mine", "--url", "http://127.0.0.1:9/v1", "--key-stdin"];
    succeeded(&fed(with(OLD, &add), "sk-good\n"));
    fails(&with(OLD, &["secret", "rotate"]).output().unwrap(), 2, &["a comma and the old one", "reseal"]);
    let both = format!("{NEW},{OLD}");
    let said = succeeded(&with(&both, &["secret", "reseal"]).output().unwrap());
    assert!(said.starts_with("1 key is sealed with the secret "), "{said}");
    let shown = succeeded(&with(NEW, &["secret", "show"]).output().unwrap());
    assert!(shown.contains("the configuration"), "{shown}");
    let lost = succeeded(&with(OLD, &["secret", "show", "--json"]).output().unwrap());
    assert!(lost.contains("\"unreadable\": [\n    \"mine\"") || lost.contains("[\"mine\"]"), "{lost}");
    assert!(!secret_file(&directory).exists());
}
