//! The connection floor, tried over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod accepting;
mod bodies;
mod drain;
mod framing;
mod keep_alive;
mod limits;
mod replies;
mod streaming;
mod support;
