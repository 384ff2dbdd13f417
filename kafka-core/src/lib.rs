#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod base;
mod crypto;
mod provider;

pub use base::{
    actor::Actor,
    cancel::{CancelGuard, CancelToken},
    error::{Error, ErrorKind, FieldError, Result},
    id::*,
    limits::Limits,
    page::{Cursor, Page, PageNumbers, PageRequest, Place},
    random::{Random, SystemRandom},
    secret::Secret,
    time::{Clock, SystemClock, Timestamp},
};
pub use provider::{
    address::AddressPolicy,
    api::{
        CallOptions, Delta, DeltaStream, ModelHealth, Params, Prompt, PromptMessage, Provider, ProviderError,
        TimeoutSeconds, Timeouts, TokenUsage,
    },
    echo::EchoProvider,
    openai::OpenAiProvider,
};
