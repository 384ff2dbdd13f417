//! The baseline: the least that a competent program can do to answer a request over HTTP.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Answers every request with this JSON: accept, one thread a connection, NODELAY, keep-alive, httparse,
/// one write an answer; no limits, no checks.
pub(crate) fn start(body: &str) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let body: Arc<str> = body.into();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let body = Arc::clone(&body);
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || serve(stream, &body));
        }
    });
    address
}

fn serve(mut stream: TcpStream, body: &str) {
    let mut buffer = [0; 8192];
    let mut filled = 0;
    let mut answer = Vec::new();
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => return,
            Ok(count) => filled += count,
        }
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut request = httparse::Request::new(&mut fields);
            let httparse::Status::Complete(length) = request.parse(&buffer[..filled]).unwrap() else {
                break;
            };
            answer.clear();
            write!(
                answer,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            if stream.write_all(&answer).is_err() {
                return;
            }
            buffer.copy_within(length..filled, 0);
            filled -= length;
        }
    }
}
