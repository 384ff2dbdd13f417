//! PostgreSQL: how it is reached, what a connection of it does, and how its nodes tell that they live.
//!
//! Each connection has a single-threaded tokio of its own (`driver`). It runs the driver's futures and nothing of ours, and
//! only while a call of this folder waits for the server.

mod address;
mod beat;
mod connect;
mod driver;
mod fault;
mod notice;
mod options;
mod position;
mod prepared;
mod replica;
mod schema;
mod session;
mod tls;
mod value;

#[cfg(feature = "testing")]
pub(crate) mod fresh;

pub use address::PostgresAddress;
#[cfg(any(test, feature = "testing"))]
pub(super) use beat::ALL;
pub(super) use beat::{Beat, lives, remove};
pub(super) use connect::Connector;
pub(super) use fault::unavailable;
pub use options::PostgresOptions;
pub(super) use replica::Replica;
pub(super) use schema::{COUNT_ON, UNHURRIED, drop_references, identity, read_shape, shape_after};
pub(super) use session::Session;
pub(super) use value::cell;
