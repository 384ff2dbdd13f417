//! What leaves the server, byte for byte.

use std::io::{self, Read as _};

use kafka_http::server::{Reply, ServerLimits};

use crate::support::Running;

#[test]
fn an_answer_has_exactly_these_lines() {
    let server = Running::start(ServerLimits::default(), |_| {
        Reply::bytes(201, "text/plain", &b"hello"[..])
            .with_header("Location", "/a")
            .with_header("Vary", "Origin")
    });
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nTE: chunked\r\nx-request-id: 1\r\n\r\n");
    let answer = client.answer();
    let date = answer.header("date").unwrap();
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    let expected = format!(
        "HTTP/1.1 201 Created\r\nServer: kafka\r\nDate: {date}\r\nx-request-id: 1\r\nContent-Type: text/plain\r\n\
         Location: /a\r\nVary: Origin\r\nContent-Length: 5\r\n\r\n"
    );
    assert_eq!((answer.head, answer.body), (expected, b"hello".to_vec()));
}

#[test]
fn header_fields_cannot_split_an_answer() {
    let server = Running::start(ServerLimits::default(), |request| {
        let evil = request.query().unwrap().replace("%0D", "\r").replace("%0A", "\n").replace("%00", "\0");
        match request.path() {
            "/value" => Reply::empty(200).with_header("Location", evil),
            "/name" => Reply::empty(200).with_header(evil, "x"),
            _ => Reply::bytes(200, evil, &b""[..]),
        }
    });
    let attacks = [
        "a%0D%0ASet-Cookie:%20x=y",
        "a%0ASet-Cookie:%20x=y",
        "a%0D%0A%0D%0A<script>",
        "a%0D",
        "a%00b",
        "a%0D%0AContent-Length:%200%0D%0A%0D%0AHTTP/1.1%20200%20OK",
    ];
    for path in ["/value", "/name", "/content-type"] {
        for attack in attacks {
            let mut client = server.connect();
            let answer = client.get(&format!("{path}?{attack}"));
            assert_eq!(answer.status, 500, "{path}?{attack}: {}", answer.head);
            assert!(!answer.head.contains("Set-Cookie"), "{}", answer.head);
            client.finish_sending();
            client.expect_end();
        }
    }
    server.log.wait_for("Unsendable");
}

#[test]
fn handlers_cannot_write_the_connections_own_lines() {
    let server = Running::start(ServerLimits::default(), |request| {
        let name = request.path().trim_start_matches('/').to_owned();
        Reply::empty(200).with_header(name, "5")
    });
    let own =
        "Content-Length Transfer-Encoding Connection Keep-Alive Trailer Upgrade Server Date X-Request-Id";
    for name in own.split(' ') {
        assert_eq!(server.connect().get(&format!("/{name}")).status, 500, "{name}");
    }
    assert_eq!(server.connect().get("/ETag").status, 200);
}

#[test]
fn statuses_without_a_body_have_none_and_no_length() {
    let server = Running::start(ServerLimits::default(), |request| {
        let status = request.path().trim_start_matches('/').parse().unwrap();
        Reply::bytes(status, "text/plain", &b"never sent"[..])
    });
    let mut client = server.connect();
    for status in [204, 304] {
        let answer = client.get(&format!("/{status}"));
        assert_eq!(answer.status, status);
        assert_eq!((answer.header("content-length"), answer.header("transfer-encoding")), (None, None));
    }
    // An interim or unknown status is no answer.
    for status in [100, 101, 103, 199, 600, 0] {
        assert_eq!(client.get(&format!("/{status}")).status, 500, "{status}");
    }
    assert_eq!(client.get("/404").text(), "never sent");
}

#[test]
fn head_gets_the_head_that_get_would_and_no_body() {
    let server = Running::start(ServerLimits::default(), |request| match request.path() {
        "/stream" => Reply::stream(200, "text/plain", |_| panic!("must not run")),
        _ => Reply::bytes(200, "text/plain", &b"hello"[..]),
    });
    let mut client = server.connect();
    client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer_to_head().header("content-length"), Some("5"));
    assert_eq!(client.answer_to_head().header("transfer-encoding"), Some("chunked"));
    assert_eq!(client.get("/a").text(), "hello");
}

#[test]
fn bodies_of_every_size_have_their_exact_length() {
    let server = Running::start(ServerLimits::default(), |request| {
        let length = request.path().trim_start_matches('/').parse().unwrap();
        Reply::bytes(200, "application/octet-stream", vec![b'x'; length])
    });
    let mut client = server.connect();
    for length in [0, 1, 1023, 1024, 32_767, 32_768, 65_536, 65_537, 5_000_000] {
        let answer = client.get(&format!("/{length}"));
        assert_eq!(answer.header("content-length"), Some(length.to_string().as_str()));
        assert_eq!(answer.body.len(), length);
    }
}

#[test]
fn a_body_that_is_read_while_it_is_sent_has_its_length_or_is_cut() {
    let server = Running::start(ServerLimits::default(), |request| {
        let there: u64 = request.query().unwrap().parse().unwrap();
        Reply::sized(200, "text/plain", 100_000, io::repeat(b'x').take(there))
    });
    for version in ["1.0", "1.1"] {
        let mut client = server.connect();
        // Nothing beyond the length is sent, and the connection is kept.
        for there in [100_000, 100_001] {
            client.send(format!("GET /?{there} HTTP/{version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"));
            let answer = client.answer();
            assert_eq!((answer.header("content-length"), answer.body.len()), (Some("100000"), 100_000));
        }
        client.send("HEAD /?0 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer_to_head().header("content-length"), Some("100000"));
    }
    let mut client = server.connect();
    client.send("GET /?99999 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().unwrap().contains("Content-Length: 100000"));
    assert_eq!(client.rest().len(), 99_999);
}

#[test]
fn a_client_that_takes_nothing_is_dropped() {
    let limits = ServerLimits { write_timeout_ms: 200, ..Default::default() };
    let server = Running::start(limits, |_| Reply::bytes(200, "application/octet-stream", vec![0; 64 << 20]));
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(server.log.wait_for("Answered").contains("complete: false"));
}

#[test]
fn who_reads_slowest_makes_room_for_the_answers_of_others() {
    const MORE_THAN_SOCKETS_TAKE: usize = 32 << 20;
    let limits = ServerLimits { outgoing_bytes: MORE_THAN_SOCKETS_TAKE, ..Default::default() };
    let server = Running::start(limits, |request| {
        let factor = if request.path() == "/longer-than-the-limit" { 2 } else { 1 };
        Reply::bytes(200, "application/octet-stream", vec![0; factor * MORE_THAN_SOCKETS_TAKE])
    });
    let mut slow = server.connect();
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.head().unwrap();
    // Its answer is being written.
    (&slow.stream).read_exact(&mut [0]).unwrap();

    let mut reader = server.connect();
    for path in ["/a", "/longer-than-the-limit", "/b"] {
        let answer = reader.get(path);
        assert_eq!(answer.body.len().to_string(), answer.header("content-length").unwrap(), "{path}");
    }
    assert!(server.log.wait_for("\"/slow\"").contains("complete: false"));
    let lines = server.log.lines();
    assert_eq!(lines.iter().filter(|line| line.contains("complete: false")).count(), 1, "{lines:#?}");
}
