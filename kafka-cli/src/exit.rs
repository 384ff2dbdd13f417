//! How a failed run ends: what is printed, and the exit code.

use std::{
    error::Error as _,
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use kafka_core::{Error, ErrorKind};
use kafka_http::config::Environment;

use crate::output::{self, Style, printable};

/// 128 + SIGINT, what a shell reports of a command that Ctrl-C ended.
pub(crate) const CANCELLED: u8 = 130;

/// The exit code of each kind of failure. Scripts rely on them: a number never changes its meaning.
/// Clap ends with 2 as well when it does not understand the command line.
fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Storage | ErrorKind::Internal => 1,
        ErrorKind::Invalid => 2,
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => 3,
        ErrorKind::NotFound => 4,
        ErrorKind::Conflict => 5,
        ErrorKind::QuotaExceeded | ErrorKind::RateLimited => 6,
        ErrorKind::TooLarge => 7,
        ErrorKind::Provider => 8,
        ErrorKind::Timeout => 9,
        ErrorKind::Busy => 10,
        ErrorKind::Incompatible | ErrorKind::Corrupt => 11,
        ErrorKind::Cancelled => CANCELLED,
    }
}

/// Tells on stderr why the run failed, and ends it accordingly.
pub(crate) fn report(error: &Error, environment: &Environment) -> ExitCode {
    tell(error, environment);
    ExitCode::from(code(error.kind()))
}

/// Tells on stderr what failed.
pub(crate) fn tell(error: &Error, environment: &Environment) {
    let text = text(error, output::errors_are_styled(environment));
    // When nobody can be told any more, the exit code still tells.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn text(error: &Error, styled: bool) -> String {
    let label = Style::Red.on("Error:", styled);
    let mut text = format!("{label} {}\n", printable(error.message()));
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = writeln!(text, "  because: {}", printable(&inner.to_string()));
        cause = inner.source();
    }
    if let Some(hint) = hint(error) {
        let _ = writeln!(text, "Hint: {hint}");
    }
    text
}

/// What helps with errors that do not say it themselves.
fn hint(error: &Error) -> Option<&'static str> {
    match (error.kind(), error.code()) {
        (_, "config_value_invalid") => {
            Some("flags go before the environment, that before .env, that before kafka.toml.")
        }
        (_, "config_key_unknown") => Some("`kafka config init` writes a kafka.toml with every setting."),
        (_, "model_not_found") => Some("`kafka model list` shows the models, `kafka model add` adds one."),
        (_, "chat_not_found") => Some("`kafka chats list` shows the chats."),
        (_, "answer_failed") => Some(
            "your question is kept; `kafka model probe NAME` tells more, --model NAME asks another model.",
        ),
        (_, "key_unreadable") => {
            Some("the secret of this installation is another one than when the key was given.")
        }
        (ErrorKind::Busy, _) => Some("try again in a moment."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_exit_code() {
        let table = [
            (ErrorKind::Invalid, 2),
            (ErrorKind::Unauthenticated, 3),
            (ErrorKind::Forbidden, 3),
            (ErrorKind::NotFound, 4),
            (ErrorKind::Conflict, 5),
            (ErrorKind::QuotaExceeded, 6),
            (ErrorKind::RateLimited, 6),
            (ErrorKind::TooLarge, 7),
            (ErrorKind::Provider, 8),
            (ErrorKind::Timeout, 9),
            (ErrorKind::Cancelled, 130),
            (ErrorKind::Busy, 10),
            (ErrorKind::Incompatible, 11),
            (ErrorKind::Corrupt, 11),
            (ErrorKind::Storage, 1),
            (ErrorKind::Internal, 1),
        ];
        for (kind, expected) in table {
            assert_eq!(code(kind), expected, "{kind:?}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_one_hint() {
        let error = Error::new(ErrorKind::Busy, "writer_busy", "The writer is\u{1b}[2J busy.")
            .with_source(io::Error::other("queue full"));
        assert_eq!(
            text(&error, false),
            "Error: The writer is\u{FFFD}[2J busy.\n  because: queue full\nHint: try again in a moment.\n"
        );
        let plain = Error::new(ErrorKind::NotFound, "chat_not_found", "There is no chat x.");
        assert_eq!(text(&plain, true), "\u{1b}[1;31mError:\u{1b}[0m There is no chat x.\n");
    }
}
