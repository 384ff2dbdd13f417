//! Follows many streams of events on one thread and looks at every token of them.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, poll};

/// What came over all streams. That each brought all its tokens in their order was checked.
pub(crate) struct Followed {
    /// From the first request to the last token.
    pub(crate) time: Duration,
    /// How late each token came, from the moment at which the endpoint wrote it.
    pub(crate) delays: Vec<Duration>,
}

struct Stream {
    socket: TcpStream,
    unread: Vec<u8>,
    next: usize,
    is_over: bool,
}

/// Sends each request to `server` over a connection of its own and reads `tokens` tokens of each answer.
/// `clock` is the endpoint's.
pub(crate) fn follow(server: SocketAddr, requests: &[String], tokens: usize, clock: Instant) -> Followed {
    let mut streams: Vec<Stream> = requests.iter().map(|_| Stream::open(server)).collect();
    let started = Instant::now();
    for (stream, request) in streams.iter_mut().zip(requests) {
        stream.socket.write_all(request.as_bytes()).unwrap();
    }
    let mut delays = Vec::with_capacity(streams.len() * tokens);
    let mut buffer = vec![0; 256 << 10];
    let mut left: Vec<usize> = (0..streams.len()).collect();
    while !left.is_empty() {
        let ready: Vec<bool> = {
            let mut sockets: Vec<_> =
                left.iter().map(|which| PollFd::new(&streams[*which].socket, PollFlags::IN)).collect();
            poll(&mut sockets, None).unwrap();
            sockets.iter().map(|socket| !socket.revents().is_empty()).collect()
        };
        for (which, _) in left.iter().zip(ready).filter(|(_, ready)| *ready) {
            let stream = &mut streams[*which];
            match stream.socket.read(&mut buffer) {
                Ok(0) => panic!("a stream ended after {} tokens: {:?}", stream.next, stream.text()),
                Ok(count) => stream.take(&buffer[..count], clock.elapsed(), &mut delays),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("a stream broke after {} tokens: {error}", stream.next),
            }
        }
        left.retain(|which| !streams[*which].is_over);
    }
    assert!(streams.iter().all(|stream| stream.next == tokens), "all tokens came");
    Followed { time: started.elapsed(), delays }
}

impl Stream {
    fn open(server: SocketAddr) -> Stream {
        let socket = TcpStream::connect(server).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        Stream { socket, unread: Vec::new(), next: 0, is_over: false }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.unread).into_owned()
    }

    /// Takes what came in at a time. Sizes of chunks stand on lines of their own.
    fn take(&mut self, bytes: &[u8], now: Duration, delays: &mut Vec<Duration>) {
        self.unread.extend_from_slice(bytes);
        let mut begin = 0;
        while let Some(length) = self.unread[begin..].iter().position(|byte| *byte == b'\n') {
            let line = &self.unread[begin..begin + length];
            begin += length + 1;
            if line.starts_with(b"HTTP/1.1") {
                assert!(line.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(bytes));
            }
            if let Some((written, number)) = token(line) {
                assert_eq!(number, self.next, "one is missing, or came twice");
                self.next += 1;
                delays.push(now.saturating_sub(written));
            } else if line == b"event: response.completed" || line == b"data: [DONE]" {
                self.is_over = true;
            }
        }
        self.unread.drain(..begin);
    }
}

/// When a token was written, and its number, if the line holds one.
fn token(line: &[u8]) -> Option<(Duration, usize)> {
    let line = std::str::from_utf8(line.strip_prefix(b"data: {")?).ok()?;
    let (_, text) = line.split_once("\"text\":\"").or_else(|| line.split_once("\"content\":\""))?;
    let (written, number) = text.split_once(' ')?.0.split_once('.')?;
    Some((Duration::from_micros(written.parse().ok()?), number.parse().ok()?))
}
