//! WebSockets of the product, without a client library that would cost more than what is measured.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, poll};

use crate::server::Server;

/// A socket whose initial payload was read.
pub(crate) fn open(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !answer.ends_with(b"\"initial\":true}") {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..count]);
    }
    stream
}

/// Sends a text of less than 126 bytes.
#[allow(dead_code, reason = "idle sockets say nothing")]
pub(crate) fn say(stream: &mut TcpStream, text: &str) {
    // Masked with zeros, as which the text stays what it is.
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    stream.write_all(&frame).unwrap();
}

/// Reads `tokens` deltas from each socket, on one thread, makes sure that they are the same bytes at all,
/// and returns how late each came. `clock` is the endpoint's.
#[allow(dead_code, reason = "idle sockets hear nothing")]
pub(crate) fn deltas(sockets: &[TcpStream], tokens: usize, clock: Instant) -> Vec<Duration> {
    let mut unread = vec![Vec::new(); sockets.len()];
    let mut heard = vec![0; sockets.len()];
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let mut delays = Vec::with_capacity(sockets.len() * tokens);
    let mut buffer = vec![0; 64 << 10];
    sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
    while heard.iter().any(|heard| *heard < tokens) {
        let mut polled: Vec<_> = sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        poll(&mut polled, None).unwrap();
        let ready: Vec<usize> =
            (0..polled.len()).filter(|which| !polled[*which].revents().is_empty()).collect();
        for which in ready {
            match (&sockets[which]).read(&mut buffer) {
                Ok(0) => panic!("a socket ended after {} deltas", heard[which]),
                Ok(count) => unread[which].extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("a socket broke after {} deltas: {error}", heard[which]),
            }
            while let Some(length) = frame_length(&unread[which]) {
                let frame: Vec<u8> = unread[which].drain(..length).collect();
                let Some(written) = written(&frame) else { continue };
                delays.push(clock.elapsed().saturating_sub(written));
                match frames.get(heard[which]) {
                    Some(same) => assert_eq!(*same, frame),
                    None => frames.push(frame),
                }
                heard[which] += 1;
            }
        }
    }
    delays
}

/// The length of the frame that begins here, if it is there whole.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let length = match *bytes.get(1)? {
        126 => 4 + usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        short @ ..126 => 2 + usize::from(short),
        _ => panic!("a frame is longer than any that is expected"),
    };
    (bytes.len() >= length).then_some(length)
}

/// When the token of a delta was written.
fn written(frame: &[u8]) -> Option<Duration> {
    let text = String::from_utf8_lossy(frame);
    let (_, token) = text.split_once("\"action\":\"delta\"")?.1.split_once("\"text\":\"")?;
    Some(Duration::from_micros(token.split_once('.')?.0.parse().unwrap()))
}
