//! What writing one small answer into memory costs: by tiny_http's serializer, by the same with the
//! guards that would make it safe, and by a plain writer like the one in `server/reply.rs`.
//!
//! `cargo bench -p kafka-http --bench reply_head`. It decides ADR 0001's question whether the
//! serializer saves more than it costs.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    hint::black_box,
    io::{Cursor, Write},
    time::Instant,
};

use tiny_http::{HTTPVersion, Header, Response, StatusCode};

const BODY: &[u8] = &[b'x'; 200];
const ANSWERS: u32 = 200_000;
const RUNS: usize = 9;

/// Writes one answer.
type Writer = fn(&mut Vec<u8>);

fn main() {
    let variants: [(&str, Writer); 3] =
        [("serializer", serializer), ("serializer with guards", guarded), ("plain writer", plain)];
    let mut nanoseconds = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        for ((_, write), nanoseconds) in variants.iter().zip(&mut nanoseconds) {
            let mut out = Vec::new();
            let started = Instant::now();
            for _ in 0..ANSWERS {
                out.clear();
                write(black_box(&mut out));
            }
            nanoseconds.push(started.elapsed().as_nanos() / u128::from(ANSWERS));
        }
    }
    println!("{} byte body, medians of {RUNS} alternating runs of {ANSWERS} answers", BODY.len());
    for ((name, _), mut nanoseconds) in variants.into_iter().zip(nanoseconds) {
        nanoseconds.sort_unstable();
        println!("{name:24} {:6} ns an answer", nanoseconds[RUNS / 2]);
    }
}

fn field(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).unwrap()
}

fn response() -> Response<Cursor<&'static [u8]>> {
    let fields = vec![
        field("Server", "kafka"),
        field("x-request-id", "0123456789abcdef-00000001"),
        field("Content-Type", "application/json"),
    ];
    Response::new(StatusCode(200), fields, Cursor::new(BODY), Some(BODY.len()), None)
        .with_chunked_threshold(usize::MAX)
}

fn serializer(out: &mut Vec<u8>) {
    response().raw_print(out, HTTPVersion(1, 1), &[], false, None).unwrap();
}

/// The serializer drops `Connection`, gives 204 and 304 a length and trusts fields and lengths: they
/// are checked before, and the head is mended after.
fn guarded(out: &mut Vec<u8>) {
    let response = response();
    for header in response.headers() {
        assert!(are_sendable(header.field.as_str().as_str(), header.value.as_str()));
    }
    let status = response.status_code().0;
    response.raw_print(&mut *out, HTTPVersion(1, 1), &[], false, None).unwrap();
    let line_end = out.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    out.splice(line_end..line_end, *b"Connection: close\r\n");
    if status == 204 || status == 304 {
        let length = out.windows(16).position(|window| window == b"Content-Length: ").unwrap();
        out.truncate(length);
        out.extend_from_slice(b"\r\n");
    }
}

fn plain(out: &mut Vec<u8>) {
    let fields = [("Content-Type", "application/json")];
    let status = StatusCode(200);
    write!(out, "HTTP/1.1 {} {}\r\nServer: kafka\r\n", status.0, status.default_reason_phrase()).unwrap();
    let own = [("Date", "Sun, 22 Nov 2026 10:00:00 GMT"), ("x-request-id", "0123456789abcdef-00000001")];
    for (name, value) in own.into_iter().chain(fields) {
        assert!(are_sendable(name, value));
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    write!(out, "Content-Length: {}\r\nConnection: close\r\n\r\n", BODY.len()).unwrap();
    out.extend_from_slice(BODY);
}

fn are_sendable(name: &str, value: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && value.bytes().all(|byte| !byte.is_ascii_control())
}
