//! What happens to a file, the answer or the process while a model composes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kafka_core::{
    Answer, Chat, ChatFile, ChatFileId, ComposeRequest, EventKind, Kafka, MessageStatus, NewChatFile,
    NewVersion, Outcome, PageRequest, ResponseStatus, Step, TurnEvent,
    testing::{Gate, Script, ScriptedAnswer, ScriptedEndpoint},
};
use serde_json::json;

use crate::stage::{In, Stage};

use super::{FLOW, compose, content, files, kinds, obedient, says, step_of, triage, versions};

/// A model with another to edit while it writes: what `meanwhile` does is done before the first edit is told.
fn editing(meanwhile: &'static str) -> (Stage, Chat, ChatFile) {
    let door: Arc<Mutex<Option<(Kafka, ChatFileId)>>> = Arc::default();
    let other = Arc::clone(&door);
    let stage = Stage::scripted(move |call| match step_of(call) {
        Step::Triage => triage(false, false),
        _ => {
            let answer = says(&json!({"text": "@@ -4 +4 @@\n-\tsay(\"Thanks.\")\n+\tsay(\"Thank you.\")\n"}));
            if let Some((kafka, file)) = other.lock().unwrap().take() {
                let files = kafka.chat_files(&kafka.operator());
                match meanwhile {
                    "" => files.delete(file).unwrap(),
                    text => drop(files.add_version(file, NewVersion::text(text)).unwrap()),
                }
            }
            answer
        }
    });
    let chat = stage.chat();
    let new = NewChatFile { filename: "flow.based".into(), content: FLOW.into() };
    let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
    *door.lock().unwrap() = Some((stage.kafka.clone(), file.id));
    (stage, chat, file)
}

#[test]
fn a_change_of_what_was_changed_meanwhile_is_brought_together_or_made_anew() {
    // Above it: the line has another number by now.
    let (stage, chat, file) = editing(
        "# one\n# two\nloop:\n\tr = talk(\"Ask for a colour.\", True)\nuntil \"a colour is named\":\n\tsay(\"Thanks.\")\n",
    );
    let answer = compose(&stage, &chat, ComposeRequest::text("Be polite."));
    assert_eq!(answer.response.status, ResponseStatus::Completed, "{:?}", answer.response);
    let text = versions(&stage, &file).pop().unwrap().content;
    assert_eq!(text, format!("# one\n# two\n{}", FLOW.replace("Thanks.", "Thank you.")));
    assert_eq!(content(&answer)["based_content"], text);

    // The same line: the model sees the new one, which its diff does not fit.
    let (stage, chat, file) = editing(
        "loop:\n\tr = talk(\"Ask for a colour.\", True)\nuntil \"a colour is named\":\n\tsay(\"Danke.\")\n",
    );
    let answer = compose(&stage, &chat, ComposeRequest::text("Be polite."));
    assert_eq!(answer.response.error.unwrap().code, "edit_failed");
    let trail = answer.response.attempts.unwrap();
    assert!(trail[1].reason.as_ref().unwrap().contains("changed meanwhile"), "{trail:?}");
    assert!(trail[2].reason.as_ref().unwrap().contains("does not fit"), "{trail:?}");
    assert!(stage.provider.calls()[2].prompt.messages[0].content.contains("Danke."));
    let texts: Vec<_> = versions(&stage, &file).into_iter().map(|version| version.content).collect();
    assert_eq!(texts, [FLOW.to_owned(), FLOW.replace("Thanks", "Danke")]);

    // It is gone.
    let (stage, chat, _) = editing("");
    let answer = compose(&stage, &chat, ComposeRequest::text("Be polite."));
    assert_eq!(answer.response.error.unwrap().code, "file_gone");
    assert_eq!(files(&stage, &chat), []);
}

#[test]
fn cancelled_at_any_step_it_changes_nothing_and_counts_what_it_cost() {
    for (step, prompt) in
        [(Step::Triage, "write"), (Step::Write, "write"), (Step::Edit, "edit"), (Step::Reply, "hello")]
    {
        let gate = Gate::new();
        let held = gate.clone();
        let stage = Stage::scripted(move |call| match step_of(call) == step {
            true => ScriptedAnswer::new().text("{\"text\": ").wait_for(&held).text("1}").finish(),
            false => obedient(call),
        });
        let chat = stage.chat();
        let new = NewChatFile { filename: "flow.based".into(), content: FLOW.into() };
        let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
        let turn =
            stage.kafka.composer(&stage.operator).start(chat.id, ComposeRequest::text(prompt)).unwrap();
        stage.provider.wait_for_calls(if step == Step::Triage { 1 } else { 2 });
        turn.cancel().unwrap();
        let Answer { message, response, .. } = turn.wait().unwrap();
        assert_eq!((response.status, message.content.as_str()), (ResponseStatus::Cancelled, ""), "{step}");
        assert_eq!((files(&stage, &chat).len(), versions(&stage, &file).len()), (1, 1), "{step}");
        let trail = response.attempts.unwrap();
        assert_eq!((trail.last().unwrap().step, trail.last().unwrap().outcome), (step, Outcome::Failed));
        let counted = trail.iter().map(|it| it.tokens_prompt + it.tokens_completion).sum::<u64>();
        assert!(response.usage_estimated && response.tokens_total == Some(counted) && counted > 0, "{step}");
        gate.open();
    }
}

#[test]
#[cfg_attr(feature = "postgres", ignore = "a copy of SQLite's files")]
fn a_process_that_dies_leaves_an_interrupted_answer_and_every_file_as_it_was() {
    let gate = Gate::new();
    let held = gate.clone();
    let stage = Stage::with(
        In::File,
        move |call| match step_of(call) {
            Step::Edit => ScriptedAnswer::new().wait_for(&held).then(|| ()).text("{}").finish(),
            _ => obedient(call),
        },
        |_| {},
    );
    let chat = stage.chat();
    let new = NewChatFile { filename: "flow.based".into(), content: FLOW.into() };
    let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
    let mut turn =
        stage.kafka.composer(&stage.operator).start(chat.id, ComposeRequest::text("edit")).unwrap();
    let id = turn.id();
    // The stages are on disk when they are seen.
    let stages = (0..3).map(|_| turn.next().unwrap().unwrap()).skip(1);
    assert_eq!(stages.collect::<Vec<_>>(), ["triage", "edit"].map(|name| TurnEvent::Stage(name.into())));
    let kafka = Kafka::open(crate::crash::crashed(&stage)).unwrap();
    let me = kafka.operator();
    let response = kafka.responses(&me).get(id).unwrap();
    assert_eq!((response.status, response.usage_estimated), (ResponseStatus::Interrupted, true));
    let message = kafka.messages(&me).get(response.message_id).unwrap();
    assert_eq!((message.content.as_str(), message.status), ("", MessageStatus::Interrupted));
    let left = kafka.chat_files(&me).versions(file.id, &PageRequest::first(9)).unwrap().items;
    assert_eq!(left.iter().map(|it| it.content.as_str()).collect::<Vec<_>>(), [FLOW]);
    let kinds: Vec<_> = crate::stage::all_events(&kafka, id).iter().map(|event| event.kind).collect();
    use EventKind::{Interrupted, Started};
    assert_eq!(kinds, [Started, EventKind::Stage, EventKind::Stage, Interrupted]);
    gate.open();
}

#[test]
fn a_text_whose_base_was_replaced_while_it_was_checked_is_not_stored() {
    let door: Arc<Mutex<Option<(Kafka, ChatFileId)>>> = Arc::default();
    let other = Arc::clone(&door);
    // Checking is the last thing before the end: who changes the file by then was not seen.
    let service = ScriptedEndpoint::start(move |_| {
        if let Some((kafka, file)) = other.lock().unwrap().take() {
            kafka.chat_files(&kafka.operator()).add_version(file, NewVersion::text("theirs\n")).unwrap();
        }
        Script::json(200, &json!({"status": "success"}))
    });
    let url = service.base_url();
    let stage = Stage::with(In::Memory, obedient, |config| config.based_validator = Some(url));
    let chat = stage.chat();
    let new = NewChatFile { filename: "flow.based".into(), content: FLOW.into() };
    let file = stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap();
    *door.lock().unwrap() = Some((stage.kafka.clone(), file.id));
    let answer = compose(&stage, &chat, ComposeRequest::text("edit"));
    assert_eq!((answer.response.status, answer.message.kind.as_str()), (ResponseStatus::Failed, "text"));
    assert_eq!(answer.response.error.as_ref().unwrap().code, "edit_conflict");
    assert_eq!(versions(&stage, &file).pop().unwrap().content, "theirs\n");
    assert!(!kinds(&stage, &answer).contains(&EventKind::FileVersion));
}

/// With two files and none selected: after its first, useless diff another becomes the one that was changed last.
#[test]
fn the_file_that_is_changed_stays_the_same_over_all_attempts() {
    for is_deleted in [false, true] {
        let door = Arc::new(Mutex::new(None::<(Kafka, [ChatFileId; 2])>));
        let other = Arc::clone(&door);
        let stage = Stage::scripted(move |call| match step_of(call) {
            Step::Triage => triage(false, false),
            _ => match other.lock().unwrap().take() {
                Some((kafka, [a, b])) => {
                    let files = kafka.chat_files(&kafka.operator());
                    match is_deleted {
                        true => files.delete(b).unwrap(),
                        false => drop(files.add_version(a, NewVersion::text("one\ntheirs\n")).unwrap()),
                    }
                    says(&json!({"text": "no diff"}))
                }
                None => says(&json!({"text": "@@ -1 +1,2 @@\n one\n+more\n"})),
            },
        });
        let chat = stage.chat();
        let [a, b] = ["a.md", "b.md"].map(|name| {
            stage.clock.advance(Duration::from_secs(1));
            let new = NewChatFile { filename: name.into(), content: "one\n".into() };
            stage.kafka.chat_files(&stage.operator).create(chat.id, new).unwrap()
        });
        *door.lock().unwrap() = Some((stage.kafka.clone(), [a.id, b.id]));
        stage.clock.advance(Duration::from_secs(1));
        let answer = compose(&stage, &chat, ComposeRequest::text("Change it."));
        let newest = |file: &ChatFile| versions(&stage, file).pop().unwrap().content;
        match is_deleted {
            true => {
                assert_eq!(answer.response.error.unwrap().code, "file_gone");
                assert_eq!(newest(&a), "one\n");
            }
            false => assert_eq!((newest(&a).as_str(), newest(&b).as_str()), ("one\ntheirs\n", "one\nmore\n")),
        }
    }
}
