//! What verbs that ask a model share: the question, the answer while it comes, and how it ended.

mod conversation;
mod interrupts;

use std::io::{self, IsTerminal as _, Read as _};

use kafka_core::{Answer, Error, ErrorKind, Outcome, Response, ResponseStatus, Result, Source, SourceText};

use crate::output::printable;

pub(super) use self::{
    conversation::{Conversation, Said},
    interrupts::Interrupts,
};

/// What to ask. None means that a person sits at the terminal.
pub(super) fn question(words: Vec<String>) -> Result<Option<String>> {
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
        return Err(question_missing());
    }
    Ok(Some(text))
}

pub(super) fn question_missing() -> Error {
    let sentence = "There is nothing to ask; give a text as an argument or on standard input.";
    Error::new(ErrorKind::Invalid, "question_missing", sentence)
}

/// How the answer ended, as the command's own end.
pub(super) fn succeeded(answer: &Answer) -> Result<()> {
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

/// Who answered, for how much and how long, on one line.
pub(super) fn summary(response: &Response) -> String {
    let mut parts = vec![response.model_used.clone()];
    if let Some(tokens) = response.tokens_total {
        let about = if response.usage_estimated { "about " } else { "" };
        parts.push(format!("{about}{tokens} tokens"));
    }
    if let Some(ms) = response.completion_time_ms {
        parts.push(format!("{}.{} s", ms / 1000, ms % 1000 / 100));
    }
    parts.join(" · ")
}

/// What the answer was made from, a line each; nothing without documents.
pub(super) fn sources(answer: &Answer) -> String {
    let line = |source: &SourceText| {
        let Source { n, filename, document_id, start, end, .. } = &source.source;
        format!("[{n}] {}, bytes {start} to {end} of document {document_id}\n", printable(filename))
    };
    answer.sources.iter().map(line).collect()
}

/// What a composing model was asked for again, and why.
pub(super) fn refusals(response: &Response) -> impl Iterator<Item = String> {
    let attempts = response.attempts.iter().flatten().filter(|attempt| attempt.outcome != Outcome::Accepted);
    attempts.map(|it| {
        let (step, reason) = (it.step.as_str(), it.reason.as_deref().unwrap_or_default());
        format!("{step}, attempt {}, {}: {}", it.attempt, it.outcome, printable(reason))
    })
}
