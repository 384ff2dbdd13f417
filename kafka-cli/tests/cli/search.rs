//! `kafka search`, and the index that it reads.

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    run::{fails, ids, json, printed, run},
    terminal::Terminal,
};

/// Two questions with their answers, in chats of their own.
fn talked() -> TempDir {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["chat", "Of granite and gneiss"]);
    printed(&directory, &["chat", "\u{1b}[31m Naïve marble"]);
    directory
}

#[test]
fn a_command_without_a_server_finds_what_was_said() {
    let directory = talked();
    let text = printed(&directory, &["search", "granite -marble"]);
    assert!(text.contains("Of granite and gneiss") && text.contains("Echo: Of granite and gneiss"), "{text}");
    let text = printed(&directory, &["search", "naive"]);
    assert!(text.contains("Naïve marble") && !text.contains(['\u{1b}', '\u{2}', '\u{3}']), "{text:?}");

    let text = printed(&directory, &["search", "--", "granite", "-echo"]);
    assert!(text.contains("Of granite") && !text.contains("Echo:"), "{text:?}");

    let found = json(&directory, &["search", "granite", "--role", "user"]);
    let [hit] = found["items"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert!(hit["snippet"].as_str().unwrap().contains("\u{2}granite\u{3}"), "{hit}");
    let message = hit["message_id"].as_str().unwrap();
    assert_eq!(ids(&directory, &["search", "granite", "--role", "user"]), [message]);
    let of_chat = hit["chat_id"].as_str().unwrap();
    for (arguments, count) in [
        (&["granite"][..], 2),
        (&["nothing such"], 0),
        (&["granite marble"], 0),
        (&["granite -echo"], 1),
        (&["granite marble", "--plain"], 4),
        (&["gr*", "--chat", of_chat, "--newest"], 2),
        (&["gr*", "--model", "echo"], 1),
        (&["gr*", "--from", "2020-01-01", "--to", "2020-12-31"], 0),
        (&["gr*", "--from", "2020-01-01"], 2),
        (&["gr*", "--limit", "1"], 1),
    ] {
        let found = json(&directory, &[&["search"], arguments].concat());
        // Titles are found, too, where someone gave them.
        let messages =
            found["items"].as_array().unwrap().iter().filter(|hit| hit["message_id"] != Value::Null);
        assert_eq!(messages.count(), count, "{arguments:?}: {found}");
    }
}

#[test]
fn typical_mistakes_are_told() {
    let directory = talked();
    let table: [(&[&str], i32, &[&str]); 6] = [
        (&["search"], 2, &["<WORD>"]),
        (&["search", "x", "-echo"], 2, &["-- -e"]),
        (&["search", "x", "--role", "ai"], 2, &["user, assistant, system or tool"]),
        (&["search", "x", "--from", "yesterday"], 2, &["2026-01-31"]),
        (&["search", "x", "--limit", "0"], 2, &["1 to 100"]),
        (&["search", "x", "--after", "x"], 2, &["cursor"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, arguments), code, parts);
    }
}

#[test]
fn on_a_terminal_what_was_found_stands_out() {
    let directory = talked();
    let mut terminal = Terminal::start(&directory, "search granite --role user");
    terminal.expect("\u{1b}[1;33mgranite\u{1b}[0m");
}

#[test]
fn the_doctor_makes_the_index_anew() {
    let directory = talked();
    assert_eq!(ids(&directory, &["search", "granite"]).len(), 3, "question, answer and title");
    let database = directory.path().join("kafka-data/kafka.db");
    let lost = "INSERT INTO search_messages (search_messages) VALUES ('delete-all')";
    Connection::open(database).unwrap().execute_batch(lost).unwrap();
    assert_eq!(ids(&directory, &["search", "granite"]).len(), 1, "the title");
    let text = printed(&directory, &["doctor", "--reindex"]);
    assert!(text.contains("the index was made anew"), "{text}");
    assert_eq!(ids(&directory, &["search", "granite"]).len(), 3);
}
