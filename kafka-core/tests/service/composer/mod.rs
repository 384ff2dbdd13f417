//! Files that a model writes and changes, by way of the library.

mod checks;
mod conflicts;
mod steps;

use kafka_core::{
    Answer, Chat, ChatFile, ComposeRequest, EventKind, PageRequest, Step, Version,
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

pub(crate) fn kinds(stage: &Stage, answer: &Answer) -> Vec<EventKind> {
    stage.events(answer.response.id).iter().map(|event| event.kind).collect()
}

pub(crate) fn content(answer: &Answer) -> Value {
    serde_json::from_str(&answer.message.content).unwrap()
}
