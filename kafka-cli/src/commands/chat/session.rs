//! The conversation at the terminal: a line is a question, a line with `/` a command.

use std::io::{self, BufRead as _, Write as _};

use kafka_core::{Error, ErrorKind, Result};

use super::{Conversation, Interrupts, sources, succeeded, summary};
use crate::{context::Context, exit, output::printable};

const HELP: &str = "/model NAME  has this model answer from now on\n\
    /model       tells which model was named\n\
    /quit        leaves, as Ctrl-D does\n\
    Ctrl-C stops an answer; what came is kept. Everything else is sent to the model.";

pub(super) fn run(
    conversation: &mut Conversation<'_>,
    interrupts: &Interrupts,
    context: &Context,
) -> Result<()> {
    let output = &context.output;
    output.note("Ask something. /help shows the commands, Ctrl-D leaves.");
    if conversation.is_alone_with_echo()? {
        output.note(
            "No model is configured, so the built-in `echo` repeats what you say; \
             `kafka model add openai|openrouter|ollama` adds a real one.",
        );
    }
    while let Some(line) = interrupts.leaving_while(read_line)? {
        match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
            ("", _) => {}
            ("/help", _) => output.note(HELP),
            ("/quit" | "/exit", _) => break,
            ("/model", "") => match conversation.model() {
                Some(name) => output.note(name),
                None => output.note("No model was named: the chat's or the default one answers."),
            },
            ("/model", name) => {
                conversation.set_model(name.trim());
                output.note(&format!("{} answers from now on.", printable(name.trim())));
            }
            (command, _) if command.starts_with('/') && !line.starts_with(' ') => output.note(&format!(
                "{command} is no command; /help shows those there are. A space before it sends it as text."
            )),
            _ => ask(conversation, line.trim(), context)?,
        }
    }
    if let Some(chat) = conversation.chat() {
        output.note(&format!("Go on: kafka chat --chat {chat}"));
    }
    Ok(())
}

/// Asks, and tells what went wrong with the answer: the conversation goes on.
fn ask(conversation: &mut Conversation<'_>, question: &str, context: &Context) -> Result<()> {
    let ended = conversation.ask(question).and_then(|answer| {
        context.output.streamed(&answer, &answer.message.chat_id.to_string())?;
        context.output.note(&format!("{}{}", sources(&answer), summary(&answer.response)));
        succeeded(&answer)
    });
    if let Err(error) = ended {
        exit::tell(&error, &context.environment);
    }
    Ok(())
}

/// The next line, or none at the end of the input.
fn read_line() -> Result<Option<String>> {
    let failed = |error: io::Error| {
        Error::new(ErrorKind::Invalid, "input_unreadable", "The terminal cannot be read as UTF-8 text.")
            .with_source(error)
    };
    let mut stderr = io::stderr();
    stderr.write_all(b"> ").and_then(|()| stderr.flush()).map_err(failed)?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line).map_err(failed)? == 0 {
        // What is printed next begins on a line of its own.
        stderr.write_all(b"\n").map_err(failed)?;
        return Ok(None);
    }
    line.truncate(line.trim_end().len());
    Ok(Some(line))
}
