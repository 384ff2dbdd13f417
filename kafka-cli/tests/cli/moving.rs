//! `kafka move`.

use std::{
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use kafka_core::testing::{Script, ScriptedEndpoint};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::run::{fails, fed, ids, json, kafka, printed, run, succeeded};

const FROM: &str = "sqlite://kafka-data/kafka.db";
const TO: &str = "sqlite://elsewhere/new.db";

fn moving<'a>(from: &'a str, to: &'a str) -> [&'a str; 5] {
    ["move", "--from", from, "--to", to]
}

#[test]
fn an_installation_moves_and_both_sides_are_told_to_be_the_same() {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chat", "Kept"]).remove(0);
    let workspace = ids(&directory, &["workspace", "add", "Castle"]).remove(0);
    fs::write(directory.path().join("a.txt"), "a").unwrap();
    printed(&directory, &["file", "add", &workspace, "a.txt"]);

    let said = printed(&directory, &moving(FROM, TO));
    let line = |start: &str| said.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    let hash = |start: &str| line(start).split_whitespace().nth(1).unwrap().to_owned();
    assert_eq!(hash("source "), hash("target "), "{said}");
    assert_eq!(hash("source ").len(), 64);
    assert_eq!(line("messages ").split_whitespace().skip(1).collect::<Vec<_>>(), ["2", "2"]);
    assert!(said.contains(" and 1 file (1 B); both sides hold the same."), "{said}");

    let there = ["--database", TO];
    let shown = json(&directory, &[&["chats", "show", &chat][..], &there].concat());
    assert_eq!(shown["messages"][0]["content"], "Kept");
    assert_eq!(printed(&directory, &[&["doctor"][..], &there].concat()).matches("error").count(), 0);
    fails(&run(&directory, &moving(FROM, TO)), 5, &["holds", "name an empty database"]);

    // What is not named is the configured one, whose URL, with a password in it, others then do not see.
    let report = json(&directory, &["move", "--from", TO, "--database", "sqlite://third.db"]);
    assert_eq!((&report["source"]["hash"], &report["resumed"]), (&json!(hash("source ")), &json!(false)));
    assert_eq!(report["source"], report["target"]);
}

#[test]
fn the_secret_must_come_along() {
    let directory = TempDir::new().unwrap();
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["Fine."]));
    let url = endpoint.base_url();
    let add = ["model", "add", "m", "--url", &url, "--key-stdin"];
    succeeded(&fed(kafka(&directory, &add), "sk-good\n"));
    let said = printed(&directory, &moving(FROM, TO));
    assert!(said.contains("kafka-data/secret") && !said.contains("Warning"), "{said}");
    fs::remove_file(directory.path().join("kafka-data/secret")).unwrap();
    let said = printed(&directory, &moving(FROM, "sqlite://other.db"));
    assert!(
        said.contains("Warning: ") && said.contains("not the secret that sealed the keys of m."),
        "{said}"
    );
    assert!(!directory.path().join("kafka-data/secret").exists(), "the old one has to come to its place");
}

#[test]
fn typical_mistakes_are_told_and_make_nothing() {
    let directory = TempDir::new().unwrap();
    ids(&directory, &["chat", "Kept"]);
    fails(&run(&directory, &["move"]), 2, &["--to"]);
    let table: [([&str; 5], i32, &[&str]); 5] = [
        (moving("sqlite://nowhere.db", TO), 4, &["nowhere.db"]),
        (moving(FROM, FROM), 2, &["the database that is to be moved"]),
        (moving(FROM, "sqlite::memory:"), 2, &["memory"]),
        (moving(FROM, "mysql://u:hush@h/d"), 2, &["--to", "SQLite", "PostgreSQL"]),
        (moving("kafka.db", TO), 2, &["--from", "sqlite://"]),
    ];
    for (arguments, code, parts) in table {
        let output = run(&directory, &arguments);
        fails(&output, code, parts);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hush"));
    }
    assert!(!directory.path().join("nowhere.db").exists());
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_build_without_postgresql_names_the_one_with_it() {
    let directory = TempDir::new().unwrap();
    ids(&directory, &["chat", "Kept"]);
    for to in
        ["postgresql://u:hush@localhost/d", "postgres://localhost/d", "postgresql+psycopg://localhost/d"]
    {
        let output = run(&directory, &moving(FROM, to));
        fails(&output, 2, &["--to", "kafka-postgres"]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hush"));
    }
}

/// Chats past every rule, enough for a move that takes a while.
fn fill(database: &Path, count: u32) {
    Connection::open(database)
        .unwrap()
        .execute_batch(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO chats (id, title, created_at, updated_at) SELECT 'c' || i, hex(randomblob(100)), i, i FROM n"
        ))
        .unwrap();
}

fn moved(target: &Path) -> u32 {
    let count =
        |connection: Connection| connection.query_row("SELECT count(*) FROM chats", [], |row| row.get(0));
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    Connection::open_with_flags(target, flags).and_then(count).unwrap_or(0)
}

mod slow {
    use super::*;
    use crate::terminal::Terminal;

    #[test]
    fn killed_in_the_middle_the_same_command_goes_on() {
        let directory = TempDir::new().unwrap();
        ids(&directory, &["chat", "Kept"]);
        const CHATS: u32 = 100_000;
        fill(&directory.path().join("kafka-data/kafka.db"), CHATS);
        let target = directory.path().join("elsewhere/new.db");
        let mut child =
            kafka(&directory, &moving(FROM, TO)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while moved(&target) == 0 && begun.elapsed() < Duration::from_secs(60) {
            thread::yield_now();
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "it was killed before its end");
        let half = moved(&target);
        assert!((1..CHATS).contains(&half), "{half}");
        fails(&run(&directory, &["chats", "list", "--database", TO]), 11, &["kafka move"]);

        let report = json(&directory, &moving(FROM, TO));
        assert_eq!((&report["resumed"], &report["source"]), (&json!(true), &report["target"]));
        assert_eq!(moved(&target), CHATS + 1);
    }

    #[test]
    fn a_person_at_a_terminal_sees_how_far_it_has_come() {
        let directory = TempDir::new().unwrap();
        ids(&directory, &["chat", "Kept"]);
        fill(&directory.path().join("kafka-data/kafka.db"), 30_000);
        let mut terminal = Terminal::start(&directory, &moving(FROM, TO).join(" "));
        for name in ["%  rows", "%  rows read again", "both sides hold the same."] {
            terminal.expect(name);
        }
    }
}
