//! Where requests begin and end, and which heads are refused: one row a case.

use kafka_http::server::ServerLimits;

use crate::support::Running;

/// Sent behind every case. It is answered only where the case left the connection open.
const PROBE: &str = "GET /probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// What a case leads to.
enum Then {
    /// An answer whose body is this, and the connection goes on.
    Kept(&'static str),
    /// An answer whose body is this, and the connection ends.
    Closed(&'static str),
    /// A problem with this status and code, and the connection ends.
    Refused(u16, &'static str),
}
use Then::{Closed, Kept, Refused};

const BAD: Then = Refused(400, "bad_request_head");
const BAD_BODY: Then = Refused(400, "bad_body_framing");

#[rustfmt::skip]
const CASES: &[(&str, &str, Then)] = &[
    // What is right.
    ("plain", "GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", Kept("GET /a?b=c ")),
    ("length", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", Kept("POST /a hello")),
    ("length with leading zeros", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\nhello", Kept("POST /a hello")),
    ("length zero", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Kept("POST /a ")),
    ("chunked", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", Kept("POST /a hello")),
    ("chunked with trailers", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", Kept("POST /a x")),
    ("empty chunked", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Kept("POST /a ")),
    ("body of a GET", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", Kept("GET /a hi")),
    ("empty lines before", "\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", Kept("GET /a ")),
    ("close asked", "GET /a HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n", Closed("GET /a ")),
    ("1.0", "GET /a HTTP/1.0\r\n\r\n", Closed("GET /a ")),
    ("1.0 kept", "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Kept("GET /a ")),
    ("absolute form", "GET http://A:80/x?y HTTP/1.1\r\nHost: a:80\r\n\r\n", Kept("GET /x?y ")),
    ("absolute form without path", "GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n", Kept("GET / ")),
    ("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Kept("OPTIONS * ")),
    ("unknown method", "BREW /a HTTP/1.1\r\nHost: a\r\n\r\n", Kept("BREW /a ")),
    ("IPv6 host", "GET /a HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", Kept("GET /a ")),
    ("UTF-8 target", "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n", Kept("GET /ä ")),
    // Lengths that two programs could read differently: each would execute /smuggled.
    ("length twice", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 39\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("length twice, equal", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", BAD),
    ("length list", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("length plus", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("length minus", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("length word", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("length empty", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("length hexadecimal", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", BAD),
    ("length inner space", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1 2\r\n\r\nhello", BAD),
    ("length over 64 bits", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\nhello", BAD),
    ("length and coding", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("coding twice", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("coding unknown", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xyz\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("coding list", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", BAD),
    ("coding in capitals", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", BAD),
    ("coding with a vertical tab", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", BAD),
    ("coding in 1.0", "POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("folded line", "POST /a HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 39\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("folded first line", "POST /a HTTP/1.1\r\n Host: a\r\n\r\n", BAD),
    ("space before colon", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length : 39\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("no colon", "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length\r\n\r\n", BAD),
    ("bare line feeds", "GET /a HTTP/1.1\nHost: a\n\n", BAD),
    ("one bare line feed", "GET /a HTTP/1.1\r\nHost: a\r\nX: y\nZ: z\r\n\r\n", BAD),
    ("bare line feed ends the head", "GET /a HTTP/1.1\r\nHost: a\r\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("bare carriage return", "GET /a HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 5\r\n\r\n", BAD),
    ("NUL in a value", "GET /a HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n", BAD),
    ("NUL in a name", "GET /a HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n", BAD),
    // Who is meant.
    ("no host", "GET /a HTTP/1.1\r\n\r\n", BAD),
    ("host twice", "GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", BAD),
    ("host twice in 1.0", "GET /a HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", BAD),
    ("host empty", "GET /a HTTP/1.1\r\nHost:\r\n\r\n", BAD),
    ("host list", "GET /a HTTP/1.1\r\nHost: a, b\r\n\r\n", BAD),
    ("host with user", "GET /a HTTP/1.1\r\nHost: a@b\r\n\r\n", BAD),
    ("host with path", "GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n", BAD),
    ("other authority", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("other scheme", "GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("authority form", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", BAD),
    ("asterisk of a GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    // Request lines.
    ("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refused(505, "http_version_not_supported")),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused(505, "http_version_not_supported")),
    ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", Refused(505, "http_version_not_supported")),
    ("HTTP/0.9", "GET /\r\n\r\n", BAD),
    ("junk after the version", "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n", BAD),
    ("version of no form", "GET / HTTP/11\r\nHost: a\r\n\r\n", BAD),
    ("lower-case protocol", "GET / http/1.1\r\nHost: a\r\n\r\n", BAD),
    ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", BAD),
    ("TLS hello", "\x16\x03\x01\x02\r\n\r\n", BAD),
    ("other expectation", "POST /a HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 5\r\n\r\nhello", Refused(417, "expectation_failed")),
    // Chunks.
    ("chunk size word", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD_BODY),
    ("chunk size signed", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n", BAD_BODY),
    ("chunk size over 64 bits", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n", BAD_BODY),
    ("chunk size with bare line feed", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", BAD_BODY),
    ("chunk longer than its size", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", BAD_BODY),
    ("chunk without its line end", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx0\r\n\r\n", BAD_BODY),
    ("chunk line too long", concat!("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xxxxxxxxxxxxxxxxxxxxxx\r\nx\r\n0\r\n\r\n"), BAD_BODY),
    ("trailer with bare line feed", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n", BAD_BODY),
];

#[test]
fn every_case_is_answered_or_refused_as_the_table_says() {
    let server = Running::echo(ServerLimits::default());
    let mut failures = Vec::new();
    for (name, bytes, then) in CASES {
        let (expected, goes_on) = match then {
            Kept(body) => (format!("200 {body}"), true),
            Closed(body) => (format!("200 {body}"), false),
            Refused(status, code) => (format!("{status} {code}"), false),
        };
        // In one write, and byte by byte: how the bytes were split must not matter.
        for split in [usize::MAX, 1] {
            let mut client = server.connect();
            for piece in [*bytes, PROBE].concat().as_bytes().chunks(split) {
                // A refused client may find the connection closed before it said everything.
                if std::io::Write::write_all(&mut client.stream, piece).is_err() {
                    break;
                }
            }
            let first = client.answer();
            let shown = match first.header("content-type") {
                Some("application/problem+json") => {
                    let problem: serde_json::Value = serde_json::from_slice(&first.body).unwrap();
                    assert_eq!(problem["status"], first.status, "{name}");
                    assert_eq!(Some(problem["request_id"].as_str().unwrap()), first.header("x-request-id"));
                    assert!(problem["detail"].as_str().unwrap().ends_with('.'), "{name}: {problem}");
                    problem["code"].as_str().unwrap().to_owned()
                }
                _ => first.text().to_owned(),
            };
            let shown = format!("{} {shown}", first.status);
            if shown != expected {
                failures.push(format!("{name}: {shown:?} instead of {expected:?}"));
            }
            let says_close = first.header("connection") == Some("close");
            let second = client.try_answer(false);
            let second = second.as_ref().map(|answer| answer.text().to_owned());
            if second.as_deref() != goes_on.then_some("GET /probe ") || says_close == goes_on {
                failures.push(format!("{name}: then {second:?}, Connection: close {says_close}"));
            }
        }
    }
    let executed = server.log.lines().concat();
    assert!(!executed.contains("/smuggled"), "{executed}");
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_head_that_ends_in_the_middle_is_refused() {
    let server = Running::echo(ServerLimits::default());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost");
    client.finish_sending();
    assert_eq!(client.answer().status, 400);
    client.expect_end();
}

#[test]
fn a_connection_without_a_request_ends_without_an_answer() {
    let server = Running::echo(ServerLimits::default());
    let mut client = server.connect();
    client.finish_sending();
    client.expect_end();
    assert!(server.log.lines().is_empty());
}
