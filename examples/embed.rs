//! Embeds the backend: ask, watch the answer arrive, open the file again, and read it back.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use kafka_core::{AnswerRequest, Config, Kafka, NewChat, PageRequest, Result, TurnEvent};

fn main() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("kafka-embed-{}", std::process::id()));
    let path = directory.join("kafka.db");
    let kafka = Kafka::open(Config::file(&path))?;
    let me = kafka.operator();
    let chat = kafka.chats(&me).create(NewChat::titled("A first chat"))?;
    let turn = kafka.completions(&me).start(chat.id, AnswerRequest::text("Does this work?"))?;
    for event in turn {
        if let TurnEvent::Delta(text) = event? {
            print!("{text}");
        }
    }
    println!();
    kafka.close();

    let kafka = Kafka::open(Config::file(&path))?;
    for message in kafka.messages(&me).list(chat.id, &PageRequest::default())?.items {
        println!("{}: {}", message.role, message.content);
    }
    kafka.close();
    // An application keeps its database; an example leaves nothing behind.
    let _ = std::fs::remove_dir_all(directory);
    Ok(())
}

// Prints:
// Echo: Does this work?
// user: Does this work?
// assistant: Echo: Does this work?
