//! One request, as the handler sees it.

use std::net::{IpAddr, SocketAddr};

use tiny_http::{HTTPVersion, Method};

use super::{Body, ServerLimits, head::Head};

/// A request whose head is complete and well formed; its body is read on demand.
#[derive(Debug)]
pub struct Request<'c> {
    pub(super) head: Head<'c>,
    pub(super) peer: SocketAddr,
    pub(super) client: IpAddr,
    pub(super) id: String,
    pub(super) body: Body<'c>,
    pub(super) limits: &'c ServerLimits,
}

impl<'c> Request<'c> {
    /// The method. Unknown ones are [`Method::NonStandard`].
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// Path and query as they were sent, percent-encoded. It begins with a slash, or is `*` for OPTIONS.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.target
    }

    /// The target up to the first `?`, percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.head.target.split_once('?').map_or(self.head.target, |(path, _)| path)
    }

    /// The target after the first `?`, percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.head.target.split_once('?').map(|(_, query)| query)
    }

    /// HTTP/1.0 or HTTP/1.1.
    #[must_use]
    pub fn version(&self) -> HTTPVersion {
        self.head.version.clone()
    }

    /// The first header field of that name, in any case of letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    /// All header fields in the order they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.fields.iter().copied()
    }

    /// The address at the other end of the connection, which may be a proxy's. An IPv4 address is
    /// always given as such.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Who asked: the peer, unless [`set_client`](Request::set_client) named another.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// Names the client for whom a proxy speaks.
    pub fn set_client(&mut self, client: IpAddr) {
        self.client = client;
    }

    /// The id in the answer's `x-request-id`: the client's if it sent a sane one.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The bounds of the server that reads it.
    #[must_use]
    pub fn limits(&self) -> &'c ServerLimits {
        self.limits
    }

    /// The body.
    pub fn body(&mut self) -> &mut Body<'c> {
        &mut self.body
    }
}
