//! Several requests on one connection.

use kafka_http::server::{Reply, ServerLimits};

use crate::support::Running;

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Running::echo(ServerLimits::default());
    let mut client = server.connect();
    let requests: String = (0..200)
        .map(|n| format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{n:03}"))
        .collect();
    client.send(requests);
    for n in 0..200 {
        assert_eq!(client.answer().text(), format!("POST /{n} {n:03}"));
    }
}

#[test]
fn an_idle_connection_is_closed_without_an_answer() {
    let brief = Running::echo(ServerLimits { idle_timeout_ms: 150, ..Default::default() });
    brief.connect().expect_end();
    // Long enough for a busy machine to ask within it.
    let server = Running::echo(ServerLimits { idle_timeout_ms: 5_000, ..Default::default() });
    let mut used = server.connect();
    assert_eq!(used.get("/a").status, 200);
    used.expect_end();
}

#[test]
fn old_clients_are_told_whether_the_connection_stays() {
    let server = Running::echo(ServerLimits::default());
    let mut client = server.connect();
    client.send("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_eq!(client.answer().header("connection"), Some("keep-alive"));
    client.send("GET /a HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().header("connection"), Some("close"));
    client.expect_end();
}

#[test]
fn a_panic_costs_one_request() {
    let server = Running::start(ServerLimits::default(), |request| match request.path() {
        "/panic" => panic!("private text"),
        _ => Reply::empty(204),
    });
    let mut client = server.connect();
    let answer = client.get("/panic");
    assert_eq!(answer.status, 500);
    assert!(!answer.text().contains("private text"), "{}", answer.text());
    assert!(server.log.wait_for("Panicked").contains("private text"));
    assert_eq!(client.get("/fine").status, 204);
    assert_eq!(server.connect().get("/fine").status, 204);
}

#[test]
fn the_handler_sees_what_was_sent() {
    let server = Running::start(ServerLimits::default(), |request| {
        let seen = format!(
            "{} {} {:?} {:?} {} {}",
            request.method(),
            request.path(),
            request.query(),
            request.header("X-Name"),
            request.version(),
            request.peer().ip(),
        );
        Reply::bytes(200, "text/plain", seen.into_bytes())
    });
    let mut client = server.connect();
    client.send(
        "PUT /a%20b?c=d?e HTTP/1.1\r\nHost: a\r\nx-name:  v \r\nX-NAME: w\r\nContent-Length: 1\r\n\r\nx",
    );
    let expected = r#"PUT /a%20b Some("c=d?e") Some("v") 1.1 127.0.0.1"#;
    assert_eq!(client.answer().text(), expected);
}

#[test]
fn request_ids_are_the_clients_if_sane() {
    let server = Running::echo(ServerLimits::default());
    let mut client = server.connect();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: abc-1\r\n\r\n");
    assert_eq!(client.answer().header("x-request-id"), Some("abc-1"));
    client.send("GET /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: <script>\r\n\r\n");
    let made = client.answer().header("x-request-id").unwrap().to_owned();
    assert!(made.len() > 20 && made.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{made}");
    assert_ne!(client.get("/a").header("x-request-id"), Some(made.as_str()));
}
