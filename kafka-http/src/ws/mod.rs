//! Conversations over WebSocket, `/ws/{chat_id}`.
//!
//! [`handshake`] decides who may open one. From then on the connection's own thread only reads
//! ([`socket`]) and does what each [`frame`] says ([`session`]). Whoever has something to say puts it
//! into the [`outbox`], which writes at once what the socket takes. Each answer that is watched has a
//! thread that tells its [`audience`]; what others store in the chat is brought by one [`courier`] for all sockets.

mod audience;
mod branches;
mod courier;
mod documents;
mod file_lists;
mod files;
mod frame;
#[cfg(feature = "testing")]
pub(crate) mod fuzz;
mod handshake;
mod opening;
mod outbox;
mod session;
mod socket;

pub(crate) use audience::Audiences;
pub(crate) use courier::Courier;
pub(crate) use handshake::open;
