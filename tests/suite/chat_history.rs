//! The Chat History Backend's clients, as they are.

use kafka_core::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario, id},
    process::{Binary, RunningServer},
};

/// The value without its instants, each of which is one.
fn timeless(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, value)| {
                let is_instant = name.ends_with("_at");
                let text = value.as_str().unwrap_or_default();
                assert!(!is_instant || text.parse::<Timestamp>().is_ok(), "{name} is {value}");
                !is_instant
            });
            kept.map(|(name, value)| (name.clone(), timeless(value))).collect()
        }
        Value::Array(entries) => entries.iter().map(timeless).collect(),
        other => other.clone(),
    }
}

fn number(made: &Value) -> i64 {
    made["id"].as_i64().unwrap_or_else(|| panic!("no number in {made}"))
}

fn new_chat(api: &Api) -> i64 {
    number(&api.post("/api/chats/", &json!({})))
}

fn say(api: &Api, chat: i64, role: &str, content: &str) -> i64 {
    number(&api.post("/api/messages/", &json!({"chat_id": chat, "role": role, "content": content})))
}

/// What a client does from the first to the last, with the shapes that it reads.
fn live(api: &Api) {
    let created = api.post("/api/chats/", &json!({"name": "Trial", "notebooks": ["law", "court"]}));
    let chat = number(&created);
    let shown = json!({"id": chat, "name": "Trial", "notebooks": ["law", "court"]});
    assert_eq!(timeless(&created), shown);
    let nameless = api.post("/api/chats/", &json!({}));
    assert_eq!(timeless(&nameless), json!({"id": number(&nameless), "name": null, "notebooks": []}));

    let (user, ai) = (say(api, chat, "user", "Why?"), say(api, chat, "ai", "Nobody knows."));
    let system =
        api.post("/api/messages", &json!({"chat_id": chat, "role": "system", "content": "Be brief."}));
    let system_shown =
        json!({"id": number(&system), "chat_id": chat, "role": "system", "content": "Be brief."});
    assert_eq!(timeless(&system), system_shown);
    let entries = json!([
        {"id": user, "chat_id": chat, "role": "user", "content": "Why?"},
        {"id": ai, "chat_id": chat, "role": "ai", "content": "Nobody knows."},
        system_shown,
    ]);
    let of_chat = format!("/api/messages/chat/{chat}");
    let page = |items: Value, page: u64, size: u64, pages: u64| json!({"items": items, "total": 3, "page": page, "page_size": size, "total_pages": pages});
    assert_eq!(timeless(&api.get(&of_chat)), page(entries.clone(), 1, 3, 1));
    let two = api.get(&format!("{of_chat}?page=2&page_size=2"));
    assert_eq!(timeless(&two), page(json!([entries[2]]), 2, 2, 2));
    assert_eq!(timeless(&api.get(&format!("{of_chat}?page=1"))), page(entries.clone(), 1, 20, 1));

    let mut detail = shown.clone();
    detail["messages_count"] = json!(3);
    assert_eq!(timeless(&api.get(&format!("/api/chats/{chat}"))), detail);
    assert_eq!(timeless(&api.get(&format!("/api/messages/{ai}"))), entries[1]);
    let listed = api.get("/api/chats/");
    // The one changed last comes first.
    assert_eq!(timeless(&listed)["items"][0], shown);
    assert_eq!(listed["items"][1]["id"], nameless["id"]);
    assert_eq!(
        (&listed["total"], &listed["page_size"], &listed["total_pages"]),
        (&json!(2), &json!(2), &json!(1))
    );
    let second = api.get("/api/chats/?page=2&page_size=1");
    assert_eq!(timeless(&second)["items"], json!([timeless(&nameless)]));
    assert_eq!(
        (&second["total"], &second["page"], &second["total_pages"]),
        (&json!(2), &json!(2), &json!(2))
    );

    let put = |path: &str, body: Value| timeless(&api.expect(200, "PUT", path, Some(&body)));
    let chat_path = format!("/api/chats/{chat}");
    let renamed = json!({"id": chat, "name": "Castle", "notebooks": ["law", "court"]});
    assert_eq!(put(&chat_path, json!({"name": "Castle"})), renamed);
    assert_eq!(put(&chat_path, json!({"notebooks": [], "name": null}))["name"], Value::Null);
    assert_eq!(put(&chat_path, json!({"notebooks": null}))["notebooks"], json!([]));
    let changed = put(&format!("/api/messages/{ai}"), json!({"content": "I do.", "role": "user"}));
    assert_eq!(changed, json!({"id": ai, "chat_id": chat, "role": "user", "content": "I do."}));
    assert_eq!(put(&format!("/api/messages/{ai}"), json!({"role": null})), changed);

    api.delete(&format!("/api/messages/{user}"));
    assert_eq!(api.get(&of_chat)["total"], 2);
    api.delete(&format!("/api/chats/{chat}/"));
    for (path, sentence) in [
        (chat_path, format!("Chat with id {chat} not found")),
        (of_chat, format!("Chat with id {chat} not found")),
        (format!("/api/messages/{ai}"), format!("Message with id {ai} not found")),
    ] {
        assert_eq!(api.expect(404, "GET", &path, None)["detail"], sentence, "{path}");
    }
    api.delete(&format!("/api/chats/{}", number(&nameless)));
    let empty = json!({"items": [], "total": 0, "page": 1, "page_size": 1, "total_pages": 0});
    assert_eq!(api.get("/api/chats/"), empty);
}

#[test]
fn a_client_makes_a_chat_talks_pages_changes_and_deletes() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    live(&api);
    let log = server.terminate().stderr;
    assert!(!log.contains(" 500 in "), "{log}");
}

#[test]
fn each_mistake_is_told_as_fastapi_tells_it() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--dialect=chat-history"]);
    let api = Api::of(&server);
    let chat = new_chat(&api);
    let message = say(&api, chat, "user", "Hi");
    let (of_chat, one) = (format!("/api/messages/chat/{chat}"), format!("/api/messages/{message}"));
    let list = |kind: &str, loc: Value, msg: &str, input: Value, ctx: Value| {
        let mut entry = json!({"type": kind, "loc": loc, "msg": msg, "input": input});
        if !ctx.is_null() {
            entry["ctx"] = ctx;
        }
        json!([entry])
    };
    let parsing = "Input should be a valid integer, unable to parse string as an integer";
    let roles = "Input should be 'user', 'ai' or 'system'";
    let at_most = |limit: u64| format!("Input should be less than or equal to {limit}");
    let positive = "Input should be greater than or equal to 1";
    let short = "String should have at least 1 character";
    let long = "x".repeat(256);
    let empty_body = json!({});
    let said = |role: Value, content: Value| json!({"chat_id": chat, "role": role, "content": content});
    let none = Value::Null;
    #[rustfmt::skip]
    let table = [
        ("GET", "/api/chats/one".to_owned(), none.clone(), list("int_parsing", json!(["path", "chat_id"]), parsing, json!("one"), none.clone())),
        ("GET", "/api/messages/1.5".to_owned(), none.clone(), list("int_parsing", json!(["path", "message_id"]), parsing, json!("1.5"), none.clone())),
        ("DELETE", "/api/messages/chat".to_owned(), none.clone(), list("int_parsing", json!(["path", "message_id"]), parsing, json!("chat"), none.clone())),
        ("GET", format!("{of_chat}?page=0"), none.clone(), list("greater_than_equal", json!(["query", "page"]), positive, json!("0"), json!({"ge": 1}))),
        ("GET", format!("{of_chat}?page=-3"), none.clone(), list("greater_than_equal", json!(["query", "page"]), positive, json!("-3"), json!({"ge": 1}))),
        ("GET", format!("{of_chat}?page=99999999999"), none.clone(), list("less_than_equal", json!(["query", "page"]), &at_most(4_294_967_295), json!("99999999999"), json!({"le": 4_294_967_295_u64}))),
        ("GET", format!("{of_chat}?page_size=101"), none.clone(), list("less_than_equal", json!(["query", "page_size"]), &at_most(100), json!("101"), json!({"le": 100}))),
        ("GET", "/api/chats/?page_size=0".to_owned(), none.clone(), list("greater_than_equal", json!(["query", "page_size"]), positive, json!("0"), json!({"ge": 1}))),
        ("GET", "/api/chats/?page=two".to_owned(), none.clone(), list("int_parsing", json!(["query", "page"]), parsing, json!("two"), none.clone())),
        ("GET", "/api/chats/?page=".to_owned(), none.clone(), list("int_parsing", json!(["query", "page"]), parsing, json!(""), none.clone())),
        ("GET", format!("{of_chat}?page=1&page_size="), none.clone(), list("int_parsing", json!(["query", "page_size"]), parsing, json!(""), none.clone())),
        ("POST", "/api/messages/".to_owned(), said(json!("robot"), json!("Hi")), list("enum", json!(["body", "role"]), roles, json!("robot"), json!({"expected": "'user', 'ai' or 'system'"}))),
        ("POST", "/api/messages/".to_owned(), said(json!("assistant"), json!("Hi")), list("enum", json!(["body", "role"]), roles, json!("assistant"), json!({"expected": "'user', 'ai' or 'system'"}))),
        ("POST", "/api/messages/".to_owned(), said(json!("ai"), json!("")), list("string_too_short", json!(["body", "content"]), short, json!(""), json!({"min_length": 1}))),
        ("POST", "/api/messages/".to_owned(), said(json!("ai"), json!(7)), list("string_type", json!(["body", "content"]), "Input should be a valid string", json!(7), none.clone())),
        ("POST", "/api/messages/".to_owned(), json!({"chat_id": chat, "role": "ai"}), list("missing", json!(["body", "content"]), "Field required", json!({"chat_id": chat, "role": "ai"}), none.clone())),
        ("POST", "/api/messages/".to_owned(), json!({"chat_id": "x", "role": "ai", "content": "Hi"}), list("int_parsing", json!(["body", "chat_id"]), parsing, json!("x"), none.clone())),
        ("POST", "/api/messages/".to_owned(), json!({"chat_id": 1.5, "role": "ai", "content": "Hi"}), list("int_from_float", json!(["body", "chat_id"]), "Input should be a valid integer, got a number with a fractional part", json!(1.5), none.clone())),
        ("POST", "/api/messages/".to_owned(), json!({"chat_id": [], "role": "ai", "content": "Hi"}), list("int_type", json!(["body", "chat_id"]), "Input should be a valid integer", json!([]), none.clone())),
        ("PUT", one.clone(), json!({"content": ""}), list("string_too_short", json!(["body", "content"]), short, json!(""), json!({"min_length": 1}))),
        ("PUT", one.clone(), json!({"role": "tool"}), list("enum", json!(["body", "role"]), roles, json!("tool"), json!({"expected": "'user', 'ai' or 'system'"}))),
        ("POST", "/api/chats/".to_owned(), json!({"name": long}), list("string_too_long", json!(["body", "name"]), "String should have at most 255 characters", json!(long), json!({"max_length": 255}))),
        ("POST", "/api/chats/".to_owned(), json!({"notebooks": "law"}), list("list_type", json!(["body", "notebooks"]), "Input should be a valid list", json!("law"), none.clone())),
        ("POST", "/api/chats/".to_owned(), json!({"notebooks": ["law", 7]}), list("string_type", json!(["body", "notebooks", 1]), "Input should be a valid string", json!(7), none.clone())),
    ];
    for (method, path, body, expected) in table {
        let body = (!body.is_null()).then_some(&body);
        let answer = api.expect(422, method, &path, body);
        assert_eq!(answer["detail"], expected, "{method} {path} {body:?}");
        assert_eq!(answer["code"], "request_invalid", "{path}");
        assert!(answer["request_id"].is_string());
    }
    // All mistakes are told at once.
    let all = api.expect(422, "POST", "/api/messages/", Some(&empty_body));
    let fields: Vec<&Value> =
        all["detail"].as_array().unwrap().iter().map(|entry| &entry["loc"][1]).collect();
    assert_eq!(fields, ["chat_id", "role", "content"]);
    let all = api.expect(422, "GET", &format!("{of_chat}?page=0&page_size=0"), None);
    assert_eq!(all["detail"].as_array().unwrap().len(), 2);
    let scenario = |method, path, body, status, contains| Scenario {
        method,
        path,
        body,
        status,
        contains,
        lacks: &["problem+json"],
        ..Scenario::default()
    };
    api.run(&[
        scenario(
            "POST",
            "/api/messages/",
            Some(r#"{"chat_id":99,"role":"user","content":"Hi"}"#),
            404,
            &["Chat with id 99 not found", "chat_not_found"],
        ),
        scenario("POST", "/api/messages/", Some("{"), 422, &["json_invalid"]),
        scenario("POST", "/api/messages/", Some("[]"), 422, &["model_attributes_type"]),
        scenario("POST", "/api/chats/", None, 422, &["missing", r#""loc":["body"]"#]),
        scenario(
            "PUT",
            "/api/messages/99",
            Some("{}"),
            404,
            &["Message with id 99 not found", "message_not_found"],
        ),
        scenario(
            "PATCH",
            "/api/chats/1",
            Some("{}"),
            405,
            &["allow: GET, PUT, DELETE, HEAD, OPTIONS", "method_not_allowed"],
        ),
    ]);
}

#[test]
fn a_page_of_chats_is_given_however_long_its_texts_are() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let notebooks = vec!["\u{1f4d3}".repeat(255); 100];
    let made: Vec<i64> =
        (0..20).map(|_| number(&api.post("/api/chats/", &json!({"notebooks": notebooks})))).collect();
    let numbers =
        |list: &Value| -> Vec<i64> { list["items"].as_array().unwrap().iter().map(number).collect() };
    let newest_first: Vec<i64> = made.into_iter().rev().collect();
    for (query, from, to, page, size, pages) in [
        ("", 0, 20, 1, 20, 1),
        ("?page=1", 0, 20, 1, 20, 1),
        ("?page=3&page_size=9", 18, 20, 3, 9, 3),
        ("?page=9", 20, 20, 9, 20, 1),
    ] {
        let list = api.get(&format!("/api/chats/{query}"));
        assert_eq!(numbers(&list), newest_first[from..to], "{query}");
        let told = [&list["total"], &list["page"], &list["page_size"], &list["total_pages"]];
        assert_eq!(told.map(|number| number.as_u64().unwrap()), [20, page, size, pages], "{query}");
    }
}

/// The line ends where the active branch does, and what lies beside it is not counted.
#[test]
fn a_chat_with_branches_is_one_line() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    let number = number(&api.get("/api/chats/")["items"][0]);
    let first = api.message(&chat, "one");
    api.message(&chat, "left");
    let right = json!({"role": "user", "content": "right", "parent_id": first});
    let right = id(&api.post(&format!("/api/v1/chats/{chat}/messages"), &right));
    let told = || {
        let list = api.get(&format!("/api/messages/chat/{number}"));
        let paged = api.get(&format!("/api/messages/chat/{number}?page=1"));
        assert_eq!(list["items"], paged["items"]);
        assert_eq!(list["total"], paged["total"]);
        let count = &api.get(&format!("/api/chats/{number}"))["messages_count"];
        assert_eq!(*count, list["total"]);
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["content"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told(), ["one", "right"]);
    say(&api, number, "ai", "on");
    assert_eq!(told(), ["one", "right", "on"]);
    api.patch(&format!("/api/v1/chats/{chat}"), &json!({"active_leaf_id": right}));
    assert_eq!(told(), ["one", "right"]);
}

#[test]
fn a_key_lets_a_post_take_effect_once() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = new_chat(&api);
    let said = json!({"chat_id": chat, "role": "user", "content": "Hi"});
    for (path, body) in [("/api/chats/", json!({"name": "a"})), ("/api/messages/", said)] {
        let post = || api.send("POST", path, &[("Idempotency-Key", "k")], Some(&body.to_string())).json();
        let first = post();
        assert!(first["id"].as_i64().unwrap() > 0);
        assert_eq!(post(), first, "{path}");
    }
    assert_eq!(api.get(&format!("/api/messages/chat/{chat}"))["total"], 1);
}

/// What the original answers otherwise, and why that is not copied.
struct Difference<'a> {
    #[expect(dead_code, reason = "it is written for whoever reads the table")]
    reason: &'a str,
    #[expect(dead_code, reason = "it is written for whoever reads the table")]
    original: &'a str,
    here: Scenario<'a>,
}

#[test]
fn what_differs_from_the_original_does_so_on_purpose() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = new_chat(&api);
    say(&api, chat, "user", "Hi");
    let canonical = id(&api.get("/api/v1/chats")["items"][0]);
    api.post(&format!("/api/v1/chats/{canonical}/responses"), &json!({"content": "Hi"}));
    let answer = api.get(&format!("/api/messages/chat/{chat}"))["items"][2]["id"].to_string();
    let (one, answer) = (format!("/api/chats/{chat}"), format!("/api/messages/{answer}"));
    let here = |method, path, body, status, contains| Scenario {
        method,
        path,
        body,
        status,
        contains,
        ..Scenario::default()
    };
    let differences = [
        Difference {
            reason: "A slash after a path changes nothing, so nobody is sent elsewhere.",
            original: "307",
            here: here("GET", "/api/chats", None, 200, &["items"]),
        },
        Difference {
            reason: "An instant without a zone means another one on every machine.",
            original: "2026-01-01T00:00:00.000000",
            here: here("GET", &one, None, 200, &["Z\""]),
        },
        Difference {
            reason: "What no row can have is not there, and no failure of the database.",
            original: "500",
            here: here("GET", "/api/chats/99999999999999999999", None, 404, &["not found"]),
        },
        Difference {
            reason: "No text holds U+0000, which PostgreSQL cannot store.",
            original: "500",
            here: here(
                "POST",
                "/api/chats/",
                Some("{\"name\":\"a\\u0000\"}"),
                422,
                &["nul_in_text", r#""loc":["body","name"]"#],
            ),
        },
        Difference {
            reason: "Null stands for a field that is left out, where a row must have one.",
            original: "500",
            here: here("PUT", &answer, Some(r#"{"content":null,"role":null}"#), 200, &["Echo: Hi"]),
        },
        Difference {
            reason: "Usage was counted for an answer of a model; that somebody else said it would be a lie.",
            original: "200",
            here: here("PUT", &answer, Some(r#"{"role":"user"}"#), 409, &["role_fixed", r#""detail":"#]),
        },
        Difference {
            reason: "HEAD works where GET does.",
            original: "405",
            here: here("HEAD", &one, None, 200, &["application/json"]),
        },
    ];
    api.run(&differences.map(|difference| difference.here));
}

mod slow {
    use std::{
        fs,
        io::{self, Read},
    };

    use super::*;
    use crate::support::http::Connection;

    /// Longest text of a message.
    const LONG: usize = 1 << 20;
    const MESSAGES: usize = 40;
    /// More than a server has connections to its database.
    const STALLED: usize = 24;

    /// Bytes of physical memory that the process held at most since its peak was reset, and that it holds now.
    fn memory(server: &RunningServer, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let kibibytes = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        kibibytes.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// A chat with so many of the longest messages.
    fn long_chat(api: &Api) -> i64 {
        let chat = new_chat(api);
        let text = "x".repeat(LONG);
        for _ in 0..MESSAGES {
            say(api, chat, "user", &text);
        }
        chat
    }

    fn open(api: &Api, chat: i64) -> Connection {
        api.open("GET", &format!("/api/messages/chat/{chat}"), &[], None)
    }

    /// 40 MB of messages; a million takes no more, for a batch is never longer than the longest message. Each who stops
    /// reading is left with what the sockets hold.
    #[test]
    fn a_whole_list_takes_little_memory_and_who_stops_reading_it_holds_nobody_up() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let api = Api::of(&server);
        let chat = long_chat(&api);
        let before = memory(&server, "VmRSS:");
        fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
        let (head, body) = open(&api, chat).body();
        assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")));
        let bytes = io::copy(&mut io::BufReader::with_capacity(1 << 20, body), &mut io::sink()).unwrap();
        let most = memory(&server, "VmHWM:").saturating_sub(before);
        assert!(bytes > (MESSAGES * LONG) as u64, "{bytes}");
        assert!(most < 30_000_000, "{most} bytes more than before");

        let mut stalled: Vec<_> = (0..STALLED).map(|_| open(&api, chat).body()).collect();
        for (head, body) in &mut stalled {
            assert_eq!(head.status, 200);
            body.read_exact(&mut [0; 9]).unwrap();
        }
        // Others read and write meanwhile.
        let late = say(&api, chat, "user", "late");
        api.delete(&format!("/api/messages/{late}"));
        say(&api, chat, "user", "later");
        assert_eq!(api.get(&format!("/api/chats/{chat}"))["messages_count"], MESSAGES as u64 + 1);
        let (_, mut body) = stalled.pop().unwrap();
        drop(stalled);
        let mut text = String::from("{\"items\":");
        body.read_to_string(&mut text).unwrap();
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&told["total"], told["items"].as_array().unwrap().len()), (&json!(MESSAGES), MESSAGES));
        let numbers: Vec<i64> = told["items"].as_array().unwrap().iter().map(number).collect();
        assert!(numbers.is_sorted());
    }

    #[test]
    fn where_a_password_is_asked_for_a_token_opens_the_same_and_only_ones_own() {
        let data = TempDir::new().unwrap();
        let flags = ["--auth=password", "--registration=open"];
        let server = RunningServer::start(&Binary::kafka(), data.path(), &flags);
        let api = Api::of(&server);
        let enter = |name: &str| {
            let account = json!({"email": format!("{name}@example.org"), "password": "the castle"});
            let made = api.post("/api/v1/auth/register", &account);
            api.with_token(made["token"].as_str().unwrap())
        };
        let [_, k, other] = ["klamm", "k", "other"].map(enter);
        live(&k);
        let chat = new_chat(&k);
        let message = say(&k, chat, "user", "mine");
        assert_eq!(other.get("/api/chats/")["total"], 0);
        for path in [format!("/api/chats/{chat}"), format!("/api/messages/{message}")] {
            assert_eq!(
                other.expect(404, "GET", &path, None)["detail"].as_str().unwrap().split(' ').next_back(),
                Some("found")
            );
            let refused = api.send("GET", &path, &[], None);
            assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
            assert!(refused.json()["detail"].is_string());
        }
    }
}
