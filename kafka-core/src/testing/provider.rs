//! A provider that says what a test tells it, without a network.

use std::{
    fmt,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::script::Gate;
use crate::{CallOptions, Delta, DeltaStream, Prompt, Provider, ProviderError, TokenUsage};

/// How long a test waits for something to happen here.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one call was asked.
#[derive(Clone, Debug)]
pub struct ScriptedCall {
    /// Counts the calls of this provider from 0.
    pub number: usize,
    /// What was sent.
    pub prompt: Prompt,
    /// Where and how.
    pub options: CallOptions,
}

/// A provider whose answers a test writes. Give it to [`Config::providers`](crate::Config::providers) in
/// an `Arc`, and name it in a model's `provider`.
///
/// ```
/// use std::sync::Arc;
/// use kafka_core::{Config, Kafka, testing::{ScriptedAnswer, ScriptedProvider}};
///
/// let provider = Arc::new(ScriptedProvider::new("scripted", |call| {
///     ScriptedAnswer::of(&["You said ", call.prompt.last_user_text()])
/// }));
/// let mut config = Config::memory();
/// config.providers.push(provider.clone());
/// assert!(Kafka::open(config).is_ok());
/// assert!(provider.calls().is_empty());
/// ```
pub struct ScriptedProvider {
    name: String,
    script: Box<dyn Fn(&ScriptedCall) -> ScriptedAnswer + Send + Sync>,
    calls: Mutex<Vec<ScriptedCall>>,
    called: Condvar,
}

impl ScriptedProvider {
    /// A provider of this name that answers each call as `script` says.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        script: impl Fn(&ScriptedCall) -> ScriptedAnswer + Send + Sync + 'static,
    ) -> ScriptedProvider {
        ScriptedProvider {
            name: name.into(),
            script: Box::new(script),
            calls: Mutex::default(),
            called: Condvar::new(),
        }
    }

    /// The calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<ScriptedCall> {
        self.lock().clone()
    }

    /// Waits until so many calls have come. Panics after 20 s.
    pub fn wait_for_calls(&self, count: usize) {
        let waited = self.called.wait_timeout_while(self.lock(), PATIENCE, |calls| calls.len() < count);
        let (calls, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!outcome.timed_out(), "waited in vain for {count} calls: {calls:?}");
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ScriptedCall>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedProvider").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Provider for ScriptedProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn complete(&self, prompt: &Prompt, options: &CallOptions) -> Result<DeltaStream, ProviderError> {
        let mut calls = self.lock();
        let call = ScriptedCall { number: calls.len(), prompt: prompt.clone(), options: options.clone() };
        calls.push(call.clone());
        drop(calls);
        self.called.notify_all();
        let cancel = options.cancel.clone();
        let mut steps = (self.script)(&call).0.into_iter();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if cancel.is_cancelled() {
                    return Some(Err(ProviderError::cancelled()));
                }
                match steps.next()? {
                    Step::Say(delta) => return Some(Ok(delta)),
                    Step::Fail(error) => return Some(Err(error)),
                    Step::WaitFor(gate) => gate.wait_unless(&cancel),
                    Step::Do(work) => work(),
                }
            }
        })))
    }
}

/// What a [`ScriptedProvider`] says to one call, in order. Without [`finish`](ScriptedAnswer::finish) at
/// its end the answer was cut off.
#[derive(Default)]
pub struct ScriptedAnswer(Vec<Step>);

enum Step {
    Say(Delta),
    Fail(ProviderError),
    WaitFor(Gate),
    Do(Box<dyn FnOnce() + Send>),
}

impl fmt::Debug for ScriptedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptedAnswer({} steps)", self.0.len())
    }
}

impl ScriptedAnswer {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> ScriptedAnswer {
        ScriptedAnswer::default()
    }

    /// These tokens, and a regular end with usage 3 + 2.
    #[must_use]
    pub fn of(tokens: &[&str]) -> ScriptedAnswer {
        let answer = tokens.iter().fold(ScriptedAnswer::new(), |answer, token| answer.text(token));
        answer.usage(3, 2).finish()
    }

    /// A piece of text.
    #[must_use]
    pub fn text(self, text: &str) -> ScriptedAnswer {
        self.say(Delta::Text(text.to_owned()))
    }

    /// Tokens sent and answered.
    #[must_use]
    pub fn usage(self, prompt: u64, completion: u64) -> ScriptedAnswer {
        self.say(Delta::Usage(TokenUsage { prompt, completion, total: prompt + completion }))
    }

    /// The regular end, with the reason `stop`.
    #[must_use]
    pub fn finish(self) -> ScriptedAnswer {
        self.say(Delta::Finish("stop".to_owned()))
    }

    /// Any event.
    #[must_use]
    pub fn say(self, delta: Delta) -> ScriptedAnswer {
        self.step(Step::Say(delta))
    }

    /// An error, after which nothing is asked for.
    #[must_use]
    pub fn fail(self, error: ProviderError) -> ScriptedAnswer {
        self.step(Step::Fail(error))
    }

    /// Goes on when the test opens the gate, or when the answer is cancelled.
    #[must_use]
    pub fn wait_for(self, gate: &Gate) -> ScriptedAnswer {
        self.step(Step::WaitFor(gate.clone()))
    }

    /// Runs `work` between two events: moves a clock, panics, opens a gate.
    #[must_use]
    pub fn then(self, work: impl FnOnce() + Send + 'static) -> ScriptedAnswer {
        self.step(Step::Do(Box::new(work)))
    }

    fn step(mut self, step: Step) -> ScriptedAnswer {
        self.0.push(step);
        self
    }
}
