//! How a failed run ends: what is printed, and the exit code.

use std::{
    error::Error as _,
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use kafka_core::{Error, ErrorKind};
use kafka_http::{config::Environment, error::exit_code_of};

use crate::output::{self, Style, printable};

/// Tells on stderr why the run failed, and ends it accordingly.
pub(crate) fn report(error: &Error, environment: &Environment) -> ExitCode {
    tell(error, environment);
    ExitCode::from(exit_code_of(error.kind()))
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
        (_, "workspace_not_found") => Some("`kafka workspace list` shows the workspaces."),
        (_, "file_not_found") => Some("`kafka file list WORKSPACE` shows the files of a workspace."),
        (_, "chat_file_not_found") => Some("`kafka chat-file list CHAT` shows the files of a chat."),
        (_, "version_not_found") => Some("`kafka chat-file versions ID` shows the versions of a text."),
        (_, "user_not_found") => Some("`kafka user list` shows everyone."),
        (_, "invitation_not_found") => Some("`kafka user invite --list` shows those that are open."),
        (_, "token_not_found") => Some("`kafka token list --user NAME` shows the API keys of someone."),
        (_, "last_admin") => Some("`kafka user promote NAME` makes someone else an administrator."),
        (ErrorKind::Storage, "answer_failed") => {
            Some("your question is kept; `kafka doctor` tells what is wrong with the database.")
        }
        (ErrorKind::QuotaExceeded, "answer_failed") => {
            Some("your question is kept; `kafka usage` shows what was used.")
        }
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
    fn an_error_is_told_with_its_causes_and_one_hint() {
        let error = Error::new(ErrorKind::Busy, "writer_busy", "The writer is\u{1b}[2J busy.")
            .with_source(io::Error::other("queue full"));
        assert_eq!(
            text(&error, false),
            "Error: The writer is\u{FFFD}[2J busy.\n  because: queue full\nHint: try again in a moment.\n"
        );
        let plain = Error::new(ErrorKind::NotFound, "plan_not_found", "There is no plan x.");
        assert_eq!(text(&plain, true), "\u{1b}[1;31mError:\u{1b}[0m There is no plan x.\n");
    }
}
