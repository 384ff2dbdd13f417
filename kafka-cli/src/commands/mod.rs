//! The verbs, one file a noun: `Args` is what can be written, `run` does it.

mod answer;
pub(crate) mod based;
pub(crate) mod chat;
pub(crate) mod chat_file;
pub(crate) mod chats;
pub(crate) mod completions;
pub(crate) mod compose;
pub(crate) mod config;
mod confirm;
mod deletion;
pub(crate) mod doctor;
pub(crate) mod file;
mod file_message;
mod ids;
pub(crate) mod migrate;
pub(crate) mod model;
mod pages;
pub(crate) mod plan;
pub(crate) mod secret;
pub(crate) mod selfcheck;
pub(crate) mod serve;
pub(crate) mod token;
mod unseen;
mod uploads;
pub(crate) mod usage;
pub(crate) mod user;
pub(crate) mod workspace;
