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
    server::{Answered, Notice},
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
    /// All of it for people, where that is more than the message and the facts in a row.
    text: Option<String>,
}

impl Logger {
    /// What the connection floor tells.
    pub(crate) fn notice(self, notice: &Notice<'_>) {
        self.write(|| of_notice(notice));
    }

    /// A failure of the server itself, with what caused it.
    pub(crate) fn failure(self, request_id: &str, error: &Error) {
        let facts = vec![("code", error.code().into()), ("request_id", request_id.into())];
        self.write(|| Line::new(LogLevel::Error, chain(error), facts));
    }

    /// Something about the server as a whole.
    pub(crate) fn tell(self, message: impl Into<String>) {
        self.write(|| Line::new(LogLevel::Info, message, Vec::new()));
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
    fn new(level: LogLevel, message: impl Into<String>, facts: Vec<(&'static str, Value)>) -> Line {
        Line { level, message: message.into(), facts, text: None }
    }

    fn text(&self, time: &str) -> String {
        let said = self.text.clone().unwrap_or_else(|| {
            let facts = self.facts.iter().map(|(name, value)| match value {
                Value::String(value) => format!(" {name}={value}"),
                value => format!(" {name}={value}"),
            });
            self.message.clone() + &facts.collect::<String>()
        });
        let text = format!("{time} {:5} {said}", word(self.level));
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
    let defect = |message, request_id: &str| {
        Line::new(LogLevel::Error, message, vec![("request_id", request_id.into())])
    };
    let warning = |message| Line::new(LogLevel::Warn, message, Vec::new());
    match notice {
        Notice::Answered(answered) => of_answer(*answered),
        Notice::Refused { peer, request_id, status, code } => {
            let facts = vec![
                ("status", (*status).into()),
                ("client", peer.ip().to_string().into()),
                ("request_id", (*request_id).into()),
            ];
            Line::new(LogLevel::Info, format!("refused as {code}"), facts)
        }
        Notice::Panicked { request_id, message } => {
            defect(format!("a defect of this program cost a request: {message}"), request_id)
        }
        Notice::Unsendable { request_id, reason } => {
            defect(format!("an answer could not be sent: {reason}"), request_id)
        }
        Notice::AcceptFailed(error) => {
            warning(format!("a connection could not be accepted ({error}); trying again"))
        }
        Notice::SpawnFailed(error) => {
            warning(format!("no thread could be started for a connection ({error}); it was closed"))
        }
    }
}

fn of_answer(answered: Answered<'_>) -> Line {
    let Answered { client, request_id, method, target, status, body_bytes, elapsed, complete } = answered;
    let path = without_secrets(target);
    let elapsed_ms = (elapsed.as_secs_f64() * 10_000.0).round() / 10.0;
    let cut_off = if complete { "" } else { ", cut off" };
    let text = format!(
        "{method} {path} {status} in {elapsed_ms} ms, {body_bytes} bytes{cut_off}, {client} {request_id}"
    );
    let facts = vec![
        ("method", method.as_str().into()),
        ("path", (*path).into()),
        ("status", status.into()),
        ("elapsed_ms", elapsed_ms.into()),
        ("bytes", body_bytes.into()),
        ("cut_off", (!complete).into()),
        ("client", client.to_string().into()),
        ("request_id", request_id.into()),
    ];
    let level = match status {
        500 => LogLevel::Error,
        501..=599 => LogLevel::Warn,
        _ => LogLevel::Info,
    };
    Line { text: Some(text), ..Line::new(level, "request", facts) }
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
        of_notice(&Notice::Answered(Answered {
            client: [127, 0, 0, 1].into(),
            request_id: "r1",
            method: &tiny_http::Method::Get,
            target: "/health?token=abc",
            status,
            body_bytes: 15,
            elapsed: Duration::from_micros(1234),
            complete,
        }))
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
        let line = Line::new(LogLevel::Error, chain(&error), Vec::new());
        assert_eq!(line.text("T"), "T error The disk is full. because: first second\n");
    }
}
