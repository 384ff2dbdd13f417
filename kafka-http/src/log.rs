//! The log: one line an event on standard error, for people or for programs. Bodies and credentials
//! are never in it.

use std::{
    borrow::Cow,
    error::Error as _,
    fmt::{self, Display, Write as _},
    io::{self, Write as _},
};

use kafka_core::{Clock as _, Error, SystemClock};
use serde_json::{Value, json};

use crate::{
    config::{Log, LogFormat, LogLevel},
    request::percent_decoded,
    server::{Answered, Notice},
};

/// Room for the usual line, so that it need not grow in the writing.
const USUAL_LINE_BYTES: usize = 192;

/// Parameters of a query that hold credentials.
const SECRET_PARAMETERS: [&str; 2] = ["token", "ticket"];

/// Writes lines of a format, from a level on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logger(pub(crate) Log);

/// One line before it has a format.
struct Line<'a> {
    level: LogLevel,
    what: What<'a>,
}

/// What a line tells.
enum What<'a> {
    /// A request was answered. Half of a short request's cost was its line while it was put together
    /// for both formats, so it is written straight into the one that is asked for.
    Answer(Answered<'a>),
    /// Anything else: a sentence, and facts about it.
    Event(String, Vec<(&'static str, Value)>),
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

    /// Something that whoever runs the server should change.
    pub(crate) fn warn(self, message: impl Into<String>) {
        self.write(|| Line::new(LogLevel::Warn, message, Vec::new()));
    }

    fn write<'a>(self, line: impl FnOnce() -> Line<'a>) {
        let line = line();
        if line.level > self.0.level {
            return;
        }
        let time = SystemClock.now();
        let text = match self.0.format {
            LogFormat::Text => line.text(time),
            LogFormat::Json => line.json(time),
        };
        // A log that nobody can take any more is no reason to stop serving.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

impl<'a> Line<'a> {
    fn new(level: LogLevel, message: impl Into<String>, facts: Vec<(&'static str, Value)>) -> Line<'a> {
        Line { level, what: What::Event(message.into(), facts) }
    }

    fn text(&self, time: impl Display) -> String {
        let mut text = String::with_capacity(USUAL_LINE_BYTES);
        // Writing to a text does not fail.
        let _ = write!(text, "{time} {:5} ", word(self.level)).and_then(|()| self.what.write_text(&mut text));
        let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !is_plain {
            text = text.replace(char::is_control, " ");
        }
        text.push('\n');
        text
    }

    fn json(&self, time: impl Display) -> String {
        let (message, facts) = self.what.as_facts();
        let mut object = json!({"time": time.to_string(), "level": word(self.level), "message": message});
        for (name, value) in facts.iter() {
            object[*name] = value.clone();
        }
        format!("{object}\n")
    }
}

impl What<'_> {
    fn write_text(&self, text: &mut String) -> fmt::Result {
        match self {
            What::Answer(answered) => {
                let Answered { client, request_id, method, target, status, body_bytes, .. } = answered;
                let path = without_secrets(target);
                let (ms, tenth) = elapsed_ms(answered);
                let cut_off = if answered.complete { "" } else { ", cut off" };
                write!(
                    text,
                    "{method} {path} {status} in {ms}.{tenth} ms, {body_bytes} bytes{cut_off}, {client} {request_id}"
                )
            }
            What::Event(message, facts) => {
                text.push_str(message);
                facts.iter().try_for_each(|(name, value)| match value {
                    Value::String(value) => write!(text, " {name}={value}"),
                    value => write!(text, " {name}={value}"),
                })
            }
        }
    }

    fn as_facts(&self) -> (&str, Cow<'_, [(&'static str, Value)]>) {
        match self {
            What::Answer(answered) => {
                let (ms, tenth) = elapsed_ms(answered);
                let facts = vec![
                    ("method", answered.method.as_str().into()),
                    ("path", (*without_secrets(answered.target)).into()),
                    ("status", answered.status.into()),
                    ("elapsed_ms", (ms as f64 + tenth as f64 / 10.0).into()),
                    ("bytes", answered.body_bytes.into()),
                    ("cut_off", (!answered.complete).into()),
                    ("client", answered.client.to_string().into()),
                    ("request_id", answered.request_id.into()),
                ];
                ("request", facts.into())
            }
            What::Event(message, facts) => (message, facts.into()),
        }
    }
}

/// How long an answer took, in milliseconds and tenths of one.
fn elapsed_ms(answered: &Answered<'_>) -> (u128, u128) {
    let tenths = (answered.elapsed.as_micros() + 50) / 100;
    (tenths / 10, tenths % 10)
}

fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

fn of_notice<'a>(notice: &Notice<'a>) -> Line<'a> {
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

fn of_answer(answered: Answered<'_>) -> Line<'_> {
    let level = match answered.status {
        500 => LogLevel::Error,
        501..=599 => LogLevel::Warn,
        _ => LogLevel::Info,
    };
    Line { level, what: What::Answer(answered) }
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

    fn answered(status: u16, complete: bool) -> Line<'static> {
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
