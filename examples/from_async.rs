//! Calls the library from an asynchronous program: its calls block, so they belong on blocking threads.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use kafka_core::{AnswerRequest, Kafka, NewChat, Result};

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let kafka = Kafka::in_memory()?;

    let asking = kafka.clone();
    let answer = tokio::task::spawn_blocking(move || -> Result<_> {
        let me = asking.operator();
        let chat = asking.chats(&me).create(NewChat::default())?;
        asking.completions(&me).start(chat.id, AnswerRequest::text("hello from a task"))?.wait()
    })
    .await??;
    println!("{}", answer.message.content);

    // Closing waits for the disk, so it is a blocking call like the others.
    tokio::task::spawn_blocking(move || kafka.close()).await?;
    Ok(())
}

// Prints:
// Echo: hello from a task
