//! Files that a model writes and changes, by way of the library.

use kafka_core::{
    Answer, Chat, ChatFile, ComposeRequest, EventKind, NewChatFile, Outcome, PageRequest, ResponseStatus,
    Role, Step, TurnEvent, Version,
    testing::{ScriptedAnswer, ScriptedCall},
};
use serde_json::{Value, json};

use crate::stage::Stage;

pub(crate) const FLOW: &str =
    "loop:\n\tr = talk(\"Ask for a colour.\", True)\nuntil \"a colour is named\":\n\tsay(\"Thanks.\")\n";

/// What a call asks for, by the words that its task has.
pub(crate) fn step_of(call: &ScriptedCall) -> Step {
    task_of(&call.prompt.messages[0].content)
}

/// The same of the first message: the task stands before all that it knows.
pub(crate) fn task_of(system: &str) -> Step {
    let task = system.split("\n\n").next().unwrap();
    if task.contains("genNewFile") && task.contains("plain_response") {
        Step::Triage
    } else if task.contains("\"type\": \"diff\"") {
        Step::Edit
    } else if task.contains("\"type\": \"based\"") {
        Step::Write
    } else {
        Step::Reply
    }
}

pub(crate) fn says(value: &Value) -> ScriptedAnswer {
    ScriptedAnswer::of(&[&value.to_string()])
}

pub(crate) fn triage(new_file: bool, plain: bool) -> ScriptedAnswer {
    says(&json!({
        "summary": "s", "extraction_indices": [], "genNewFile": new_file, "files_list": [], "plain_response": plain,
    }))
}

/// A model that does what the last word of the prompt says: `write`, `edit`, or answers in words.
pub(crate) fn obedient(call: &ScriptedCall) -> ScriptedAnswer {
    let prompt = call.prompt.last_user_text();
    let (new, edit) = (prompt.ends_with("write"), prompt.ends_with("edit"));
    match step_of(call) {
        Step::Triage => triage(new, !new && !edit),
        Step::Write => says(&json!({"type": "based", "filename": "flow.based", "text": FLOW})),
        Step::Edit => says(&json!({
            "type": "diff", "filename": "whatever",
            "text": "@@ -4 +4 @@\n-\tsay(\"Thanks.\")\n+\tsay(\"Thank you.\")\n",
        })),
        Step::Reply => says(&json!({"text": "Good day."})),
    }
}

pub(crate) fn compose(stage: &Stage, chat: &Chat, request: ComposeRequest) -> Answer {
    stage.kafka.composer(&stage.operator).start(chat.id, request).unwrap().wait().unwrap()
}

pub(crate) fn files(stage: &Stage, chat: &Chat) -> Vec<ChatFile> {
    stage.kafka.chat_files(&stage.operator).list(chat.id, &PageRequest::first(200)).unwrap().items
}

pub(crate) fn versions(stage: &Stage, file: &ChatFile) -> Vec<Version> {
    stage.kafka.chat_files(&stage.operator).versions(file.id, &PageRequest::first(200)).unwrap().items
}

fn kinds(stage: &Stage, answer: &Answer) -> Vec<EventKind> {
    stage.events(answer.response.id).iter().map(|event| event.kind).collect()
}

fn content(answer: &Answer) -> Value {
    serde_json::from_str(&answer.message.content).unwrap()
}

#[test]
fn a_prompt_becomes_a_file_then_a_version_then_words() {
    let stage = Stage::scripted(obedient);
    let chat = stage.chat();
    let written = compose(&stage, &chat, ComposeRequest::text("please write"));
    assert_eq!(written.response.status, ResponseStatus::Completed, "{:?}", written.response);
    assert_eq!((written.message.kind.as_str(), written.message.role), ("file", Role::Assistant));
    assert_eq!(content(&written), json!({"based_filename": "flow.based", "based_content": FLOW}));
    use EventKind::{Completed, Delta, FileCreated, FileVersion, Stage as Begun, Started, Usage};
    assert_eq!(kinds(&stage, &written), [Started, Begun, Begun, FileCreated, Usage, Completed]);
    let [file] = &files(&stage, &chat)[..] else { panic!("{:?}", files(&stage, &chat)) };
    let created = stage.events(written.response.id)[3].decode().unwrap();
    assert_eq!(created, TurnEvent::FileCreated(Box::new(file.clone())));
    assert_eq!(versions(&stage, file)[0].content, FLOW);

    let edited = compose(&stage, &chat, ComposeRequest::text("please edit"));
    let newest = FLOW.replace("Thanks.", "Thank you.");
    assert_eq!(edited.response.status, ResponseStatus::Completed, "{:?}", edited.response);
    assert_eq!(content(&edited)["based_content"], newest);
    assert!(content(&edited)["diff"].as_str().unwrap().starts_with("@@ -4 +4 @@"));
    assert_eq!(kinds(&stage, &edited), [Started, Begun, Begun, FileVersion, Usage, Completed]);
    let [file] = &files(&stage, &chat)[..] else { panic!() };
    assert_eq!((file.latest_version, &*versions(&stage, file)[1].content), (Some(2), &*newest));

    let replied = compose(&stage, &chat, ComposeRequest::text("hello"));
    assert_eq!((replied.message.kind.as_str(), replied.message.content.as_str()), ("text", "Good day."));
    assert_eq!(kinds(&stage, &replied), [Started, Begun, Begun, Delta, Usage, Completed]);

    // The trail names every call, and the counts are those of all of them.
    let attempts = written.response.attempts.clone().unwrap();
    let trail: Vec<_> = attempts.iter().map(|it| (it.step, it.attempt, it.outcome)).collect();
    assert_eq!(trail, [(Step::Triage, 1, Outcome::Accepted), (Step::Write, 1, Outcome::Accepted)]);
    assert_eq!((attempts[0].tokens_prompt, attempts[1].tokens_completion), (3, 2));
    let response = &written.response;
    assert_eq!(
        (response.tokens_prompt, response.tokens_completion, response.tokens_total),
        (Some(6), Some(4), Some(10))
    );
    let read = stage.kafka.responses(&stage.operator).get(response.id).unwrap();
    assert_eq!(&read, response);
}

#[test]
fn another_kind_of_text_is_written_as_well() {
    let stage = Stage::scripted(|call| match step_of(call) {
        Step::Triage => triage(true, false),
        _ => says(&json!({"type": "based", "filename": "notes.md", "text": "# Notes\n"})),
    });
    let chat = stage.chat();
    let answer = compose(&stage, &chat, ComposeRequest::text("Take notes."));
    assert_eq!(answer.response.status, ResponseStatus::Completed);
    assert_eq!(files(&stage, &chat)[0].filename, "notes.md");
    stage
        .kafka
        .chat_files(&stage.operator)
        .create(chat.id, NewChatFile { filename: "x.md".into(), content: "x\n".into() })
        .unwrap();
}
