//! `kafka compose`: a model writes a file, changes it, and is told apart from one that cannot.

#[path = "../../../tests/support/model.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod model;

use kafka_core::testing::ScriptedEndpoint;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    run::{fails, fed, ids, json, kafka, printed, run, succeeded},
    terminal::Terminal,
};

const UNKNOWN: &str = "019ab3f2-5c1e-7d40-9b1a-2f6c8e0d4a71";

/// A directory with a model that does as it is told.
fn place() -> (TempDir, ScriptedEndpoint) {
    let (directory, endpoint) = (TempDir::new().unwrap(), model::start());
    printed(&directory, &["model", "add", "obedient", "--url", &endpoint.base_url(), "--default"]);
    (directory, endpoint)
}

/// The same with a chat that has a file, and the chat's id.
fn written() -> (TempDir, ScriptedEndpoint, String) {
    let (directory, endpoint) = place();
    printed(&directory, &["compose", "mock:based=city.based"]);
    let chat = ids(&directory, &["chats", "list"]).remove(0);
    (directory, endpoint, chat)
}

/// How many versions the only file of the chat has.
fn versions(directory: &TempDir, chat: &str) -> usize {
    let file = ids(directory, &["chat-file", "list", chat]);
    assert_eq!(file.len(), 1);
    ids(directory, &["chat-file", "versions", &file[0]]).len()
}

#[test]
fn a_file_is_written_then_changed_then_spoken_of() {
    let (directory, _endpoint) = place();
    let piped = fed(kafka(&directory, &["compose"]), "mock:based=city.based\n");
    assert_eq!(succeeded(&piped), model::text_of("city.based"));
    let chat = ids(&directory, &["chats", "list"]).remove(0);

    let changed = printed(&directory, &["compose", "--chat", &chat, "mock:diff=append"]);
    let file = ids(&directory, &["chat-file", "list", &chat]).remove(0);
    assert_eq!(changed, printed(&directory, &["chat-file", "diff", &file]));
    assert!(changed.ends_with("+\tsay(\"bye\", exact=True)\n"), "{changed}");
    assert_eq!(versions(&directory, &chat), 2);

    let named = ["compose", "--chat", &chat, "--file", "city.based", "mock:diff"];
    assert!(printed(&directory, &named).contains("\n+# edited by the mock model\n"));
    assert_eq!(versions(&directory, &chat), 3);

    let spoken = printed(&directory, &["compose", "--chat", &chat, "mock:reply=\"It asks for a city.\""]);
    assert_eq!(spoken, "It asks for a city.\n");
    assert_eq!(versions(&directory, &chat), 3);
}

#[test]
fn programs_get_the_file_and_every_attempt() {
    let (directory, _endpoint, chat) = written();
    let composed = json(&directory, &["compose", "--chat", &chat, "mock:diff invalid mock:invalid=1"]);
    assert_eq!(composed["chat_file"]["filename"], "city.based");
    assert_eq!(composed["chat_file"]["latest_version"], 2);
    assert_eq!(composed["response"]["status"], "completed");
    let attempts = composed["response"]["attempts"].as_array().unwrap();
    let trail: Vec<_> = attempts.iter().map(|it| json!([it["step"], it["attempt"], it["outcome"]])).collect();
    let expected = json!([["triage", 1, "accepted"], ["edit", 1, "refused"], ["edit", 2, "accepted"]]);
    assert_eq!(json!(trail), expected);
    let spoken = json(&directory, &["compose", "--chat", &chat, "Hello"]);
    assert_eq!(spoken["chat_file"], json!(null));
    assert_eq!(ids(&directory, &["compose", "--chat", &chat, "mock:diff"]), [chat]);
}

#[test]
fn a_model_that_cannot_do_it_changes_nothing_and_is_told_of() {
    let (directory, endpoint, chat) = written();
    let before = endpoint.requests().len();
    let failed = run(&directory, &["compose", "--chat", &chat, "mock:diff mock:invalid=9"]);
    fails(&failed, 8, &["failed 5 times to change the file", "(edit_failed)", "Hint: your question is kept"]);
    assert_eq!(endpoint.requests().len(), before + 1 + 5);
    assert_eq!(versions(&directory, &chat), 1);
    // It stands in the conversation, with what was tried.
    let shown = json(&directory, &["chats", "show", &chat]);
    assert_eq!(shown["messages"][3]["response"]["attempts"].as_array().unwrap().len(), 6);
    let shown = printed(&directory, &["chats", "show", &chat]);
    assert!(shown.contains("\n[city.based was written]\nloop:\n"), "{shown}");
    assert!(shown.contains("\n[edit, attempt 5, refused: The patch has no hunk"), "{shown}");
}

#[test]
fn typical_mistakes_are_told_and_store_nothing() {
    let (directory, _endpoint, chat) = written();
    let table: [(&[&str], i32, &[&str]); 5] = [
        (&["compose"], 2, &["nothing to ask"]),
        (&["compose", "--file", "city.based", "Hi"], 2, &["--chat"]),
        (&["compose", "--chat", UNKNOWN, "Hi"], 4, &["There is no chat", UNKNOWN, "kafka chats list"]),
        (&["compose", "--chat", &chat, "--file", "a.based", "Hi"], 4, &["a.based", "kafka chat-file list"]),
        (&["compose", "--chat", &chat, "--model", "nix", "Hi"], 4, &["no model called nix"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, arguments), code, parts);
    }
    fails(&run(&directory, &["compose", "--model", "nix", "Hi"]), 4, &["no model called nix"]);
    assert_eq!(ids(&directory, &["chats", "list"]), [&*chat]);
    assert_eq!(json(&directory, &["chats", "show", &chat])["message_count"], 2);
}

#[test]
fn a_person_sees_what_the_model_is_busy_with_and_the_change_in_colours() {
    let (directory, _endpoint, chat) = written();
    let command = format!("compose --chat {chat} 'mock:diff=append mock:invalid=1'");
    let mut terminal = Terminal::start(&directory, &command);
    for shown in [
        "(triage …)",
        "(edit …)",
        "(edit, attempt 2 …)",
        "\u{1b}[1;32m+\tsay(\"bye\", exact=True)\u{1b}[0m",
        "city.based has version 2 now",
        "Take it back: kafka chat-file revert",
        "edit, attempt 1, refused: ",
        "scripted · 15 tokens",
        "Go on: kafka compose --chat ",
    ] {
        terminal.expect(shown);
    }
    assert_eq!(terminal.end().0, Some(0));
    let file = ids(&directory, &["chat-file", "list", &chat]).remove(0);
    printed(&directory, &["chat-file", "revert", &file, "1"]);
    assert_eq!(printed(&directory, &["chat-file", "show", &file]), model::text_of("city.based"));
}
