//! Tests of the whole product through its doors: the library, HTTP and the command line. One
//! program, so that it links once; one module a noun. A test that takes over a second stands in a
//! module `slow`, which `tests/run --quick` leaves out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why"
)]

#[path = "../support/mod.rs"]
mod support;

mod around;
mod bad_documents;
mod beside;
mod branches;
mod browser_clients;
mod chat_documents;
mod chat_files;
mod chat_history;
mod chats;
mod composer;
mod composer_killed;
mod corpora;
mod cors;
#[cfg(feature = "postgres")]
mod database_restart;
mod documents;
mod drain;
mod errors;
mod files;
#[cfg(feature = "long")]
mod growth;
mod hostile;
mod idempotency;
mod identity;
mod isolation;
mod kafka_dialect;
mod log;
mod messages;
mod migrating;
mod models;
#[cfg(feature = "postgres")]
mod nodes;
mod old_frontend;
mod open_chat;
mod open_mode;
mod openapi;
mod page;
mod postgres_statements;
mod proxy;
mod quotas;
mod readme;
#[cfg(feature = "real-model")]
mod real_model;
#[cfg(feature = "postgres")]
mod replica;
mod responses;
mod routes;
mod schema;
mod search;
mod sse;
mod start;
mod tickets;
mod torture;
mod uploads;
mod users;
mod websocket;
mod workspaces;
