//! Messages stored a second, each on disk before its call returns: the library against what one would
//! write by hand with rusqlite for the same rows.
//!
//! `cargo bench -p kafka-core --bench durable_messages`. The hand-written programs use the library's own
//! schema and settings (WAL, `synchronous=FULL`) and do the same row work: look at the chat's end, insert
//! the message, move the chat on. One commits every row by itself; the other is a writer thread that
//! commits what has come together. Programs alternate on fresh files, and the medians count.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use kafka_core::{Config, Kafka, NewChat, NewMessage, Role};
use kafka_migrations::MIGRATIONS;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use uuid::Uuid;

const RUNS: usize = 31;
const RUN: Duration = Duration::from_millis(300);
const TEXT: &str = "Someone must have been telling lies about Josef K., for without having done anything \
    wrong he was arrested one fine morning.";

/// Works on this file and tells its rows a second.
type Program = fn(&Path) -> f64;

fn main() {
    println!("{RUNS} alternating runs of {} ms, medians; {} byte messages", RUN.as_millis(), TEXT.len());
    let programs: [(&str, Program); 4] = [
        ("one commit a row, by hand", by_hand_alone),
        ("library, 1 caller", |path| library(path, 1)),
        ("group commit by hand, 64 callers", by_hand_together),
        ("library, 64 callers", |path| library(path, 64)),
    ];
    let mut rates = [const { Vec::new() }; 4];
    for round in 0..RUNS {
        // Back and forth, because what one program leaves for the disk to do, the next one pays for.
        for turn in 0..programs.len() {
            let at = if round % 2 == 0 { turn } else { programs.len() - 1 - turn };
            let ((_, program), rates) = (programs[at], &mut rates[at]);
            // On the disk that holds the build, not in a memory file system that needs no disk.
            let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            rates.push(program(&directory.path().join("kafka.db")));
        }
    }
    for ((name, _), rates) in programs.iter().zip(&rates) {
        println!("{name:34} {:9.0} rows/s", median(rates.iter().copied()));
    }
    let [alone, one, together, many] = rates;
    for (what, ours, theirs, goal) in [
        ("1 caller / one commit a row", &one, &alone, 0.8),
        ("64 callers / group commit by hand", &many, &together, 0.8),
        ("64 callers / one commit a row", &many, &alone, 3.0),
    ] {
        // Of each round by itself: a disk's speed changes over a minute more than programs differ.
        let ratio = median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs));
        let verdict = if ratio >= goal { "" } else { "  below the goal" };
        println!("{what:34} {ratio:9.2}  (goal {goal}){verdict}");
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rows a second while `store` is called from some threads, each with its own number.
fn measure(callers: usize, store: impl Fn(usize) + Sync) -> f64 {
    let (stop, rows) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for caller in 0..callers {
            let (store, stop, rows) = (&store, &stop, &rows);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    store(caller);
                    rows.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(RUN);
        stop.store(true, Ordering::Relaxed);
    });
    rows.into_inner() as f64 / began.elapsed().as_secs_f64()
}

fn library(path: &Path, callers: usize) -> f64 {
    let kafka = Kafka::open(Config::file(path)).unwrap();
    let me = kafka.operator();
    let chats: Vec<_> =
        (0..callers).map(|_| kafka.chats(&me).create(NewChat::default()).unwrap().id).collect();
    measure(callers, |caller| {
        kafka.messages(&me).create(chats[caller], NewMessage::text(Role::User, TEXT)).unwrap();
    })
}

fn by_hand_alone(path: &Path) -> f64 {
    let connection = open(path);
    let chat = new_chat(&connection);
    // One caller, so the lock is never waited for.
    let connection = std::sync::Mutex::new(connection);
    measure(1, |_| {
        let connection = connection.lock().unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        store(&connection, &chat);
        connection.execute_batch("COMMIT").unwrap();
    })
}

fn by_hand_together(path: &Path) -> f64 {
    let connection = open(path);
    let chats: Vec<String> = (0..64).map(|_| new_chat(&connection)).collect();
    let (queue, jobs) = mpsc::channel::<(usize, thread::Thread, std::sync::Arc<AtomicBool>)>();
    let of_chats = chats.clone();
    let writer = thread::spawn(move || {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            while batch.len() < 256
                && let Ok(next) = jobs.try_recv()
            {
                batch.push(next);
            }
            connection.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
            for (caller, ..) in &batch {
                store(&connection, &of_chats[*caller]);
            }
            connection.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
            for (_, thread, done) in batch {
                done.store(true, Ordering::Release);
                thread.unpark();
            }
        }
    });
    let rate = measure(64, |caller| {
        let done = std::sync::Arc::new(AtomicBool::new(false));
        queue.send((caller, thread::current(), done.clone())).unwrap();
        while !done.load(Ordering::Acquire) {
            thread::park();
        }
    });
    drop(queue);
    writer.join().unwrap();
    rate
}

/// The library's schema and settings.
fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
        PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 33554432;";
    connection.execute_batch(settings).unwrap();
    for migration in MIGRATIONS {
        connection.execute_batch(migration.up).unwrap();
    }
    connection
}

fn new_chat(connection: &Connection) -> String {
    let id = Uuid::now_v7().to_string();
    connection
        .execute("INSERT INTO chats (id, created_at, updated_at) VALUES (?1, 0, 0)", params![id])
        .unwrap();
    id
}

/// The row work of one message.
fn store(connection: &Connection, chat: &str) {
    let (seq, parent): (i64, Option<String>) = connection
        .prepare_cached("SELECT last_seq, active_leaf_id FROM chats WHERE id = ?1")
        .unwrap()
        .query_row([chat], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let (id, now) = (Uuid::now_v7(), 1_767_225_600_000_i64);
    let id = id.to_string();
    connection
        .prepare_cached(
            "INSERT INTO messages (id, chat_number, seq, parent_id, role, content, created_at, updated_at) \
             VALUES (?1, (SELECT number FROM chats WHERE id = ?2), ?3, ?4, 'user', ?5, ?6, ?6)",
        )
        .unwrap()
        .execute(params![id, chat, seq + 1, parent, TEXT, now])
        .unwrap();
    connection
        .prepare_cached(
            "UPDATE chats SET last_seq = ?2, active_leaf_id = ?3, message_count = message_count + 1, \
             updated_at = ?4 WHERE id = ?1",
        )
        .unwrap()
        .execute(params![chat, seq + 1, id, now])
        .unwrap();
    // What was used is counted in the transaction of what it counts, whoever does the work.
    connection
        .prepare_cached(
            "INSERT INTO usage_daily (user_id, day, model, messages_sent) VALUES (NULL, 20454, '', 1) \
             ON CONFLICT (COALESCE(user_id, ''), day, model) DO UPDATE SET messages_sent = messages_sent + 1",
        )
        .unwrap()
        .execute([])
        .unwrap();
}
