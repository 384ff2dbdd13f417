//! The command as processes: what people type, what they see, how it ends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and says why")]
#![cfg_attr(feature = "postgres", expect(clippy::expect_used, reason = "the same"))]

mod based;
mod chat;
mod chat_file;
mod chats;
mod compose;
mod config;
mod doctor;
mod file;
mod files;
mod home;
mod message;
mod migrate;
mod model;
mod moving;
mod plan;
#[cfg(feature = "postgres")]
mod postgres;
mod run;
mod search;
mod secret;
mod serve;
mod terminal;
mod user;
mod workspace;
