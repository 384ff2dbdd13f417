//! Request bodies: limits, time, `Expect`, and bodies that nobody reads.

use kafka_http::{
    error::Problem,
    server::{Reply, ServerLimits},
};

use crate::support::{Running, echo};

fn small_bodies() -> ServerLimits {
    ServerLimits { body_bytes: 100, ..Default::default() }
}

fn code(body: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(body).unwrap()["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_body_at_the_limit_is_read_and_one_byte_more_is_refused_before_it_is_sent() {
    let server = Running::echo(small_bodies());
    let mut client = server.connect();
    client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{}", "x".repeat(100)));
    assert_eq!(client.answer().body.len(), "POST /a ".len() + 100);
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, code(&answer.body).as_str()), (413, "body_too_large"));
    client.expect_end();
}

#[test]
fn chunks_are_counted_together() {
    let server = Running::echo(small_bodies());
    let mut client = server.connect();
    let chunk = format!("33\r\n{}\r\n", "x".repeat(0x33));
    client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}"));
    assert_eq!(client.answer().status, 413);
    client.expect_end();
}

#[test]
fn huge_declared_lengths_cost_nothing() {
    let server = Running::echo(ServerLimits::default());
    for length in ["100000000000000", "9223372036854775807", "18446744073709551615"] {
        let mut client = server.connect();
        client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nabc"));
        let answer = client.answer();
        assert_eq!(answer.status, 413, "{length}");
        client.expect_end();
    }
    let mut client = server.connect();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc");
    assert_eq!(client.answer().status, 413);
    assert_eq!(server.connect().get("/alive").status, 200);
}

#[test]
fn a_handler_can_allow_more_for_one_request() {
    let server = Running::start(small_bodies(), |request| {
        request.body().set_limit(200);
        echo(request)
    });
    let mut client = server.connect();
    client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 150\r\n\r\n{}", "x".repeat(150)));
    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_large_body_arrives_whole_in_both_framings() {
    let server = Running::start(ServerLimits::default(), |request| {
        let body = request.body().read_all().unwrap();
        let sum: u64 = body.iter().map(|&byte| u64::from(byte)).sum();
        Reply::bytes(200, "text/plain", format!("{} {sum}", body.len()).into_bytes())
    });
    let body: Vec<u8> = (0..3_000_000u32).map(|index| (index % 251) as u8).collect();
    let sum: u64 = body.iter().map(|&byte| u64::from(byte)).sum();
    let expected = format!("{} {sum}", body.len());
    let mut client = server.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()));
    client.send(&body);
    assert_eq!(client.answer().text(), expected);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in body.chunks(70_001) {
        client.send(format!("{:x}\r\n", chunk.len()));
        client.send(chunk);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().text(), expected);
}

#[test]
fn a_slow_body_is_cut_at_the_deadline_of_the_whole() {
    let server = Running::echo(ServerLimits { body_timeout_ms: 200, ..Default::default() });
    let mut client = server.connect();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    let answer = client.answer();
    assert_eq!((answer.status, code(&answer.body).as_str()), (408, "body_timeout"));
    client.expect_end();
}

#[test]
fn a_body_that_ends_too_early_is_no_body() {
    let server = Running::start(ServerLimits::default(), |request| {
        let error = request.body().read_all().expect_err("half a body");
        Problem::from(&error).reply(request.id())
    });
    for framing in ["Content-Length: 50\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"] {
        let mut client = server.connect();
        client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\n{framing}"));
        client.finish_sending();
        let answer = client.answer();
        assert_eq!((answer.status, code(&answer.body).as_str()), (400, "body_incomplete"));
        client.expect_end();
    }
}

#[test]
fn a_waiting_client_is_told_to_continue_when_the_body_is_read() {
    let server = Running::echo(small_bodies());
    let mut client = server.connect();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(client.answer().head, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hi");
    assert_eq!(client.answer().text(), "POST /a hi");
    // Refused before it was invited: the final answer comes instead of 100.
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
    assert_eq!(client.answer().status, 413);
    client.expect_end();
}

#[test]
fn a_client_that_sent_its_body_unasked_gets_one_answer() {
    let server = Running::echo(ServerLimits::default());
    let mut client = server.connect();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.answer().text(), "POST /a hi");
}

#[test]
fn an_unread_body_is_never_taken_for_a_request() {
    let server = Running::start(ServerLimits::default(), |request| {
        Reply::bytes(200, "text/plain", request.target().as_bytes().to_vec())
    });
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    // A short rest is skipped and the connection kept.
    let mut client = server.connect();
    client
        .send(format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len()));
    assert_eq!(client.answer().text(), "/a");
    assert_eq!(client.get("/next").text(), "/next");
    // Everything else ends it.
    for rest in [
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len()),
        format!("Content-Length: 100000\r\n\r\n{smuggled}"),
        format!("Expect: 100-continue\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len()),
    ] {
        let mut client = server.connect();
        client.send(format!("POST /b HTTP/1.1\r\nHost: a\r\n{rest}"));
        let answer = client.answer();
        assert_eq!((answer.text(), answer.header("connection")), ("/b", Some("close")));
        client.expect_end();
    }
    assert!(!server.log.lines().concat().contains("/smuggled"));
}

#[test]
fn who_sends_a_long_body_slowly_holds_up_no_other() {
    const BYTES: usize = 1 << 20;
    let server = Running::echo(ServerLimits::default());
    let head = format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {BYTES}\r\n\r\n");
    let mut slow: Vec<_> = (0..3).map(|_| server.connect()).collect();
    // More than needs no turn, and the rest later.
    let half = "x".repeat(BYTES / 2);
    slow.iter_mut().for_each(|client| client.send(format!("{head}{half}")));
    let mut quick = server.connect();
    quick.send(format!("{head}{half}{half}"));
    assert_eq!(quick.answer().body.len(), "POST /a ".len() + BYTES);
    for client in &mut slow {
        client.send(&half);
        assert_eq!(client.answer().body.len(), "POST /a ".len() + BYTES);
    }
}

#[test]
fn who_sends_the_next_chunk_of_a_long_body_late_holds_up_no_other() {
    let server = Running::echo(ServerLimits::default());
    let head = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("80000\r\n{}\r\n", "x".repeat(0x80000));
    let mut late = server.connect();
    late.send(format!("{head}{chunk}"));
    let mut quick = server.connect();
    quick.send(format!("{head}{chunk}{chunk}0\r\n\r\n"));
    assert_eq!(quick.answer().body.len(), "POST /a ".len() + 2 * 0x80000);
    late.send("0\r\n\r\n");
    assert_eq!(late.answer().body.len(), "POST /a ".len() + 0x80000);
}
