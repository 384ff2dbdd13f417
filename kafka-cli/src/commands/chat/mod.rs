//! `kafka chat`: asks a model, once or in a conversation at the terminal.

mod conversation;
mod interrupts;
mod session;

use std::io::{self, IsTerminal as _, Read as _};

use kafka_core::{Answer, ChatId, Error, ErrorKind, ResponseStatus, Result};

pub(super) use self::conversation::summary;
use self::{conversation::Conversation, interrupts::Interrupts};
use super::ids;
use crate::context::Context;

/// Ask a model and watch the answer arrive; without a text, talk with it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chat \"What is a monad?\"              asks in a new chat and prints the answer as it comes\n  \
    kafka chat --chat ID \"And in one sentence?\"  goes on in that chat\n  \
    kafka chat --model gpt-5-mini              talks at the terminal; /help tells how\n  \
    git diff | kafka chat --system \"Review this change.\"\n\n\
    Question and answer are stored. Ctrl-C stops the answer; what came is kept.")]
pub(crate) struct Args {
    /// What to ask; without it standard input, or a conversation when that is a terminal
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// The model to ask [default: the chat's, the default model, `echo`]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The chat to go on in; without it a new one is made
    #[arg(long, value_name = "ID", value_parser = ids::parse::<ChatId>)]
    chat: Option<ChatId>,
    /// Instructions that a new chat begins with
    #[arg(long, value_name = "TEXT", conflicts_with = "chat")]
    system: Option<String>,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let question = question(args.text)?;
    let kafka = context.kafka()?;
    if let Some(chat) = args.chat {
        // A wrong id is told before anything is typed.
        kafka.chats(&kafka.operator()).get(chat)?;
    }
    let interrupts = Interrupts::watch(&kafka)?;
    let mut conversation =
        Conversation::new(&kafka, context, &interrupts, args.chat, args.model, args.system);
    let result = match question {
        Some(question) => ask_once(&mut conversation, question, context),
        None => session::run(&mut conversation, &interrupts, context),
    };
    kafka.close();
    result
}

/// What to ask. None means that a person sits at the terminal.
fn question(words: Vec<String>) -> Result<Option<String>> {
    if !words.is_empty() {
        return Ok(Some(words.join(" ")));
    }
    if io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text).map_err(|error| {
        Error::new(
            ErrorKind::Invalid,
            "input_unreadable",
            "Standard input cannot be read as UTF-8 text; pipe text into the command, or give it as an argument.",
        )
        .with_source(error)
    })?;
    text.truncate(text.trim_end().len());
    if text.is_empty() {
        return Err(Error::new(
            ErrorKind::Invalid,
            "question_missing",
            "There is nothing to ask; give a text as an argument or on standard input.",
        ));
    }
    Ok(Some(text))
}

fn ask_once(conversation: &mut Conversation<'_>, question: String, context: &Context) -> Result<()> {
    let answer = conversation.ask(question)?;
    let chat = answer.message.chat_id;
    context.output.streamed(&answer, &chat.to_string())?;
    context.output.note(&format!("{}\nGo on: kafka chat --chat {chat} \"…\"", summary(&answer.response)));
    succeeded(&answer)
}

/// How the answer ended, as the command's own end.
fn succeeded(answer: &Answer) -> Result<()> {
    match answer.response.status {
        ResponseStatus::Completed | ResponseStatus::Streaming => Ok(()),
        ResponseStatus::Cancelled => Err(Error::new(
            ErrorKind::Cancelled,
            "answer_cancelled",
            "The answer was stopped; what came is kept.",
        )),
        ResponseStatus::Interrupted => Err(ended(
            answer,
            "answer_interrupted",
            "The answer was cut off before its end; what came is kept.",
        )),
        ResponseStatus::Failed => Err(ended(answer, "answer_failed", "The model failed.")),
    }
}

/// An end that is not what was asked for: with its reason, where one is stored.
fn ended(answer: &Answer, code: &'static str, sentence: &'static str) -> Error {
    match &answer.response.error {
        Some(error) => Error::new(error.kind(), code, format!("{} ({})", error.detail, error.code)),
        None => Error::new(ErrorKind::Provider, code, sentence),
    }
}
