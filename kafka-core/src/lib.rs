#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod base;
mod entity;
mod provider;
mod repo;
mod storage;

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
pub use provider::api::{
    CallOptions, Delta, DeltaStream, Params, Prompt, PromptMessage, Provider, ProviderError, TimeoutSeconds,
    Timeouts, TokenUsage,
};
