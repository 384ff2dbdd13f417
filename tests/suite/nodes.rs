//! Several servers on one PostgreSQL database behave as one. These tests need the server that `tests/postgres.py`
//! starts.

use std::{
    collections::BTreeMap,
    fs,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use kafka_core::testing::{Gate, Script, ScriptedEndpoint, ScriptedRequest};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::beside::kafka;
use crate::support::{
    api::{Api, id, text},
    process::{Binary, RunningServer, sql},
    sse::Event,
    websocket::{Said, Socket},
};

/// Servers that share a database, a secret and the bytes of files.
struct Nodes {
    data: TempDir,
    servers: Vec<RunningServer>,
}

impl Nodes {
    fn start<const N: usize>() -> (Nodes, [Api; N]) {
        let mut nodes = Nodes { data: TempDir::new().unwrap(), servers: Vec::new() };
        for _ in 0..N {
            nodes.servers.push(RunningServer::start(&Binary::kafka(), nodes.data.path(), &[]));
        }
        let apis = std::array::from_fn(|node| Api::of(&nodes.servers[node]));
        (nodes, apis)
    }

    fn enter(&self, node: usize, chat: &str) -> Socket {
        Socket::open(self.servers[node].address(), chat).0
    }

    fn sql(&self, text: &str) -> String {
        sql(self.data.path(), text)
    }
}

fn add_model(api: &Api, endpoint: &ScriptedEndpoint) {
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}));
}

/// The events of an answer as they come through a node.
fn follow(api: &Api, response: &str) -> impl Iterator<Item = Event> + use<> {
    let (head, events) = api.open("GET", &format!("/api/v1/responses/{response}/events"), &[], None).events();
    assert_eq!(head.status, 200);
    events.map(Result::unwrap)
}

/// Reads events to their end on a thread, with the moment at which each came.
fn timed(events: impl Iterator<Item = Event> + Send + 'static) -> JoinHandle<Vec<(Instant, Event)>> {
    thread::spawn(move || events.map(|event| (Instant::now(), event)).collect())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn question_of(request: &ScriptedRequest) -> String {
    request.json()["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned()
}

#[test]
fn messages_and_deletions_reach_the_sockets_of_other_nodes_within_100_ms() {
    let (nodes, [a, _]) = Nodes::start::<2>();
    let (chat, other) = (a.chat(), a.chat());
    let (mut socket, mut stranger) = (nodes.enter(1, &chat), nodes.enter(1, &other));
    let mut late = Vec::new();
    for number in 0..9 {
        let content = format!("number {number}");
        let stored = a.message(&chat, &content);
        let committed = Instant::now();
        let frame = socket.json();
        late.push(committed.elapsed());
        assert_eq!(
            (&frame["action"], &frame["message"]["id"], &frame["message"]["content"]),
            (&json!("message"), &json!(stored), &json!(content))
        );
    }
    let late = median(late);
    eprintln!("a message reaches the socket of another node {late:?} after its answer");
    assert!(late < Duration::from_millis(100), "{late:?}");

    // What a verb of the command line stores is told, too: the question, the empty answer, and its end.
    kafka(nodes.data.path(), &["chat", "--chat", &chat, "--model", "echo", "Hello"]);
    let told: Vec<Value> = [(); 3].map(|()| socket.json()["message"]["status"].clone()).into();
    assert_eq!(told, ["complete", "streaming", "complete"]);

    a.delete(&format!("/api/v1/chats/{chat}"));
    assert_eq!(socket.json()["error"], "Chat not found.");
    assert_eq!(socket.closed(), 1000);
    // Another chat's socket heard nothing of all that.
    a.message(&other, "the first here");
    assert_eq!(stranger.json()["message"]["content"], "the first here");
}

#[test]
fn an_answer_is_followed_through_another_node_as_it_is_written() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |_| {
        (0..20)
            .fold(Script::events().wait_for(&held), |script, number| {
                script.token(&format!("{number} ")).pause(Duration::from_millis(30))
            })
            .finish("stop")
            .done()
    });
    let (nodes, [a, b]) = Nodes::start::<2>();
    add_model(&a, &endpoint);
    let chat = a.chat();
    let mut socket = nodes.enter(1, &chat);
    socket.say(&json!({"action": "follow"}));
    let mut live = a.ask(&chat, &json!({"content": "Count."}));
    let started = live.next().unwrap();
    let response = id(&started.json()["response"]);
    let followed = timed(follow(&b, &response));
    for status in ["complete", "streaming"] {
        assert_eq!(socket.json()["message"]["status"], status);
    }
    let live = timed(live);
    gate.open();
    let mut said = String::new();
    let end = loop {
        let frame = socket.json();
        match frame["action"] == "delta" {
            true => said.push_str(frame["text"].as_str().unwrap()),
            false => break frame,
        }
    };
    let (live, followed) = (live.join().unwrap(), followed.join().unwrap());
    let late =
        live.iter().zip(&followed[1..]).map(|((at, _), (later, _))| later.saturating_duration_since(*at));
    let late = median(late.collect());
    eprintln!("an event comes through another node {late:?} later");
    assert!(late < Duration::from_millis(100), "{late:?}");
    let events = |timed: Vec<(Instant, Event)>| timed.into_iter().map(|(_, event)| event).collect::<Vec<_>>();
    let (live, followed) = ([vec![started], events(live)].concat(), events(followed));
    assert_eq!(followed, live, "the same numbers and bytes");
    assert_eq!(said, text(&live));
    assert_eq!((&end["action"], &end["message"]["status"]), (&json!("message"), &json!("complete")));
    // Resumed through either after its end.
    assert_eq!(b.events(&response, 3), live[3..]);
}

#[test]
fn an_answer_is_stopped_through_another_node_at_once() {
    let endpoint = ScriptedEndpoint::start(|_| Script::events().token("Well, ").until_hung_up());
    let (_nodes, [a, b]) = Nodes::start::<2>();
    add_model(&a, &endpoint);
    let (mut late, mut ends) = (Vec::new(), Vec::new());
    for stopped in 1..=5 {
        let mut live = a.ask(&a.chat(), &json!({"content": "Go on."}));
        let mut seen = vec![live.next().unwrap(), live.next().unwrap()];
        let response = id(&seen[0].json()["response"]);
        let followed = timed(follow(&b, &response));
        let asked = Instant::now();
        let cancelled = b.expect(200, "POST", &format!("/api/v1/responses/{response}/cancel"), None);
        endpoint.wait_for_hang_ups(stopped);
        late.push(asked.elapsed());
        ends.push(followed.join().unwrap().last().unwrap().0.saturating_duration_since(asked));
        assert_eq!(cancelled["response"]["status"], "cancelled");
        seen.extend(live);
        assert_eq!(seen.last().unwrap().name, "response.cancelled");
        assert_eq!(b.events(&response, 0), seen);
    }
    let (late, end) = (median(late), median(ends));
    eprintln!(
        "a model is stopped {late:?} after another node was asked to, whose followers know it after {end:?}"
    );
    assert!(late < Duration::from_millis(150) && end < Duration::from_millis(150), "{late:?} {end:?}");
}

#[test]
fn answers_of_a_chat_run_in_the_order_of_their_commits_whichever_node_was_asked() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["all ", "of it"]));
    let (_nodes, apis) = Nodes::start::<2>();
    add_model(&apis[0], &endpoint);
    let chat = apis[0].chat();
    thread::scope(|scope| {
        for asker in 0..12 {
            let (api, chat) = (&apis[asker % 2], &chat);
            scope.spawn(move || {
                let events: Vec<_> =
                    api.ask(chat, &json!({"content": format!("question {asker}")})).collect();
                assert_eq!(events.last().unwrap().name, "response.completed");
            });
        }
    });
    let stored = apis[1].get(&format!("/api/v1/chats/{chat}/messages?limit=200"));
    let questions: Vec<_> =
        stored["items"].as_array().unwrap().iter().filter(|item| item["role"] == "user").collect();
    let in_order: Vec<_> =
        questions.iter().map(|item| item["content"].as_str().unwrap().to_owned()).collect();
    let asked: Vec<_> = endpoint.requests().iter().map(question_of).collect();
    assert_eq!(asked, in_order);
    // Each was asked when all before it were answered whole.
    for (number, request) in endpoint.requests().iter().enumerate() {
        let prompt = request.json()["messages"].as_array().unwrap().clone();
        let answers = prompt.iter().filter(|message| message["role"] == "assistant");
        assert_eq!(answers.map(|message| &message["content"]).collect::<Vec<_>>(), vec!["all of it"; number]);
    }
}

#[test]
fn tickets_and_idempotency_keys_hold_at_every_node() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |_| {
        Script::events().token("Once ").wait_for(&held).token("upon").finish("stop").done()
    });
    let (_nodes, [a, b]) = Nodes::start::<2>();
    add_model(&a, &endpoint);
    let chat = a.chat();

    // A twin of a running request follows the answer that the first one started.
    let (path, body) =
        (format!("/api/v1/chats/{chat}/responses"), json!({"content": "Tell me.", "stream": true}));
    let ask = |api: &Api| {
        let (head, events) =
            api.open("POST", &path, &[("Idempotency-Key", "k")], Some(&body.to_string())).events();
        assert_eq!(head.status, 200);
        events.map(Result::unwrap)
    };
    let (mut first, mut twin) = (ask(&a), ask(&b));
    let mut live = vec![first.next().unwrap(), first.next().unwrap()];
    assert_eq!([twin.next().unwrap(), twin.next().unwrap()], live[..]);
    let response = id(&live[0].json()["response"]);
    let ticket = a.post(&format!("/api/v1/responses/{response}/ticket"), &json!({}));
    let path = format!("/api/v1/responses/{response}/events?ticket={}", ticket["ticket"].as_str().unwrap());
    let (head, ticketed) = b.open("GET", &path, &[], None).events();
    assert_eq!(head.status, 200);
    gate.open();
    live.extend(first);
    assert_eq!(twin.collect::<Vec<_>>(), live[2..]);
    assert_eq!(ticketed.map(Result::unwrap).collect::<Vec<_>>(), live);
    assert_eq!(endpoint.requests().len(), 1);

    // One that has taken effect is answered as before, and another body is refused.
    let send = |api: &Api, text: &str| {
        let body = json!({"role": "user", "content": text}).to_string();
        let path = format!("/api/v1/chats/{chat}/messages");
        api.send("POST", &path, &[("Idempotency-Key", "m")], Some(&body))
    };
    let (first, twin, other) = (send(&a, "once"), send(&b, "once"), send(&b, "twice"));
    assert_eq!((first.status, twin.status, other.status), (201, 201, 422));
    assert_eq!(first.json(), twin.json());
}

#[test]
fn a_revoked_session_ends_the_sockets_and_streams_of_other_nodes() {
    let mut nodes = Nodes { data: TempDir::new().unwrap(), servers: Vec::new() };
    for _ in 0..2 {
        let server = RunningServer::start(
            &Binary::kafka(),
            nodes.data.path(),
            &["--auth=password", "--registration=open"],
        );
        nodes.servers.push(server);
    }
    let a = Api::of(&nodes.servers[0]);
    let mut sockets = ["one@example.org", "two@example.org"].map(|email| {
        let account = json!({"email": email, "password": "long enough"});
        let login = a.post("/api/v1/auth/register", &account);
        let api = a.with_token(login["token"].as_str().unwrap());
        let path = format!("/ws/{}?token={}", api.chat(), login["token"].as_str().unwrap());
        let mut socket = Socket::connect(nodes.servers[1].address(), &path, &[]).unwrap();
        assert_eq!(socket.json()["initial"], true);
        (api, socket)
    });
    // Whoever is new is asked about soon in any case. When the first socket is closed, the second is new no more.
    for (api, socket) in &mut sockets {
        let revoked = Instant::now();
        api.expect(204, "POST", "/api/v1/auth/logout", None);
        assert_eq!(socket.closed(), 1008);
        assert!(revoked.elapsed() < Duration::from_secs(1), "{:?}", revoked.elapsed());
    }
}

#[test]
fn a_node_that_does_not_fit_the_others_says_so_and_serves() {
    let (nodes, [a, fitting]) = Nodes::start::<2>();
    assert!(!nodes.servers[1].stderr().contains("This node's"), "{}", nodes.servers[1].stderr());
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["Hello"]));
    let elsewhere = TempDir::new().unwrap();
    let start = |data: &TempDir, secret: &str| {
        let mut command =
            Binary::kafka().serve(nodes.data.path(), &["--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(data.path());
        if !secret.is_empty() {
            command.env("KAFKA_SECRET_KEY", secret);
        }
        RunningServer::spawn(command)
    };
    let stranger = start(&nodes.data, "8c1f5e07d2a94b36e5710c9a8f42d3b6917e0a5c4d8b2f63e1950a7c3b8d46f2");
    stranger.wait_for_line(&["This node's secret is not that of the other nodes", "KAFKA_SECRET_KEY"]);
    assert!(!stranger.stderr().contains("directory for the bytes"), "{}", stranger.stderr());

    // It does everything that needs no sealed key,
    let b = Api::of(&stranger);
    let model = json!({"name": "sealed", "base_url": endpoint.base_url(), "api_key": "sk-sealed-by-a"});
    a.post("/api/v1/models", &model);
    let chat = b.chat();
    let ask = |api: &Api, model: &str| {
        let body = json!({"content": "Hi", "model": model}).to_string();
        api.send("POST", &format!("/api/v1/chats/{chat}/responses"), &[], Some(&body))
    };
    assert_eq!(ask(&b, "echo").status, 201);
    // and says of what does that it cannot be read here.
    let refused = ask(&b, "sealed");
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("key_unreadable")));
    assert_eq!(ask(&fitting, "sealed").status, 201);

    // One with the same secret that does not see the bytes of the others.
    fs::copy(nodes.data.path().join("secret"), elsewhere.path().join("secret")).unwrap();
    let far = start(&elsewhere, "");
    far.wait_for_line(&["This node's directory for the bytes of files is not that of the other nodes"]);
    assert!(!far.stderr().contains("secret is not"), "{}", far.stderr());

    // Alone it is told by what it cannot open.
    let Nodes { data, servers } = nodes;
    [stranger, far].into_iter().chain(servers).for_each(|server| drop(server.terminate()));
    let mut command = Binary::kafka().serve(data.path(), &["--listen", "127.0.0.1:0", "--data-dir"]);
    command
        .arg(data.path())
        .env("KAFKA_SECRET_KEY", "3e9a0b7c51d84f26a3c6e1970f5b8d24c7e2190a6b3f4d58e8017c9a5d2b63f4");
    let alone = RunningServer::spawn(command);
    alone.wait_for_line(&["1 stored keys of models were sealed with another secret"]);
}

mod slow {
    use super::*;

    /// Kills a node in the middle of four answers, of which one waits behind another.
    #[test]
    fn a_killed_nodes_answers_are_interrupted_once_within_ten_seconds() {
        let endpoint = ScriptedEndpoint::start(|request| {
            let name = question_of(request);
            let tokens = (0..300).map(|number| format!("{name}.{number} "));
            tokens
                .fold(Script::events(), |script, token| script.token(&token).pause(Duration::from_millis(10)))
        });
        let (mut nodes, [a, b, c]) = Nodes::start::<3>();
        add_model(&a, &endpoint);
        let chats = [a.chat(), a.chat(), a.chat()];
        let ask = |chat: &str, name: &str| {
            let live = a.open(
                "POST",
                &format!("/api/v1/chats/{chat}/responses"),
                &[],
                Some(&json!({"content": name, "stream": true}).to_string()),
            );
            let (_, mut events) = live.events();
            let first = events.next().unwrap().unwrap();
            let response = id(&first.json()["response"]);
            // The client of the killed node sees the end of its connection.
            let seen = thread::spawn(move || [vec![first], events.map_while(Result::ok).collect()].concat());
            (response, seen)
        };
        let mut asked: Vec<_> =
            chats.iter().zip(["a", "b", "c"]).map(|(chat, name)| ask(chat, name)).collect();
        asked.push(ask(&chats[0], "waiting"));
        let followed: Vec<_> =
            asked.iter().map(|(response, _)| [&b, &c].map(|api| timed(follow(api, response)))).collect();
        endpoint.wait_for_requests(3);
        thread::sleep(Duration::from_millis(500));
        nodes.servers.remove(0).kill9();
        let killed = Instant::now();

        for ((response, seen), followed) in asked.into_iter().zip(followed) {
            let seen = seen.join().unwrap();
            let [by_b, by_c] = followed.map(|followed| followed.join().unwrap());
            for (by, api) in [(by_b, &b), (by_c, &c)] {
                let (at, last) = by.last().unwrap();
                assert_eq!(last.name, "response.interrupted");
                let late = at.saturating_duration_since(killed);
                assert!(late < Duration::from_secs(10), "{late:?}");
                let events: Vec<Event> = by.into_iter().map(|(_, event)| event).collect();
                // Whatever anybody saw stands in it, in its place.
                assert_eq!(events[..seen.len()], seen, "{response}");
                assert_eq!(api.events(&response, 0), events, "{response}");
                let ends = events.iter().filter(|event| event.name == "response.interrupted").count();
                assert_eq!(ends, 1);
            }
        }
        // No survivor counted what the other one had counted: an account of the answers says the same as they.
        let by_answers = nodes.sql("SELECT coalesce(sum(tokens_total), 0) FROM responses");
        let by_chats = nodes.sql("SELECT sum(total_tokens) FROM chats");
        assert_eq!(by_answers, by_chats);
        let ends = nodes.sql("SELECT count(*) FROM responses WHERE status = 'interrupted'");
        assert_eq!(ends, "4");
        // The chat goes on.
        let statuses = b.get(&format!("/api/v1/chats/{}/messages", chats[0]));
        let statuses: BTreeMap<_, _> = statuses["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["seq"].as_u64(), &item["status"]))
            .collect();
        assert_eq!(
            statuses.into_values().collect::<Vec<_>>(),
            ["complete", "interrupted", "complete", "interrupted"]
        );
        let events: Vec<_> = c.ask(&chats[0], &json!({"content": "Hi", "model": "echo"})).collect();
        assert_eq!(text(&events), "Echo: Hi");
    }

    /// Whoever may have missed something is told to come again, and what comes then is told as before.
    #[test]
    fn a_lost_connection_to_the_database_costs_a_socket_and_no_message() {
        let (nodes, [a, _]) = Nodes::start::<2>();
        let chat = a.chat();
        let mut socket = nodes.enter(1, &chat);
        nodes.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        assert_eq!(socket.closed(), 1013);
        let (mut socket, opening) = Socket::open(nodes.servers[1].address(), &chat);
        assert_eq!(opening["initial"], true);
        a.message(&chat, "after it");
        assert_eq!(socket.json()["message"]["content"], "after it");
    }

    /// More is told at once than the server takes in one piece: the deletion of a workspace with many chats.
    #[test]
    fn long_news_is_told_whole() {
        let (nodes, [a, _]) = Nodes::start::<2>();
        let workspace = id(&a.post("/api/v1/workspaces", &json!({"name": "w"})));
        let chats: Vec<String> =
            (0..300).map(|_| id(&a.post("/api/v1/chats", &json!({"workspace_id": workspace})))).collect();
        let mut sockets = [0, 150, 299].map(|chat: usize| nodes.enter(1, &chats[chat]));
        a.delete(&format!("/api/v1/workspaces/{workspace}"));
        for socket in &mut sockets {
            assert_eq!(socket.json()["error"], "Chat not found.");
            assert_eq!(socket.hear(), Said::Close(1000));
        }
    }
}
