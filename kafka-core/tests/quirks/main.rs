//! What endpoints really do, and how the client comes out of it. Each test scripts one endpoint.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod calls;
mod deltas;
mod framing;
mod refusals;
mod timers;
mod tool_calls;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use kafka_core::{
    CallOptions, CancelToken, Delta, ErrorKind, Network, OpenAiProvider, Params, Prompt, PromptMessage,
    Provider, ProviderError, Random, Secret, SystemClock, Timeouts, TokenUsage,
    testing::{Script, ScriptedEndpoint},
};
use serde_json::{Value, json};

/// The shortest waits between attempts.
#[derive(Debug)]
struct NoLuck;

impl Random for NoLuck {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(255);
    }
}

fn provider() -> OpenAiProvider {
    OpenAiProvider::new(Arc::new(SystemClock), Arc::new(NoLuck))
}

/// Far longer than any test takes; tests of a limit replace it.
const PATIENT: Timeouts = Timeouts {
    connect: Duration::from_secs(60),
    first_token: Duration::from_secs(60),
    between_tokens: Duration::from_secs(60),
    total: Duration::from_secs(120),
};

/// Runs a test about short times at slower and slower paces until it holds: where the machine is too
/// busy for the quick ones, they say nothing about the client. `test` is given the unit of its times.
fn at_some_pace(test: impl Fn(Duration)) {
    for unit in [10, 10, 30, 100] {
        let attempt = AssertUnwindSafe(|| test(Duration::from_millis(unit)));
        if catch_unwind(attempt).is_ok() {
            return;
        }
    }
    test(Duration::from_millis(1000));
}

fn options(endpoint: &ScriptedEndpoint) -> CallOptions {
    CallOptions { base_url: endpoint.base_url(), ..options_without_endpoint() }
}

fn options_without_endpoint() -> CallOptions {
    CallOptions {
        model: "m".into(),
        base_url: String::new(),
        api_key: Some(Secret::new("sk-secret".into())),
        params: Params::default(),
        network: Network::default(),
        timeouts: PATIENT,
        cancel: CancelToken::new(),
    }
}

fn prompt() -> Prompt {
    Prompt { messages: vec![PromptMessage::text("user", "Hi")] }
}

/// Everything that an answer gave.
#[derive(Debug, Default)]
struct Heard {
    deltas: Vec<Delta>,
    error: Option<ProviderError>,
}

impl Heard {
    fn text(&self) -> String {
        self.deltas
            .iter()
            .filter_map(|d| if let Delta::Text(text) = d { Some(text.as_str()) } else { None })
            .collect()
    }

    fn reasoning(&self) -> String {
        let of = |d: &Delta| if let Delta::Reasoning(text) = d { Some(text.clone()) } else { None };
        self.deltas.iter().filter_map(of).collect()
    }

    fn usage(&self) -> Option<(u64, u64, u64)> {
        let of = |d: &Delta| {
            if let Delta::Usage(TokenUsage { prompt, completion, total }) = d {
                Some((*prompt, *completion, *total))
            } else {
                None
            }
        };
        self.deltas.iter().rev().find_map(of)
    }

    fn provider_data(&self) -> Vec<Value> {
        self.deltas
            .iter()
            .filter_map(|d| if let Delta::ProviderData(data) = d { Some(data.clone()) } else { None })
            .collect()
    }

    /// `completed REASON`, `interrupted` or `failed CODE`.
    fn end(&self) -> String {
        match (&self.error, self.deltas.last()) {
            (Some(error), _) => format!("failed {}", error.code),
            (None, Some(Delta::Finish(reason))) => format!("completed {reason}"),
            (None, _) => "interrupted".to_owned(),
        }
    }

    fn message(&self) -> &str {
        self.error.as_ref().map_or("", |error| &error.message)
    }
}

/// Listens to a whole answer.
fn listen(options: &CallOptions) -> Heard {
    let mut heard = Heard::default();
    match provider().complete(&prompt(), options) {
        Err(error) => heard.error = Some(error),
        Ok(stream) => {
            for delta in stream {
                match delta {
                    Ok(delta) => heard.deltas.push(delta),
                    Err(error) => {
                        assert_eq!(heard.error, None, "an answer fails once");
                        heard.error = Some(error);
                    }
                }
            }
        }
    }
    check_rules(&heard);
    heard
}

/// What holds for each answer, whatever the endpoint does.
fn check_rules(heard: &Heard) {
    let is_empty = |d: &Delta| matches!(d, Delta::Text(text) | Delta::Reasoning(text) if text.is_empty());
    assert!(!heard.deltas.iter().any(is_empty), "no delta is empty: {heard:?}");
    let finishes = heard.deltas.iter().filter(|d| matches!(d, Delta::Finish(_))).count();
    assert!(finishes <= 1, "an answer finishes once: {heard:?}");
    if finishes == 1 {
        assert!(matches!(heard.deltas.last(), Some(Delta::Finish(_))), "nothing follows the end: {heard:?}");
        assert_eq!(heard.error, None, "a regular end is no failure: {heard:?}");
    }
    assert!(!heard.message().contains("sk-secret"), "the key is never shown: {heard:?}");
    if let Some(error) = heard.error.as_ref().filter(|error| error.kind != ErrorKind::Cancelled) {
        assert!(error.message.contains("127.0.0.1"), "an error names the endpoint: {}", error.message);
    }
}

/// Plays one script for every attempt.
fn hear(script: Script) -> Heard {
    let endpoint = ScriptedEndpoint::start(move |_| script.clone());
    listen(&options(&endpoint))
}

/// Plays one event stream, whose bytes after the head are given.
fn hear_events(bytes: impl AsRef<[u8]>) -> Heard {
    hear(Script::events().send(bytes))
}

/// Plays these scripts in turn, the last one for ever, and tells how many requests came.
fn hear_in_turn(scripts: Vec<Script>) -> (Heard, usize) {
    let endpoint =
        ScriptedEndpoint::start(move |request| scripts[request.number.min(scripts.len() - 1)].clone());
    let heard = listen(&options(&endpoint));
    (heard, endpoint.requests().len())
}

/// A chunk whose first choice is this.
fn chunk(choice: Value) -> Value {
    json!({"choices": [choice]})
}

/// A chunk with this delta.
fn delta(delta: Value) -> Value {
    chunk(json!({"index": 0, "delta": delta, "finish_reason": null}))
}

#[track_caller]
fn assert_heard(heard: &Heard, text: &str, end: &str) {
    assert_eq!((heard.text().as_str(), heard.end().as_str()), (text, end), "{heard:?}");
}
