//! What others notice while a chat of 100,000 messages is deleted, every second one an answer of a model: how long
//! the call takes, how long the slowest of another's messages takes to store meanwhile, and when the rows are gone.
//!
//! `cargo bench -p kafka-core --bench deletion`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use kafka_core::{ChatId, Config, Kafka, NewChat, NewMessage, Role};
use rusqlite::{Connection, params};
use tempfile::TempDir;
use uuid::Uuid;

const MESSAGES: usize = 100_000;
const RUNS: usize = 3;
const TEXT: &str = "Someone must have been telling lies about Josef K., for without having done anything \
    wrong he was arrested one fine morning.";

fn main() {
    println!("{MESSAGES} messages, ms             the call    another's slowest    rows gone after");
    for _ in 0..RUNS {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = directory.path().join("kafka.db");
        let kafka = Kafka::open(Config::file(&path)).unwrap();
        let me = kafka.operator();
        let [long, other] = [(); 2].map(|()| kafka.chats(&me).create(NewChat::default()).unwrap().id);
        fill(&path, long);
        kafka.search(&me).refresh().unwrap();
        let stop = AtomicBool::new(false);
        let began = Instant::now();
        let [call, gone, slowest] = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut slowest = Duration::ZERO;
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    kafka.messages(&me).create(other, NewMessage::text(Role::User, TEXT)).unwrap();
                    slowest = slowest.max(began.elapsed());
                }
                slowest
            });
            thread::sleep(Duration::from_millis(200));
            let began = Instant::now();
            kafka.chats(&me).delete(long).unwrap();
            let call = began.elapsed();
            while rows_of_answers(&path) > 0 {
                thread::sleep(Duration::from_millis(5));
            }
            let gone = began.elapsed();
            stop.store(true, Ordering::Relaxed);
            [call, gone, writer.join().unwrap()]
        });
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!("{:35.0} {:18.0} {:18.0}", ms(call), ms(slowest), ms(gone));
        assert!(began.elapsed() > gone);
        kafka.close();
    }
}

/// All answers are the long chat's.
fn rows_of_answers(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection
        .query_row("SELECT COUNT(*) FROM messages WHERE role = 'assistant'", [], |row| row.get(0))
        .unwrap()
}

/// Each message below the one before, as they come.
fn fill(path: &Path, chat: ChatId) {
    let mut connection = Connection::open(path).unwrap();
    let tx = connection.transaction().unwrap();
    {
        let mut message = tx
            .prepare(
                "INSERT INTO messages (id, chat_number, seq, parent_id, role, content, created_at, updated_at) \
                 VALUES (?1, (SELECT number FROM chats WHERE id = ?2), ?3, ?4, ?5, ?6, 0, 0)",
            )
            .unwrap();
        let mut response = tx
            .prepare(
                "INSERT INTO responses (id, message_id, chat_id, model_used, provider, status, created_at, updated_at) \
                 VALUES (?1, ?1, ?2, 'm', 'p', 'completed', 0, 0)",
            )
            .unwrap();
        let mut events = tx
            .prepare(
                "INSERT INTO response_events (response_id, seq, kind, data) VALUES (?1, 1, 'packed', ?2)",
            )
            .unwrap();
        let (chat, mut last) = (chat.to_string(), None);
        for number in 0..MESSAGES {
            let id = Uuid::now_v7().to_string();
            let role = ["user", "assistant"][number % 2];
            message.execute(params![id, chat, number as i64 + 1, last, role, TEXT]).unwrap();
            if number % 2 == 1 {
                response.execute(params![id, chat]).unwrap();
                events.execute(params![id, TEXT]).unwrap();
            }
            last = Some(id);
        }
        let sql = "UPDATE chats SET active_leaf_id = ?2, last_seq = ?3, message_count = ?3 WHERE id = ?1";
        tx.execute(sql, params![chat, last, MESSAGES as i64]).unwrap();
    }
    tx.commit().unwrap();
}
