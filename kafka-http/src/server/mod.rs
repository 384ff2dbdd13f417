//! The connection floor: accepts, reads heads and bodies, writes replies, and ends in good order.
//!
//! It serves a [`Handler`] and knows nothing of chats, routes or credentials. One thread serves one
//! connection with blocking calls; every wait has an end, every size a limit ([`ServerLimits`]). A
//! request that breaks the framing rules of HTTP/1.1 in any way that another program could read
//! differently is refused and its connection closed, so that no byte of a body can ever be taken for
//! a second request. Every byte sent is written by one place, `reply.rs`.
//!
//! Absent on purpose: TLS and HTTP/2 (a reverse proxy's work), compression, async.

mod accept;
mod body;
mod connection;
mod connections;
mod deadline;
#[cfg(feature = "testing")]
pub(crate) mod fuzz;
mod handler;
mod head;
mod input;
mod limits;
mod outgoing;
mod reply;
mod request;
mod request_id;
mod stream;
mod threads;
mod turns;

pub use accept::{Server, Shutdown};
pub use body::{Body, BodyError};
pub use handler::{Answered, Handler, Notice};
pub use limits::{HEAD_FIELDS, ServerLimits};
pub(crate) use outgoing::{Outgoing, Passage};
pub use reply::Reply;
pub(crate) use reply::reason_phrase;
pub use request::Request;
pub use stream::{BodyWriter, Upgraded};
pub(crate) use turns::Turns;
