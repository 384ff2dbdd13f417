//! Adds a provider: a model that lives in this program and answers in capitals.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::sync::Arc;

use kafka_core::{
    AnswerRequest, CallOptions, Config, Delta, DeltaStream, Kafka, NewChat, NewModel, Prompt, Provider,
    ProviderError, Result,
};

#[derive(Debug)]
struct Shout;

impl Provider for Shout {
    fn name(&self) -> &str {
        "shout"
    }

    fn complete(&self, prompt: &Prompt, _: &CallOptions) -> Result<DeltaStream, ProviderError> {
        let text = prompt.last_user_text().to_uppercase();
        let words: Vec<_> = text.split_inclusive(' ').map(|word| Delta::Text(word.to_owned())).collect();
        Ok(Box::new(words.into_iter().chain([Delta::Finish("stop".to_owned())]).map(Ok)))
    }
}

fn main() -> Result<()> {
    let mut config = Config::memory();
    config.providers.push(Arc::new(Shout));
    let kafka = Kafka::open(config)?;
    let me = kafka.operator();

    // A model row names the provider; the address means nothing to this one.
    let mut model = NewModel::new("loud", "http://localhost");
    model.provider = Some("shout".to_owned());
    model.is_default = true;
    kafka.models(&me).create(model)?;

    let chat = kafka.chats(&me).create(NewChat::default())?;
    let answer = kafka.completions(&me).start(chat.id, AnswerRequest::text("can you hear me?"))?.wait()?;
    println!("{} ({})", answer.message.content, answer.response.status);
    Ok(())
}

// Prints:
// CAN YOU HEAR ME? (completed)
