//! `kafka chat` once: the answer arrives, is stored, and its end decides the exit code.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    home,
    run::{fails, fed, ids, json, kafka, printed, run, stderr, stdout, succeeded},
};

/// An answer of `echo` that takes longer than this is blocked.
const PATIENCE: Duration = Duration::from_secs(30);

/// Adds a model that this endpoint answers for.
fn add_model(directory: &TempDir, endpoint: &ScriptedEndpoint, arguments: &[&str]) {
    printed(directory, &[&["model", "add", "scripted", "--url", &endpoint.base_url()], arguments].concat());
}

/// An endpoint that lists its model and answers each question so.
fn endpoint(answer: impl Fn() -> Script + Send + Sync + 'static) -> ScriptedEndpoint {
    ScriptedEndpoint::start(move |request| match request.path.ends_with("/models") {
        true => Script::json(200, &json!({"data": [{"id": "scripted"}]})),
        false => answer(),
    })
}

/// Role, text and status of each message of the only chat.
fn messages(directory: &TempDir) -> Vec<(String, String, String)> {
    let chats = ids(directory, &["chats", "list"]);
    assert_eq!(chats.len(), 1);
    let chat = json(directory, &["chats", "show", &chats[0]]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |message: &Value| (text(&message["role"]), text(&message["content"]), text(&message["status"]));
    chat["messages"].as_array().unwrap().iter().map(of).collect()
}

fn message(role: &str, content: &str, status: &str) -> (String, String, String) {
    (role.to_owned(), content.to_owned(), status.to_owned())
}

#[test]
fn a_conversation_goes_on_from_process_to_process() {
    let directory = TempDir::new().unwrap();
    assert_eq!(printed(&directory, &["chat", "Hello", "there"]), "Echo: Hello there\n");
    let chat = ids(&directory, &["chats", "list"]).remove(0);
    assert_eq!(printed(&directory, &["chat", "--chat", &chat, "Again"]), "Echo: Again\n");
    let expected = [
        message("user", "Hello there", "complete"),
        message("assistant", "Echo: Hello there", "complete"),
        message("user", "Again", "complete"),
        message("assistant", "Echo: Again", "complete"),
    ];
    assert_eq!(messages(&directory), expected);
    assert_eq!(json(&directory, &["chats", "show", &chat])["title"], "Hello there");
}

#[test]
fn the_whole_history_is_sent_with_the_instructions_first() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(|| Script::stream(&["One", ", two."]));
    add_model(&directory, &endpoint, &[]);
    let ask = ["chat", "--model", "scripted", "--system", "Count.", "Begin"];
    assert_eq!(printed(&directory, &ask), "One, two.\n");
    let chat = ids(&directory, &["chats", "list"]).remove(0);
    // The model stays the chat's.
    assert_eq!(printed(&directory, &["chat", "--chat", &chat, "Go on"]), "One, two.\n");
    let sent = endpoint.requests().last().unwrap().json();
    let of = |message: &Value| (message["role"].clone(), message["content"].clone());
    let sent: Vec<(Value, Value)> = sent["messages"].as_array().unwrap().iter().map(of).collect();
    let expected = [
        (json!("system"), json!("Count.")),
        (json!("user"), json!("Begin")),
        (json!("assistant"), json!("One, two.")),
        (json!("user"), json!("Go on")),
    ];
    assert_eq!(sent, expected);
}

#[test]
fn standard_input_is_the_question_when_there_is_no_argument() {
    let directory = TempDir::new().unwrap();
    let piped = fed(kafka(&directory, &["chat"]), "two\nlines\n");
    assert_eq!(succeeded(&piped), "Echo: two\nlines\n");
    let given = fed(kafka(&directory, &["chat", "this"]), "not this");
    assert_eq!(succeeded(&given), "Echo: this\n");
}

#[test]
fn programs_get_the_answer_as_json_or_the_chat_s_id() {
    let directory = TempDir::new().unwrap();
    let answer = json(&directory, &["chat", "Hi"]);
    assert_eq!(answer["user_message"]["content"], "Hi");
    assert_eq!(answer["message"]["content"], "Echo: Hi");
    assert_eq!(answer["response"]["status"], "completed");
    assert_eq!(answer["response"]["message_id"], answer["message"]["id"]);
    let chat = answer["message"]["chat_id"].as_str().unwrap();
    assert_eq!(printed(&directory, &["chat", "--chat", chat, "-q", "More"]), format!("{chat}\n"));
}

#[test]
fn typical_mistakes_are_told_and_store_nothing() {
    let directory = TempDir::new().unwrap();
    let unknown = "019ab3f2-5c1e-7d40-9b1a-2f6c8e0d4a71";
    let long = "x".repeat(300);
    let table: [(&[&str], i32, &[&str]); 7] = [
        (&["chat"], 2, &["nothing to ask"]),
        (&["chat", "--model", "nix", "Hi"], 4, &["no model called nix", "Hint:", "kafka model list"]),
        (&["chat", "--model", &long, "Hi"], 2, &["default_model"]),
        (&["chat", "--chat", unknown, "Hi"], 4, &["There is no chat", unknown, "kafka chats list"]),
        (&["chat", "--chat", "7", "Hi"], 2, &["an id looks like"]),
        (&["chat", "--chat", unknown, "--system", "Be kind", "Hi"], 2, &["cannot be used with"]),
        (&["chat", "--jsn", "Hi"], 2, &["--json"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, arguments), code, parts);
    }
    assert_eq!(ids(&directory, &["chats", "list"]), [""; 0]);
}

#[test]
fn a_failure_of_the_database_is_not_told_as_the_model_s() {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["chat", "Hello"]);
    let chat = ids(&directory, &["chats", "list"]).remove(0);
    home::run_sql(&directory, "UPDATE messages SET parts = 'no JSON' WHERE role = 'user'");
    let asked = run(&directory, &["chat", "--chat", &chat, "Again"]);
    fails(&asked, 1, &["(storage_failed)", "Hint: your question is kept", "kafka doctor"]);
}

#[test]
fn a_failed_answer_is_told_and_the_question_is_kept() {
    let refused = Script::json(401, &json!({"error": {"message": "no such key"}}));
    let silent = Script::events().until_hung_up();
    for (script, code, word) in [(refused, 8, "(provider_key_refused)"), (silent, 9, "(provider_timeout)")] {
        let directory = TempDir::new().unwrap();
        let endpoint = endpoint(move || script.clone());
        add_model(&directory, &endpoint, &["--default", "--first-token-timeout", "0.2"]);
        fails(&run(&directory, &["chat", "Why?"]), code, &[word, "Hint: your question is kept"]);
        let expected = [message("user", "Why?", "complete"), message("assistant", "", "failed")];
        assert_eq!(messages(&directory), expected);
    }
}

#[test]
fn an_endpoint_that_is_not_there_is_named() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(Script::new);
    add_model(&directory, &endpoint, &["--default"]);
    let host = endpoint.host();
    drop(endpoint);
    let output = run(&directory, &["chat", "Anybody?"]);
    fails(&output, 8, &[&host, "(provider_unreachable)"]);
    assert_eq!(messages(&directory)[0], message("user", "Anybody?", "complete"));
    // The answer is the result all the same, for programs.
    let output = run(&directory, &["chat", "--json", "Anybody?"]);
    assert_eq!(output.status.code(), Some(8));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["response"]["error"]["code"], "provider_unreachable");
}

#[test]
fn an_answer_that_is_cut_off_is_kept_and_no_success() {
    let directory = TempDir::new().unwrap();
    let endpoint = endpoint(|| Script::events().token("Half"));
    add_model(&directory, &endpoint, &["--default"]);
    let output = run(&directory, &["chat", "All of it"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(8), "Half\n"));
    assert!(stderr(&output).contains("cut off"), "{}", stderr(&output));
    assert_eq!(messages(&directory)[1], message("assistant", "Half", "interrupted"));
}

/// Asks a model that says `Wait` and then nothing, and returns when that was seen.
fn in_the_middle_of_an_answer(directory: &TempDir) -> (Child, ScriptedEndpoint) {
    let endpoint = endpoint(|| Script::events().token("Wait").until_hung_up());
    add_model(directory, &endpoint, &["--default"]);
    let mut child =
        kafka(directory, &["chat", "Slowly"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut seen = [0; 4];
    child.stdout.as_mut().unwrap().read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"Wait");
    (child, endpoint)
}

#[test]
fn ctrl_c_stops_the_answer_and_keeps_what_came() {
    for signal in [Signal::INT, Signal::TERM] {
        let directory = TempDir::new().unwrap();
        let (child, endpoint) = in_the_middle_of_an_answer(&directory);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(stderr(&output).contains("stopped"), "{}", stderr(&output));
        endpoint.wait_for_hang_ups(1);
        let expected = [message("user", "Slowly", "complete"), message("assistant", "Wait", "cancelled")];
        assert_eq!(messages(&directory), expected);
    }
}

#[test]
fn a_process_that_was_killed_does_not_block_its_chat() {
    let directory = TempDir::new().unwrap();
    let (mut child, _endpoint) = in_the_middle_of_an_answer(&directory);
    child.kill().unwrap();
    child.wait().unwrap();
    let chat = ids(&directory, &["chats", "list"]).remove(0);
    let mut ask = kafka(&directory, &["chat", "--chat", &chat, "--model", "echo", "Still here?"]);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(ask.output().unwrap()));
    let output = end.recv_timeout(PATIENCE).unwrap();
    assert_eq!(succeeded(&output), "Echo: Still here?\n");
    assert_eq!(messages(&directory)[1], message("assistant", "Wait", "interrupted"));
}

#[test]
fn two_processes_use_one_database_at_the_same_time() {
    let directory = TempDir::new().unwrap();
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint =
        endpoint(move || Script::events().token("So").wait_for(&held).token("!").finish("stop").done());
    add_model(&directory, &endpoint, &[]);
    let mut slow =
        kafka(&directory, &["chat", "--model", "scripted", "Slow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = [0; 2];
    slow.stdout.as_mut().unwrap().read_exact(&mut seen).unwrap();
    // While the one waits for its model, the other asks, lists and leaves.
    assert_eq!(printed(&directory, &["chat", "Quick"]), "Echo: Quick\n");
    assert_eq!(ids(&directory, &["chats", "list"]).len(), 2);
    fails(&run(&directory, &["migrate", "down", "--yes"]), 5, &["cli with pid", &slow.id().to_string()]);
    gate.open();
    let rest: Vec<String> = BufReader::new(slow.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(rest, ["!"]);
    assert!(slow.wait().unwrap().success());
}

#[test]
fn text_in_a_file_is_what_the_model_said() {
    let directory = TempDir::new().unwrap();
    let said = "\u{1b}[31mred\u{1b}[0m\tΩ\r\n";
    assert_eq!(printed(&directory, &["chat", said]), format!("Echo: {said}"));
}
