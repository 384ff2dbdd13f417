//! Every number that bounds a connection.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// Most header fields of one request. Fixed, because the parser keeps that many on the stack.
pub const HEAD_FIELDS: usize = 64;

/// Descriptors kept free for everything that is not a client: the database, model endpoints, logs.
const RESERVED_DESCRIPTORS: u64 = 256;

/// Sizes, counts and times that bound what a client may do to the server. `Default` gives the
/// documented values. A time-out of zero closes connections at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerLimits {
    /// Longest request line and header fields together, in bytes; beyond it 431. Default 32 KiB.
    pub head_bytes: usize,
    /// Longest request body, in bytes, unless the handler allows more for one request; beyond it 413.
    /// Default 16 MiB.
    pub body_bytes: u64,
    /// Time for a whole head, from its first byte, in milliseconds; beyond it 408. Default 10 000.
    pub head_timeout_ms: u64,
    /// Time for a whole body, from the handler's first read, in milliseconds; beyond it 408.
    /// Default 120 000.
    pub body_timeout_ms: u64,
    /// Time for a whole body with files, in milliseconds, instead of the one above. Default 600 000.
    pub upload_timeout_ms: u64,
    /// Most fields and files of one form; beyond it 413. As many times the longest file is the longest body
    /// with files. Default 100.
    pub form_parts: usize,
    /// Longest head of a field or file in a form, in bytes, and most bytes before the first and behind the last
    /// of them; beyond it 413. Default 8 KiB.
    pub form_head_bytes: usize,
    /// Longest text of a field that is no file, in bytes; beyond it 413. Default 64 KiB.
    pub form_text_bytes: usize,
    /// How long a connection may stay open without a byte of a request, in milliseconds.
    /// Default 75 000.
    pub idle_timeout_ms: u64,
    /// How long a client may take nothing of an answer before it is dropped, in milliseconds.
    /// Default 30 000.
    pub write_timeout_ms: u64,
    /// Long answers that may be held for clients who have not read them yet, in bytes; beyond it the client
    /// that has been reading the longest is dropped. Default 64 MiB.
    pub outgoing_bytes: usize,
    /// Texts of the conversation in the first frame of a WebSocket, in bytes: the newest messages that fit.
    /// Default 8 MiB.
    pub socket_opening_bytes: usize,
    /// The same for frames that tell of an error and repeat the conversation. Default 256 KiB.
    pub socket_error_bytes: usize,
    /// How long a connection that the server closes waits for the client to read the last answer, in
    /// milliseconds. Default 1 000.
    pub linger_ms: u64,
    /// How long requests may still run after a shutdown began, in milliseconds. Default 10 000.
    pub drain_ms: u64,
    /// Most open connections; beyond it 503. [`Server::bind`](super::Server::bind) lowers it to what
    /// the process may open. Default 16 384.
    pub connections: usize,
    /// Most open connections of one remote address, loopback and trusted proxies exempt; beyond it 503.
    /// Default 1 024.
    pub connections_per_address: usize,
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits {
            head_bytes: 32 << 10,
            body_bytes: 16 << 20,
            head_timeout_ms: 10_000,
            body_timeout_ms: 120_000,
            upload_timeout_ms: 600_000,
            form_parts: 100,
            form_head_bytes: 8 << 10,
            form_text_bytes: 64 << 10,
            idle_timeout_ms: 75_000,
            write_timeout_ms: 30_000,
            outgoing_bytes: 64 << 20,
            socket_opening_bytes: 8 << 20,
            socket_error_bytes: 256 << 10,
            linger_ms: 1_000,
            drain_ms: 10_000,
            connections: 16_384,
            connections_per_address: 1_024,
        }
    }
}

impl ServerLimits {
    /// What the operating system can keep of these limits. Raises the process's soft descriptor limit
    /// as far as they need, then lowers `connections` to what it really allows: a connection may hold
    /// two descriptors.
    pub(super) fn fitted_to_system(mut self) -> ServerLimits {
        let needed = (self.connections as u64).saturating_mul(2).saturating_add(RESERVED_DESCRIPTORS);
        let allowed = getrlimit(Resource::Nofile);
        let mut soft = allowed.current.unwrap_or(u64::MAX);
        if soft < needed {
            let raised = needed.min(allowed.maximum.unwrap_or(u64::MAX));
            let wanted = Rlimit { current: Some(raised), maximum: allowed.maximum };
            if raised > soft && setrlimit(Resource::Nofile, wanted).is_ok() {
                soft = raised;
            }
        }
        let room = soft.saturating_sub(RESERVED_DESCRIPTORS) / 2;
        self.connections = self.connections.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1);
        self
    }
}
