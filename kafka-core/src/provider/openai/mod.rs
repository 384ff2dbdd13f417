//! Endpoints that speak OpenAI's chat completions, or nearly.

mod answer;
mod complaint;
mod embeddings;
mod failure;
#[cfg(feature = "testing")]
pub(crate) mod fuzz;
mod opaque;
mod request;
mod think;
mod tool_calls;
mod transcript;

use std::{sync::Arc, time::Instant};

use serde_json::Value;

pub(crate) use self::embeddings::Embedded;
use self::{
    answer::Answer,
    failure::{Again, Failure, Reporter},
    transcript::Transcript,
};
use super::{
    api::{CallOptions, DeltaStream, ModelHealth, Prompt, Provider, ProviderError},
    endpoint::Endpoint,
    http::{self, Ask, Broken, Reply},
    line::{Line, Stop},
    retry,
};
use crate::base::{
    error::ErrorKind,
    random::{Random, SystemRandom},
    time::{Clock, SystemClock},
};

/// Bytes of a list of models that are read.
const LIST_BYTES: usize = 4 << 20;

/// The provider `openai`: streamed chat completions over HTTP.
///
/// A call that fails before its first token is repeated up to twice where that can help, after the wait
/// that the endpoint asks for (up to 60 s) or 0.5 to 1 s. Redirects are not followed, and no proxy is
/// taken from the environment.
#[derive(Clone, Debug)]
pub struct OpenAiProvider {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Default for OpenAiProvider {
    /// Private addresses allowed, the operating system's clock and randomness.
    fn default() -> OpenAiProvider {
        OpenAiProvider::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    }
}

impl OpenAiProvider {
    /// The clock reads the dates in `Retry-After`; randomness spreads repeated calls, and makes the ids of
    /// tool calls that the endpoint gives none.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> OpenAiProvider {
        OpenAiProvider { clock, random }
    }

    fn seed(&self) -> u64 {
        let mut seed = [0; 8];
        self.random.fill(&mut seed);
        u64::from_be_bytes(seed)
    }

    /// Waits until a call may be repeated that failed, if that can help.
    fn pause(&self, call: &Call<'_>, failure: Failure, retries: &mut u32) -> Result<(), ProviderError> {
        let wait = match failure.again {
            Again::Soon if *retries < retry::MOST_RETRIES => retry::backoff(*retries, &*self.random),
            Again::After(wait) if *retries < retry::MOST_RETRIES => wait,
            _ => return Err(failure.error),
        };
        *retries += 1;
        call.line.sleep(wait).map_err(|stop| match stop {
            Stop::Cancelled => ProviderError::cancelled(),
            // The reason of the failure says more than that there is no time for another try.
            Stop::TimedOut(_) => failure.error,
        })
    }

    fn attempt(&self, call: &Call<'_>, transcript: Transcript, body: &[u8]) -> Result<Answer, Failure> {
        let key = call.options.api_key.as_ref();
        let ask = Ask::PostJson(body);
        let mut reply =
            http::send(&call.endpoint, "chat/completions", &ask, key, &call.options.network, &call.line)
                .map_err(|broken| call.reporter.broken(&broken))?;
        if !(200..300).contains(&reply.status) {
            return Err(call.reporter.status(&mut reply, &*self.clock));
        }
        Answer::open(reply, call.line.clone(), call.reporter.clone(), transcript)
    }
}

impl Provider for OpenAiProvider {
    fn name(&self) -> &str {
        "openai"
    }

    fn complete(&self, prompt: &Prompt, options: &CallOptions) -> Result<DeltaStream, ProviderError> {
        let call = Call::new(options)?;
        let mut with_usage = true;
        let mut retries = 0;
        let follows_tool = prompt.messages.last().is_some_and(|message| message.role == "tool");
        loop {
            let transcript = Transcript::new(self.seed(), follows_tool);
            let failure = match self.attempt(&call, transcript, &request::body(prompt, options, with_usage)) {
                Ok(answer) => return Ok(Box::new(answer)),
                Err(failure) => failure,
            };
            if failure.again == Again::WithoutUsage && with_usage {
                with_usage = false;
                continue;
            }
            self.pause(&call, failure, &mut retries)?;
        }
    }

    /// Asks for the list of models, `GET {base_url}/models`.
    fn probe(&self, options: &CallOptions) -> Result<ModelHealth, ProviderError> {
        let call = Call::new(options)?;
        let begun = Instant::now();
        let key = options.api_key.as_ref();
        let reply = http::send(&call.endpoint, "models", &Ask::Get, key, &options.network, &call.line);
        let latency_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut reply = match reply {
            Ok(reply) => reply,
            Err(Broken::Stopped(Stop::Cancelled)) => return Err(ProviderError::cancelled()),
            Err(broken) => {
                let detail = Some(call.reporter.broken(&broken).error.message);
                return Ok(ModelHealth { latency_ms, detail, ..ModelHealth::default() });
            }
        };
        let status = Some(reply.status);
        let (models, detail) = match reply.status {
            200..300 => match list(&mut reply) {
                Some(models) => (models, None),
                None => (
                    Vec::new(),
                    Some(
                        call.reporter
                            .bad_answer("something else than a list of models", Again::No)
                            .error
                            .message,
                    ),
                ),
            },
            404 | 405 => (
                Vec::new(),
                Some(format!(
                    "{} has no list of models; ask it something to see whether it works.",
                    call.endpoint
                )),
            ),
            _ => (Vec::new(), Some(call.reporter.status(&mut reply, &*self.clock).error.message)),
        };
        match options.cancel.is_cancelled() {
            true => Err(ProviderError::cancelled()),
            false => Ok(ModelHealth { reachable: true, status, latency_ms, models, detail }),
        }
    }
}

/// What all attempts of one call share.
struct Call<'a> {
    options: &'a CallOptions,
    endpoint: Endpoint,
    line: Arc<Line>,
    reporter: Reporter,
}

impl Call<'_> {
    fn new(options: &CallOptions) -> Result<Call<'_>, ProviderError> {
        let endpoint = Endpoint::parse(&options.base_url)
            .map_err(|error| ProviderError::new(ErrorKind::Provider, error.code(), error.message()))?;
        let reporter = Reporter::new(&endpoint, options.api_key.as_ref(), options.timeouts);
        let line = Arc::new(Line::new(&options.cancel, options.timeouts));
        Ok(Call { options, endpoint, line, reporter })
    }
}

/// The names in a list of models, as OpenAI and its imitators write it.
fn list(reply: &mut Reply) -> Option<Vec<String>> {
    let mut body = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match reply.read(&mut buffer).ok()? {
            0 => break,
            count => body.extend_from_slice(&buffer[..count]),
        }
        if body.len() > LIST_BYTES {
            return None;
        }
    }
    let list: Value = serde_json::from_slice(&body).ok()?;
    let entries = [&list["data"], &list["models"], &list].into_iter().find_map(Value::as_array)?;
    let name = |entry: &Value| {
        ["id", "name", "model"].iter().find_map(|field| entry[*field].as_str()).map(str::to_owned)
    };
    Some(entries.iter().filter_map(name).collect())
}
