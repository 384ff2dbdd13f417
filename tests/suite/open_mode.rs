//! Whom a server without passwords serves.

use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario},
    process::{Binary, RunningServer},
};

/// What the trusted proxy says of a caller on its own machine.
const LOCAL: (&str, &str) = ("X-Forwarded-For", "127.0.0.1");

#[test]
fn only_local_callers_that_mean_this_server_are_served() {
    let data = TempDir::new().unwrap();
    // The proxy is trusted so that the test can come from anywhere.
    let flags = [
        "--trusted-proxy=127.0.0.1,10.0.0.0/8",
        "--open-to=192.168.1.0/24",
        "--allow-host=chat.example",
        "--allow-origin=https://app.example",
    ];
    for binary in Binary::both() {
        let server = RunningServer::start(&binary, data.path(), &flags);
        let from = |headers: &'static [(&str, &str)], status, contains: &'static [&str]| Scenario {
            path: "/api/v1/chats",
            headers,
            status,
            contains,
            ..Scenario::default()
        };
        let unreadable =
            |headers| from(headers, 403, &["proxy_not_understood", "X-Forwarded-For", "--trusted-proxy"]);
        Api::of(&server).run(&[
            from(&[LOCAL], 200, &[]),
            from(&[LOCAL, ("Host", "localhost:8000")], 200, &[]),
            from(&[LOCAL, ("Host", "chat.example")], 200, &[]),
            from(&[LOCAL, ("Host", "evil.example")], 403, &["host_not_allowed", "--allow-host evil.example"]),
            from(&[LOCAL, ("Host", "evil.example:8000")], 403, &["--allow-host evil.example "]),
            from(&[LOCAL, ("Origin", "http://localhost:3000")], 200, &[]),
            from(&[LOCAL, ("Origin", "https://app.example")], 200, &[]),
            from(
                &[LOCAL, ("Origin", "https://evil.example")],
                403,
                &["origin_not_allowed", "--allow-origin https://evil.example"],
            ),
            from(&[LOCAL, ("Origin", "null")], 403, &["origin_not_allowed"]),
            unreadable(&[]),
            unreadable(&[("X-Forwarded-For", "unknown")]),
            unreadable(&[("X-Forwarded-For", "127.0.0.1, ")]),
            unreadable(&[("Forwarded", "for=127.0.0.1")]),
            Scenario { path: "/health", status: 200, ..Scenario::default() },
            Scenario { path: "/ready", status: 200, ..Scenario::default() },
            from(&[("X-Forwarded-For", "192.168.1.7:5544")], 200, &[]),
            from(&[("X-Forwarded-For", "203.0.113.9:5544")], 403, &["--open-to 203.0.113.9 "]),
            from(&[("X-Forwarded-For", "[2001:db8::1]")], 403, &["--open-to 2001:db8::1 "]),
            from(&[("X-Forwarded-For", "192.168.1.7")], 200, &[]),
            from(&[("X-Forwarded-For", "8.8.8.8, 192.168.1.7, 10.1.2.3")], 200, &[]),
            from(
                &[("X-Forwarded-For", "192.168.1.7, 8.8.8.8")],
                403,
                &["address_not_allowed", "--open-to 8.8.8.8"],
            ),
            from(&[("X-Forwarded-For", "192.168.1.7"), ("X-Forwarded-For", "8.8.8.8")], 403, &["8.8.8.8"]),
            from(&[("X-Forwarded-For", "::ffff:192.168.1.7")], 200, &[]),
        ]);
        let log = server.terminate().stderr;
        assert!(log.contains("403") && log.contains(", 8.8.8.8 "), "{log}");
    }
}

#[test]
fn a_proxy_that_is_not_trusted_is_neither_believed_nor_taken_for_this_machine() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    for sent in [("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=8.8.8.8"), ("x-forwarded-for", "")] {
        let refused = Api::of(&server).send("GET", "/health", &[sent], None);
        assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("proxy_not_trusted")));
        let detail = refused.json()["detail"].to_string();
        assert!(
            detail.contains("--trusted-proxy 127.0.0.1") && detail.contains("--auth password"),
            "{detail}"
        );
    }
}

#[test]
fn callers_without_a_credential_mean_this_server_like_those_of_open_mode() {
    let data = TempDir::new().unwrap();
    let flags = ["--auth=password", "--anonymous=on"];
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &flags);
    let account = json!({"email": "k@example.org", "password": "the castle"});
    let login = Api::of(&server).post("/api/v1/auth/register", &account);
    let bearer = format!("Bearer {}", login["token"].as_str().unwrap());
    let chat = Api::of(&server).chat();
    let [path, socket] = [format!("/api/v1/chats/{chat}"), format!("/ws/{chat}")];
    const HANDSHAKE: [(&str, &str); 4] = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    const REBOUND: [(&str, &str); 2] =
        [("Host", "evil.example:8000"), ("Origin", "http://evil.example:8000")];
    let refused = |headers: &[(&str, &str)], flag: &str| {
        let body = Some(r#"{"content":"Hi"}"#);
        let handshake = [headers, &HANDSHAKE].concat();
        for reply in [
            Api::of(&server).send("GET", &path, headers, None),
            Api::of(&server).send("POST", "/api/v1/chats", headers, Some("{}")),
            Api::of(&server).send("POST", &format!("{path}/responses"), headers, body),
            Api::of(&server).send("GET", "/api/v1/models", headers, None),
            Api::of(&server).send("GET", &socket, &handshake, None),
        ] {
            assert_eq!(reply.status, 403, "{headers:?}");
            let detail = reply.json()["detail"].to_string();
            assert!(detail.contains(flag), "{detail}");
        }
    };
    refused(&REBOUND, "--allow-host evil.example ");
    refused(&[("Origin", "https://evil.example")], "--allow-origin https://evil.example ");
    refused(&[("Origin", "null")], "--allow-origin");
    let status = |headers: &[(&str, &str)]| Api::of(&server).send("GET", &path, headers, None).status;
    assert_eq!([status(&[]), status(&[("Origin", "http://localhost:3000")])], [200, 200]);
    // Whoever has a credential may come through any name, as without anonymous callers.
    let known = [&REBOUND[..], &[("Authorization", bearer.as_str())]].concat();
    assert_eq!(Api::of(&server).send("GET", "/api/v1/chats", &known, None).status, 200);
    let health = Api::of(&server).send("GET", "/health", &REBOUND, None);
    assert_eq!(health.status, 200, "what is public tells nobody anything");
    drop(server);

    let allowed = ["--allow-host=chat.example", "--allow-origin=https://app.example"];
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[&flags[..], &allowed].concat());
    let through_a_proxy = [("Host", "chat.example"), ("Origin", "https://chat.example")];
    for headers in [through_a_proxy, [("Host", "chat.example"), ("Origin", "https://app.example")]] {
        assert_eq!(Api::of(&server).send("GET", &path, &headers, None).status, 200, "{headers:?}");
    }
}

#[test]
fn with_passwords_hosts_and_origins_are_free_unless_configured() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--auth=password"]);
    let headers = [("Host", "chat.example"), ("Origin", "https://app.example")];
    let reply = Api::of(&server).send("GET", "/health", &headers, None);
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None));
    let nobody = Api::of(&server).send("GET", "/api/v1/chats", &[], None);
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(nobody.json()["code"], "credential_missing");
    drop(server);

    let data = TempDir::new().unwrap();
    let flags = ["--auth=password", "--allow-host=chat.example"];
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &flags);
    let asks = |host| Api::of(&server).send("GET", "/health", &[("Host", host)], None).status;
    assert_eq!([asks("chat.example"), asks("localhost"), asks("other.example")], [200, 200, 403]);
}
