//! Chats over WebSocket: frames as they should be, and as they should not.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    Kafka, NewChat, NewMessage, Role,
    testing::{Gate, Script, ScriptedEndpoint},
};
use kafka_http::{
    config::{Environment, Flags, resolve},
    router::Router,
    server::{Server, ServerLimits},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    process::{Binary, RunningServer, is_on_postgres},
    rows::run_sql,
    websocket::{BINARY, CLOSE, FIN, PING, PONG, Said, Socket, TEXT, encoded},
};

/// A server with a chat in a workspace.
struct Room {
    data: TempDir,
    server: RunningServer,
    api: Api,
    chat: String,
}

impl Room {
    fn open() -> Room {
        Room::open_with(&[])
    }

    fn open_with(flags: &[&str]) -> Room {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), flags);
        let api = Api::of(&server);
        let chat = if flags.is_empty() { api.chat() } else { String::new() };
        Room { data, server, api, chat }
    }

    fn enter(&self) -> Socket {
        Socket::open(self.server.address(), &self.chat).0
    }

    fn messages(&self) -> Vec<Value> {
        self.api.get(&format!("/api/v1/chats/{}/messages", self.chat))["items"].as_array().unwrap().clone()
    }

    fn add_model(&self, name: &str, endpoint: &ScriptedEndpoint) {
        self.api.post("/api/v1/models", &json!({"name": name, "base_url": endpoint.base_url()}));
        self.api.patch(&format!("/api/v1/chats/{}", self.chat), &json!({"default_model": name}));
    }
}

/// A model that says its tokens, and waits for the gate before the last one.
fn halting(gate: &Gate) -> ScriptedEndpoint {
    let held = gate.clone();
    ScriptedEndpoint::start(move |_| {
        Script::events().token("Once ").token("upon ").wait_for(&held).token("a time").finish("stop").done()
    })
}

/// The frames that the action asks for, up to the first that is no delta.
fn deltas(socket: &mut Socket) -> (String, Vec<Value>, String) {
    let (mut said, mut seen) = (String::new(), Vec::new());
    loop {
        let text = socket.next_text();
        match serde_json::from_str::<Value>(&text) {
            Ok(delta) if delta["action"] == "delta" => {
                said.push_str(delta["text"].as_str().unwrap());
                seen.push(delta);
            }
            _ => return (said, seen, text),
        }
    }
}

#[test]
fn a_chat_opens_with_how_it_stands() {
    let room = Room::open();
    let workspace = id(&room.api.post("/api/v1/workspaces", &json!({"name": "Castle"})));
    room.api.post("/api/v1/models", &json!({"name": "m2", "base_url": "http://127.0.0.1:1/v1"}));
    room.api.post("/api/v1/models", &json!({"name": "m1", "base_url": "http://127.0.0.1:1/v1"}));
    let chat = id(&room.api.post("/api/v1/chats", &json!({"title": "The trial", "workspace_id": workspace})));
    room.api.message(&chat, "Someone must have been telling lies.");
    let (_, opening) = Socket::open(room.server.address(), &chat);
    assert_eq!(
        opening,
        json!({
            "chat_id": chat, "chat_name": "The trial", "workspace_id": workspace, "models": ["m2", "m1"],
            "conversation": [{"role": "user", "type": "text", "content": "Someone must have been telling lies."}],
            "chat_files_based": [], "chat_files": [], "chat_files_text": [], "workspace_files": [], "initial": true,
        })
    );
    for nowhere in ["nowhere", "01890000-0000-7000-8000-000000000000"] {
        let path = format!("/ws/{nowhere}");
        let mut socket = Socket::connect(room.server.address(), &path, &[]).unwrap();
        assert_eq!(socket.json(), json!({"error": "Chat not found."}));
        assert_eq!(socket.closed(), 1000);
    }
}

#[test]
fn whatever_is_no_action_is_answered_and_kept() {
    let room = Room::open();
    let mut socket = room.enter();
    let texts =
        ["hello there", "{\"a\": 1}", "{}", "null", "[1, 2]", "5", "\"action\"", "{\"broken", "🙂", ""];
    for text in texts {
        socket.text(text);
        assert_eq!(socket.next_text(), format!("Echo: {text}"));
    }
    // One message in three frames, and a ping between them.
    socket.frame(TEXT, "K\u{e4}f".as_bytes());
    socket.frame(0, &"i\u{df}".as_bytes()[..2]);
    socket.frame(FIN | PING, b"there?");
    assert_eq!(socket.hear(), Said::Pong(b"there?".to_vec()));
    socket.frame(FIN, &"i\u{df}".as_bytes()[2..]);
    assert_eq!(socket.next_text(), "Echo: K\u{e4}fi\u{df}");

    for (action, sentence) in [
        (json!({"action": "dance"}), "Unknown action: dance"),
        (json!({"action": null}), "Unknown action: null"),
        (json!({"action": "new_message", "prompt": null}), "not well formed"),
        (json!({"action": "new_message", "prompt": "a\u{0}b"}), "content"),
        (json!({"action": "new_message", "prompt": "x".repeat((1 << 20) + 1)}), "at most 1048576"),
        (json!({"action": "upload_file"}), "Missing filename"),
        (json!({"action": "cancel", "response_id": "01890000-0000-7000-8000-000000000000"}), "no response"),
    ] {
        socket.say(&action);
        let error = socket.json();
        assert!(error["error"].as_str().unwrap().contains(sentence), "{action}: {error}");
        // Clients that show only the conversation find the sentence there.
        let mut conversation = error["conversation"].as_array().unwrap().clone();
        let explained = json!({"role": "assistant", "type": "text", "content": error["error"]});
        assert_eq!(conversation.pop(), Some(explained), "{action}");
        let stored = room.messages();
        assert!(
            conversation.iter().map(|entry| &entry["content"]).eq(stored.iter().map(|it| &it["content"]))
        );
    }
    socket.frame(FIN | BINARY, b"\x00\x01");
    assert!(socket.json()["error"].as_str().unwrap().contains("Binary"));
    assert_eq!(room.messages().len(), 2 * (texts.len() + 1));
    socket.frame(FIN | CLOSE, &1000u16.to_be_bytes());
    assert_eq!(socket.hear(), Said::Close(1000));
    assert_eq!(socket.hear(), Said::End);
}

#[test]
fn an_answer_comes_as_deltas_and_then_whole_or_only_whole() {
    let room = Room::open();
    let mut socket = room.enter();
    socket.stream("one two three");
    let (said, seen, whole) = deltas(&mut socket);
    assert_eq!((said.as_str(), whole.as_str()), ("Echo: one two three", "Echo: one two three"));
    let answer = room.messages().pop().unwrap();
    let numbers: Vec<u64> = seen.iter().map(|delta| delta["seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers[0] == 2, "{numbers:?}");
    assert!(seen.iter().all(|delta| delta["response_id"] == answer["response"]["id"]), "{seen:?}");
    socket.say(&json!({"action": "new_message", "prompt": "four", "model": "echo"}));
    assert_eq!(socket.next_text(), "Echo: four");

    // The prompt is kept although nobody can answer it.
    socket.say(&json!({"action": "new_message", "prompt": "five", "model": "Model A", "stream": true}));
    assert_eq!(socket.json()["error"], "Model not found.");
    assert_eq!(room.messages().last().unwrap()["content"], "five");
    socket.text("six");
    assert_eq!(socket.next_text(), "Echo: six");

    let endpoint = ScriptedEndpoint::start(|request| match request.number {
        0 => Script::stream(&["{\"a\"", ": 1}"]),
        _ => Script::reply(400, &[], "no"),
    });
    room.add_model("m", &endpoint);
    socket.text("JSON, please");
    assert_eq!(socket.next_text(), " {\"a\": 1}");
    let request = endpoint.requests()[0].json();
    assert!(request["messages"].to_string().contains("one two three"), "without history: {request}");
    socket.text("Again");
    assert!(socket.json()["error"].is_string());
}

#[test]
fn others_see_what_is_stored_and_deltas_when_they_follow() {
    let room = Room::open();
    let gate = Gate::new();
    let endpoint = halting(&gate);
    room.add_model("m", &endpoint);
    let (mut asking, mut watching, mut following) = (room.enter(), room.enter(), room.enter());
    let elsewhere = room.api.chat();
    let (mut apart, _) = Socket::open(room.server.address(), &elsewhere);
    asking.stream("Tell me.");
    for socket in [&mut watching, &mut following] {
        let question = socket.json();
        let message = &question["message"];
        assert_eq!(question["action"], "message");
        let shown = json!({
            "role": "user", "type": "text", "content": "Tell me.", "id": message["id"], "seq": 1,
            "status": "complete", "parent_id": null,
        });
        assert_eq!(*message, shown);
        let begun = socket.json();
        let status = (&begun["message"]["role"], &begun["message"]["status"]);
        assert_eq!(status, (&json!("assistant"), &json!("streaming")));
    }
    // What came before is told, too.
    assert_eq!(asking.json()["text"], "Once ");
    following.say(&json!({"action": "follow"}));
    assert_eq!(following.json()["text"], "Once ");
    assert_eq!(following.json()["text"], "upon ");
    gate.open();
    assert_eq!(following.json()["text"], "a time");
    for socket in [&mut following, &mut watching] {
        let ended = socket.json();
        assert_eq!(ended["message"]["status"], "complete", "{ended}");
        assert_eq!(ended["message"]["content"], "Once upon a time");
    }
    let (_, _, whole) = deltas(&mut asking);
    assert_eq!(whole, "Once upon a time");

    // An answer that begins later is followed as well.
    asking.text("Once more");
    assert_eq!(following.json()["message"]["content"], "Once more");
    assert_eq!(following.json()["message"]["status"], "streaming");
    assert_eq!(following.json()["action"], "delta");
    assert_eq!(asking.next_text(), "Once upon a time");
    room.api.message(&elsewhere, "hidden");
    assert_eq!(apart.json()["message"]["content"], "hidden");
    room.api.delete(&format!("/api/v1/chats/{elsewhere}"));
    assert_eq!(apart.json(), json!({"error": "Chat not found."}));
    assert_eq!(apart.closed(), 1000);
}

/// What a connection stored itself it is not told only while it may still be news: it remembers no answer for long.
#[test]
fn whoever_asked_is_told_what_others_make_of_it_later() {
    let room = Room::open();
    let mut socket = room.enter();
    socket.text("one");
    assert_eq!(socket.next_text(), "Echo: one");
    let answer = id(&room.messages()[1]);
    // The end may be on its way to the inbox still, which holds back an edit that comes at once.
    let was_told = (0..100).any(|attempt| {
        let (edited, marker) = (format!("Edited {attempt}"), format!("Marker {attempt}"));
        room.api.patch(&format!("/api/v1/messages/{answer}"), &json!({"content": edited}));
        room.api.message(&room.chat, &marker);
        let told = std::iter::from_fn(|| Some(socket.json()["message"]["content"].clone()));
        told.take_while(|content| *content != marker.as_str()).any(|content| content == edited.as_str())
    });
    assert!(was_told);
}

#[test]
fn a_chat_that_goes_with_its_workspace_ends_for_everyone_in_it() {
    let room = Room::open();
    let endpoint = ScriptedEndpoint::start(|_| Script::events().token("On and on").until_hung_up());
    room.add_model("m", &endpoint);
    let workspace = id(&room.api.post("/api/v1/workspaces", &json!({"name": "Castle"})));
    let new = json!({"workspace_id": workspace, "default_model": "m"});
    let chat = id(&room.api.post("/api/v1/chats", &new));
    let enter = || Socket::open(room.server.address(), &chat).0;
    let (mut asking, mut watching) = (enter(), enter());
    asking.stream("Go on.");
    assert_eq!(asking.json()["text"], "On and on");
    room.api.delete(&format!("/api/v1/workspaces/{workspace}"));
    endpoint.wait_for_hang_ups(1);
    for socket in [&mut asking, &mut watching] {
        // Whoever asked may be told before how the answer ended.
        while !socket.next_text().contains("\"error\":\"Chat not found.\"") {}
        assert_eq!(socket.closed(), 1000);
    }
}

#[test]
fn followers_hear_the_same_bytes_whenever_they_come_and_whoever_leaves() {
    let room = Room::open();
    let gate = Gate::new();
    let endpoint = halting(&gate);
    room.add_model("m", &endpoint);
    let mut asking = room.enter();
    asking.stream("Tell me.");
    assert_eq!(asking.json()["text"], "Once ");
    let follow = || {
        let mut socket = room.enter();
        socket.say(&json!({"action": "follow"}));
        let told = [socket.next_text(), socket.next_text()];
        (socket, told)
    };
    // The first of them is the one for whom the answer was looked up.
    let ((first, told), mut others) = (follow(), [follow(), follow()]);
    drop(first);
    gate.open();
    for (socket, before) in &mut others {
        assert_eq!(*before, told);
        assert_eq!(socket.json()["text"], "a time");
        assert_eq!(socket.json()["message"]["content"], "Once upon a time");
    }
    let (_, _, whole) = deltas(&mut asking);
    assert_eq!(whole, "Once upon a time");
}

#[test]
fn news_arrive_within_a_tenth_of_a_second() {
    let room = Room::open();
    let mut watching = room.enter();
    let begun = Instant::now();
    // A busy machine may hold up any of them, so most of some stretch have to be in time, not all.
    let mut stretch = VecDeque::new();
    for number in 0.. {
        let content = format!("number {number}");
        room.api.message(&room.chat, &content);
        let stored = Instant::now();
        assert_eq!(watching.json()["message"]["content"], content);
        stretch.push_front(stored.elapsed());
        stretch.truncate(20);
        let in_time = stretch.iter().filter(|took| **took < Duration::from_millis(100)).count();
        if in_time > 15 {
            break;
        }
        assert!(number < 20 || begun.elapsed() < Duration::from_secs(60), "{stretch:?}");
    }
}

#[test]
fn an_answer_is_cancelled_while_it_streams_and_while_it_waits() {
    let room = Room::open();
    let endpoint = ScriptedEndpoint::start(|_| Script::events().token("On and on").until_hung_up());
    room.add_model("m", &endpoint);
    let mut socket = room.enter();
    socket.stream("Go on.");
    let first = socket.json();
    assert_eq!(first["text"], "On and on");
    socket.stream("And then?");
    // Full duplex: something else is answered meanwhile.
    socket.say(&json!({"action": "dance"}));
    assert_eq!(socket.json()["error"], "Unknown action: dance");
    socket.say(&json!({"action": "cancel", "response_id": first["response_id"]}));
    let end = json!({"action": "end", "response_id": first["response_id"], "status": "cancelled"});
    assert_eq!(socket.json(), end);
    assert_eq!(socket.next_text(), "On and on");
    endpoint.wait_for_hang_ups(1);
    assert_eq!(socket.json()["text"], "On and on", "the second begins");
    socket.stream("And now?");
    socket.say(&json!({"action": "cancel"}));
    let told = [(); 4].map(|()| socket.next_text());
    let (marks, mut ends): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|text| text.contains("\"action\":\"end\""));
    assert!(marks.iter().all(|mark| mark.contains("\"cancelled\"")), "{marks:?}");
    ends.sort();
    let never_begun: Value = serde_json::from_str(&ends[1]).unwrap();
    assert_eq!(
        (&*ends[0], &never_begun["error"]),
        ("On and on", &json!("The answer was cancelled before it began."))
    );
    let statuses: Vec<Value> = room.messages().iter().map(|message| message["status"].clone()).collect();
    assert_eq!(statuses, ["complete", "cancelled", "complete", "cancelled", "complete", "cancelled"]);
    // Nothing runs; there is nothing to say.
    socket.say(&json!({"action": "cancel"}));
    socket.frame(FIN | PING, b"");
    assert_eq!(socket.hear(), Said::Pong(Vec::new()));
}

#[test]
fn whoever_asked_for_an_answer_that_is_deleted_is_told_its_end() {
    let room = Room::open();
    let endpoint = ScriptedEndpoint::start(|_| Script::events().token("On and on").until_hung_up());
    room.add_model("m", &endpoint);
    let mut socket = room.enter();
    socket.stream("Go on.");
    let first = socket.json();
    assert_eq!(first["text"], "On and on");
    let message = id(room.messages().last().unwrap());
    room.api.delete(&format!("/api/v1/messages/{message}"));
    // What is left of the chat is told like everyone else's doing, whenever that comes.
    let mut frames: Vec<String> = (0..3).map(|_| socket.next_text()).collect();
    let left = frames.iter().position(|frame| frame.contains(r#""action":"branch""#)).expect("what is left");
    let left: Value = serde_json::from_str(&frames.remove(left)).unwrap();
    assert_eq!(left["conversation"].as_array().unwrap().len(), 1, "{left}");
    let end = json!({"action": "end", "response_id": first["response_id"], "status": "cancelled"});
    assert_eq!(serde_json::from_str::<Value>(&frames[0]).unwrap(), end);
    assert_eq!(frames[1], "On and on");
    endpoint.wait_for_hang_ups(1);
}

#[test]
fn who_leaves_cancels_nothing_and_finds_it_told() {
    let room = Room::open();
    let gate = Gate::new();
    let endpoint = halting(&gate);
    room.add_model("m", &endpoint);
    let mut socket = room.enter();
    socket.stream("Tell me.");
    assert_eq!(socket.json()["action"], "delta");
    drop(socket);
    let (mut again, opening) = Socket::open(room.server.address(), &room.chat);
    assert_eq!(opening["conversation"].as_array().unwrap().len(), 1, "{opening}");
    again.say(&json!({"action": "follow"}));
    assert_eq!(again.json()["text"], "Once ");
    gate.open();
    loop {
        let frame = again.json();
        if frame["action"] == "message" {
            assert_eq!(frame["message"]["content"], "Once upon a time");
            break;
        }
    }
}

#[test]
fn broken_frames_close_with_their_code_and_disturb_nobody() {
    let room = Room::open();
    let mut neighbour = room.enter();
    let unmasked = [&[FIN | TEXT, 2][..], b"hi"].concat();
    let table: [(&str, Vec<u8>, u16); 12] = [
        ("invalid UTF-8", encoded(FIN | TEXT, b"\xc3\x28"), 1007),
        ("half a character", encoded(FIN | TEXT, b"\xf0\x9f"), 1007),
        ("unmasked", unmasked, 1002),
        ("reserved bits", encoded(FIN | 0x40 | TEXT, b"hi"), 1002),
        ("reserved kind", encoded(FIN | 0x3, b"hi"), 1002),
        ("reserved control", encoded(FIN | 0xB, b""), 1002),
        ("continues nothing", encoded(FIN, b"hi"), 1002),
        ("fragmented ping", encoded(PING, b"hi"), 1002),
        ("long ping", encoded(FIN | PING, &[b'a'; 126]), 1002),
        ("close of one byte", encoded(FIN | CLOSE, b"x"), 1002),
        ("another message in between", [encoded(TEXT, b"a"), encoded(FIN | TEXT, b"b")].concat(), 1002),
        ("oversized", [&[FIN | TEXT, 0xFF][..], &(16 << 20 | 1u64).to_be_bytes(), &[0; 4]].concat(), 1009),
    ];
    for (name, bytes, code) in table {
        let mut socket = room.enter();
        socket.raw(&bytes).unwrap();
        assert_eq!(socket.closed(), code, "{name}");
        neighbour.frame(FIN | PING, name.as_bytes());
        assert_eq!(neighbour.hear(), Said::Pong(name.as_bytes().to_vec()));
    }
    // A pong that nobody asked for is fine.
    neighbour.frame(FIN | PONG, b"");
    neighbour.text("still here");
    assert_eq!(neighbour.next_text(), "Echo: still here");
}

#[test]
fn handshakes_are_checked() {
    let room = Room::open();
    let server = room.server.address();
    let path = format!("/ws/{}", room.chat);
    let (_, head) = Socket::shake_hands(server, &path, &[("Sec-WebSocket-Protocol", "other, kafka.v1")]);
    assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("\r\nSec-WebSocket-Protocol: kafka.v1\r\n"), "{head}");
    for (headers, status) in [
        (&[("Upgrade", "h2c")][..], 400),
        (&[("Connection", "close")], 400),
        (&[("Sec-WebSocket-Version", "8")], 400),
        (&[("Sec-WebSocket-Key", "short")], 400),
        (&[("Origin", "https://evil.example")], 403),
        (&[("Origin", "null")], 403),
        (&[("Host", "evil.example")], 403),
        (&[("Origin", "http://localhost:3000")], 101),
    ] {
        let (_, head) = Socket::shake_hands(server, &path, headers);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{headers:?}: {head}");
    }
}

#[test]
fn a_password_server_wants_a_credential_and_knows_its_pages() {
    let room =
        Room::open_with(&["--auth=password", "--registration=open", "--allow-origin=https://app.example"]);
    let server = room.server.address();
    let account = |name: &str| {
        let new = json!({"email": format!("{name}@example.org"), "password": "long enough"});
        let login = room.api.post("/api/v1/auth/register", &new);
        login["token"].as_str().unwrap().to_owned()
    };
    let (owner, other) = (account("a"), account("b"));
    let chat = room.api.with_token(&owner).chat();
    let path = format!("/ws/{chat}");
    let protocols = format!("kafka.v1, bearer.{owner}");
    let bearer = format!("Bearer {owner}");
    let by_query = format!("{path}?token={owner}");
    for (path, headers, status) in [
        (&path, &[][..], 401),
        (&path, &[("Authorization", "Bearer wrong")], 401),
        (&path, &[("Sec-WebSocket-Protocol", "kafka.v1, bearer.wrong")], 401),
        (&format!("{path}?token=wrong"), &[], 401),
        (&path, &[("Authorization", bearer.as_str())], 101),
        (&path, &[("Sec-WebSocket-Protocol", protocols.as_str())], 101),
        (&by_query, &[], 101),
        (&by_query, &[("Origin", "https://evil.example")], 403),
        (&by_query, &[("Origin", "https://app.example")], 101),
        (&by_query, &[("Origin", "http://127.0.0.1:5173")], 101),
    ] {
        let (mut socket, head) = Socket::shake_hands(server, path, headers);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {headers:?}: {head}");
        assert!(!head.contains(&owner), "a token is sent back: {head}");
        if status == 101 {
            assert_eq!(socket.json()["initial"], true);
        }
    }
    let mut socket = Socket::connect(server, &format!("{path}?token={other}"), &[]).unwrap();
    assert_eq!(socket.json(), json!({"error": "Chat not found."}));
    let log = room.server.terminate().stderr;
    assert!(log.contains("?token=***") && !log.contains(&owner) && !log.contains(&other), "{log}");
}

/// A server in this process whose WebSockets are pinged after so long a silence.
fn pinging(silence: Duration, test: impl FnOnce(std::net::SocketAddr, &str)) {
    serving(silence, ServerLimits::default(), |address, _, chat| test(address, chat));
}

/// A server in this process, with a chat.
fn serving(silence: Duration, limits: ServerLimits, test: impl FnOnce(std::net::SocketAddr, &Kafka, &str)) {
    let kafka = Kafka::in_memory().unwrap();
    let chat = kafka.chats(&kafka.operator()).create(NewChat::default()).unwrap();
    let settings = resolve(&Flags::default(), &Environment::default()).unwrap().settings;
    let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).unwrap();
    let (address, shutdown) = (server.local_addr(), server.shutdown());
    let router = Router::new(kafka.clone(), &settings, address).with_silence(silence);
    let serving = thread::spawn(move || server.run(Arc::new(router)));
    test(address, &kafka, &chat.id.to_string());
    shutdown.start();
    serving.join().unwrap().unwrap();
}

/// However long a conversation is, a frame tells as much of its end as the limit says, and an error less.
#[test]
fn frames_tell_the_end_of_long_conversations() {
    let limits =
        ServerLimits { socket_opening_bytes: 3000, socket_error_bytes: 1200, ..ServerLimits::default() };
    serving(Duration::from_secs(30), limits, |address, kafka, chat| {
        let messages = kafka.messages(&kafka.operator());
        for number in 0..300 {
            let text = format!("{number} {}", "x".repeat(432));
            messages.create(chat.parse().unwrap(), NewMessage::text(Role::User, text)).unwrap();
        }
        let told = |frame: &Value| -> Vec<String> {
            let number =
                |entry: &Value| entry["content"].as_str().unwrap().split(' ').next().unwrap().to_owned();
            frame["conversation"].as_array().unwrap().iter().map(number).collect()
        };
        let (mut socket, opening) = Socket::open(address, chat);
        // Each is 436 bytes, and 64 for what stands beside it.
        assert_eq!(told(&opening), ["294", "295", "296", "297", "298", "299"]);
        socket.say(&json!({"action": "dance"}));
        assert_eq!(told(&socket.json()), ["298", "299", "Unknown"], "and what is wrong");
        // What does not fit leaves no gap.
        let long = NewMessage::text(Role::User, "y".repeat(2000));
        messages.create(chat.parse().unwrap(), long).unwrap();
        assert_eq!(socket.json()["action"], "message");
        socket.say(&json!({"action": "dance"}));
        assert_eq!(told(&socket.json()), ["Unknown"]);
    });
}

#[test]
fn the_silent_are_pinged_and_the_dead_are_left() {
    pinging(Duration::from_millis(30), |address, chat| {
        let (mut dead, _) = Socket::open(address, chat);
        assert_eq!([dead.hear(), dead.hear(), dead.hear()], [Said::Ping, Said::Ping, Said::End]);
    });
    // A living client that a busy machine keeps from answering in time gets more of it.
    let lives = |milliseconds| {
        let mut lives = false;
        pinging(Duration::from_millis(milliseconds), |address, chat| {
            let (mut living, _) = Socket::open(address, chat);
            lives = (0..5).all(|_| {
                let is_asked = living.hear() == Said::Ping;
                is_asked && living.raw(&encoded(FIN | PONG, b"")).is_ok()
            });
        });
        lives
    };
    assert!([30, 300, 5000].into_iter().any(lives));
}

#[test]
fn a_server_that_ends_says_so_when_what_was_asked_for_is_told() {
    let gate = Gate::new();
    let endpoint = halting(&gate);
    let room = Room::open();
    room.add_model("m", &endpoint);
    let (mut idle, mut asking) = (room.enter(), room.enter());
    asking.stream("Tell me.");
    assert_eq!(asking.json()["text"], "Once ");
    room.server.ask_to_end();
    assert_eq!(idle.closed(), 1001);
    gate.open();
    let (_, _, whole) = deltas(&mut asking);
    assert_eq!(whole, "Once upon a time");
    assert_eq!(asking.closed(), 1001);
    assert_eq!(room.server.ended().status.code(), Some(0));
}

#[test]
fn a_client_that_never_reads_is_sent_away_and_disturbs_nobody() {
    let room = Room::open();
    let (mut greedy, mut neighbour) = (room.enter(), room.enter());
    // Each is answered by a frame of its own length.
    let action = json!({"action": "x".repeat(1 << 20)}).to_string();
    for _ in 0..24 {
        if greedy.raw(&encoded(FIN | TEXT, action.as_bytes())).is_err() {
            break;
        }
    }
    neighbour.text("hello");
    assert_eq!(neighbour.next_text(), "Echo: hello");
    assert_eq!(greedy.closed(), 1013);
}

/// What cannot be read of what others did is said, and keeps nobody from being told the rest.
#[test]
fn news_behind_a_damaged_message_are_told() {
    const WRITERS: usize = 4;
    const DAMAGED: usize = 16;
    let room = Room::open();
    let damage = if is_on_postgres() {
        "CREATE FUNCTION damage() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN new.parts := ''no JSON''; RETURN new; END';
         CREATE TRIGGER damage BEFORE INSERT ON messages
             FOR EACH ROW WHEN (new.content = 'damaged') EXECUTE FUNCTION damage()"
    } else {
        "CREATE TRIGGER damage AFTER INSERT ON messages WHEN new.content = 'damaged' BEGIN
             UPDATE messages SET parts = 'no JSON' WHERE id = new.id; END"
    };
    run_sql(room.data.path(), damage, &[]);
    let mut watcher = room.enter();
    // Many at once, so that some wait behind one that cannot be read.
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let message = json!({"role": "user", "content": "damaged"}).to_string();
                for _ in 0..DAMAGED {
                    let path = format!("/api/v1/chats/{}/messages", room.chat);
                    room.api.send("POST", &path, &[], Some(&message));
                }
            });
        }
    });
    room.api.message(&room.chat, "whole");
    for _ in 0..WRITERS * DAMAGED {
        let told = watcher.json();
        assert!(told["error"].is_string(), "{told}");
    }
    assert_eq!(watcher.json()["message"]["content"], "whole");
}

/// Clients that nobody here wrote, and slow ones.
mod slow {
    use super::*;

    /// A scenario of the script that runs the Python package `websockets`.
    fn python(server: &RunningServer, chat: &str, scenario: &[&str]) -> Child {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/websocket_client.py");
        let mut command = Command::new("python3");
        command.arg(script).args([server.url(), chat]).args(scenario);
        command.stdout(Stdio::piped()).spawn().expect("python3 runs")
    }

    fn succeeds(mut child: Child) {
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success() && said.ends_with("done\n"), "{said}");
    }

    #[test]
    fn the_python_package_talks_uploads_and_cancels() {
        let room = Room::open();
        succeeds(python(&room.server, &room.chat, &["talk"]));
        succeeds(python(&room.server, &room.api.chat(), &["documents"]));
        let endpoint = ScriptedEndpoint::start(|_| Script::events().token("On and on").until_hung_up());
        let chat = room.api.chat();
        room.api.post(
            "/api/v1/models",
            &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}),
        );
        succeeds(python(&room.server, &chat, &["cancel"]));
        endpoint.wait_for_hang_ups(1);
    }

    #[test]
    fn the_python_package_finds_what_it_saw_after_a_kill() {
        let endpoint = ScriptedEndpoint::start(|_| Script::events().token("On and on").until_hung_up());
        let data = TempDir::new().unwrap();
        let binary = Binary::kafka_http();
        let server = RunningServer::start(&binary, data.path(), &[]);
        let api = Api::of(&server);
        let model = json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true});
        api.post("/api/v1/models", &model);
        let chat = api.chat();
        let mut child = python(&server, &chat, &["before"]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let seen = lines.next().expect("it sees something").unwrap();
        server.kill9();
        assert_eq!(lines.next().expect("it sees the end").unwrap(), "done");
        assert!(child.wait().unwrap().success());

        let server = RunningServer::start(&binary, data.path(), &[]);
        // They end when the answer does: on PostgreSQL a dead server is told by its silence of five seconds.
        let api = Api::of(&server);
        let messages = api.get(&format!("/api/v1/chats/{chat}/messages"));
        api.events(&id(&messages["items"].as_array().unwrap().last().unwrap()["response"]), 0);
        succeeds(python(&server, &chat, &["again", &seen]));
    }

    /// How a long chat stands is one frame. Who reads that on a slow line is told what happened meanwhile.
    #[test]
    fn a_long_chat_is_told_whole_to_slow_readers_too_and_then_the_news() {
        let room = Room::open();
        for _ in 0..4 {
            room.api.message(&room.chat, &"x".repeat(1 << 20));
        }
        let mut slow = Socket::connect_slowly(room.server.address(), &format!("/ws/{}", room.chat));
        // Who came later is told later: then the first has been told, too, and read nothing yet.
        let mut neighbour = room.enter();
        for text in ["late", "later"] {
            room.api.message(&room.chat, text);
            assert_eq!(neighbour.json()["message"]["content"], text);
        }
        assert_eq!(slow.json()["conversation"].as_array().unwrap().len(), 4);
        for text in ["late", "later"] {
            assert_eq!(slow.json()["message"]["content"], text);
        }
    }
}
