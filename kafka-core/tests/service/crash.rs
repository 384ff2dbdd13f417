//! A process that dies in the middle of an answer, and what the next one makes of it.

use std::fs;

use kafka_core::{
    AnswerRequest, Config, Database, EventKind, Kafka, MessageStatus, ResponseStatus, TurnEvent,
    testing::{Gate, ScriptedAnswer},
};

use crate::stage::{In, Stage, all_events};

/// What a crash leaves is what the disk holds: the file and its log, without the locks, which the
/// system takes from a dead process. A copy of them is such a crash, at a moment of the test's choice.
pub(crate) fn crashed(stage: &Stage) -> Config {
    let copy = stage.directory().join("after the crash.db");
    for suffix in ["", "-wal"] {
        let with = |path: &std::path::Path| format!("{}{suffix}", path.display());
        fs::copy(with(&stage.database()), with(&copy)).unwrap();
    }
    let mut config = Config::file(copy);
    config.providers.push(stage.provider.clone());
    config
}

#[test]
fn what_was_seen_is_kept_and_the_answer_is_interrupted() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::with(
        In::File,
        move |_| ScriptedAnswer::new().text("One").text(" two").wait_for(&script).text(" three").finish(),
        |_| {},
    );
    let chat = stage.chat();
    let completions = stage.kafka.completions(&stage.operator);
    let running = completions.start(chat.id, AnswerRequest::text("Hi")).unwrap();
    let waiting = completions.start(chat.id, AnswerRequest::text("And?")).unwrap();
    let (id, waiting_id) = (running.id(), waiting.id());
    let mut seen = String::new();
    for event in running {
        if let TurnEvent::Delta(text) = event.unwrap() {
            seen.push_str(&text);
        }
        if seen == "One two" {
            break;
        }
    }
    let after_the_crash = crashed(&stage);
    let before: Vec<_> = {
        let mut events = stage.kafka.responses(&stage.operator).events(id, 0).unwrap();
        (0..3).map(|_| events.next().unwrap().unwrap()).collect()
    };

    let kafka = Kafka::open(after_the_crash.clone()).unwrap();
    let me = kafka.operator();
    let events = all_events(&kafka, id);
    assert_eq!(events[..3], before, "the same numbers and bytes");
    let after: Vec<_> = events[3..].iter().map(|event| (event.seq, event.kind)).collect();
    assert_eq!(after, [(4, EventKind::Interrupted)], "the end is the next number");
    let response = kafka.responses(&me).get(id).unwrap();
    assert_eq!((response.status, response.usage_estimated), (ResponseStatus::Interrupted, true));
    let message = kafka.messages(&me).get(response.message_id).unwrap();
    assert_eq!((message.content.as_str(), message.status), ("One two", MessageStatus::Interrupted));

    let events: Vec<_> = all_events(&kafka, waiting_id).iter().map(|event| (event.seq, event.kind)).collect();
    assert_eq!(events, [(1, EventKind::Started), (2, EventKind::Interrupted)]);
    assert_eq!(kafka.responses(&me).get(waiting_id).unwrap().tokens_total, None);

    // The chat goes on, and a further start finds nothing to mend.
    let again = AnswerRequest { model: Some("echo".into()), ..AnswerRequest::text("Once more") };
    let answer = kafka.completions(&me).start(chat.id, again).unwrap().wait().unwrap();
    assert_eq!(answer.message.content, "Echo: Once more");
    kafka.close();
    let kafka = Kafka::open(after_the_crash).unwrap();
    assert_eq!(all_events(&kafka, id).len(), 4);

    // The first process never noticed.
    gate.open();
    assert!(stage.kafka.wait_until_idle(std::time::Duration::from_secs(20)));
    assert_eq!(stage.branch(&chat)[1], "One two three");
}

/// Starting beside a living process ends none of its answers.
#[test]
fn a_second_start_leaves_the_first_ones_answers_alone() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::with(
        In::File,
        move |_| ScriptedAnswer::new().text("One").wait_for(&script).text(" two").finish(),
        |_| {},
    );
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("Hi")).unwrap();
    let beside = stage.beside();
    let response = beside.responses(&beside.operator()).get(turn.id()).unwrap();
    assert_eq!(response.status, ResponseStatus::Streaming);
    beside.close();
    gate.open();
    assert_eq!(turn.wait().unwrap().message.content, "One two");
}

/// A link to the database is the same database: what tells the living from the dead lies beside the file
/// itself, and so do the bytes of files.
#[cfg(unix)]
#[test]
fn a_start_by_a_link_leaves_the_first_ones_answers_alone() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::with(
        In::File,
        move |_| ScriptedAnswer::new().text("One").wait_for(&script).text(" two").finish(),
        |_| {},
    );
    let link = stage.directory().join("elsewhere/link.db");
    fs::create_dir(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(stage.database(), &link).unwrap();
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("Hi")).unwrap();
    let beside = Kafka::open(Config::file(&link)).unwrap();
    let response = beside.responses(&beside.operator()).get(turn.id()).unwrap();
    assert_eq!(response.status, ResponseStatus::Streaming);
    beside.close();
    gate.open();
    assert_eq!(turn.wait().unwrap().message.content, "One two");
    let beside_the_link = fs::read_dir(link.parent().unwrap()).unwrap();
    assert_eq!(beside_the_link.count(), 1, "nothing is named after the link");
}

/// Whoever starts mends what it can, and is not kept from starting by the rest.
#[test]
fn an_answer_that_cannot_be_ended_holds_up_no_other() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage =
        Stage::with(In::File, move |_| ScriptedAnswer::new().text("One").wait_for(&script).finish(), |_| {});
    let ask = |kafka: &Kafka| {
        let turn = kafka.completions(&stage.operator).start(stage.chat().id, AnswerRequest::text("Hi"));
        turn.unwrap().id()
    };
    // Two processes that die: the first with an answer before and one behind the one that cannot be ended.
    let beside = stage.beside();
    let [first, broken, third, of_the_second] = [&stage.kafka, &stage.kafka, &stage.kafka, &beside].map(ask);
    stage.provider.wait_for_calls(4);
    let after_the_crash = crashed(&stage);
    gate.open();
    let Database::File(copy) = &after_the_crash.database else { panic!("it is in a file") };
    let rows = rusqlite::Connection::open(copy).unwrap();
    rows.execute_batch(&format!(
        "CREATE TABLE taken (number INTEGER PRIMARY KEY);
         INSERT INTO taken VALUES (1);
         CREATE TRIGGER broken BEFORE UPDATE ON responses WHEN old.id = '{broken}'
         BEGIN INSERT INTO taken VALUES (1); END",
    ))
    .unwrap();

    let kafka = Kafka::open(after_the_crash).expect("one answer is no reason not to start");
    let status = |id| kafka.responses(&kafka.operator()).get(id).unwrap().status;
    for id in [first, third, of_the_second] {
        assert_eq!(status(id), ResponseStatus::Interrupted);
    }
    assert_eq!(status(broken), ResponseStatus::Streaming, "nothing of it is stored");
    rows.execute_batch("DROP TRIGGER broken").unwrap();
    assert_eq!(all_events(&kafka, broken).last().unwrap().kind, EventKind::Interrupted, "tried again");
}
