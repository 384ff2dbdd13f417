//! The main job with nothing stood in for: a real language model answers over HTTP, token by token,
//! and what was said outlives the server. Behind the feature `real-model`, since it downloads one.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    http::{self, Connection, Reply},
    process::{Binary, RunningServer},
};

#[test]
fn a_conversation_with_a_real_model_is_streamed_and_kept() {
    let model = start_model();
    let data = TempDir::new().unwrap();
    let binary = Binary::kafka();
    let server = RunningServer::start(&binary, data.path(), &[]);

    created(
        &server,
        "/api/v1/models",
        &json!({
            "name": "smol",
            "base_url": model.url(),
            "params": {"temperature": 0, "seed": 1, "max_tokens": 48},
        }),
    );
    let chat = created(&server, "/api/v1/chats", &json!({"title": "The castle", "default_model": "smol"}));
    let chat = chat["id"].as_str().unwrap();
    let first = ask(&server, chat, "My name is Barnabas and I carry letters. Please greet me by my name.");
    let second = ask(&server, chat, "What is my name, and what do I carry?");

    // The second prompt holds the first question and its answer, and something of its own.
    let said_before = first.prompt_tokens + first.completion_tokens;
    assert!(second.prompt_tokens > said_before, "{second:?} was asked without {first:?}");

    server.kill9();
    let server = RunningServer::start(&binary, data.path(), &[]);
    let kept = ok(&http::call(server.address(), "GET", &format!("/api/v1/chats/{chat}/messages"), None));
    let kept = kept["items"].as_array().unwrap();
    assert_eq!(kept.len(), 4, "{kept:?}");
    for (messages, turn) in kept.chunks(2).zip([&first, &second]) {
        let [question, answer] = messages else { panic!("half a turn: {messages:?}") };
        assert_eq!((&question["role"], &question["content"]), (&json!("user"), &json!(turn.question)));
        assert_eq!((&answer["role"], &answer["content"]), (&json!("assistant"), &json!(turn.answer)));
        assert_eq!(answer["status"], "complete");
        assert_eq!(answer["response"], turn.response, "the record changed when the server was started again");
    }

    let shown = binary
        .command(data.path())
        .args(["chats", "show", chat, "--json", "--data-dir"])
        .arg(data.path())
        .output()
        .unwrap();
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    for turn in [&first, &second] {
        for text in [&json!(turn.question), &json!(turn.answer), &turn.response["tokens_total"]] {
            assert!(holds(&shown, text), "the command line does not show {text}: {shown}");
        }
    }
}

/// What such a small model makes of it is poor, and that is the point: whatever it says, files and conversation
/// are in order, and the record tells what happened.
#[test]
fn what_a_real_model_composes_is_kept_or_explained() {
    let model = start_model();
    let data = TempDir::new().unwrap();
    let binary = Binary::kafka();
    let server = RunningServer::start(&binary, data.path(), &[]);
    let params = json!({"temperature": 0.7, "seed": 1, "max_tokens": 400});
    let entry = json!({"name": "smol", "base_url": model.url(), "params": params});
    created(&server, "/api/v1/models", &entry);
    let chat = created(&server, "/api/v1/chats", &json!({"title": "Composed", "default_model": "smol"}));
    let chat = chat["id"].as_str().unwrap();
    let notes =
        json!({"filename": "notes.txt", "content": "The castle is on the hill.\nK. is not let in.\n"});
    created(&server, &format!("/api/v1/chats/{chat}/files"), &notes);

    let prompts = [
        "Write a new file called greeting.txt that says hello to a land surveyor.",
        "Add a line about the weather to notes.txt.",
        "What does notes.txt say?",
    ];
    for prompt in prompts {
        compose(&server, chat, prompt);
    }

    let all = |server: &RunningServer| {
        let get = |path: &str| ok(&http::call(server.address(), "GET", path, None))["items"].clone();
        let files = get(&format!("/api/v1/chats/{chat}/files"));
        let ids = files.as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap());
        let versions: Vec<Value> = ids.map(|id| get(&format!("/api/v1/chat-files/{id}/versions"))).collect();
        (get(&format!("/api/v1/chats/{chat}/messages")), files, versions)
    };
    let before = all(&server);
    assert_eq!(before.0.as_array().unwrap().len(), 2 * prompts.len(), "{:?}", before.0);
    let first = before.2.iter().flat_map(|versions| versions.as_array()).flatten();
    assert!(first.into_iter().any(|version| version["content"] == notes["content"]), "{:?}", before.2);
    server.kill9();
    let server = RunningServer::start(&binary, data.path(), &[]);
    assert_eq!(all(&server), before);
}

#[expect(clippy::print_stdout, reason = "`tests/run --real-model` shows what was composed")]
fn compose(server: &RunningServer, chat: &str, prompt: &str) {
    let mut connection = Connection::open(server.address());
    let body = json!({"content": prompt, "mode": "composer", "stream": true});
    connection.request("POST", &format!("/api/v1/chats/{chat}/responses"), &[], Some(&body));
    let (head, events) = connection.events();
    assert_eq!(head.status, 200, "{head:?}");
    let last = events.map(Result::unwrap).last().unwrap();
    assert!(["response.completed", "response.failed"].contains(&&*last.name), "{last:?}");
    let response = serde_json::from_str::<Value>(&last.data).unwrap()["response"].clone();
    println!("> {prompt}");
    let attempts = response["attempts"].as_array().unwrap();
    let mut spent = 0;
    for attempt in attempts {
        let is_accepted = attempt["outcome"] == "accepted";
        assert_eq!(is_accepted, attempt["reason"].is_null(), "{attempt}");
        spent += attempt["tokens_prompt"].as_u64().unwrap() + attempt["tokens_completion"].as_u64().unwrap();
        let [step, number, outcome, reason] =
            ["step", "attempt", "outcome", "reason"].map(|name| attempt[name].to_string());
        println!("  {step} {number}: {outcome} {reason}");
    }
    assert!((1..=10).contains(&attempts.len()), "{attempts:?}");
    assert_eq!(response["tokens_total"].as_u64(), Some(spent), "{response}");
    let path = format!("/api/v1/messages/{}", response["message_id"].as_str().unwrap());
    let message = ok(&http::call(server.address(), "GET", &path, None));
    let shown = if response["error"].is_null() { &message["content"] } else { &response["error"]["detail"] };
    println!("{shown}\n  [{spent} tokens, {} ms]\n", response["completion_time_ms"]);
}

fn start_model() -> RunningServer {
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_model.py");
    // Apart from starting, so that the time a download takes is not mistaken for a server that hangs.
    let installed = Command::new(&starter).arg("--install").stdin(Stdio::null()).status().unwrap();
    assert!(installed.success(), "the model cannot be installed");
    let mut command = Command::new(&starter);
    command.stdin(Stdio::null());
    RunningServer::spawn(command)
}

/// A question that was answered.
#[derive(Debug)]
struct Turn {
    question: &'static str,
    answer: String,
    response: Value,
    prompt_tokens: u64,
    completion_tokens: u64,
}

#[expect(clippy::print_stdout, reason = "`tests/run --real-model` shows the conversation")]
fn ask(server: &RunningServer, chat: &str, question: &'static str) -> Turn {
    let begun = Instant::now();
    let mut connection = Connection::open(server.address());
    let body = json!({"content": question, "stream": true});
    connection.request("POST", &format!("/api/v1/chats/{chat}/responses"), &[], Some(&body));
    let (head, events) = connection.events();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");

    let mut deltas: Vec<(Duration, String)> = Vec::new();
    let mut names = Vec::new();
    let mut last = Value::Null;
    for (count, event) in events.map(Result::unwrap).enumerate() {
        assert_eq!(event.id, (count + 1).to_string(), "{event:?}");
        last = serde_json::from_str(&event.data).unwrap();
        if event.name == "message.delta" {
            deltas.push((begun.elapsed(), last["text"].as_str().unwrap().to_owned()));
        }
        names.push(event.name);
    }
    assert_eq!(names.first().map(String::as_str), Some("response.started"));
    assert_eq!(names.last().map(String::as_str), Some("response.completed"), "{last}");

    let response = last["response"].clone();
    let tokens = |name: &str| response[name].as_u64().unwrap_or_else(|| panic!("no {name} in {response}"));
    let (prompt_tokens, completion_tokens) = (tokens("tokens_prompt"), tokens("tokens_completion"));
    assert_eq!(tokens("tokens_total"), prompt_tokens + completion_tokens);
    assert_eq!((&response["status"], &response["usage_estimated"]), (&json!("completed"), &json!(false)));
    // A token may come without text, but an answer in one piece was not streamed.
    assert!(deltas.len() as u64 * 2 > completion_tokens, "{completion_tokens} tokens in {deltas:?}");
    let arrived =
        |delta: Option<&(Duration, String)>| delta.map(|(at, _)| at.as_millis()).unwrap_or_default();
    assert!(arrived(deltas.first()) < arrived(deltas.last()), "the answer came at once: {deltas:?}");

    let answer: String = deltas.iter().map(|(_, text)| text.as_str()).collect();
    println!("> {question}\n{answer}");
    println!(
        "  [{prompt_tokens} + {completion_tokens} tokens in {} deltas, the first after {} ms, the last after {} ms]\n",
        deltas.len(),
        arrived(deltas.first()),
        arrived(deltas.last()),
    );
    Turn { question, answer, response, prompt_tokens, completion_tokens }
}

fn created(server: &RunningServer, path: &str, body: &Value) -> Value {
    let reply = http::call(server.address(), "POST", path, Some(body));
    assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()
}

fn ok(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    reply.json()
}

/// Whether `wanted` stands anywhere in `value`.
fn holds(value: &Value, wanted: &Value) -> bool {
    value == wanted
        || match value {
            Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
            Value::Object(fields) => fields.values().any(|field| holds(field, wanted)),
            _ => false,
        }
}
