//! `kafka compose`: has a model write a file of a chat, or change one.

use kafka_core::{Answer, ChatFile, ChatId, Kafka, Result};
use serde::Serialize;

use super::{
    answer::{Conversation, Interrupts, Said, question, question_missing, refusals, succeeded, summary},
    chat_file, ids,
};
use crate::{context::Context, output::printable};

/// Have a model write a file, or change one, and see what came of it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka compose \"A flow that asks for a city\"                a new file, in a new chat\n  \
    kafka compose --chat ID \"Thank them at the end\"          changes the file that was changed last\n  \
    kafka compose --chat ID --file city.based \"Ask twice\"    changes this one\n  \
    kafka compose --chat ID \"What does it do?\"               may be answered in words\n\n\
    A change is a new version, shown as the difference to the one before; `kafka chat-file revert`\n\
    takes it back. A model whose answer cannot be used is told why, and asked again, up to five times\n\
    a step; `kafka chats show` tells of each. Ctrl-C stops it, and no file is changed.")]
pub(crate) struct Args {
    /// What to write or to change; without it standard input
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// The chat with the files; without it a new one is made
    #[arg(long, value_name = "ID", value_parser = ids::parse::<ChatId>)]
    chat: Option<ChatId>,
    /// The file to change, by its name in the chat [default: the one that was changed last]
    #[arg(long, value_name = "NAME", requires = "chat")]
    file: Option<String>,
    /// The model to ask [default: the chat's, the default model]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let question = question(args.text)?.ok_or_else(question_missing)?;
    let kafka = context.kafka()?;
    let interrupts = Interrupts::watch(&kafka)?;
    let mut conversation = Conversation::new(&kafka, context, &interrupts, args.chat, args.model, None);
    let said = conversation.compose(&question, args.file);
    let result = said.and_then(|said| show(&kafka, &said, context));
    kafka.close();
    result
}

/// An answer with the file that it made or changed.
#[derive(Serialize)]
struct Composed<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
    chat_file: Option<&'a ChatFile>,
}

fn show(kafka: &Kafka, Said { answer, file }: &Said, context: &Context) -> Result<()> {
    let (output, chat) = (&context.output, answer.message.chat_id);
    if output.is_for_people()
        && let Some(file) = file
    {
        show_file(kafka, file, context)?;
    }
    output.streamed(&Composed { answer, chat_file: file.as_ref() }, &chat.to_string())?;
    for refused in refusals(&answer.response) {
        output.note(&refused);
    }
    output.note(&format!("{}\nGo on: kafka compose --chat {chat} \"…\"", summary(&answer.response)));
    succeeded(answer)
}

/// A new file as it is, a changed one by what is different.
fn show_file(kafka: &Kafka, file: &ChatFile, context: &Context) -> Result<()> {
    let (files, output) = (kafka.chat_files(&kafka.operator()), &context.output);
    let (name, id, number) = (printable(&file.filename), file.id, file.latest_version.unwrap_or(1));
    if number > 1 {
        let before = number - 1;
        chat_file::diff::print(&files.diff(id, before, number)?, context)?;
        output.note(&format!(
            "{name} has version {number} now. See it: kafka chat-file show {id}\n\
             Take it back: kafka chat-file revert {id} {before}"
        ));
    } else {
        let text = files.version(id, number)?.content;
        output.foreign(&text)?;
        if output.is_terminal() && !text.is_empty() && !text.ends_with('\n') {
            output.text("\n")?;
        }
        output.note(&format!("{name} is new. See it: kafka chat-file show {id}"));
    }
    Ok(())
}
