//! `kafka chat`: asks a model, once or in a conversation at the terminal.

mod session;

use kafka_core::{ChatId, Result};

use super::{
    answer::{Conversation, Interrupts, question, sources, succeeded, summary},
    ids,
};
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
        Some(question) => ask_once(&mut conversation, &question, context),
        None => session::run(&mut conversation, &interrupts, context),
    };
    kafka.close();
    result
}

fn ask_once(conversation: &mut Conversation<'_>, question: &str, context: &Context) -> Result<()> {
    let answer = conversation.ask(question)?;
    let chat = answer.message.chat_id;
    context.output.streamed(&answer, &chat.to_string())?;
    let (sources, summary) = (sources(&answer), summary(&answer.response));
    context.output.note(&format!("{sources}{summary}\nGo on: kafka chat --chat {chat} \"…\""));
    succeeded(&answer)
}
