//! A model endpoint that costs as little as an endpoint can. Every token is a write of its own and says
//! when it was written and which one it is, so that whoever reads it knows how late it is and whether
//! one is missing.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
const END: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// Answers every request with so many tokens, as fast as it can.
pub(crate) fn unpaced(tokens: usize, clock: Instant) -> SocketAddr {
    listen(move |mut stream| {
        thread::spawn(move || {
            let mut line = Vec::new();
            for number in 0..tokens {
                if write_token(&mut stream, &mut line, number, clock).is_err() {
                    return;
                }
            }
            let _ = stream.write_all(END);
        });
    })
}

/// Answers every request with so many tokens, one each `pace`. One thread writes them all.
pub(crate) fn paced(tokens: usize, pace: Duration, clock: Instant) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || write_paced(&receiver, tokens, pace, clock));
    listen(move |stream| sender.send(stream).unwrap())
}

/// Reads a request of each connection, answers with a head, and leaves the rest to `speak`.
fn listen(speak: impl Fn(TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, speak) = (stream.unwrap(), speak.clone());
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || {
                if read_request(&mut stream) && stream.write_all(HEAD).is_ok() {
                    speak(stream);
                }
            });
        }
    });
    address
}

/// False when the client left.
fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return false,
            Ok(count) => request.extend_from_slice(&piece[..count]),
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            return true;
        }
    }
}

fn write_token(
    stream: &mut TcpStream,
    line: &mut Vec<u8>,
    number: usize,
    clock: Instant,
) -> std::io::Result<()> {
    line.clear();
    let now = clock.elapsed().as_micros();
    write!(
        line,
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{now}.{number} \"}},\"finish_reason\":null}}]}}\n\n"
    )?;
    stream.write_all(line)
}

fn write_paced(arriving: &Receiver<TcpStream>, tokens: usize, pace: Duration, clock: Instant) {
    let mut streams: Vec<(TcpStream, usize)> = Vec::new();
    let mut due: BinaryHeap<Reverse<(Instant, usize)>> = BinaryHeap::new();
    let mut line = Vec::new();
    loop {
        let next = due.peek().map_or(pace, |Reverse((at, _))| at.saturating_duration_since(Instant::now()));
        match arriving.recv_timeout(next) {
            Ok(stream) => {
                due.push(Reverse((Instant::now() + pace, streams.len())));
                streams.push((stream, 0));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Some(Reverse((at, which))) = due.peek().copied().filter(|due| due.0.0 <= Instant::now()) {
            due.pop();
            let (stream, number) = &mut streams[which];
            let is_written = write_token(stream, &mut line, *number, clock).is_ok();
            *number += 1;
            if is_written && *number < tokens {
                due.push(Reverse((at + pace, which)));
            } else {
                let _ = stream.write_all(END);
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
        }
    }
}
