//! What travels together to PostgreSQL, and what becomes of it when a part fails. These tests need the server that
//! `tests/postgres.py` starts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use kafka_core::{ChatId, ErrorKind, Kafka, NewChat, NewMessage, NodeKind, PageRequest, Role};

use crate::{
    postgres::{Server, count, proxy},
    stage::texts,
};

fn chat(kafka: &Kafka) -> ChatId {
    kafka.chats(&kafka.operator()).create(NewChat::default()).unwrap().id
}

fn say(kafka: &Kafka, chat: ChatId, text: &str) -> kafka_core::Result<()> {
    let new = NewMessage::text(Role::User, text);
    kafka.messages(&kafka.operator()).create(chat, new).map(drop)
}

fn said(kafka: &Kafka, chat: ChatId) -> Vec<String> {
    texts(&kafka.messages(&kafka.operator()).list(chat, &PageRequest::first(200)).unwrap().items)
}

/// BEGIN and its lock travel with the first statement, and what nobody waits for with the COMMIT.
#[test]
fn a_message_is_three_journeys() {
    let server = Server::new();
    let journeys = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&journeys);
    let port = proxy(move |said| {
        // The heart beats at its own times.
        hears.fetch_add(usize::from(count(said, "heartbeat") == 0), Ordering::SeqCst);
        None
    });
    let mut config = server.config_of(&server.url_through(port));
    // A command keeps no house, the statements of which would be heard, too.
    config.kind = NodeKind::Cli;
    let kafka = Kafka::open(config).unwrap();
    let chat = chat(&kafka);
    // Statements are prepared the first time.
    say(&kafka, chat, "first").unwrap();
    let before = journeys.load(Ordering::SeqCst);
    say(&kafka, chat, "second").unwrap();
    assert_eq!(journeys.load(Ordering::SeqCst) - before, 3);
}

#[test]
fn what_fails_after_its_call_has_gone_on_is_told_and_stores_nothing_of_that_call_alone() {
    const MESSAGES: usize = 10;
    let server = Server::new();
    let kafka = server.open();
    let chats: Vec<ChatId> = (0..6).map(|_| chat(&kafka)).collect();
    let refused = chats[2];
    server.database.run_inside(&format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
         CREATE TRIGGER refuses BEFORE UPDATE OF last_seq ON chats FOR EACH ROW WHEN (NEW.id = '{refused}') \
         EXECUTE FUNCTION refuse()"
    ));
    let is_told = |told: kafka_core::Result<()>, chat| match told {
        Ok(()) => chat != refused,
        Err(error) => chat == refused && error.kind() == ErrorKind::Storage,
    };
    // Alone, and with others in one transaction.
    assert!(is_told(say(&kafka, refused, "alone"), refused));
    thread::scope(|scope| {
        for chat in &chats {
            let (kafka, is_told) = (&kafka, &is_told);
            scope.spawn(move || {
                (0..MESSAGES).for_each(|n| assert!(is_told(say(kafka, *chat, &n.to_string()), *chat)));
            });
        }
    });
    let all: Vec<String> = (0..MESSAGES).map(|n| n.to_string()).collect();
    for chat in chats {
        let expected = if chat == refused { Vec::new() } else { all.clone() };
        assert_eq!(said(&kafka, chat), expected);
    }
}

#[test]
fn a_write_after_the_connection_was_lost_is_made_on_a_new_one() {
    let server = Server::new();
    let kafka = server.open();
    let chat = chat(&kafka);
    for text in ["one", "two", "three"] {
        // It returns when they have ended.
        server.database.run_inside(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        say(&kafka, chat, text).unwrap();
    }
    assert_eq!(said(&kafka, chat), ["one", "two", "three"]);
}
