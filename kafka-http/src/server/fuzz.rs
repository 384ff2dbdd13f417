//! For the fuzz targets: a connection's bytes, answered as a connection answers them.
#![expect(clippy::expect_used, reason = "a fuzz target stops when the system fails")]

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
};

use httparse::{EMPTY_HEADER, Response, Status};
use tiny_http::Method;

use super::{Handler, Notice, Reply, Request, ServerLimits, connection::Service, connections::Connections};
use crate::error::Problem;

/// So few that all answers fit into the buffer of a socket, where they wait to be read.
const MOST_BYTES: usize = 2 << 10;

/// What a client sends over one connection. Whatever that is, the server ends, the requests are no more
/// than what was sent, and the answers are one well-formed answer to each and nothing besides.
pub fn requests(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    // A pair of Unix sockets costs no port. What is done to it here works as on TCP.
    let (server, mut client) = UnixStream::pair().expect("a pair of sockets");
    let stream = Arc::new(TcpStream::from(OwnedFd::from(server)));
    client.write_all(bytes).and_then(|()| client.shutdown(Shutdown::Write)).expect("room for the requests");

    let limits = ServerLimits { head_bytes: 512, body_bytes: 128, ..ServerLimits::default() };
    let (tell, told) = mpsc::channel();
    let service = Service::new(Arc::new(Echo(Mutex::new(tell))), limits.clone());
    let connections = Arc::new(Connections::new(&limits, Vec::new()));
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let admission = connections.admit(&stream, peer).expect("the first connection");
    service.converse(&admission);
    drop((service, admission, connections, stream));

    let heard: Vec<Heard> = told.into_iter().collect();
    let taken: usize = heard.iter().map(|heard| heard.bytes).sum();
    assert!(taken <= bytes.len(), "{heard:?}");
    let mut answers = Vec::new();
    // A connection that is dropped with bytes unread ends with an error behind its answers.
    let _ = client.read_to_end(&mut answers);
    let count = count(&answers, heard.iter().map(|heard| heard.is_head));
    assert!(count == heard.len() || count == heard.len() + 1, "{count} answers to {heard:?}");
}

/// Counts the answers, which must be well-formed to their last byte.
fn count(mut answers: &[u8], mut heads: impl Iterator<Item = bool>) -> usize {
    let mut count = 0;
    while !answers.is_empty() {
        let mut fields = [EMPTY_HEADER; 16];
        let mut answer = Response::new(&mut fields);
        let Ok(Status::Complete(length)) = answer.parse(answers) else { unreachable!("{answers:?}") };
        answers = &answers[length..];
        if answer.code == Some(100) {
            continue;
        }
        let field = |name: &str| answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        assert!(field("x-request-id").is_some() && field("set-cookie").is_none(), "{answer:?}");
        let digits = field("content-length").and_then(|field| str::from_utf8(field.value).ok());
        let length: usize = digits.and_then(|digits| digits.parse().ok()).expect("a length");
        if heads.next() != Some(true) {
            answers = &answers[length..];
        }
        count += 1;
    }
    count
}

/// A request as it reached the handler.
#[derive(Debug)]
struct Heard {
    is_head: bool,
    bytes: usize,
}

/// Answers with what it was asked, in the head and in the body. What it finds there is what it was sent:
/// a field that is said to stand once does, and no body is longer than allowed.
struct Echo(Mutex<Sender<Heard>>);

impl Handler for Echo {
    fn handle(&self, request: &mut Request<'_>) -> Reply {
        let times = |name: &str| request.headers().filter(|field| field.0.eq_ignore_ascii_case(name)).count();
        let (lengths, codings) = (times("content-length"), times("transfer-encoding"));
        let is_sound = times("host") <= 1
            && lengths + codings <= 1
            && (request.target().starts_with('/') || request.target() == "*");
        let is_head = *request.method() == Method::Head;
        let target = request.target().to_owned();
        // Every third request leaves its body unread.
        let body = if target.len().is_multiple_of(3) { Ok(Vec::new()) } else { request.body().read_all() };
        let bytes = target.len() + body.as_ref().map_or(0, Vec::len);
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A broken promise shows as a request that took more than was sent.
        let bytes = if is_sound { bytes } else { MOST_BYTES + 1 };
        let _ = sender.send(Heard { is_head, bytes });
        match body {
            Ok(body) if body.len() <= 128 => {
                Reply::bytes(200, "text/plain", body).with_header("x-target", target)
            }
            Ok(_) => Reply::bytes(200, "text/plain", vec![b'x'; MOST_BYTES]),
            Err(error) => Problem::from(&error).reply(request.id()),
        }
    }

    fn notice(&self, notice: &Notice<'_>) {
        assert!(!matches!(notice, Notice::Panicked { .. }), "{notice:?}");
    }
}
