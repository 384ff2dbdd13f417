//! How the table `messages` may be keyed, and what each way costs: filling it, reading the last 50 of a
//! chat, and the size of the file.
//!
//! `cargo bench -p kafka-core --bench message_layout`. Chats are interleaved, as they are when many people
//! talk; a commit holds 100 rows and is on disk (`synchronous=FULL`). Layouts alternate on fresh files,
//! and the medians count. The decision is in `doc/adr/0002-message-keys.md`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ToSql, params_from_iter};
use tempfile::TempDir;
use uuid::Uuid;

const ROWS: usize = 300_000;
const CHATS: usize = 5_000;
const ROWS_PER_COMMIT: usize = 100;
const RUNS: usize = 3;
const READING: Duration = Duration::from_secs(2);
const TEXT: &str = "Someone must have been telling lies about Josef K., for without having done anything \
    wrong he was arrested one fine morning.";

/// What a chat is called in the rows of its messages.
#[derive(Clone, Copy)]
enum ChatKey {
    Text,
    Number,
}

struct Layout {
    name: &'static str,
    chat: ChatKey,
    /// With a table `messages` whose first seven columns are the same for all.
    schema: &'static str,
}

const LAYOUTS: [Layout; 3] = [
    Layout {
        name: "rowid, chat by text id",
        chat: ChatKey::Text,
        schema: "CREATE TABLE messages (id TEXT NOT NULL UNIQUE, chat TEXT NOT NULL REFERENCES chats (id), \
            seq BIGINT NOT NULL, parent_id TEXT, on_branch BIGINT NOT NULL DEFAULT 1, role TEXT NOT NULL, \
            content TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'complete', created_at BIGINT NOT NULL DEFAULT 0, \
            number INTEGER PRIMARY KEY); \
            CREATE INDEX messages_by_chat ON messages (chat, on_branch, seq);",
    },
    Layout {
        name: "rowid, chat by number",
        chat: ChatKey::Number,
        schema: "CREATE TABLE messages (id TEXT NOT NULL UNIQUE, chat BIGINT NOT NULL REFERENCES chats (number), \
            seq BIGINT NOT NULL, parent_id TEXT, on_branch BIGINT NOT NULL DEFAULT 1, role TEXT NOT NULL, \
            content TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'complete', created_at BIGINT NOT NULL DEFAULT 0, \
            number INTEGER PRIMARY KEY); \
            CREATE INDEX messages_by_chat ON messages (chat, on_branch, seq);",
    },
    Layout {
        name: "clustered by (chat number, seq)",
        chat: ChatKey::Number,
        schema: "CREATE TABLE messages (id TEXT NOT NULL UNIQUE, chat BIGINT NOT NULL REFERENCES chats (number), \
            seq BIGINT NOT NULL, parent_id TEXT, on_branch BIGINT NOT NULL DEFAULT 1, role TEXT NOT NULL, \
            content TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'complete', created_at BIGINT NOT NULL DEFAULT 0, \
            number BIGINT NOT NULL UNIQUE, PRIMARY KEY (chat, seq)) WITHOUT ROWID;",
    },
];

fn main() {
    println!(
        "{ROWS} rows of {} bytes in {CHATS} interleaved chats, {ROWS_PER_COMMIT} a commit; \
         {RUNS} alternating runs, medians",
        TEXT.len()
    );
    let mut figures = [const { Vec::new() }; LAYOUTS.len()];
    for _ in 0..RUNS {
        for (layout, figures) in LAYOUTS.iter().zip(&mut figures) {
            let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            figures.push(measure(layout, &directory.path().join("layout.db")));
        }
    }
    let medians = figures.map(|runs| {
        [0, 1, 2].map(|figure| {
            let mut values: Vec<f64> = runs.iter().map(|run: &[f64; 3]| run[figure]).collect();
            values.sort_by(f64::total_cmp);
            values[RUNS / 2]
        })
    });
    println!(
        "{:32} {:>8} {:>6} {:>10} {:>6} {:>6} {:>6}",
        "", "rows/s", "ratio", "last 50/s", "ratio", "MB", "ratio"
    );
    let [first, ..] = medians;
    for (layout, median) in LAYOUTS.iter().zip(medians) {
        let [rows, reads, size] = median;
        println!(
            "{:32} {rows:8.0} {:6.2} {reads:10.0} {:6.2} {size:6.0} {:6.2}",
            layout.name,
            rows / first[0],
            reads / first[1],
            size / first[2],
        );
    }
}

/// Rows stored a second, pages read a second, size in MB.
fn measure(layout: &Layout, path: &Path) -> [f64; 3] {
    let connection = Connection::open(path).unwrap();
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
        PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 33554432; \
        CREATE TABLE chats (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);";
    connection.execute_batch(settings).unwrap();
    connection.execute_batch(layout.schema).unwrap();
    connection.execute_batch("CREATE INDEX messages_by_parent ON messages (parent_id)").unwrap();
    let chats: Vec<String> = (0..CHATS).map(|_| Uuid::now_v7().to_string()).collect();
    for (number, id) in chats.iter().enumerate() {
        connection.execute("INSERT INTO chats (number, id) VALUES (?1, ?2)", (number as i64, id)).unwrap();
    }
    let key = |chat: usize| -> Box<dyn ToSql + '_> {
        match layout.chat {
            ChatKey::Text => Box::new(&chats[chat]),
            ChatKey::Number => Box::new(chat as i64),
        }
    };

    let began = Instant::now();
    let mut last: Vec<Option<String>> = vec![None; CHATS];
    for first in (0..ROWS).step_by(ROWS_PER_COMMIT) {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut insert = connection
            .prepare_cached(
                "INSERT INTO messages (id, chat, seq, parent_id, role, content, number) \
                 VALUES (?1, ?2, ?3, ?4, 'user', ?5, ?6)",
            )
            .unwrap();
        for number in first..first + ROWS_PER_COMMIT {
            let (chat, id) = (number % CHATS, Uuid::now_v7().to_string());
            let seq = (number / CHATS + 1) as i64;
            let values: [&dyn ToSql; 6] = [&id, &*key(chat), &seq, &last[chat], &TEXT, &(number as i64 + 1)];
            insert.execute(params_from_iter(values)).unwrap();
            last[chat] = Some(id);
        }
        connection.execute_batch("COMMIT").unwrap();
    }
    let rows = ROWS as f64 / began.elapsed().as_secs_f64();

    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let (began, mut pages) = (Instant::now(), 0);
    while began.elapsed() < READING {
        let mut select = connection
            .prepare_cached(
                "SELECT m.id, m.seq, m.parent_id, m.role, m.content, m.status, m.created_at, m.number \
                 FROM messages m WHERE m.chat = ?1 AND m.on_branch = 1 ORDER BY m.seq DESC LIMIT 50",
            )
            .unwrap();
        let read = |row: &rusqlite::Row<'_>| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, Option<String>>(2)?,
                row.get::<_, String>(3)?,
                row.get::<_, String>(4)?,
                row.get::<_, String>(5)?,
                [row.get::<_, i64>(6)?, row.get(7)?],
            ))
        };
        // A step that is no divisor of the number of chats, so that neighbours are far apart.
        let found: Vec<_> = select
            .query_map(params_from_iter([&*key(pages * 1_237 % CHATS)]), read)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(black_box(found).len(), 50);
        pages += 1;
    }
    let reads = pages as f64 / began.elapsed().as_secs_f64();
    [rows, reads, fs::metadata(path).unwrap().len() as f64 / 1e6]
}
