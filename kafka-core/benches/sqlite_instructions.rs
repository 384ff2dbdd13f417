//! What the library does on SQLite, with each kind of call in a function of its own, so that a profiler
//! counts the instructions of each; the time is printed beside them.
//!
//! `cargo bench -p kafka-core --bench sqlite_instructions` prints the times. For the instructions, which a
//! busy machine does not change, run what it built:
//! `valgrind --tool=callgrind target/release/deps/sqlite_instructions-*`, then
//! `callgrind_annotate --inclusive=yes` (built with `CARGO_PROFILE_BENCH_STRIP=none`, so that functions
//! have names).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{hint::black_box, time::Instant};

use kafka_core::{Actor, ChatId, Config, Kafka, NewChat, NewMessage, PageRequest, Place, Role};
use tempfile::TempDir;

const CHATS: usize = 20;
const CALLS: usize = 4_000;
const TEXT: &str = "Someone must have been telling lies about Josef K., for without having done anything \
    wrong he was arrested one fine morning.";

fn main() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let kafka = Kafka::open(Config::file(directory.path().join("kafka.db"))).unwrap();
    let me = kafka.operator();
    let chats: Vec<ChatId> =
        (0..CHATS).map(|_| kafka.chats(&me).create(NewChat::default()).unwrap().id).collect();
    for (name, calls) in [
        ("store a message", store_messages as fn(&Kafka, &Actor, &[ChatId])),
        ("read a chat by its id", read_chats),
        ("read the last 50 messages", read_pages),
    ] {
        let began = Instant::now();
        calls(&kafka, &me, &chats);
        println!("{name:26} {:8.1} µs a call", began.elapsed().as_secs_f64() * 1e6 / CALLS as f64);
    }
}

#[inline(never)]
fn store_messages(kafka: &Kafka, me: &Actor, chats: &[ChatId]) {
    for call in 0..CALLS {
        let message = NewMessage::text(Role::User, TEXT);
        black_box(kafka.messages(me).create(chats[call % CHATS], message).unwrap());
    }
}

#[inline(never)]
fn read_chats(kafka: &Kafka, me: &Actor, chats: &[ChatId]) {
    for call in 0..CALLS {
        black_box(kafka.chats(me).get(chats[call % CHATS]).unwrap());
    }
}

#[inline(never)]
fn read_pages(kafka: &Kafka, me: &Actor, chats: &[ChatId]) {
    for call in 0..CALLS {
        let request = PageRequest::Cursor { limit: Some(50), place: Place::Start };
        let page = kafka.messages(me).list(chats[call % CHATS], &request).unwrap();
        assert_eq!(black_box(page).items.len(), 50);
    }
}
