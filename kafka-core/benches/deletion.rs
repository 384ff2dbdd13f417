//! What others notice while something long is deleted: how long the call takes, how long the slowest of another's messages
//! takes to store until nothing is left of it, and when that is. A chat of 100,000 messages, every second one an answer of a
//! model; a document whose text has 4 MB, with vectors; a chat of 30 such documents; the account that wrote 100,000 messages
//! in another's chat.
//!
//! `cargo bench -p kafka-core --bench deletion`, or with a word behind `--` what has it in its name.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

#[path = "deletion/filling.rs"]
mod filling;

use std::{
    env,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use kafka_core::{ChatId, Config, Kafka, NewChat, NewMessage, NewUser, Role, Secret, UserId};
use rusqlite::Connection;
use tempfile::TempDir;

use filling::{TEXT, documents, messages};

/// How often each is measured.
const RUNS: usize = 2;

fn main() {
    let wanted = env::args().skip(1).find(|argument| !argument.starts_with("--")).unwrap_or_default();
    println!(
        "ms                               the call   another's slowest   nothing left after   a message before"
    );
    let chat = |kafka: &Kafka, it: &Filled| kafka.chats(&kafka.operator()).delete(it.chat).unwrap();
    let cases: [(&str, usize, Fill, Delete, &str); 4] = [
        ("a chat of 100,000 messages", RUNS, |path, it| messages(path, it.chat, None), chat, OF_MESSAGES),
        (
            "a document of 4 MB",
            RUNS,
            |path, it| documents(path, it.chat, 1),
            |kafka, it| {
                let documents = kafka.documents(&kafka.operator());
                let place = kafka_core::DocumentPlace::Chat(it.chat);
                let page = documents.list(place, &kafka_core::PageRequest::default()).unwrap();
                documents.delete(page.items[0].id).unwrap();
            },
            OF_DOCUMENTS,
        ),
        ("a chat of 30 of them", 1, |path, it| documents(path, it.chat, 30), chat, OF_DOCUMENTS),
        (
            "an account of 100,000 messages",
            RUNS,
            |path, it| messages(path, it.chat, Some(it.account)),
            |kafka, it| kafka.users(&kafka.operator()).delete(it.account).unwrap(),
            OF_ACCOUNTS,
        ),
    ];
    for (name, runs, fill, delete, left) in cases {
        for _ in (0..runs).filter(|_| name.contains(&wanted)) {
            measure(name, fill, delete, left);
        }
    }
}

/// What there is to delete.
struct Filled {
    chat: ChatId,
    account: UserId,
}

type Fill = fn(&Path, &Filled);
type Delete = fn(&Kafka, &Filled);

/// Whether anything is left of it, in the tables or for the index of words to forget. The other's chat is the second.
const OF_MESSAGES: &str = "SELECT EXISTS (SELECT 1 FROM messages WHERE chat_number = 1) \
     OR EXISTS (SELECT 1 FROM search_changes)";
const OF_DOCUMENTS: &str = "SELECT EXISTS (SELECT 1 FROM documents) OR EXISTS (SELECT 1 FROM search_changes)";
const OF_ACCOUNTS: &str = "SELECT EXISTS (SELECT 1 FROM messages WHERE user_id IS NOT NULL)";

fn measure(name: &str, fill: Fill, delete: Delete, left: &str) {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("kafka.db");
    let kafka = Kafka::open(Config { password_cost: 4, ..Config::file(&path) }).unwrap();
    let me = kafka.operator();
    let [chat, other] = [(); 2].map(|()| kafka.chats(&me).create(NewChat::default()).unwrap().id);
    let [_, account] = ["admin", "ada"].map(|name| {
        let new = NewUser { email: format!("{name}@example.org"), username: None, full_name: None };
        kafka.register(new, Secret::new("correct horse".to_owned())).unwrap().user.id
    });
    let filled = Filled { chat, account };
    fill(&path, &filled);
    kafka.search(&me).refresh().unwrap();
    let (stop, begun) = (AtomicBool::new(false), AtomicBool::new(false));
    let [call, gone, slowest, usual] = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut slowest, mut usual, mut messages) = (Duration::ZERO, Duration::ZERO, 0);
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                kafka.messages(&me).create(other, NewMessage::text(Role::User, TEXT)).unwrap();
                let took = began.elapsed();
                if begun.load(Ordering::Relaxed) {
                    slowest = slowest.max(took);
                } else {
                    usual += took;
                    messages += 1;
                }
                // As somebody who has something else to do, too.
                thread::sleep(Duration::from_millis(1));
            }
            [slowest, usual / messages.max(1)]
        });
        thread::sleep(Duration::from_millis(500));
        begun.store(true, Ordering::Relaxed);
        let began = Instant::now();
        delete(&kafka, &filled);
        let call = began.elapsed();
        while is_left(&path, left) {
            thread::sleep(Duration::from_millis(20));
        }
        let gone = began.elapsed();
        stop.store(true, Ordering::Relaxed);
        let [slowest, usual] = writer.join().unwrap();
        [call, gone, slowest, usual]
    });
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{name:30} {:10.1} {:19.0} {:20.0} {:18.2}", ms(call), ms(slowest), ms(gone), ms(usual));
    kafka.close();
}

fn is_left(path: &Path, left: &str) -> bool {
    Connection::open(path).unwrap().query_row(left, [], |row| row.get(0)).unwrap()
}
