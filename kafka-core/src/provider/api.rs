//! What a provider is given and what it gives back. A provider speaks one wire protocol; it knows no
//! tables and keeps nothing.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::{
    base::{
        cancel::CancelToken,
        error::{Error, ErrorKind},
        secret::Secret,
    },
    entity::{
        params::{Params, Timeouts},
        tool_call::ToolCall,
    },
};

use super::network::Network;

/// Speaks to one kind of model endpoint. Implement it to add another; see `examples/custom_provider.rs`.
pub trait Provider: Send + Sync + fmt::Debug {
    /// The word that a model's `provider` field holds to choose this one, for example `openai`.
    fn name(&self) -> &str;

    /// Starts one answer and returns its events as they arrive. Blocking is fine: each answer has a
    /// thread of its own.
    ///
    /// The stream ends after [`Delta::Finish`]. One that ends without it was cut off: the answer is
    /// kept as interrupted. The call and the stream must return soon (250 ms) after
    /// [`CallOptions::cancel`] is raised.
    ///
    /// # Errors
    /// Whatever keeps the endpoint from answering, before or (as an item of the stream) after the
    /// first token.
    fn complete(&self, prompt: &Prompt, options: &CallOptions) -> Result<DeltaStream, ProviderError>;

    /// Asks the endpoint, without spending tokens, whether it works. An endpoint that does not is told
    /// in [`ModelHealth`]. Without an endpoint there is nothing to find out, which is the default.
    ///
    /// # Errors
    /// Cancelled, or a base URL that cannot be called.
    fn probe(&self, options: &CallOptions) -> Result<ModelHealth, ProviderError> {
        let _ = options;
        Ok(ModelHealth { reachable: true, ..ModelHealth::default() })
    }
}

/// What [`Provider::probe`] found out about an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelHealth {
    /// Whether anything answered.
    pub reachable: bool,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// How long the answer took, in milliseconds.
    pub latency_ms: u64,
    /// The names of the models that the endpoint lists, empty when it has no list.
    pub models: Vec<String>,
    /// What is wrong and what to do, as one sentence, or none when the endpoint is in order.
    pub detail: Option<String>,
}

/// The events of one answer.
pub type DeltaStream = Box<dyn Iterator<Item = Result<Delta, ProviderError>> + Send>;

/// What is sent: the messages of the active branch, oldest first, the one to be answered last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The conversation.
    pub messages: Vec<PromptMessage>,
}

impl Prompt {
    /// The text of the last message of a user, or nothing.
    #[must_use]
    pub fn last_user_text(&self) -> &str {
        let of_user = |message: &&PromptMessage| message.role == "user";
        self.messages.iter().rev().find(of_user).map_or("", |message| &message.content)
    }
}

/// One message of a [`Prompt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// Its text.
    pub content: String,
    /// On an assistant's message the calls that it made, each complete and with its result among the
    /// messages of the role `tool` that follow directly.
    pub tool_calls: Vec<ToolCall>,
    /// On a tool's message the call that it is the result of.
    pub tool_call_id: Option<String>,
    /// Opaque fields that this provider gave with the message and wants back, as a JSON object. What
    /// another provider, endpoint or model gave is never among them.
    pub provider_data: Option<Value>,
}

impl PromptMessage {
    /// A message that is nothing but its text.
    #[must_use]
    pub fn text(role: impl Into<String>, content: impl Into<String>) -> PromptMessage {
        PromptMessage {
            role: role.into(),
            content: content.into(),
            tool_calls: Vec::new(),
            tool_call_id: None,
            provider_data: None,
        }
    }
}

/// Where and how to ask.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// The model's name at the endpoint.
    pub model: String,
    /// The endpoint's base URL, for example `https://api.openai.com/v1`; empty for built-in providers.
    pub base_url: String,
    /// The key for that endpoint.
    pub api_key: Option<Secret<String>>,
    /// Sampling parameters.
    pub params: Params,
    /// How the endpoint is reached; its addresses are checked when it is connected to.
    pub network: Network,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Raised when the answer is no longer wanted.
    pub cancel: CancelToken,
}

/// One event of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// The name of the model that really answers, as the endpoint states it.
    Model(String),
    /// A piece of the answer; never empty.
    Text(String),
    /// A piece of the model's reasoning; never empty.
    Reasoning(String),
    /// A whole call of a tool, to be given once it is known to be whole: at the end of the answer, for
    /// what has come so far may be the beginning of something else.
    ToolCall(ToolCall),
    /// Tokens spent. The last one counts.
    Usage(TokenUsage),
    /// Opaque fields to keep with the message, as a JSON object. They come back in
    /// [`PromptMessage::provider_data`] when the same model of the same endpoint is asked again.
    ProviderData(Value),
    /// The regular end; nothing but `Usage` and `ProviderData` may follow.
    Finish(String),
}

/// Tokens spent by one call, as the endpoint counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Tokens of what was sent.
    pub prompt: u64,
    /// Tokens of the answer, reasoning included.
    pub completion: u64,
    /// Both, as stated by the endpoint.
    pub total: u64,
}

/// Why an endpoint did not answer. The text of an endpoint's own message is cut to 500 characters and
/// never holds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// Provider, Timeout or Cancelled.
    pub kind: ErrorKind,
    /// Stable code: `provider_unreachable`, `provider_key_refused`, `provider_refused`,
    /// `provider_rate_limited`, `provider_failed`, `provider_timeout`, `provider_bad_answer`,
    /// `base_url_refused`, `cancelled`, or a provider's own.
    pub code: &'static str,
    /// One sentence that names the endpoint and what to do.
    pub message: String,
    /// The HTTP status with which the endpoint refused, where it did.
    pub status: Option<u16>,
}

impl ProviderError {
    /// An error with a stable `code` and one sentence.
    #[must_use]
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> ProviderError {
        ProviderError { kind, code, message: message.into(), status: None }
    }

    /// What a provider gives after [`CallOptions::cancel`] was raised.
    #[must_use]
    pub fn cancelled() -> ProviderError {
        ProviderError::new(ErrorKind::Cancelled, "cancelled", "The answer was cancelled.")
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProviderError {}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Error {
        Error::new(error.kind, error.code, error.message)
    }
}
