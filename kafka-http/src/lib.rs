//! The blocking HTTP front end of the Kafka chat backend.
//!
//! [`serve`] is all that a program needs. Below it: [`server`] owns connections and knows nothing of
//! chats, [`router`] decides who may call what, and a handler under `routes/` decodes a request, makes
//! one call of the library and encodes the result. Rules live in the library, never here.

pub mod cidr;
pub mod config;
mod cors;
pub mod dialects;
mod docs;
mod download;
pub mod error;
pub mod extraction;
pub mod form;
mod guard;
mod log;
pub mod openapi;
mod page;
mod reply;
mod request;
pub mod router;
mod routes;
mod serve;
pub mod server;
mod sse;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod upload;
mod ws;

pub use serve::{serve, server_limits};

/// What a program of this build calls itself: its version, and the engines that it has a driver of.
pub const VERSION: &str = if cfg!(feature = "postgres") {
    concat!(env!("CARGO_PKG_VERSION"), " (SQLite, PostgreSQL)")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (SQLite)")
};
