//! Tests an application that embeds the backend: in memory, with a clock that stands still.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::{sync::Arc, time::Duration};

use kafka_core::{Config, Kafka, NewChat, Result, testing::ManualClock};

/// What the application does: here, one call. It takes the handle, so a test decides what is behind it.
fn open_ticket(kafka: &Kafka, subject: &str) -> Result<kafka_core::Chat> {
    kafka.chats(&kafka.operator()).create(NewChat::titled(subject))
}

fn main() -> Result<()> {
    // Nothing to clean up, nothing shared between tests.
    let chat = open_ticket(&Kafka::in_memory()?, "The printer is on fire")?;
    println!("made {:?}", chat.title);

    // The time is part of the test, so whole values can be compared.
    let clock = ManualClock::default();
    let mut config = Config::memory();
    config.clock = Arc::new(clock.clone());
    let kafka = Kafka::open(config)?;
    let first = open_ticket(&kafka, "first")?;
    clock.advance(Duration::from_millis(1_500));
    let second = open_ticket(&kafka, "second")?;
    println!("{} then {}", first.created_at, second.created_at);
    Ok(())
}

// Prints:
// made Some("The printer is on fire")
// 2026-01-01T00:00:00.000Z then 2026-01-01T00:00:01.500Z
