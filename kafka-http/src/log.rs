//! The log: one line an event on standard error, for people or for programs. Bodies and credentials
//! are never in it.

use std::{
    borrow::Cow,
    error::Error as _,
    fmt::Write as _,
    io::{self, Write as _},
};

use kafka_core::{Clock as _, Error, SystemClock};
use serde_json::{Value, json};

use crate::{
    config::{Log, LogFormat, LogLevel},
    request::percent_decoded,
    server::Notice,
};

/// Parameters of a query that hold credentials.
const SECRET_PARAMETERS: [&str; 2] = ["token", "ticket"];

/// Writes lines of a format, from a level on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logger(pub(crate) Log);

/// One line before it has a format: what happened, and the facts about it.
struct Line {
    level: LogLevel,
    message: String,
    facts: Vec<(&'static str, Value)>,
}

impl Logger {
    /// What the connection floor tells.
    pub(crate) fn notice(self, notice: &Notice<'_>) {
        self.write(|| of_notice(notice));
    }

    /// A failure of the server itself, with what caused it.
    pub(crate) fn failure(self, request_id: &str, error: &Error) {
        self.write(|| Line {
            level: LogLevel::Error,
            message: chain(error),
            facts: vec![("code", error.code().into()), ("request_id", request_id.into())],
        });
    }

    /// Something about the server as a whole.
    pub(crate) fn tell(self, message: impl Into<String>) {
        self.write(|| Line { level: LogLevel::Info, message: message.into(), facts: Vec::new() });
    }

    fn write(self, line: impl FnOnce() -> Line) {
        let line = line();
        if line.level > self.0.level {
            return;
        }
        let time = SystemClock.now().to_string();
        let text = match self.0.format {
            LogFormat::Text => line.text(&time),
            LogFormat::Json => line.json(&time),
        };
        // A log that nobody can take any more is no reason to stop serving.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

impl Line {
    fn text(&self, time: &str) -> String {
        let level = word(self.level);
        let mut text = format!("{time} {level:5} {}", self.message);
        for (name, value) in &self.facts {
            let _ = match value {
                Value::String(value) => write!(text, " {name}={value}"),
                value => write!(text, " {name}={value}"),
            };
        }
        let mut text = text.replace(|sign: char| sign.is_control(), " ");
        text.push('\n');
        text
    }

    fn json(&self, time: &str) -> String {
        let mut object = json!({"time": time, "level": word(self.level), "message": self.message});
        for (name, value) in &self.facts {
            object[*name] = value.clone();
        }
        format!("{object}\n")
    }
}

fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

fn of_notice(notice: &Notice<'_>) -> Line {
    match notice {
        Notice::Answered { client, request_id, method, target, status, body_bytes, elapsed, complete } => {
            let path = without_secrets(target);
            let elapsed_ms = (elapsed.as_secs_f64() * 10_000.0).round() / 10.0;
            let mut facts = vec![
                ("method", method.as_str().into()),
                ("path", (*path).into()),
                ("status", (*status).into()),
                ("elapsed_ms", elapsed_ms.into()),
                ("bytes", (*body_bytes).into()),
                ("client", client.to_string().into()),
                ("request_id", (*request_id).into()),
            ];
            if !complete {
                facts.push(("cut_off", true.into()));
            }
            let level = match status {
                500 => LogLevel::Error,
                501..=599 => LogLevel::Warn,
                _ => LogLevel::Info,
            };
            Line { level, message: "request".to_owned(), facts }
        }
        Notice::Refused { peer, request_id, status, code } => Line {
            level: LogLevel::Info,
            message: format!("refused: {code}"),
            facts: vec![
                ("status", (*status).into()),
                ("client", peer.ip().to_string().into()),
                ("request_id", (*request_id).into()),
            ],
        },
        Notice::Panicked { request_id, message } => Line {
            level: LogLevel::Error,
            message: format!("a defect of this program cost a request: {message}"),
            facts: vec![("request_id", (*request_id).into())],
        },
        Notice::Unsendable { request_id, reason } => Line {
            level: LogLevel::Error,
            message: format!("an answer could not be sent: {reason}"),
            facts: vec![("request_id", (*request_id).into())],
        },
        Notice::AcceptFailed(error) => {
            warning(format!("a connection could not be accepted ({error}); trying again"))
        }
        Notice::SpawnFailed(error) => {
            warning(format!("no thread could be started for a connection ({error}); it was closed"))
        }
    }
}

fn warning(message: String) -> Line {
    Line { level: LogLevel::Warn, message, facts: Vec::new() }
}

/// An error's sentence, and why, and why that.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, " because: {inner}");
        cause = inner.source();
    }
    text
}

/// The target of a request without the credentials in its query.
fn without_secrets(target: &str) -> Cow<'_, str> {
    let Some((path, query)) = target.split_once('?') else { return Cow::Borrowed(target) };
    let parameters: Vec<Cow<'_, str>> = query
        .split('&')
        .map(|parameter| {
            let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
            match percent_decoded(name) {
                Some(known) if SECRET_PARAMETERS.contains(&&*known.to_ascii_lowercase()) => {
                    Cow::Owned(format!("{name}=***"))
                }
                _ => Cow::Borrowed(parameter),
            }
        })
        .collect();
    Cow::Owned(format!("{path}?{}", parameters.join("&")))
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use kafka_core::ErrorKind;

    use super::*;

    #[test]
    fn credentials_in_a_query_are_hidden() {
        let table = [
            ("/ws/1?token=abc", "/ws/1?token=***"),
            ("/a?x=1&ticket=abc&y=2", "/a?x=1&ticket=***&y=2"),
            ("/a?%74oken=abc", "/a?%74oken=***"),
            ("/a?TOKEN=abc", "/a?TOKEN=***"),
            ("/a?tokens=3", "/a?tokens=3"),
            ("/a", "/a"),
        ];
        for (target, expected) in table {
            assert_eq!(without_secrets(target), expected);
        }
    }

    fn answered(status: u16, complete: bool) -> Line {
        of_notice(&Notice::Answered {
            client: [127, 0, 0, 1].into(),
            request_id: "r1",
            method: &tiny_http::Method::Get,
            target: "/health?token=abc",
            status,
            body_bytes: 15,
            elapsed: Duration::from_micros(1234),
            complete,
        })
    }

    #[test]
    fn a_request_is_one_line_in_either_format() {
        assert_eq!(
            answered(200, true).text("T"),
            "T info  GET /health?token=*** 200 in 1.2 ms, 15 bytes, 127.0.0.1 r1\n"
        );
        let json: Value = serde_json::from_str(&answered(503, false).json("T")).unwrap();
        assert_eq!(
            json,
            json!({"time": "T", "level": "warn", "message": "request", "method": "GET",
                "path": "/health?token=***", "status": 503, "elapsed_ms": 1.2, "bytes": 15,
                "client": "127.0.0.1", "request_id": "r1", "cut_off": true})
        );
    }

    #[test]
    fn a_failure_is_told_with_its_causes_on_one_line() {
        let error = Error::new(ErrorKind::Storage, "disk_full", "The disk is full.")
            .with_source(io::Error::other("first\nsecond"));
        let line = Line { level: LogLevel::Error, message: chain(&error), facts: Vec::new() };
        assert_eq!(line.text("T"), "T error The disk is full. because: first second\n");
    }
}
