//! The end of a server.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    sync::{Arc, Barrier, mpsc},
    time::{Duration, Instant},
};

use kafka_http::server::{Reply, ServerLimits};

use crate::support::{PATIENCE, Running};

#[test]
fn idle_connections_close_at_once_and_nobody_new_gets_in() {
    let server = Running::echo(ServerLimits { drain_ms: 60_000, ..Default::default() });
    let mut used = server.connect();
    assert_eq!(used.get("/a").status, 200);
    let mut fresh = server.connect();
    // Answered after the fresh one was accepted, so that both are known to be idle.
    assert_eq!(server.connect().get("/b").status, 200);
    let address = server.address;
    let started = Instant::now();
    assert_eq!(server.stop(), 0);
    assert!(started.elapsed() < Duration::from_secs(40), "the grace was not waited for");
    used.expect_end();
    fresh.expect_end();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_running_request_is_answered_and_its_connection_closed() {
    let (entered, entries) = mpsc::channel();
    let gate = Arc::new(Barrier::new(2));
    let handler_gate = Arc::clone(&gate);
    let server = Running::start(ServerLimits { drain_ms: 60_000, ..Default::default() }, move |_| {
        entered.send(()).unwrap();
        handler_gate.wait();
        Reply::bytes(200, "text/plain", &b"done"[..])
    });
    let mut client = server.connect();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    entries.recv_timeout(PATIENCE).unwrap();
    server.shutdown.start();
    assert!(server.shutdown.is_started());
    gate.wait();
    let answer = client.answer();
    assert_eq!((answer.text(), answer.header("connection")), ("done", Some("close")));
    client.expect_end();
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_stream_that_does_not_end_is_cut_after_the_grace() {
    let server = Running::start(ServerLimits { drain_ms: 200, ..Default::default() }, |_| {
        Reply::stream(200, "text/event-stream", |writer| {
            while !writer.client_is_gone() {
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        })
    });
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().unwrap();
    let started = Instant::now();
    assert_eq!(server.stop(), 1);
    assert!(started.elapsed() >= Duration::from_millis(200));
    let mut rest = Vec::new();
    let end = client.stream.read_to_end(&mut rest).map_err(|error| error.kind());
    assert!(matches!(end, Ok(_) | Err(ErrorKind::ConnectionReset)), "{end:?}");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "what was cut must not look whole");
}
