//! One call of the model.

use super::{Composing, prompt::Task};
use crate::{
    base::error::{Error, ErrorKind, Result},
    provider::api::{Delta, DeltaStream, Prompt, ProviderError, TokenUsage},
    service::completion::prompt::{cost, cost_besides, most_bytes},
};

/// The longest answer that can be of use, as a multiple of the longest text of a version: JSON writes some
/// characters in six bytes.
const ESCAPED: usize = 6;
/// What stands around a text.
const AROUND_BYTES: usize = 64 << 10;
/// Endpoints may state what they like; sums have to stay numbers.
const MOST_TOKENS: u64 = 1 << 40;

/// What a model said.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) text: String,
    /// Why nothing can be made of it, whatever it says.
    pub(super) unusable: Option<&'static str>,
    /// It ended because it was as long as it may become.
    pub(super) is_at_length: bool,
}

impl Composing<'_> {
    /// Asks the model, and hears it out. What it costs is counted, whatever comes of it.
    pub(super) fn ask(&mut self, task: &Task<'_>) -> Result<Said> {
        let (prompt, sources) = self.prompt(task)?;
        let prompt_tokens = cost(&prompt) + cost_besides(&self.answering.callable.options.params);
        self.answering.afford(self.spent().total + prompt_tokens)?;
        self.answering.cite(&sources)?;
        let stream = match self.open(&prompt) {
            Ok(stream) => stream,
            Err(error) => {
                if error.kind != ErrorKind::Provider {
                    // It was reached, or may have been, and counts what it was asked.
                    self.count(None, prompt_tokens, 0);
                }
                return Err(error.into());
            }
        };
        let mut hearing = Hearing { most: self.most_bytes(), ..Hearing::default() };
        let mut failure = None;
        for delta in stream {
            match delta {
                Ok(delta) => hearing.take(delta),
                Err(error) => failure = Some(error),
            }
            if hearing.is_first_token() && self.answering.ending.first_token_ms.is_none() {
                self.answering.ending.first_token_ms = Some(self.answering.elapsed_ms());
            }
            if failure.is_some() || hearing.bytes > hearing.most {
                break;
            }
        }
        self.count(hearing.usage, prompt_tokens, (hearing.bytes as u64).div_ceil(4));
        if let Some(model) = hearing.model.take() {
            self.answering.ending.model_used = Some(self.answering.word(model));
        }
        match failure {
            Some(error) => Err(error.into()),
            None => self.heard(hearing),
        }
    }

    fn heard(&mut self, hearing: Hearing) -> Result<Said> {
        let is_too_long = hearing.bytes > hearing.most;
        let affordable = self.answering.reserved.answer_tokens.map(most_bytes);
        if is_too_long && affordable.is_some_and(|affordable| hearing.bytes > affordable) {
            let sentence = "The model was cut off because the tokens that the plan kept free for its answer are used \
                            up; ask for more with max_tokens, or wait until midnight UTC.";
            return Err(Error::new(ErrorKind::QuotaExceeded, "quota_exceeded", sentence));
        }
        let unusable = match &hearing.finish {
            _ if is_too_long => Some("it was longer than any answer may be; write less"),
            None => Some("it broke off before its end"),
            Some(_) => None,
        };
        let is_at_length = hearing.finish.as_deref() == Some("length");
        self.answering.ending.finish_reason = hearing.finish.map(|reason| self.answering.word(reason));
        Ok(Said { text: hearing.text, unusable, is_at_length })
    }

    /// Calls the endpoint for an answer in JSON: by its own mode for that, unless it is known to refuse it.
    fn open(&self, prompt: &Prompt) -> Result<DeltaStream, ProviderError> {
        let callable = &self.answering.callable;
        let (modes, mut options) = (self.installation().json_modes(), callable.options.clone());
        let endpoint = (callable.provider.name(), &*options.base_url.clone(), &*options.model.clone());
        options.params.response_format = None;
        let plain = options.clone();
        if modes.is_refused_by(endpoint) {
            return callable.provider.complete(prompt, &plain);
        }
        options.params.response_format = Some(serde_json::json!({"type": "json_object"}));
        match callable.provider.complete(prompt, &options) {
            Err(error) if matches!(error.status, Some(400 | 422)) => {
                let stream = callable.provider.complete(prompt, &plain)?;
                // It was that, and nothing else in the request.
                modes.remember_refusal_by(endpoint);
                Ok(stream)
            }
            opened => opened,
        }
    }

    /// Adds what a call has cost.
    fn count(&mut self, stated: Option<TokenUsage>, prompt: u64, completion: u64) {
        let ending = &mut self.answering.ending;
        ending.is_usage_estimated |= stated.is_none();
        let call = stated.unwrap_or(TokenUsage { prompt, completion, total: prompt + completion });
        let sum = ending.usage.get_or_insert_default();
        let add = |sum: &mut u64, tokens: u64| *sum = sum.saturating_add(tokens).min(MOST_TOKENS);
        add(&mut sum.prompt, call.prompt);
        add(&mut sum.completion, call.completion);
        add(&mut sum.total, call.total);
    }

    fn most_bytes(&self) -> usize {
        let limits = self.installation().limits();
        let useful = limits.version_bytes.saturating_mul(ESCAPED).saturating_add(AROUND_BYTES);
        let affordable = self.answering.reserved.answer_tokens.map_or(usize::MAX, most_bytes);
        limits.answer_bytes.min(useful).min(affordable)
    }
}

/// An answer as it comes.
#[derive(Default)]
struct Hearing {
    text: String,
    /// Of all that was said.
    bytes: usize,
    most: usize,
    usage: Option<TokenUsage>,
    model: Option<String>,
    finish: Option<String>,
}

impl Hearing {
    fn take(&mut self, delta: Delta) {
        match delta {
            Delta::Text(text) => {
                self.bytes += text.len();
                self.text.push_str(&text);
            }
            // It is no part of the answer, and costs as much.
            Delta::Reasoning(text) => self.bytes += text.len(),
            Delta::ToolCall(call) => self.bytes += call.name.len() + call.arguments.len(),
            Delta::Model(name) => self.model = Some(name),
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::Finish(reason) => self.finish = Some(reason),
            Delta::ProviderData(_) => {}
        }
    }

    fn is_first_token(&self) -> bool {
        self.bytes > 0
    }
}
