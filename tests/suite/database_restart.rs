//! What clients see of a database server that restarts, crashes or is away: clear refusals at most, and nothing that
//! was acknowledged is lost.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id, text},
    database::{DatabaseServers, PRIMARY},
    http::Reply,
    process::{Binary, Ended, RunningServer},
    sse::Event,
};

/// Those who store messages at the same time, each in a chat of its own.
const WRITERS: usize = 4;
/// What each has acknowledged before the restart, and after it, at least.
const WRITES: usize = 10;
/// Answers that stream meanwhile.
const ANSWERS: usize = 4;
/// Tokens of an answer, and the time between two: it outlasts a restart.
const TOKENS: usize = 150;
const PACE: Duration = Duration::from_millis(20);
/// What does not come within this time has failed the test.
const PATIENCE: Duration = Duration::from_secs(60);

fn serve(data: &TempDir, servers: &DatabaseServers) -> RunningServer {
    let mut command = Binary::kafka().serve(data.path(), &["--listen", "127.0.0.1:0"]);
    command.env("DATABASE_URL", servers.url(PRIMARY));
    RunningServer::spawn(command)
}

/// A refusal that tells a client to come again.
fn assert_is_clear(reply: &Reply) {
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    assert_eq!(reply.json()["code"], "database_unavailable", "{reply:?}");
}

/// Stores numbered messages in a chat until enough are acknowledged, and returns their texts. `done` counts them.
fn write(api: &Api, chat: &str, round: &str, done: &AtomicUsize, enough: &AtomicUsize) -> Vec<String> {
    let path = format!("/api/v1/chats/{chat}/messages");
    let mut acknowledged = Vec::new();
    let until = Instant::now() + PATIENCE;
    for number in 0.. {
        let content = format!("{round} {number}");
        let body = json!({"role": "user", "content": content}).to_string();
        let reply = api.send("POST", &path, &[], Some(&body));
        if reply.status == 201 {
            acknowledged.push(content);
            done.fetch_add(1, Ordering::SeqCst);
        } else {
            assert_is_clear(&reply);
        }
        if acknowledged.len() >= enough.load(Ordering::SeqCst) {
            break;
        }
        assert!(Instant::now() < until, "{round}: {} writes in {PATIENCE:?}", acknowledged.len());
    }
    acknowledged
}

fn contents(api: &Api, chat: &str) -> Vec<String> {
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/api/v1/chats/{chat}/messages?limit=200{before}"));
        let items = page["items"].as_array().unwrap();
        let texts = items.iter().map(|item| item["content"].as_str().unwrap().to_owned());
        found.splice(0..0, texts);
        match page["prev_cursor"].as_str() {
            Some(cursor) => before = format!("&before={cursor}"),
            None => return found,
        }
    }
}

/// What a client saw of an answer is what there is of it, and it ended well or as interrupted.
fn check_answer(api: &Api, chat: &str, seen: &[Event]) {
    let response = id(&seen[0].json()["response"]);
    let replay = api.events(&response, 0);
    assert_eq!(replay, seen, "what was seen is not what is stored");
    let all: String = (0..TOKENS).map(|number| format!("{number} ")).collect();
    let said = text(&replay);
    let message = api.get(&format!("/api/v1/chats/{chat}/messages"))["items"][1].clone();
    assert_eq!(message["content"], said);
    match (message["status"].as_str().unwrap(), &*replay.last().unwrap().name) {
        ("complete", "response.completed") => assert_eq!(said, all),
        ("interrupted", "response.interrupted") => assert!(all.starts_with(&said), "{said}"),
        other => panic!("{other:?}: {message}"),
    }
}

mod slow {
    use super::*;

    #[test]
    fn what_was_acknowledged_and_what_streams_outlive_a_restart_and_a_crash() {
        let mut servers = DatabaseServers::start(1);
        let endpoint = ScriptedEndpoint::start(|_| {
            (0..TOKENS)
                .fold(Script::events(), |script, number| script.token(&format!("{number} ")).pause(PACE))
                .finish("stop")
                .done()
        });
        let data = TempDir::new().unwrap();
        let server = serve(&data, &servers);
        let api = &Api::of(&server);
        let model = json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true});
        api.post("/api/v1/models", &model);
        for ending in ["fast", "immediate"] {
            let chats: Vec<_> = (0..WRITERS).map(|_| api.chat()).collect();
            let answers: Vec<_> = (0..ANSWERS)
                .map(|_| {
                    let chat = api.chat();
                    let mut events = api.ask(&chat, &json!({"content": "Count."}));
                    let seen = vec![events.next().unwrap(), events.next().unwrap()];
                    (chat, seen, events)
                })
                .collect();
            let (done, enough) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
            thread::scope(|scope| {
                let writers: Vec<_> = chats
                    .iter()
                    .map(|chat| scope.spawn(|| write(api, chat, ending, &done, &enough)))
                    .collect();
                let readers: Vec<_> = answers
                    .into_iter()
                    .map(|(chat, mut seen, events)| {
                        scope.spawn(move || {
                            seen.extend(events);
                            (chat, seen)
                        })
                    })
                    .collect();
                while done.load(Ordering::SeqCst) < WRITERS * WRITES {
                    assert!(writers.iter().all(|writer| !writer.is_finished()), "a writer failed");
                    thread::yield_now();
                }
                servers.stop(ending, PRIMARY);
                servers.start_again(PRIMARY);
                let before = done.load(Ordering::SeqCst);
                enough.store(before + WRITES, Ordering::SeqCst);
                for (chat, writer) in chats.iter().zip(writers) {
                    let acknowledged = writer.join().unwrap();
                    let stored = contents(api, chat);
                    let mut rest = stored.iter();
                    for text in &acknowledged {
                        assert!(
                            rest.any(|found| found == text),
                            "{text} is lost, doubled or displaced: {stored:?}"
                        );
                    }
                    let once: std::collections::HashSet<_> = stored.iter().collect();
                    assert_eq!(once.len(), stored.len(), "a message was stored twice: {stored:?}");
                }
                for reader in readers {
                    let (chat, seen) = reader.join().unwrap();
                    check_answer(api, &chat, &seen);
                }
            });
        }
        let ended = server.terminate();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }

    #[test]
    fn a_database_that_is_away_is_told_and_found_again() {
        let mut servers = DatabaseServers::start(1);
        let data = TempDir::new().unwrap();
        servers.stop("fast", PRIMARY);
        let mut early = Binary::kafka().serve(data.path(), &["--listen", "127.0.0.1:0"]);
        early.env("DATABASE_URL", servers.url(PRIMARY));
        let Ended { status, stderr: said } = RunningServer::refused(early);
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("Error: PostgreSQL at") && said.contains("check host and port"), "{said}");
        servers.start_again(PRIMARY);

        let gate = Gate::new();
        let held = gate.clone();
        let endpoint = ScriptedEndpoint::start(move |_| {
            Script::events().token("Before ").wait_for(&held).token("and after").finish("stop").done()
        });
        let server = serve(&data, &servers);
        let api = Api::of(&server);
        let model = json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true});
        api.post("/api/v1/models", &model);
        let (chat, kept) = (api.chat(), api.chat());
        api.message(&kept, "Kept.");
        let mut events = api.ask(&chat, &json!({"content": "Wait."}));
        let mut seen = vec![events.next().unwrap(), events.next().unwrap()];
        // Its turn comes, and its prompt is read, when the one before it has ended.
        let next = api.ask(&chat, &json!({"content": "And you?"}));
        assert_eq!(api.get("/ready")["status"], "ready");

        servers.stop("immediate", PRIMARY);
        let away = Instant::now();
        // What comes while it is away is kept in memory until it is back.
        gate.open();
        // For longer than nodes may be silent, and than the outcome of a commit is asked for.
        while away.elapsed() < Duration::from_secs(10) {
            let ready = api.send("GET", "/ready", &[], None);
            assert_eq!((ready.status, ready.json()["code"].clone()), (503, json!("not_ready")));
            assert!(ready.header("retry-after").is_some(), "{ready:?}");
            assert_is_clear(&api.send("GET", &format!("/api/v1/chats/{kept}"), &[], None));
            thread::sleep(Duration::from_millis(200));
        }
        servers.start_again(PRIMARY);

        assert_eq!(api.get("/ready")["status"], "ready", "it is found again at once");
        assert_eq!(contents(&api, &kept), ["Kept."]);
        seen.extend(events);
        assert_eq!(
            (text(&seen).as_str(), &*seen.last().unwrap().name),
            ("Before and after", "response.completed")
        );
        assert_eq!(next.last().unwrap().name, "response.completed", "what waited is answered");
        let stored: Value = api.get(&format!("/api/v1/chats/{chat}/messages"));
        assert_eq!(stored["items"][1]["content"], "Before and after", "{stored}");
        assert_eq!(server.terminate().status.code(), Some(0));
    }
}
