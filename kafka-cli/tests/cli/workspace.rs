//! `kafka workspace`.

use std::fs;

use kafka_core::NewUser;
use tempfile::TempDir;

use crate::{
    home,
    run::{fails, ids, json, printed, run},
    terminal::Terminal,
};

const UNKNOWN: &str = "019ab3f2-5c1e-7d40-9b1a-2f6c8e0d4a71";

/// A workspace with this name.
fn workspace(directory: &TempDir, name: &str) -> String {
    ids(directory, &["workspace", "add", name]).remove(0)
}

#[test]
fn workspaces_are_made_listed_shown_renamed_and_deleted() {
    let directory = TempDir::new().unwrap();
    let castle = workspace(&directory, "Castle");
    let made = printed(&directory, &["workspace", "add", "Trial"]);
    assert!(made.starts_with("Made the workspace ") && made.contains("kafka file add "), "{made}");
    assert_eq!(ids(&directory, &["workspace", "list"])[0], castle);
    let table = printed(&directory, &["workspace", "list"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "NAME", "OWNER", "UPDATED"]);
    assert_eq!(lines[1], [&castle, "Castle", "-", "now"]);

    let renamed = printed(&directory, &["workspace", "rename", &castle, "The Castle"]);
    assert_eq!(renamed, format!("The workspace {castle} is called The Castle now.\n"));
    assert_eq!(json(&directory, &["workspace", "show", &castle])["name"], "The Castle");

    let deleted = printed(&directory, &["workspace", "delete", &castle, "--yes"]);
    assert_eq!(deleted, format!("Deleted the workspace {castle}.\n"));
    assert_eq!(ids(&directory, &["workspace", "list"]).len(), 1);
}

#[test]
fn a_workspace_is_shown_with_its_files_and_chats() {
    let directory = TempDir::new().unwrap();
    let castle = workspace(&directory, "Castle");
    let empty = printed(&directory, &["workspace", "show", &castle]);
    assert!(empty.contains("files    0\nchats    0\n"), "{empty}");
    fs::write(directory.path().join("survey.txt"), "high").unwrap();
    let file = ids(&directory, &["file", "add", &castle, "survey.txt"]).remove(0);
    let chat = ids(&directory, &["chats", "add", "Letters", "--workspace", &castle]).remove(0);
    ids(&directory, &["chats", "add", "Elsewhere"]);

    let shown = printed(&directory, &["workspace", "show", &castle]);
    assert!(shown.starts_with("name     Castle\n"), "{shown}");
    assert!(shown.contains(&format!("\n\nID{}", " ".repeat(36))), "{shown}");
    assert!(shown.contains(&format!("{file}  survey.txt  4 B")), "{shown}");
    assert!(shown.contains(&format!("{chat}  Letters")) && !shown.contains("Elsewhere"), "{shown}");
    let whole = json(&directory, &["workspace", "show", &castle]);
    assert_eq!(whole["id"], castle.as_str());
    assert_eq!(whole["files"][0]["id"], file.as_str());
    assert_eq!(whole["chats"][0]["id"], chat.as_str());
    assert_eq!(printed(&directory, &["workspace", "show", &castle, "-q"]), format!("{castle}\n"));
}

#[test]
fn a_workspace_is_someone_s() {
    let directory = TempDir::new().unwrap();
    ids(&directory, &["chats", "list"]);
    let kafka = home::opened(&directory);
    let new = NewUser { email: "k@example.org".into(), ..NewUser::default() };
    let user = kafka.users(&kafka.operator()).create(new).unwrap();
    kafka.close();
    let made = json(&directory, &["workspace", "add", "Castle", "--user", "k@example.org"]);
    assert_eq!(made["owner_id"], user.id.to_string());
    let id = made["id"].as_str().unwrap();
    assert!(printed(&directory, &["workspace", "list"]).contains("Castle  k@example.org  now"));
    assert!(printed(&directory, &["workspace", "show", id]).contains("owner    k@example.org\n"));
}

#[test]
fn deleting_a_workspace_is_asked_about() {
    let directory = TempDir::new().unwrap();
    let castle = workspace(&directory, "Castle");
    ids(&directory, &["chats", "add", "Letters", "--workspace", &castle]);
    fails(&run(&directory, &["workspace", "delete", &castle]), 2, &["1 chat and 0 files", "--yes"]);
    for (answer, code, left) in [("\n", 130, 1), ("y\n", 0, 0)] {
        let mut terminal = Terminal::start(&directory, &format!("workspace delete {castle}"));
        terminal.expect("Delete the workspace Castle with 1 chat and 0 files, for good? [y/N] ");
        terminal.press(answer);
        assert_eq!(terminal.end().0, Some(code), "{answer:?}");
        assert_eq!(ids(&directory, &["workspace", "list"]).len(), left, "{answer:?}");
    }
}

#[test]
fn typical_mistakes_are_told() {
    let directory = TempDir::new().unwrap();
    let long = "x".repeat(256);
    let table: [(&[&str], i32, &[&str]); 8] = [
        (&["workspace", "show", UNKNOWN], 4, &[UNKNOWN, "Hint: `kafka workspace list`"]),
        (&["workspace", "rename", UNKNOWN, "x"], 4, &[UNKNOWN]),
        (&["workspace", "delete", UNKNOWN, "--yes"], 4, &[UNKNOWN]),
        (&["workspace", "show", "Castle"], 2, &["an id looks like"]),
        (&["workspace", "add"], 2, &["<NAME>"]),
        (&["workspace", "add", &long], 2, &["name"]),
        (&["workspace", "add", "x", "--user", "k@example.org"], 4, &["no user k@example.org"]),
        (&["chats", "add", "x", "--workspace", UNKNOWN], 4, &[UNKNOWN]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, arguments), code, parts);
    }
}

#[test]
fn what_a_name_holds_cannot_steer_a_terminal() {
    let directory = TempDir::new().unwrap();
    let id = workspace(&directory, "\u{1b}]0;owned\u{7}\nsecond");
    for arguments in [&["workspace", "list"][..], &["workspace", "show", &id]] {
        let shown = printed(&directory, arguments);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown:?}");
        assert!(shown.contains("owned\u{FFFD} second"), "{shown:?}");
    }
}
