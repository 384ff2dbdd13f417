//! Searching a million messages: the library against the same index asked by hand; and what keeping the index up costs
//! those who store messages.
//!
//! `cargo bench -p kafka-core --bench search`. The file is made anew each time, which takes minutes; the variable
//! `MESSAGES` makes a smaller one. Words are drawn
//! from 20,000, the ones at the front far more often; one stands in every second message, and 1,000 stand in five each.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

mod searching;

use std::{hint::black_box, path::Path};

use kafka_core::{Config, NodeKind, UserId};
use rusqlite::{Connection, OpenFlags, params};
use searching::{CHATS, opened};
use tempfile::TempDir;
use uuid::Uuid;

fn main() {
    let messages = searching::messages();
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("search.db");
    let user = fill(&path, messages);
    println!("{messages} messages in {CHATS} chats");
    let kafka = opened(Config::file(&path), NodeKind::Cli);
    searching::index(&kafka, messages);
    let raw = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    raw.pragma_update(None, "cache_size", -16_384).unwrap();
    searching::searches(&kafka, user, |word| asked_by_hand(&raw, word));
    drop(raw);
    kafka.close();
    searching::keeping_up(|kind, work| {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        work(&opened(Config::file(directory.path().join("kafka.db")), kind))
    });
}

/// The newest twenty, read as they are.
fn asked_by_hand(connection: &Connection, word: &str) {
    let mut statement = connection
        .prepare_cached(
            "SELECT m.id, m.content FROM search_messages s CROSS JOIN messages m ON m.number = s.rowid \
             WHERE s.words MATCH ?1 ORDER BY s.rowid DESC LIMIT 20",
        )
        .unwrap();
    let mut rows = statement.query([format!("\"{word}\"")]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        black_box((row.get::<_, String>(0).unwrap(), row.get::<_, String>(1).unwrap()));
    }
}

/// Makes the installation.
fn fill(path: &Path, messages: usize) -> UserId {
    let kafka = opened(Config::file(path), NodeKind::Cli);
    let user = searching::make_chats(&kafka);
    kafka.close();
    let mut connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").unwrap();
    let tx = connection.transaction().unwrap();
    {
        let sql = "INSERT INTO messages (id, chat_number, seq, role, content, created_at, updated_at) \
             VALUES (?1, ?2, ?3, 'user', ?4, ?5, ?5)";
        let mut insert = tx.prepare(sql).unwrap();
        for (number, text) in searching::texts(messages).enumerate() {
            let [chat, seq] = [number % CHATS + 1, number / CHATS + 1].map(|number| number as i64);
            let at = 1_767_225_600_000_i64 + number as i64;
            insert.execute(params![Uuid::now_v7().to_string(), chat, seq, text, at]).unwrap();
        }
    }
    tx.commit().unwrap();
    user
}
