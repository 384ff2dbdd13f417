//! Bodies in pieces, clients that leave, and connections that are taken over.

use std::{
    io::{self, Read, Write},
    net::Shutdown as Side,
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use kafka_http::server::{Reply, ServerLimits};

use crate::support::{PATIENCE, Running};

/// A server whose stream sends what the test puts into the channel, until the test drops it.
fn dictated() -> (mpsc::Sender<&'static str>, Running) {
    let (sender, pieces) = mpsc::channel();
    let pieces = Mutex::new(Some(pieces));
    let server = Running::start(ServerLimits::default(), move |_| {
        let Some(pieces) = pieces.lock().unwrap().take() else {
            return Reply::empty(204);
        };
        Reply::stream(200, "text/event-stream", move |writer| {
            pieces.iter().try_for_each(|piece: &str| writer.send(piece.as_bytes()))
        })
    });
    (sender, server)
}

#[test]
fn each_piece_arrives_before_the_next_is_made() {
    let (pieces, server) = dictated();
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // The head comes before there is any piece.
    let head = client.head().unwrap();
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    for piece in ["data: one\n\n", "", "data: two\n\n", "data: three\n\n"] {
        pieces.send(piece).unwrap();
        if !piece.is_empty() {
            assert_eq!(client.chunk().unwrap(), piece.as_bytes());
        }
    }
    drop(pieces);
    assert_eq!(client.chunk(), None);
    assert_eq!(client.get("/next").status, 204, "the connection goes on");
}

#[test]
fn old_clients_get_the_pieces_as_they_are_and_the_end_by_closing() {
    let (pieces, server) = dictated();
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    pieces.send("one").unwrap();
    pieces.send("two").unwrap();
    drop(pieces);
    let answer = client.answer();
    assert_eq!(answer.text(), "onetwo");
    assert_eq!((answer.header("connection"), answer.header("transfer-encoding")), (Some("close"), None));
}

#[test]
fn a_stream_that_fails_or_panics_is_not_taken_for_whole() {
    let server = Running::start(ServerLimits::default(), |request| {
        let panics = request.path() == "/panic";
        Reply::stream(200, "text/plain", move |writer| {
            writer.send(b"part")?;
            assert!(!panics, "private text");
            Err(io::ErrorKind::Other.into())
        })
    });
    for path in ["/fail", "/panic"] {
        let mut client = server.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.head().unwrap();
        assert_eq!(client.chunk().unwrap(), b"part");
        client.expect_end();
    }
    server.log.wait_for("Panicked");
    assert_eq!(server.log.lines().iter().filter(|line| line.contains("complete: false")).count(), 2);
}

#[test]
fn a_silent_stream_notices_that_the_client_left() {
    let (noticed, notices) = mpsc::channel();
    let server = Running::start(ServerLimits::default(), move |_| {
        let noticed = noticed.clone();
        Reply::stream(200, "text/event-stream", move |writer| {
            noticed.send(writer.client_is_gone()).unwrap();
            let deadline = Instant::now() + PATIENCE;
            while !writer.client_is_gone() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            noticed.send(writer.client_is_gone()).unwrap();
            Ok(())
        })
    });
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().unwrap();
    assert!(!notices.recv_timeout(PATIENCE).unwrap());
    drop(client);
    assert!(notices.recv_timeout(PATIENCE).unwrap());
}

#[test]
fn writing_to_a_client_that_left_fails() {
    let (failed, failure) = mpsc::channel();
    let server = Running::start(ServerLimits::default(), move |_| {
        let failed = failed.clone();
        Reply::stream(200, "text/event-stream", move |writer| {
            let error = (0..).find_map(|_| writer.send(&[b'x'; 1000]).err()).unwrap();
            failed.send(error.kind()).unwrap();
            Err(error)
        })
    });
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().unwrap();
    drop(client);
    let kind = failure.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(kind, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{kind:?}");
}

#[test]
fn room_for_a_piece_is_awaited_only_as_long_as_a_client_may_take_nothing() {
    let (failed, failure) = mpsc::channel();
    let limits = ServerLimits { write_timeout_ms: 50, ..Default::default() };
    let server = Running::start(limits, move |_| {
        let failed = failed.clone();
        Reply::stream(200, "text/event-stream", move |writer| {
            // Whatever is sent when there is room leaves at once, until nothing does any more.
            let error = loop {
                if let Err(error) = writer.wait_for_room() {
                    break error;
                }
                match writer.send(&[b'x'; 1000]) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => break error,
                    _ => {}
                }
            };
            failed.send(error.kind()).unwrap();
            Err(error)
        })
    });
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(failure.recv_timeout(PATIENCE).unwrap(), io::ErrorKind::TimedOut);
}

#[test]
fn a_taken_over_connection_is_its_new_owners_with_all_that_was_sent() {
    let server = Running::start(ServerLimits::default(), |_| {
        let reply = Reply::upgrade("shout", |upgraded| {
            assert_eq!(upgraded.stream.read_timeout().unwrap(), None);
            let mut said = upgraded.early;
            (&*upgraded.stream).read_to_end(&mut said).unwrap();
            said.make_ascii_uppercase();
            (&*upgraded.stream).write_all(&said).unwrap();
        });
        reply.with_header("Sec-Token", "x")
    });
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nearly ");
    let answer = client.answer();
    assert_eq!(answer.status, 101);
    assert_eq!((answer.header("upgrade"), answer.header("connection")), (Some("shout"), Some("Upgrade")));
    assert_eq!((answer.header("sec-token"), answer.header("content-length")), (Some("x"), None));
    client.send("and late");
    client.stream.shutdown(Side::Write).unwrap();
    let mut shouted = String::new();
    client.stream.read_to_string(&mut shouted).unwrap();
    assert_eq!(shouted, "EARLY AND LATE");
}

#[test]
fn a_connection_with_an_unread_body_or_of_an_old_client_is_not_taken_over() {
    let server = Running::start(ServerLimits::default(), |_| Reply::upgrade("shout", |_| panic!("taken")));
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(request);
        assert_eq!(client.answer().status, 400, "{request}");
    }
}
