//! Talking to model endpoints. Knows no tables.

pub(crate) mod address;
pub(crate) mod api;
pub(crate) mod echo;
pub(crate) mod endpoint;
mod http;
mod line;
pub(crate) mod network;
pub(crate) mod openai;
pub(crate) mod registry;
mod retry;
pub(crate) mod sse;
pub(crate) mod validation;
