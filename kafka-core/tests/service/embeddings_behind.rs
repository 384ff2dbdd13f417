//! Vectors that are made behind the reading: who waits for what, in which order, and what operators are told of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kafka_core::{
    Clock as _, Document, DocumentPlace, NewChat, NewFile, NodeKind, Period, ProcessingStatus, Schema,
    SearchMode, Sizes,
    testing::{Gate, Script, ScriptedEndpoint, ScriptedRequest},
};
use serde_json::json;

use crate::embeddings::{
    PATIENCE, add, by, endpoint, made, names, read, stage, stage_with, until, vectors, with,
};

/// It never answers, as far as this test goes.
#[test]
fn a_slow_endpoint_holds_up_no_document_and_no_words() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |request| {
        Script::new().wait_for(&held).then(Script::json(200, &vectors(&request.json())))
    });
    let stage = stage(&endpoint);
    let kafka = &stage.kafka;
    let place = DocumentPlace::Chat(stage.chat().id);
    let first = read(kafka, place, "cats.txt", "A feline slept on the wall.");
    endpoint.wait_for_requests(1);
    let second = read(kafka, place, "cars.txt", "An automobile stood at the wall.");
    let new = NewFile::named("cars.txt");
    let documents = kafka.documents(&stage.operator);
    let third = documents.replace(second.id, new, &mut &b"A car stood at the wall."[..]).unwrap();
    let third = documents.wait(third.id, PATIENCE, |_| ()).unwrap();
    for document in [&first, &third] {
        let words = (ProcessingStatus::Completed, None, None, 1);
        let Document { processing_status, error_message, embedding_model, chunk_count, .. } =
            document.clone();
        assert_eq!((processing_status, error_message, embedding_model, chunk_count), words);
    }
    let mut found = names(kafka, &by(SearchMode::Text, "wall"));
    found.sort_unstable();
    assert_eq!((found, endpoint.requests().len()), (vec!["cars.txt".to_owned(), "cats.txt".to_owned()], 1));
    gate.open();
    for document in [first, third] {
        assert_eq!(made(kafka, document.id).embedding_model.as_deref(), Some("toy"));
    }
    assert_eq!(names(kafka, &by(SearchMode::Vector, "cat"))[0], "cats.txt");
}

/// Which document each request was for, in their order, by the first two letters of its first text.
fn order(endpoint: &ScriptedEndpoint) -> Vec<String> {
    let first = |request: &ScriptedRequest| request.json()["input"][0].as_str().unwrap()[..2].to_owned();
    endpoint.requests().iter().map(first).collect()
}

#[test]
fn what_is_new_has_its_vectors_first_and_everyone_who_waits_has_a_turn() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |request| {
        let is_held = request.json()["model"] == "other";
        let answer = Script::json(200, &vectors(&request.json()));
        if is_held { Script::new().wait_for(&held).then(answer) } else { answer }
    });
    let stage = stage(&endpoint);
    let users = ["ada", "bob", "eve"].map(|name| stage.user(name));
    let chats = [0, 1, 2].map(|user| stage.chat_of(&users[user]).id);
    let olds = ["o1", "o2"].map(|text| add(&stage.kafka, DocumentPlace::Chat(chats[0]), "old.txt", text));
    stage.kafka.close();
    let before = endpoint.requests().len();

    let kafka = stage.reopened(with(&endpoint, "other"));
    endpoint.wait_for_requests(before + 1);
    let mut all = Vec::new();
    for (user, text) in [(0, "a1"), (0, "a2"), (0, "a3"), (1, "b1"), (1, "b2"), (2, "e1")] {
        all.push(read(&kafka, DocumentPlace::Chat(chats[user]), "new.txt", text).id);
    }
    gate.open();
    all.extend(olds.iter().map(|old| old.id));
    for id in all {
        until("vectors", || {
            let found = kafka.documents(&kafka.operator()).get(id).unwrap();
            found.embedding_model.as_deref() == Some("other")
        });
    }
    assert_eq!(order(&endpoint)[before..], ["o1", "a1", "b1", "e1", "a2", "b2", "a3", "o2"]);
    kafka.close();
}

#[test]
fn a_long_document_lets_others_have_their_turn() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |request| {
        Script::new().wait_for(&held).then(Script::json(200, &vectors(&request.json())))
    });
    let stage = stage_with(|config| {
        with(&endpoint, "toy")(config);
        config.chunks = Sizes { least_tokens: 0, most_tokens: 32 };
    });
    let places = ["ada", "bob"].map(|name| DocumentPlace::Chat(stage.chat_of(&stage.user(name)).id));
    // Sixteen batches and a bit.
    let text: String = (0..1030).map(|number| format!("# A {number}\n\nA cat.\n\n")).collect();
    let long = read(&stage.kafka, places[0], "long.md", &text);
    endpoint.wait_for_requests(1);
    let short = read(&stage.kafka, places[1], "short.txt", "B: a car.");
    gate.open();
    for document in [&long, &short] {
        assert_eq!(made(&stage.kafka, document.id).embedding_model.as_deref(), Some("toy"));
    }
    let order = order(&endpoint);
    assert_eq!((long.chunk_count, order.len(), order[16].as_str()), (1030, 18, "B:"));
    assert_eq!(stage.value("SELECT COUNT(*) FROM embeddings", &[]).unwrap(), "1031");
}

/// What waits for its first vectors is not made anew meanwhile, which its owner would not pay for.
#[test]
fn the_first_vectors_are_paid_for_by_the_owner_however_late_they_come() {
    let has_room = Arc::new(AtomicBool::new(false));
    let room = Arc::clone(&has_room);
    let endpoint = ScriptedEndpoint::start(move |request| {
        let is_word = request.json()["input"][0] == "word";
        if is_word || room.load(Ordering::SeqCst) {
            return Script::json(200, &vectors(&request.json()));
        }
        // So much is tried for a document.
        room.store(request.number >= 2, Ordering::SeqCst);
        Script::reply(429, &[("retry-after-ms", "0")], "")
    });
    let stage = stage(&endpoint);
    let user = stage.user("ada");
    let document = read(&stage.kafka, DocumentPlace::Chat(stage.chat_of(&user).id), "cats.txt", "A cat.");
    endpoint.wait_for_requests(3);
    until("vectors", || {
        stage.clock.advance(Duration::from_secs(10));
        let found = stage.kafka.documents(&user).get(document.id).unwrap();
        found.embedding_model.is_some()
    });
    let spent = stage.kafka.usage(&user).summary(Period::default()).unwrap().daily_token_count;
    assert_eq!(spent, 10);
}

/// A command that is alone has nobody who makes them later.
#[test]
fn a_command_that_is_alone_makes_the_vectors_of_what_it_reads() {
    let endpoint = endpoint();
    let stage = stage(&endpoint);
    stage.kafka.close();
    let kafka = stage.reopened(|config| {
        with(&endpoint, "toy")(config);
        config.kind = NodeKind::Cli;
    });
    let chat = kafka.chats(&kafka.operator()).create(NewChat::default()).unwrap();
    let document = read(&kafka, DocumentPlace::Chat(chat.id), "cats.txt", "A feline slept.");
    assert_eq!(document.embedding_model.as_deref(), Some("toy"));
    kafka.close();
}

#[test]
fn operators_are_told_since_when_the_endpoint_gives_no_vectors_and_why() {
    let is_away = Arc::new(AtomicBool::new(false));
    let away = Arc::clone(&is_away);
    let endpoint = ScriptedEndpoint::start(move |request| match away.load(Ordering::SeqCst) {
        true => Script::json(402, &json!({"error": {"message": "Pay the bill"}})),
        false => Script::json(200, &vectors(&request.json())),
    });
    let stage = stage(&endpoint);
    let schema = Schema::open(&stage.config()).unwrap();
    let place = DocumentPlace::Chat(stage.chat().id);
    assert_eq!(schema.embedding_failure().unwrap(), None);
    is_away.store(true, Ordering::SeqCst);
    let since = stage.clock.now();
    let document = read(&stage.kafka, place, "cats.txt", "A cat.");
    until("it is noted", || schema.embedding_failure().unwrap().is_some());
    let failure = schema.embedding_failure().unwrap().unwrap();
    assert_eq!(failure.since, since);
    assert!(failure.sentence.contains("Pay the bill") && !failure.sentence.contains("sk-1"), "{failure:?}");
    assert_eq!(document.error_message, None, "who uploads is told nothing of the endpoint");
    is_away.store(false, Ordering::SeqCst);
    stage.clock.advance(Duration::from_secs(61));
    made(&stage.kafka, document.id);
    assert_eq!(schema.embedding_failure().unwrap(), None);
}
