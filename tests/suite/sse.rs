//! Answers as server-sent events: live, again, and after a restart.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use kafka_core::{
    Config, Kafka,
    testing::{Gate, Script, ScriptedEndpoint},
};
use kafka_http::{
    config::{Environment, Flags, resolve},
    router::Router,
    server::{Server, ServerLimits},
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario, id, text},
    process::{Binary, RunningServer},
    sse::Event,
};

fn add_model(api: &Api, endpoint: &ScriptedEndpoint) {
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}));
}

#[test]
fn live_and_read_again_an_answer_has_the_same_numbers_and_bytes() {
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&binary, data.path(), &[]);
        let api = Api::of(&server);
        let live: Vec<Event> = api.ask(&api.chat(), &json!({"content": "one two three"})).collect();
        let numbers: Vec<String> = live.iter().map(|event| event.id.clone()).collect();
        assert_eq!(numbers, (1..=live.len()).map(|at| at.to_string()).collect::<Vec<_>>());
        assert_eq!(text(&live), "Echo: one two three");
        let response = id(&live[0].json()["response"]);
        assert_eq!(api.events(&response, 0), live);
        assert_eq!(api.events(&response, 2), live[2..]);
        assert_eq!(api.events(&response, live.len() as u64), []);

        let path = format!("/api/v1/responses/{response}/events");
        let (too_far, beyond) = (format!("{path}?after={}", live.len() + 1), (live.len() + 1).to_string());
        api.run(&[
            Scenario {
                path: &too_far,
                status: 422,
                contains: &["after_out_of_range"],
                ..Scenario::default()
            },
            Scenario { path: &format!("{path}?after=-1"), status: 422, ..Scenario::default() },
            Scenario {
                path: &format!("{path}?after=1"),
                headers: &[("Last-Event-ID", &beyond)],
                status: 422,
                contains: &["after_out_of_range"],
                ..Scenario::default()
            },
            Scenario {
                path: &too_far,
                headers: &[("Last-Event-ID", "2")],
                contains: &["id: 3\n", "cache-control: no-cache", "x-accel-buffering: no"],
                lacks: &["id: 2\n"],
                ..Scenario::default()
            },
        ]);

        server.kill9();
        let server = RunningServer::start(&binary, data.path(), &[]);
        assert_eq!(Api::of(&server).events(&response, 0), live, "after a restart");
    }
}

#[test]
fn what_was_seen_outlives_a_kill_in_the_middle_of_an_answer() {
    let endpoint =
        ScriptedEndpoint::start(|_| Script::events().token("Half ").token("an answer").until_hung_up());
    for binary in Binary::both() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&binary, data.path(), &[]);
        let api = Api::of(&server);
        add_model(&api, &endpoint);
        let chat = api.chat();
        let mut events = api.ask(&chat, &json!({"content": "Go on."}));
        let mut seen: Vec<Event> = Vec::new();
        while text(&seen) != "Half an answer" {
            seen.push(events.next().unwrap());
        }
        server.kill9();

        let server = RunningServer::start(&binary, data.path(), &[]);
        let api = Api::of(&server);
        let response = id(&seen[0].json()["response"]);
        let kept = api.events(&response, 0);
        assert_eq!(kept[..seen.len()], seen);
        let after: Vec<_> = kept[seen.len()..].iter().map(|event| (&*event.name, event.id.clone())).collect();
        assert_eq!(after, [("response.interrupted", (seen.len() + 1).to_string())]);
        let page = api.get(&format!("/api/v1/chats/{chat}/messages"));
        assert_eq!(page["items"][1]["content"], "Half an answer");
        assert_eq!(page["items"][1]["status"], "interrupted");
    }
}

#[test]
fn silence_is_broken_by_comments() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint =
        ScriptedEndpoint::start(move |_| Script::new().wait_for(&held).then(Script::stream(&["now"])));
    let mut config = Config::memory();
    config.open = true;
    let kafka = Kafka::open(config).unwrap();
    let operator = kafka.operator();
    let mut model = kafka_core::NewModel::new("m", endpoint.base_url());
    model.is_default = true;
    kafka.models(&operator).create(model).unwrap();
    let chat = kafka.chats(&operator).create(kafka_core::NewChat::default()).unwrap();

    let settings = resolve(&Flags::default(), &Environment::default()).unwrap().settings;
    let server = Server::bind(([127, 0, 0, 1], 0).into(), ServerLimits::default()).unwrap();
    let (address, shutdown) = (server.local_addr(), server.shutdown());
    let router = Router::new(kafka, &settings, address).with_heartbeat(Duration::from_millis(20));
    let serving = thread::spawn(move || server.run(Arc::new(router)));

    let mut stream = TcpStream::connect(address).unwrap();
    let body = r#"{"content":"Hello","stream":true}"#;
    let path = format!("/api/v1/chats/{}/responses", chat.id);
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut seen = String::new();
    while seen.matches("\n: ").count() < 3 {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "{seen}");
        seen.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    gate.open();
    stream.read_to_string(&mut seen).unwrap();
    assert!(seen.contains("event: response.completed"), "{seen}");
    shutdown.start();
    serving.join().unwrap().unwrap();
}

#[test]
fn the_line_that_the_server_greets_with_works_as_it_stands() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let line = server.wait_for_line(&["  curl"]);
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("event: message.delta"), "{output:?}");
    assert!(shown.trim_end().ends_with('}') && shown.contains("event: response.completed"), "{shown}");
}

mod slow {
    use super::*;

    #[test]
    fn many_follow_one_answer_and_who_leaves_ends_nothing() {
        let gate = Gate::new();
        let held = gate.clone();
        let endpoint = ScriptedEndpoint::start(move |_| {
            Script::events().token("Once ").wait_for(&held).token("upon").finish("stop").done()
        });
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let api = Api::of(&server);
        add_model(&api, &endpoint);
        let mut asked = api.ask(&api.chat(), &json!({"content": "Tell me."}));
        let response = id(&asked.next().unwrap().json()["response"]);
        let path = format!("/api/v1/responses/{response}/events");
        let (_, follower) = api.open("GET", &path, &[], None).events();
        let mut follower = follower.map(Result::unwrap);
        assert_eq!(follower.next().unwrap().name, "response.started");
        drop(asked);
        // The thread of a client that left is free, although nothing is sent meanwhile.
        server.wait_for_line(&["/responses 200 in ", "cut off"]);
        gate.open();
        assert_eq!(text(&follower.collect::<Vec<_>>()), "Once upon");
    }

    /// It is cut off once the system holds no more for it; nothing is queued for it here.
    #[test]
    fn a_client_that_never_reads_is_cut_off_and_disturbs_nobody() {
        let gate = Gate::new();
        let held = gate.clone();
        // More than a system takes for a client that does not read.
        let token = "x".repeat(64 << 10);
        let tokens = 110;
        let script = token.clone();
        let endpoint = ScriptedEndpoint::start(move |_| {
            let begun = Script::events().wait_for(&held);
            (0..tokens).fold(begun, |answer, _| answer.token(&script)).finish("stop").done()
        });
        let data = TempDir::new().unwrap();
        let mut config = Config::file(data.path().join("kafka.db"));
        config.open = true;
        let kafka = Kafka::open(config).unwrap();
        let operator = kafka.operator();
        kafka.models(&operator).create(kafka_core::NewModel::new("m", endpoint.base_url())).unwrap();
        let chat = kafka.chats(&operator).create(kafka_core::NewChat::default()).unwrap();
        let settings = resolve(&Flags::default(), &Environment::default()).unwrap().settings;
        let serve = |write_timeout_ms| {
            let limits = ServerLimits { write_timeout_ms, drain_ms: 10 * 60_000, ..ServerLimits::default() };
            let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).unwrap();
            let (address, shutdown) = (server.local_addr(), server.shutdown());
            let router = Router::new(kafka.clone(), &settings, address);
            (address, shutdown, thread::spawn(move || server.run(Arc::new(router))))
        };
        // Those who read have a door of their own, with time for a busy machine.
        let [impatient, patient] = [serve(300), serve(60_000)];

        let request = kafka_core::AnswerRequest {
            model: Some("m".to_owned()),
            ..kafka_core::AnswerRequest::text("Go on.")
        };
        let turn = kafka.completions(&operator).start(chat.id, request).unwrap();
        let head = format!("GET /api/v1/responses/{}/events HTTP/1.0\r\nHost: localhost\r\n\r\n", turn.id());
        let watch = |address| {
            let mut stream = TcpStream::connect(address).unwrap();
            rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 64 << 10).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        };
        let mut silent = watch(impatient.0);
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let mut stream = watch(patient.0);
                thread::spawn(move || {
                    let mut seen = Vec::new();
                    stream.read_to_end(&mut seen).unwrap();
                    String::from_utf8(seen).unwrap()
                })
            })
            .collect();
        gate.open();
        let bodies: Vec<String> = readers
            .into_iter()
            .map(|reader| reader.join().unwrap().split_once("\r\n\r\n").unwrap().1.to_owned())
            .collect();
        assert!(bodies[0].contains("event: response.completed"));
        assert_eq!(bodies[0].matches(&token).count(), tokens);
        assert!(bodies.iter().all(|body| *body == bodies[0]));
        // It ends when every connection has.
        let ending = std::time::Instant::now();
        for (_, shutdown, serving) in [impatient, patient] {
            shutdown.start();
            serving.join().unwrap().unwrap();
        }
        assert!(ending.elapsed() < Duration::from_secs(5 * 60), "the grace was waited for");
        let mut seen = Vec::new();
        // The cut may be told as a reset.
        let _ = silent.read_to_end(&mut seen);
        assert!(!String::from_utf8_lossy(&seen).contains("event: response.completed"));
    }
}
