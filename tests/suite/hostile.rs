//! What strangers send: nothing of it costs more than an answer that says so.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::Api,
    http::Connection,
    process::{Binary, RunningServer, is_on_postgres},
    rows::run_sql,
};

fn code(reply: &crate::support::http::Reply) -> (u16, String) {
    (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn strange_bodies_are_refused_by_name() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let responses = format!("/api/v1/chats/{}/responses", api.chat());
    let chats = "/api/v1/chats";
    let deep =
        |open: &str, close: &str| format!("{{\"x\": {}{}}}", open.repeat(100_000), close.repeat(100_000));
    let params = |number: &str| format!(r#"{{"content": "x", "params": {number}}}"#);
    let digits = "9".repeat(100_000);
    for (path, body, status, expected) in [
        // What is not known is skipped, without a call for each level.
        (chats, deep("[", "]"), 201, ""),
        (chats, deep("{\"a\":", "}"), 400, "bad_json"),
        (chats, "[".repeat(1 << 20), 400, "bad_json"),
        (&responses, format!("{{\"content\": {}", "[".repeat(1 << 20)), 422, "field_invalid"),
        (
            &responses,
            params(&format!("{{\"stop\": {}1{}}}", "[".repeat(1000), "]".repeat(1000))),
            422,
            "field_invalid",
        ),
        (&responses, params(r#"{"temperature": 1e999}"#), 400, "bad_json"),
        (&responses, params(&format!("{{\"temperature\": {digits}.5}}")), 400, "bad_json"),
        (&responses, params(r#"{"temperature": 1e308}"#), 422, "params_out_of_range"),
        (&responses, params(r#"{"temperature": -1e-400}"#), 201, ""),
        (&responses, params(r#"{"max_tokens": 99999999999999999999}"#), 422, "field_invalid"),
        (&responses, params(r#"{"max_tokens": -1}"#), 422, "field_invalid"),
        (&responses, params(r#"{"max_tokens": 1e3}"#), 422, "field_invalid"),
        (chats, r#"{"title": "\u0000"}"#.to_owned(), 422, "nul_in_text"),
        (chats, r#"{"title": "\ud800"}"#.to_owned(), 400, "bad_json"),
        (chats, r#"{"title": "\udc00\ud800"}"#.to_owned(), 400, "bad_json"),
        (chats, r#"{"title": "\ud83d\ude00"}"#.to_owned(), 201, ""),
        (&responses, r#"{"content": "a\u0000b"}"#.to_owned(), 422, "nul_in_text"),
        (&responses, r#"{"content": "\ud800"}"#.to_owned(), 400, "bad_json"),
    ] {
        let reply = api.send("POST", path, &[], Some(&body));
        let shown: String = body.chars().take(60).collect();
        assert_eq!(code(&reply), (status, expected.to_owned()), "{path} {shown}");
        assert!(reply.body.len() < 4096, "{path} {shown}: what was sent comes back");
    }
    for query in ["limit=99999999999999999999", "limit=-1", "limit=1e1", "page=4294967296", "page=-0"] {
        let reply = api.send("GET", &format!("{chats}?{query}"), &[], None);
        assert_eq!(reply.status, 422, "{query}");
    }
    assert_eq!(api.send("GET", &format!("{chats}?page=4294967295"), &[], None).json()["items"], json!([]));
}

#[test]
fn nothing_that_is_sent_becomes_a_header_of_the_answer() {
    let data = TempDir::new().unwrap();
    let server =
        RunningServer::start(&Binary::kafka_http(), data.path(), &["--allow-origin=https://app.example"]);
    let injected = "a%0d%0aSet-Cookie:%20b=c";
    for head in [
        format!("GET /api/v1/chats/{injected} HTTP/1.1\r\nHost: localhost\r\n"),
        format!("GET /api/v1/chats?limit={injected} HTTP/1.1\r\nHost: localhost\r\n"),
        format!("GET /{injected} HTTP/1.1\r\nHost: localhost\r\n"),
        "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\rSet-Cookie: b=c\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\u{85}Set-Cookie: b=c\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\u{0}\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\tSet-Cookie: b=c\r\n"
            .to_owned(),
        "OPTIONS /health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\
         Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: a\tSet-Cookie: b\r\n"
            .to_owned(),
        "GET /ws/x HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \tSet-Cookie: b=c\r\n"
            .to_owned(),
    ] {
        let mut connection = Connection::open(server.address());
        connection.send(
            format!("{head}Connection: close\r\n\r\n")
                .replace("Upgrade\r\nConnection: close", "Upgrade")
                .as_bytes(),
        );
        let reply = connection.reply();
        assert_eq!(reply.header("set-cookie"), None, "{head}: {reply:?}");
    }
}

mod slow {
    use super::*;

    const CHATS: u32 = 100_000;

    #[test]
    fn a_hundred_thousand_chats_of_one_account_are_paged_through_from_both_ends() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--auth=password"]);
        let account = json!({"email": "josef@example.org", "password": "correct horse"});
        let login = Api::of(&server).post("/api/v1/auth/register", &account);
        let api = Api::of(&server).with_token(login["token"].as_str().unwrap());
        let first = api.chat();
        // The same chat again and again, each a millisecond older than the one before it.
        let columns = "title, description, notebooks, default_model, user_id, workspace_id";
        let id = if is_on_postgres() {
            "'01000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0')"
        } else {
            "printf('01000000-0000-7000-8000-%012x', i)"
        };
        let copies = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CHATS} - 1) \
             INSERT INTO chats (id, created_at, updated_at, {columns}) \
             SELECT {id}, created_at - i, updated_at - i, {columns} \
             FROM chats, n WHERE id = '{first}'"
        );
        assert_eq!(run_sql(data.path(), &copies, &[]), CHATS as usize - 1);

        let ids = |page: &Value| -> Vec<String> {
            page["items"].as_array().unwrap().iter().map(crate::support::api::id).collect()
        };
        let mut seen = 0;
        let mut path = "/api/v1/chats?limit=200".to_owned();
        let mut last = Value::Null;
        while !path.is_empty() {
            last = api.get(&path);
            seen += ids(&last).len();
            let next = last["next_cursor"].as_str();
            path = next.map(|next| format!("/api/v1/chats?limit=200&after={next}")).unwrap_or_default();
        }
        assert_eq!(seen, CHATS as usize);
        let oldest = format!("01000000-0000-7000-8000-{:012x}", CHATS - 1);
        assert_eq!(ids(&last).last(), Some(&oldest));
        let before = last["prev_cursor"].as_str().unwrap();
        assert_eq!(ids(&api.get(&format!("/api/v1/chats?before={before}"))).len(), 50);
        let numbered = api.get("/api/v1/chats?page=1000&page_size=100");
        assert_eq!((&numbered["total"], ids(&numbered).last()), (&json!(CHATS), Some(&oldest)));
        assert_eq!(api.get("/api/v1/chats?q=nothing+is+called+so")["items"], json!([]));
        // The account still works, and what is new comes first.
        let newest = api.chat();
        assert_eq!(ids(&api.get("/api/v1/chats"))[..2], [newest, first]);
    }

    /// Processor time of a process, in ticks of 10 ms, which waiting does not count into.
    fn ticks(process: u32) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        // The name before may hold anything; user and system time are the 12th and 13th word behind it.
        let words: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        words[11].parse::<u64>().unwrap() + words[12].parse::<u64>().unwrap()
    }

    #[test]
    fn a_login_costs_the_same_whether_or_not_the_account_exists() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--auth=password"]);
        let api = Api::of(&server);
        let account = json!({"email": "josef@example.org", "password": "correct horse"});
        api.post("/api/v1/auth/register", &account);
        let cost = |email: &str| {
            let before = ticks(server.pid());
            for _ in 0..3 {
                let body = json!({"email": email, "password": "wrong horse"});
                assert_eq!(
                    api.expect(401, "POST", "/api/v1/auth/login", Some(&body))["code"],
                    "login_failed"
                );
            }
            ticks(server.pid()) - before
        };
        // In turns, so that both meet the same machine. A hash takes tens of ticks, everything else none.
        let (mut known, mut unknown) = (0, 0);
        for _ in 0..3 {
            known += cost("josef@example.org");
            unknown += cost("nobody@example.org");
        }
        assert!(known >= 9 * 3, "hashing takes no time here: {known} ticks");
        assert!(4 * unknown >= known && 4 * known >= unknown, "{known} ticks and {unknown} ticks");
    }
}
