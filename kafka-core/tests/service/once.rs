//! Requests that come twice take effect once.

use std::{thread, time::Duration};

use kafka_core::{
    AnswerRequest, ChatFilter, ErrorKind, IdempotencyKey, NewChat, NewMessage, NewModel, NewWorkspace,
    PageRequest, Role,
};

use crate::stage::{In, Stage, new_model};

fn key(path: &str, name: &str, body: &str) -> IdempotencyKey {
    IdempotencyKey::new("POST", path, name, body.as_bytes()).unwrap()
}

fn count(stage: &Stage) -> usize {
    let chats = stage.kafka.chats(&stage.operator);
    chats.list(&ChatFilter::default(), &PageRequest::default()).unwrap().items.len()
}

#[test]
fn a_twin_gets_the_same_answer() {
    for place in [In::Memory, In::File] {
        let stage = Stage::new(place);
        let (kafka, me) = (&stage.kafka, &stage.operator);
        let new = || NewChat::titled("Once");
        let chat = || kafka.chats(me).idempotent(key("/chats", "k", "b")).create(new()).unwrap();
        let first = chat();
        stage.clock.advance(Duration::from_secs(60));
        assert_eq!(chat(), first, "with every field, those that clients do not see included");
        assert_ne!(first.number, 0);
        assert_eq!(count(&stage), 1);

        let message = || {
            let new = NewMessage::text(Role::User, "Once");
            kafka.messages(me).idempotent(key("/messages", "k", "b")).create(first.id, new).unwrap()
        };
        assert_eq!(message(), message());
        assert_eq!(kafka.chats(me).get(first.id).unwrap().message_count, 1);

        let user = stage.user("owner").user_id();
        let model = || {
            let new = NewModel { user_id: user, api_key: Some(String::from("sk").into()), ..new_model("m") };
            kafka.models(me).idempotent(key("/models", "k", "b")).create(new).unwrap()
        };
        let (one, two) = (model(), model());
        assert_eq!(one, two);
        assert_eq!(two.user_id, user);

        let workspace = || {
            let new = NewWorkspace { name: "w".into(), owner_id: None };
            kafka.workspaces(me).idempotent(key("/workspaces", "k", "b")).create(new).unwrap()
        };
        assert_eq!(workspace(), workspace());

        let answer = || {
            let ask = AnswerRequest::text("Once");
            kafka.completions(me).idempotent(key("/responses", "k", "b")).start(first.id, ask).unwrap()
        };
        let (one, two) = (answer(), answer());
        assert_eq!(
            (one.id(), one.message_id(), one.user_message_id()),
            (two.id(), two.message_id(), two.user_message_id())
        );
        assert_eq!(one.wait().unwrap(), two.wait().unwrap());
        assert_eq!(stage.provider.calls().len(), 1);
        let after_the_end = answer().wait().unwrap();
        assert_eq!(after_the_end.message.content, "Well, yes.");
        assert_eq!(stage.provider.calls().len(), 1);
    }
}

#[test]
fn twins_at_the_same_time_take_effect_once() {
    for place in [In::Memory, In::File] {
        let stage = Stage::new(place);
        let (kafka, me) = (&stage.kafka, &stage.operator);
        let same = |make: &(dyn Fn() -> String + Sync)| {
            let made = thread::scope(|scope| {
                let twins: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
                twins.into_iter().map(|twin| twin.join().unwrap()).collect::<Vec<_>>()
            });
            assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
        };
        same(&|| {
            kafka.chats(me).idempotent(key("/c", "k", "")).create(NewChat::default()).unwrap().id.to_string()
        });
        assert_eq!(count(&stage), 1);
        let chat = stage.chat();
        same(&|| {
            let new = NewMessage::text(Role::User, "x");
            kafka.messages(me).idempotent(key("/m", "k", "")).create(chat.id, new).unwrap().id.to_string()
        });
        same(&|| {
            kafka.models(me).idempotent(key("/o", "k", "")).create(new_model("m")).unwrap().id.to_string()
        });
        same(&|| {
            let ask = AnswerRequest::text("x");
            let turn = kafka.completions(me).idempotent(key("/r", "k", "")).start(chat.id, ask).unwrap();
            turn.wait().unwrap().response.id.to_string()
        });
        assert_eq!(kafka.chats(me).get(chat.id).unwrap().message_count, 3);
        assert_eq!(stage.provider.calls().len(), 1);
    }
}

#[test]
fn another_body_is_refused_and_another_caller_or_path_is_another_request() {
    let stage = Stage::new(In::Memory);
    let user = stage.user("other");
    let create = |actor, key| stage.kafka.chats(actor).idempotent(key).create(NewChat::default());
    let first = create(&stage.operator, key("/chats", "k", "one")).unwrap();
    let refused = create(&stage.operator, key("/chats", "k", "two")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "idempotency_mismatch"));
    let others = [
        create(&stage.operator, key("/chats", "k2", "one")),
        create(&stage.operator, key("/other", "k", "one")),
        create(&stage.operator, IdempotencyKey::new("PUT", "/chats", "k", b"one").unwrap()),
        create(&user, key("/chats", "k", "two")),
    ];
    let mut ids: Vec<_> = others.into_iter().map(|chat| chat.unwrap().id).collect();
    ids.push(first.id);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);

    let chat = stage.chat();
    let ask = |body| {
        let completions = stage.kafka.completions(&stage.operator).idempotent(key("/r", "k", body));
        completions.start(chat.id, AnswerRequest::text("Hi"))
    };
    ask("one").unwrap().wait().unwrap();
    assert_eq!(ask("two").unwrap_err().code(), "idempotency_mismatch");
}

#[test]
fn what_failed_may_be_tried_again_under_the_same_key() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let ask = |model: &str| {
        let request = AnswerRequest { model: Some(model.into()), ..AnswerRequest::text("Hi") };
        stage.kafka.completions(&stage.operator).idempotent(key("/r", "k", "")).start(chat.id, request)
    };
    assert_eq!(ask("later").unwrap_err().code(), "model_not_found");
    stage.model(&stage.operator, new_model("later"));
    assert_eq!(ask("later").unwrap().wait().unwrap().response.model_used, "later");
}

/// The first of the twins took effect, whatever has become of what it used.
#[test]
fn a_twin_follows_the_first_also_when_its_model_is_gone() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let model = stage.model(&stage.operator, new_model("soon gone"));
    let ask = || {
        let request = AnswerRequest { model: Some("soon gone".into()), ..AnswerRequest::text("Hi") };
        let completions = stage.kafka.completions(&stage.operator).idempotent(key("/r", "k", ""));
        completions.start(chat.id, request).map(|turn| turn.wait().unwrap().response.id)
    };
    let first = ask().unwrap();
    stage.kafka.models(&stage.operator).delete(model.id).unwrap();
    assert_eq!(ask().unwrap(), first);
}

#[test]
fn a_key_is_forgotten_after_a_day() {
    let stage = Stage::new(In::Memory);
    let create = |body| {
        let chats = stage.kafka.chats(&stage.operator).idempotent(key("/chats", "k", body));
        chats.create(NewChat::default()).map(|chat| chat.id)
    };
    let first = create("one").unwrap();
    stage.clock.advance(Duration::from_millis(24 * 3_600_000 - 1));
    assert_eq!(create("one").unwrap(), first);
    stage.clock.advance(Duration::from_millis(1));
    let second = create("two").unwrap();
    assert_ne!(second, first, "a day later it is a new request, whatever its body");
    assert_eq!(create("two").unwrap(), second);
}

#[test]
fn keys_have_a_length() {
    let new =
        |name: &str| IdempotencyKey::new("POST", "/", name, b"").map(drop).map_err(|error| error.code());
    let refused = Err("idempotency_key_invalid");
    assert_eq!(new(&"ä".repeat(255)), Ok(()));
    assert_eq!([new(""), new(&"a".repeat(256)), new("a\0")], [refused; 3]);
}

/// A remembered answer holds what the request said, so it goes with the account.
#[test]
fn keys_are_deleted_with_the_account() {
    let stage = Stage::new(In::File);
    let [kept, deleted] = ["kept", "deleted"].map(|name| stage.user(name));
    for user in [&deleted, &kept] {
        stage.kafka.chats(user).idempotent(key("/chats", "k", "b")).create(NewChat::titled("Mine")).unwrap();
    }
    stage.kafka.users(&kept).delete(deleted.user_id().unwrap()).unwrap_err();
    let callers = || -> Vec<String> {
        let rows = stage.rows("SELECT caller FROM idempotency_keys ORDER BY caller", &[]);
        rows.into_iter().flatten().flatten().collect()
    };
    assert_eq!(callers().len(), 2);
    stage.kafka.users(&deleted).delete(deleted.user_id().unwrap()).unwrap();
    assert_eq!(callers(), [kept.user_id().unwrap().to_string()]);
}
