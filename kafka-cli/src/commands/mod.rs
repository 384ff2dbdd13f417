//! The verbs, one file a noun: `Args` is what can be written, `run` does it.

pub(crate) mod chat;
pub(crate) mod chats;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
mod ids;
pub(crate) mod migrate;
pub(crate) mod model;
pub(crate) mod plan;
pub(crate) mod secret;
pub(crate) mod selfcheck;
pub(crate) mod serve;
pub(crate) mod token;
mod unseen;
pub(crate) mod usage;
pub(crate) mod user;
