//! What a client cannot make the server hold or wait for.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use kafka_http::server::{HEAD_FIELDS, ServerLimits};

use crate::support::Running;

#[test]
fn a_head_may_be_as_long_as_the_limit_and_no_longer() {
    let server = Running::echo(ServerLimits { head_bytes: 1000, ..Default::default() });
    let head = |length: usize| {
        let rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(length - rest))
    };
    let mut client = server.connect();
    client.send(head(1000));
    assert_eq!(client.answer().status, 200);
    client.send(head(1001));
    assert_eq!(client.answer().status, 431);
    client.expect_end();
}

#[test]
fn an_endless_header_line_is_refused_in_bounded_memory() {
    let server = Running::echo(ServerLimits::default());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    // Far more than the limit: the answer must come without waiting for its end.
    let block = vec![b'x'; 64 << 10];
    for _ in 0..64 {
        if client.stream.write_all(&block).is_err() {
            break;
        }
    }
    assert_eq!(client.answer().status, 431);
}

#[test]
fn header_fields_are_counted() {
    let server = Running::echo(ServerLimits::default());
    let head = |fields: usize| {
        let lines: String = (1..fields).map(|n| format!("X-{n}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
    };
    let mut client = server.connect();
    client.send(head(HEAD_FIELDS));
    assert_eq!(client.answer().status, 200);
    client.send(head(HEAD_FIELDS + 1));
    assert_eq!(client.answer().status, 431);
    client.expect_end();
}

#[test]
fn a_head_has_one_deadline_however_it_trickles() {
    let server = Running::echo(ServerLimits { head_timeout_ms: 200, ..Default::default() });
    let mut client = server.connect();
    // Each byte alone is quick enough; together they are not. Writing ends when the server closed.
    let mut trickle = client.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        let started = Instant::now();
        for byte in "GET / HTTP/1.1\r\nX: ".bytes().chain(std::iter::repeat(b'x')) {
            if trickle.write_all(&[byte]).is_err() || started.elapsed() > Duration::from_secs(60) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        started.elapsed()
    });
    let answer = client.answer();
    assert_eq!(answer.status, 408);
    assert!(answer.text().contains("head_timeout"));
    assert!(writer.join().unwrap() < Duration::from_secs(40));
}

#[test]
fn a_head_that_stops_in_the_middle_is_not_waited_for() {
    let server = Running::echo(ServerLimits { head_timeout_ms: 200, ..Default::default() });
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost");
    assert_eq!(client.answer().status, 408);
}

#[test]
fn times_of_any_length_can_be_asked_for() {
    let forever = ServerLimits {
        head_timeout_ms: u64::MAX,
        body_timeout_ms: u64::MAX,
        idle_timeout_ms: u64::MAX,
        write_timeout_ms: u64::MAX,
        linger_ms: u64::MAX,
        ..Default::default()
    };
    let server = Running::echo(forever);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\n");
    client.send("Content-Length: 2\r\n\r\n");
    client.send("hi");
    assert_eq!(client.answer().text(), "POST / hi");
    let at_once = ServerLimits { idle_timeout_ms: 0, write_timeout_ms: 0, ..Default::default() };
    Running::echo(at_once).connect().expect_end();
}

#[test]
fn connections_over_the_cap_are_told_so_and_a_freed_place_is_used() {
    let server = Running::echo(ServerLimits { connections: 2, ..Default::default() });
    let mut first = server.connect();
    let mut second = server.connect();
    assert_eq!((first.get("/1").status, second.get("/2").status), (200, 200));
    let mut third = server.connect();
    let answer = third.answer();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.text().contains("too_many_connections"));
    third.expect_end();
    first.finish_sending();
    first.expect_end();
    // The place is free once the thread left, which the client cannot see: it tries until it gets in.
    let deadline = Instant::now() + crate::support::PATIENCE;
    while server.connect().get("/3").status != 200 {
        assert!(Instant::now() < deadline, "the place was never given back");
    }
}

#[test]
fn a_client_that_does_not_leave_after_its_last_answer_loses_its_place() {
    let server = Running::echo(ServerLimits { connections: 1, linger_ms: 200, ..Default::default() });
    let mut silent = server.connect();
    silent.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(silent.answer().status, 200);
    // It keeps its side open and says nothing; those who come meanwhile are told that there is no place.
    let deadline = Instant::now() + crate::support::PATIENCE;
    while server.connect().get("/next").status != 200 {
        assert!(Instant::now() < deadline, "the place was never given back");
    }
    drop(silent);
}
