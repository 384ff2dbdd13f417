//! What the connection floor serves, and what it tells about its work.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tiny_http::Method;

use super::{Reply, Request};

/// Answers requests. One value serves all connections from many threads at once.
pub trait Handler: Send + Sync {
    /// Answers one request. A panic costs this request only: the client gets 500.
    fn handle(&self, request: &mut Request<'_>) -> Reply;

    /// Is told what happened, for a log. It runs on the thread it happened on and should be quick.
    fn notice(&self, _notice: &Notice<'_>) {}
}

impl<F: Fn(&mut Request<'_>) -> Reply + Send + Sync> Handler for F {
    fn handle(&self, request: &mut Request<'_>) -> Reply {
        self(request)
    }
}

/// Something worth a line in a log. None of it is for clients.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A request was answered, streams and taken-over connections included, when they ended.
    Answered(Answered<'a>),
    /// A request or a connection was refused before the handler saw it.
    Refused {
        /// Who was refused.
        peer: SocketAddr,
        /// The id in the answer's `x-request-id`.
        request_id: &'a str,
        /// The status sent.
        status: u16,
        /// The code of the problem sent, for example `bad_request_head`.
        code: &'a str,
    },
    /// The handler or a stream of its answer panicked.
    Panicked {
        /// The id in the answer's `x-request-id`.
        request_id: &'a str,
        /// The panic's text.
        message: &'a str,
    },
    /// The handler made a reply that cannot be sent; the client got 500.
    Unsendable {
        /// The id in the answer's `x-request-id`.
        request_id: &'a str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A connection could not be accepted; the server waits a moment and goes on.
    AcceptFailed(&'a io::Error),
    /// No thread could be started for a connection; it was closed.
    SpawnFailed(&'a io::Error),
}

/// An answer that was given.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Who asked: the peer, or whom the handler named by [`Request::set_client`].
    pub client: IpAddr,
    /// The id in the answer's `x-request-id`.
    pub request_id: &'a str,
    /// The request's method.
    pub method: &'a Method,
    /// The request's target as it was sent; its query may hold secrets.
    pub target: &'a str,
    /// The status sent.
    pub status: u16,
    /// Bytes of body sent, without framing.
    pub body_bytes: u64,
    /// From the end of the head to the end of the answer.
    pub elapsed: Duration,
    /// Whether the whole answer reached the socket.
    pub complete: bool,
}
