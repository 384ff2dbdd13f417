//! "The last 50 messages of a chat" on a file with a million messages: the library against the same
//! prepared statement raw; and a page deep inside a long chat against its first page.
//!
//! `cargo bench -p kafka-core --bench last_messages`. The file is made once, by hand, and kept in the
//! target directory. Programs alternate, and the medians count.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use kafka_core::{ChatId, Config, Cursor, Kafka, NewChat, PageRequest, Place, testing};
use rusqlite::{Connection, OpenFlags, params};
use uuid::Uuid;

const CHATS: usize = 5_000;
const MESSAGES: usize = 1_000_000;
const LONG_CHAT: usize = 100_000;
const RUNS: usize = 5;
const RUN: Duration = Duration::from_millis(1500);
const TEXT: &str = "Someone must have been telling lies about Josef K., for without having done anything \
    wrong he was arrested one fine morning.";

fn main() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("last_messages.db");
    let chats = match kept(&path) {
        Some(chats) => chats,
        None => fill(&path),
    };
    let bytes = fs::metadata(&path).unwrap().len();
    println!("{MESSAGES} messages in {CHATS} interleaved chats, {} MB; one chat of {LONG_CHAT}", bytes >> 20);
    println!("{RUNS} alternating runs of {} ms, medians", RUN.as_millis());
    let kafka = Kafka::open(Config::file(&path)).unwrap();
    let raw = Raw::open(&path);
    let long = chats[CHATS];

    let [library, by_hand] =
        alternate([&|n| assert_eq!(last_50(&kafka, chats[n % CHATS], Place::Start), 50), &|n| {
            assert_eq!(raw.last_50(chats[n % CHATS]), 50)
        }]);
    println!("last 50, library            {library:8.0} pages/s");
    println!("last 50, the statement raw  {by_hand:8.0} pages/s");
    verdict("library / raw", library / by_hand, 0.7);

    let deep = deep_cursors(&kafka, long);
    let [first, within] = alternate([&|_| assert_eq!(last_50(&kafka, long, Place::Start), 50), &|n| {
        let place = Place::Before(deep[n % deep.len()].clone());
        assert_eq!(last_50(&kafka, long, place), 50);
    }]);
    println!("first page of the long chat {first:8.0} pages/s");
    println!("pages deep inside it        {within:8.0} pages/s");
    verdict("deep / first", within / first, 0.5);
}

fn verdict(what: &str, ratio: f64, goal: f64) {
    println!("{what:27} {ratio:8.2}  (goal {goal}){}", if ratio >= goal { "" } else { "  below the goal" });
}

/// Calls a second of each, in turn.
fn alternate(programs: [&dyn Fn(usize); 2]) -> [f64; 2] {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (program, rates) in programs.iter().zip(&mut rates) {
            let (began, mut calls) = (Instant::now(), 0);
            while began.elapsed() < RUN {
                // A step that is no divisor of the number of chats, so that neighbours are far apart.
                program(calls * 1_237);
                calls += 1;
            }
            rates.push(calls as f64 / began.elapsed().as_secs_f64());
        }
    }
    rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[RUNS / 2]
    })
}

fn last_50(kafka: &Kafka, chat: ChatId, place: Place) -> usize {
    let request = PageRequest::Cursor { limit: Some(50), place };
    let page = kafka.messages(&kafka.operator()).list(chat, &request).unwrap();
    black_box(page).items.len()
}

/// Where the pages of the older half of a chat end, the first page excepted.
fn deep_cursors(kafka: &Kafka, chat: ChatId) -> Vec<Cursor> {
    let mut cursors = Vec::new();
    let mut place = Place::Start;
    while let Some(cursor) = {
        let request = PageRequest::Cursor { limit: Some(200), place };
        kafka.messages(&kafka.operator()).list(chat, &request).unwrap().prev_cursor
    } {
        cursors.push(cursor.clone());
        place = Place::Before(cursor);
    }
    cursors.split_off(cursors.len() / 2)
}

/// The library's statement with rusqlite and nothing else.
struct Raw {
    connection: Connection,
    sql: String,
}

/// What the statement reads of a message, and of its response.
#[expect(dead_code, reason = "what is measured is the reading")]
struct Message {
    number: i64,
    ids: [String; 2],
    seq: i64,
    parent_id: Option<String>,
    role: String,
    kind: String,
    content: String,
    parts: Option<String>,
    tool_call_id: Option<String>,
    model: Option<String>,
    status: String,
    token_count: Option<i64>,
    times: [i64; 2],
    response_id: Option<String>,
}

impl Raw {
    fn open(path: &Path) -> Raw {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.pragma_update(None, "cache_size", -16_384).unwrap();
        let (_, sql) =
            testing::statements().find(|(name, _)| name.ends_with("messages::BRANCH_BEFORE")).unwrap();
        Raw { connection, sql: sql.replace('$', "?") }
    }

    fn last_50(&self, chat: ChatId) -> usize {
        let mut statement = self.connection.prepare_cached(&self.sql).unwrap();
        let parameters = params![None::<String>, 1, chat.to_string(), i64::MAX, 51];
        let rows = statement.query_map(parameters, |row| {
            Ok(Message {
                number: row.get(0)?,
                ids: [row.get(1)?, row.get(2)?],
                seq: row.get(3)?,
                parent_id: row.get(4)?,
                role: row.get(5)?,
                kind: row.get(6)?,
                content: row.get(7)?,
                parts: row.get(8)?,
                tool_call_id: row.get(9)?,
                model: row.get(10)?,
                status: row.get(11)?,
                token_count: row.get(12)?,
                times: [row.get(13)?, row.get(14)?],
                response_id: row.get(15)?,
            })
        });
        let messages: Vec<Message> = rows.unwrap().map(Result::unwrap).collect();
        black_box(messages).len() - 1
    }
}

/// The chats of a file that an earlier run made.
fn kept(path: &Path) -> Option<Vec<ChatId>> {
    let list = fs::read_to_string(list_of(path)).ok()?;
    let chats: Vec<ChatId> = list.lines().map(|line| line.parse().unwrap()).collect();
    (chats.len() == CHATS + 1).then_some(chats)
}

fn list_of(path: &Path) -> PathBuf {
    path.with_extension("chats")
}

/// Messages of all chats in turn, as they come when many people talk, each below the one before.
fn fill(path: &Path) -> Vec<ChatId> {
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(format!("{}{suffix}", path.display())));
    }
    let kafka = Kafka::open(Config::file(path)).unwrap();
    let me = kafka.operator();
    let chats: Vec<ChatId> =
        (0..=CHATS).map(|_| kafka.chats(&me).create(NewChat::default()).unwrap().id).collect();
    kafka.close();
    let mut connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000").unwrap();
    let tx = connection.transaction().unwrap();
    {
        let mut insert = tx
            .prepare(
                "INSERT INTO messages (id, chat_number, seq, parent_id, role, content, created_at, updated_at) \
                 VALUES (?1, (SELECT number FROM chats WHERE id = ?2), ?3, ?4, 'user', ?5, 0, 0)",
            )
            .unwrap();
        let mut last: Vec<Option<String>> = vec![None; CHATS + 1];
        let mut store = |chat: usize, seq: usize| {
            let id = Uuid::now_v7().to_string();
            insert.execute(params![id, chats[chat].to_string(), seq as i64, last[chat], TEXT]).unwrap();
            last[chat] = Some(id);
        };
        for number in 0..MESSAGES {
            store(number % CHATS, number / CHATS + 1);
        }
        for number in 0..LONG_CHAT {
            store(CHATS, number + 1);
        }
        let mut update =
            tx.prepare("UPDATE chats SET active_leaf_id = ?2, last_seq = ?3 WHERE id = ?1").unwrap();
        for (chat, leaf) in chats.iter().zip(&last) {
            update.execute(params![chat.to_string(), leaf, LONG_CHAT as i64]).unwrap();
        }
    }
    tx.commit().unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let list: Vec<String> = chats.iter().map(ChatId::to_string).collect();
    fs::write(list_of(path), list.join("\n")).unwrap();
    chats
}
