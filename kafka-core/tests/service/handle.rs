//! The handle: shared between threads, several in one process, closed.

use std::{sync::Arc, time::Duration};

use kafka_core::{
    AnswerRequest, Config, ErrorKind, EventKind, Kafka, MessageStatus, NewChat, ResponseStatus,
    testing::{Gate, ScriptedAnswer, ScriptedProvider},
};
use tempfile::TempDir;

use crate::stage::{In, Stage, all_events};

const _: () = {
    const fn is_shared<T: Clone + Send + Sync + 'static>() {}
    is_shared::<Kafka>();
};

#[test]
fn two_installations_in_one_process_know_nothing_of_each_other() {
    let directory = TempDir::new().unwrap();
    let open = |name: &str| Kafka::open(Config::file(directory.path().join(name))).unwrap();
    let [one, other, memory] = [open("one.db"), open("other.db"), Kafka::in_memory().unwrap()];
    let me = one.operator();
    let chat = one.chats(&me).create(NewChat::titled("One's")).unwrap();
    assert_eq!(other.chats(&me).get(chat.id).unwrap_err().code(), "chat_not_found");
    assert_eq!(memory.chats(&me).get(chat.id).unwrap_err().code(), "chat_not_found");
    other.close();
    one.completions(&me).start(chat.id, AnswerRequest::text("Hi")).unwrap().wait().unwrap();
    assert_eq!(one.chats(&me).get(chat.id).unwrap().message_count, 2);
}

#[test]
fn two_handles_of_one_file_see_each_others_writes() {
    let stage = Stage::new(In::File);
    let beside = stage.beside();
    let chat = stage.chat();
    assert_eq!(beside.chats(&stage.operator).get(chat.id).unwrap(), chat);
    let message = stage.say(&chat, kafka_core::Role::User, "Hi");
    assert_eq!(beside.messages(&stage.operator).get(message.id).unwrap(), message);
}

#[test]
fn a_closed_installation_refuses_every_call_as_busy() {
    for place in [In::Memory, In::File] {
        let stage = Stage::new(place);
        let (chat, clone) = (stage.chat(), stage.kafka.clone());
        let answer = stage.ask(&chat, AnswerRequest::text("Hi"));
        stage.kafka.close();
        stage.kafka.close();
        let me = &stage.operator;
        let refused = [
            clone.check().unwrap_err(),
            clone.chats(me).get(chat.id).unwrap_err(),
            clone.chats(me).create(NewChat::default()).unwrap_err(),
            clone.chats(me).delete(chat.id).unwrap_err(),
            clone.messages(me).list(chat.id, &Default::default()).unwrap_err(),
            clone.completions(me).start(chat.id, AnswerRequest::text("Hi")).unwrap_err(),
            clone.responses(me).get(answer.response.id).unwrap_err(),
            clone.login("x", String::from("y").into()).unwrap_err(),
        ];
        for error in refused {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Busy, "storage_closed"));
        }
        assert!(clone.wait_until_idle(Duration::ZERO));
    }
}

#[test]
fn closing_keeps_running_and_waiting_answers_as_interrupted() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::with(
        In::File,
        move |_| ScriptedAnswer::new().text("One").wait_for(&script).text(" two").finish(),
        |_| {},
    );
    let chat = stage.chat();
    let completions = stage.kafka.completions(&stage.operator);
    let running = completions.start(chat.id, AnswerRequest::text("1")).unwrap();
    let waiting = completions.start(chat.id, AnswerRequest::text("2")).unwrap();
    let (id, waiting_id) = (running.id(), waiting.id());
    let mut events = running.into_events();
    // The start and the first piece.
    let seen = [events.next().unwrap().unwrap(), events.next().unwrap().unwrap()];
    stage.kafka.close();
    // Who watches sees the end that was stored.
    let rest: Vec<_> = events.map(Result::unwrap).collect();
    let kafka = stage.reopened(|_| {});
    let stored = all_events(&kafka, id);
    assert_eq!(stored, [&seen[..], &rest].concat());
    let me = kafka.operator();
    for (id, text) in [(id, "One"), (waiting_id, "")] {
        let response = kafka.responses(&me).get(id).unwrap();
        assert_eq!((response.status, response.error), (ResponseStatus::Interrupted, None));
        let message = kafka.messages(&me).get(response.message_id).unwrap();
        assert_eq!((message.content.as_str(), message.status), (text, MessageStatus::Interrupted));
    }
}

/// The answer itself holds the installation open, and its thread closes it.
#[test]
fn an_answer_outlives_every_handle() {
    let gate = Gate::new();
    let script = gate.clone();
    let provider = Arc::new(ScriptedProvider::new("scripted", move |_| {
        ScriptedAnswer::new().text("One").wait_for(&script).text(" two").finish()
    }));
    let directory = TempDir::new().unwrap();
    let mut config = Config::file(directory.path().join("kafka.db"));
    config.providers.push(provider);
    let kafka = Kafka::open(config.clone()).unwrap();
    let me = kafka.operator();
    kafka.models(&me).create(crate::stage::new_model("scripted")).unwrap();
    let new = NewChat { default_model: Some("scripted".into()), ..NewChat::default() };
    let chat = kafka.chats(&me).create(new).unwrap();
    let id = kafka.completions(&me).start(chat.id, AnswerRequest::text("Hi")).unwrap().id();
    drop(kafka);
    gate.open();
    // Another handle of the file sees the end of it.
    let kafka = Kafka::open(config).unwrap();
    let events = all_events(&kafka, id);
    assert_eq!(events.last().unwrap().kind, EventKind::Completed);
    assert_eq!(kafka.responses(&me).get(id).unwrap().status, ResponseStatus::Completed);
}
