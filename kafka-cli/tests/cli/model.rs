//! `kafka model`.

use std::fs;

use kafka_core::testing::{Script, ScriptedEndpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{fails, fed, ids, json, kafka, printed, run, stderr, stdout, succeeded};

/// Lists these models to whoever has the key `sk-good`, and to others if none is needed.
fn endpoint(needs_key: bool, models: &'static [&'static str]) -> ScriptedEndpoint {
    ScriptedEndpoint::start(move |request| {
        if needs_key && request.header("authorization") != Some("Bearer sk-good") {
            return Script::json(401, &json!({"error": {"message": "bad key"}}));
        }
        match request.path.ends_with("/models") {
            true => {
                let models: Vec<Value> = models.iter().map(|name| json!({ "id": name })).collect();
                Script::json(200, &json!({ "data": models }))
            }
            false => Script::stream(&["Fine."]),
        }
    })
}

#[test]
fn a_model_is_added_listed_shown_asked_and_deleted() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(false, &["tiny", "big"]);
    let url = endpoint.base_url();
    let added =
        printed(&directory, &["model", "add", "mine", "--url", &url, "--upstream", "tiny", "--default"]);
    let expected = format!("Added the model mine without a key. {url} answers in ");
    assert!(added.starts_with(&expected), "{added}");
    assert!(added.ends_with(" ms and lists tiny among 2 models.\n"), "{added}");

    let table = printed(&directory, &["model", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("NAME  ENDPOINT") && lines[0].ends_with("ID"), "{table}");
    assert!(lines[1].starts_with("mine  http") && lines[1].contains("  tiny      -    default  "), "{table}");
    assert!(lines[2].starts_with("echo  built in"), "{table}");

    let shown = json(&directory, &["model", "show", "mine"]);
    assert_eq!(shown["upstream_model"], "tiny");
    assert_eq!(shown["has_api_key"], false);
    assert!(shown.get("api_key").is_none() && shown.get("ak_sealed").is_none());
    assert_eq!(printed(&directory, &["chat", "How are you?"]), "Fine.\n");
    assert_eq!(endpoint.requests().last().unwrap().json()["model"], "tiny");

    assert_eq!(printed(&directory, &["model", "delete", "mine"]), "Deleted the model mine.\n");
    assert_eq!(json(&directory, &["model", "list"])["items"], json!([]));
    assert_eq!(printed(&directory, &["chat", "Who?"]), "Echo: Who?\n");
}

#[test]
fn a_model_is_named_by_name_or_id() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(false, &["a"]);
    let id = ids(&directory, &["model", "add", "a", "--url", &endpoint.base_url()]).remove(0);
    assert_eq!(json(&directory, &["model", "show", "a"])["id"], id.as_str());
    assert_eq!(json(&directory, &["model", "show", &id])["name"], "a");
    assert_eq!(ids(&directory, &["model", "list"]), std::slice::from_ref(&id));
    assert_eq!(ids(&directory, &["model", "delete", &id]), [id]);
}

#[test]
fn the_key_comes_from_where_it_is_not_seen() {
    let table: [(&str, Option<&str>, &str, &[&str]); 4] = [
        // Name, variable, standard input, further arguments.
        ("mine", None, "sk-good\n", &[]),
        ("mine", None, "sk-good\n", &["--key-stdin"]),
        ("openai", Some("OPENAI_API_KEY"), "", &[]),
        ("openrouter", Some("OPENROUTER_API_KEY"), "", &[]),
    ];
    for (name, variable, input, arguments) in table {
        let directory = TempDir::new().unwrap();
        let endpoint = endpoint(true, &["x"]);
        let url = endpoint.base_url();
        let mut command = kafka(&directory, &[&["model", "add", name, "--url", &url], arguments].concat());
        if let Some(variable) = variable {
            command.env(variable, "sk-good");
        }
        let output = fed(command, input);
        let said = succeeded(&output);
        assert!(said.contains("with the key from ") && said.contains("answers in"), "{name}: {said}");
        assert!(said.contains(variable.unwrap_or("standard input")), "{name}: {said}");
        // Nobody sees it again: not in what is printed, not in the file.
        let shown = printed(&directory, &["model", "show", name, "--json"]);
        assert!(shown.contains("\"has_api_key\": true"), "{shown}");
        for entry in fs::read_dir(directory.path().join("kafka-data")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            assert!(!bytes.windows(7).any(|window| window == b"sk-good"), "{}", path.display());
        }
        for text in [said, stderr(&output), shown] {
            assert!(!text.contains("sk-good"), "{text}");
        }
    }
}

#[test]
fn standard_input_goes_before_the_variable_when_it_is_asked_for() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(true, &["x"]);
    let arguments = ["model", "add", "openai", "--url", &endpoint.base_url(), "--key-stdin"];
    let mut command = kafka(&directory, &arguments);
    command.env("OPENAI_API_KEY", "sk-other");
    assert!(succeeded(&fed(command, "sk-good")).contains("from standard input"));
}

#[test]
fn a_preset_passes_any_name_through() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(false, &["llama", "gemma"]);
    let added = printed(&directory, &["model", "add", "ollama", "--url", &endpoint.base_url()]);
    assert!(added.contains("lists 2 models"), "{added}");
    assert_eq!(printed(&directory, &["chat", "--model", "gemma", "Hi"]), "Fine.\n");
    assert_eq!(endpoint.requests().last().unwrap().json()["model"], "gemma");
}

#[test]
fn parameters_are_kept_and_sent() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(false, &["m"]);
    let url = endpoint.base_url();
    let parameters =
        ["--temperature", "0.5", "--top-p", "0.9", "--max-tokens", "64", "--context-tokens", "2048"];
    printed(&directory, &[&["model", "add", "m", "--url", &url][..], &parameters].concat());
    let params = json(&directory, &["model", "show", "m"])["params"].clone();
    assert_eq!(params, json!({"temperature": 0.5, "top_p": 0.9, "max_tokens": 64, "context_tokens": 2048}));
    printed(&directory, &["chat", "--model", "m", "Hi"]);
    let sent = endpoint.requests().last().unwrap().json();
    assert_eq!((&sent["temperature"], &sent["max_tokens"]), (&json!(0.5), &json!(64)));
}

#[test]
fn an_endpoint_that_does_not_work_is_added_and_told() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(true, &["x"]);
    let url = endpoint.base_url();
    let added = printed(&directory, &["model", "add", "locked", "--url", &url]);
    assert!(added.contains("Added the model locked without a key") && added.contains("key"), "{added}");
    fails(&run(&directory, &["model", "probe", "locked"]), 8, &["key"]);
    let probed = run(&directory, &["model", "probe", "locked", "--json"]);
    assert_eq!(probed.status.code(), Some(8));
    let health: Value = serde_json::from_str(&stdout(&probed)).unwrap();
    assert_eq!((&health["reachable"], &health["status"]), (&json!(true), &json!(401)));

    let elsewhere =
        printed(&directory, &["model", "add", "other", "--url", &url, "--upstream", "gone", "-q"]);
    assert_eq!(elsewhere.lines().count(), 1);
}

#[test]
fn a_name_that_the_endpoint_does_not_list_is_told() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(false, &["small", "large"]);
    let added = printed(&directory, &["model", "add", "huge", "--url", &endpoint.base_url()]);
    assert!(added.contains("huge is not among the 2 models that it lists, such as small, large."), "{added}");
    let probed = json(&directory, &["model", "probe", "huge"]);
    assert_eq!(probed["models"], json!(["small", "large"]));
}

#[test]
fn typical_mistakes_are_told() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(false, &["x"]);
    let url = endpoint.base_url();
    printed(&directory, &["model", "add", "x", "--url", &url]);
    let table: [(&[&str], i32, &[&str]); 12] = [
        (&["model", "add", "mine"], 2, &["--url", "openrouter"]),
        (&["model", "add", "openai"], 2, &["OPENAI_API_KEY"]),
        (&["model", "add", "openai", "--default"], 2, &["--upstream"]),
        (&["model", "add", "x", "--url", &url], 5, &["already a model called x"]),
        (&["model", "add", "echo", "--url", &url], 2, &["built-in"]),
        (&["model", "add", "y", "--url", "ftp://x"], 2, &["base_url"]),
        (&["model", "add", "y", "--url", &url, "--temperature", "3"], 2, &["0 to 2"]),
        (&["model", "add", "y", "--url", &url, "--key-stdin"], 2, &["holds no key"]),
        (&["model", "show", "nix"], 4, &["no model nix", "kafka model list"]),
        (&["model", "probe", "echo"], 2, &["built in"]),
        (&["model", "delete", "x", "nix"], 4, &["nix"]),
        (&["model", "delete"], 2, &["<NAME>"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, arguments), code, parts);
    }
    assert_eq!(ids(&directory, &["model", "list"]).len(), 1);
}
