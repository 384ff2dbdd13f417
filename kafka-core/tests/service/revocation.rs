//! Who follows something is asked about again: when this process changes what let them in, when another
//! one does, and when their time is over.

use std::time::Duration;

use kafka_core::{
    Actor, AnswerRequest, Change, Changes, Chat, EventStream, Kafka, NewToken, Next, Secret, StandingPatch,
    TokenId,
    testing::{Gate, ScriptedAnswer},
};

use crate::stage::{In, PASSWORD, Stage};

/// Longer than any step of a test takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Someone who follows what can be followed.
struct Follower {
    actor: Actor,
    session: Secret<String>,
    key: TokenId,
    chat: Chat,
    events: EventStream,
    of_chat: Changes,
    of_all: Changes,
}

impl Follower {
    /// Follows an answer that does not end, with a key that an hour ends.
    fn new(stage: &Stage, name: &str) -> Follower {
        let user = stage.user(name);
        let session = stage.kafka.login(name, Secret::new(PASSWORD.to_owned())).unwrap().token;
        let expires_at = Some("2026-01-01T01:00:00Z".parse().unwrap());
        let new = NewToken { name: "k".to_owned(), scopes: None, expires_at };
        let issued = stage.kafka.tokens(&user).create(new).unwrap();
        let actor = stage.kafka.authenticate(&issued.token).unwrap();
        let chat = stage.chat_of(&actor);
        let mut events = stage
            .kafka
            .completions(&actor)
            .start(chat.id, AnswerRequest::text("Why?"))
            .unwrap()
            .into_events();
        assert!(matches!(events.next_within(PATIENCE).unwrap(), Next::Event(_)));
        let of_chat = stage.kafka.events(&actor).subscribe(chat.id).unwrap();
        let of_all = stage.kafka.events(&actor).subscribe(None).unwrap();
        settle(stage);
        Follower { actor, session, key: issued.key.id, chat, events, of_chat, of_all }
    }

    /// Waits until all that is followed has ended because of the credential.
    fn expect_cut_off(mut self, why: &str) {
        let code = loop {
            match self.events.next_within(PATIENCE) {
                Ok(Next::Event(_)) => {}
                // What an account owns goes with it, and may be gone first.
                Ok(Next::Over) if why == DELETED => break "credential_revoked",
                Ok(other) => panic!("{why}: {other:?}"),
                Err(error) => break error.code(),
            }
        };
        assert_eq!(code, "credential_revoked", "{why}");
        for changes in [&mut self.of_chat, &mut self.of_all] {
            let code = loop {
                match changes.next_within(PATIENCE) {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{why}: nothing came"),
                    Err(error) => break error.code(),
                }
            };
            assert_eq!(code, "credential_revoked", "{why}");
        }
        // Told once, it is over.
        assert!(self.of_all.next().unwrap().is_err());
        assert!(self.of_all.next().is_none());
    }
}

/// Waits until everyone who follows something was asked about once. Then only what happens from now on
/// makes anyone ask again.
fn settle(stage: &Stage) {
    // One that comes later and goes proves that a round has reached it; the second, that it is over.
    for _ in 0..2 {
        let session = stage.kafka.login("canary", Secret::new(PASSWORD.to_owned())).unwrap().token;
        let canary = stage.kafka.authenticate(&session).unwrap();
        let mut changes = stage.kafka.events(&canary).subscribe(None).unwrap();
        stage.kafka.logout(&session).unwrap();
        assert_eq!(changes.next_within(PATIENCE).unwrap_err().code(), "credential_revoked");
    }
}

fn stage() -> (Stage, Gate) {
    let gate = Gate::new();
    let silent = gate.clone();
    let script = move |_: &_| ScriptedAnswer::new().text("Well").wait_for(&silent).finish();
    let stage = Stage::with(In::File, script, |_| {});
    stage.user("admin");
    stage.user("canary");
    (stage, gate)
}

/// What ends it, as whoever looks after accounts does it in a process.
type Revoke = fn(&Kafka, &Follower);

const DELETED: &str = "the account is deleted";

const WAYS: &[(&str, Revoke)] = &[
    ("the key is revoked", |kafka, follower| kafka.tokens(&kafka.operator()).delete(follower.key).unwrap()),
    ("the account is disabled", |kafka, follower| set(kafka, follower, Some(false), None)),
    ("the account is promoted", |kafka, follower| set(kafka, follower, None, Some(true))),
    ("the password is set", |kafka, follower| {
        let id = follower.actor.user_id().unwrap();
        kafka.administration(&kafka.operator()).reset_password(id).unwrap();
    }),
    (DELETED, |kafka, follower| {
        kafka.users(&kafka.operator()).delete(follower.actor.user_id().unwrap()).unwrap();
    }),
];

fn set(kafka: &Kafka, follower: &Follower, is_active: Option<bool>, is_admin: Option<bool>) {
    let patch = StandingPatch { is_active, is_admin, plan: None };
    kafka.administration(&kafka.operator()).update(follower.actor.user_id().unwrap(), patch).unwrap();
}

#[test]
fn what_this_process_revokes_ends_what_is_followed() {
    let (stage, gate) = stage();
    for (number, (why, revoke)) in WAYS.iter().enumerate() {
        let follower = Follower::new(&stage, &format!("follower{number}"));
        revoke(&stage.kafka, &follower);
        follower.expect_cut_off(why);
    }
    gate.open();
}

#[test]
fn what_another_process_revokes_ends_what_is_followed() {
    let (stage, gate) = stage();
    let other = stage.beside();
    for (number, (why, revoke)) in WAYS.iter().enumerate() {
        let follower = Follower::new(&stage, &format!("follower{number}"));
        revoke(&other, &follower);
        follower.expect_cut_off(why);
    }
    gate.open();
}

#[test]
fn a_key_that_expires_ends_what_is_followed() {
    let (stage, gate) = stage();
    let follower = Follower::new(&stage, "follower");
    stage.clock.advance(Duration::from_secs(3600));
    follower.expect_cut_off("an hour has passed");
    gate.open();
}

#[test]
fn a_logout_ends_what_is_followed() {
    let (stage, gate) = stage();
    let mut follower = Follower::new(&stage, "follower");
    let actor = stage.kafka.authenticate(&follower.session).unwrap();
    let mut changes = stage.kafka.events(&actor).subscribe(follower.chat.id).unwrap();
    stage.kafka.logout(&follower.session).unwrap();
    assert_eq!(changes.next_within(PATIENCE).unwrap_err().code(), "credential_revoked");
    // The key of the same account is another credential.
    assert!(is_alive(&mut follower.of_chat));
    gate.open();
}

/// Whether a subscription still stands.
fn is_alive(changes: &mut Changes) -> bool {
    // What was announced before is told first.
    while let Ok(Some(_)) = changes.next_within(Duration::ZERO) {}
    changes.next_within(Duration::ZERO).is_ok()
}

#[test]
fn who_was_revoked_just_before_does_not_follow_for_long() {
    let (stage, gate) = stage();
    let other = stage.beside();
    let stays = Follower::new(&stage, "stays");
    let mut gone = Follower::new(&stage, "gone");
    set(&other, &gone, Some(false), None);
    while gone.of_all.next_within(PATIENCE).is_ok() {}
    // All that was announced has been looked at when this one begins.
    settle(&stage);
    let mut late = stage.kafka.events(&gone.actor).subscribe(None).unwrap();
    assert_eq!(late.next_within(PATIENCE).unwrap_err().code(), "credential_revoked");
    drop(stays);
    gate.open();
}

#[test]
fn others_go_on() {
    let (stage, gate) = stage();
    let other = stage.beside();
    let [gone, mut stays] = ["gone", "stays"].map(|name| Follower::new(&stage, name));
    set(&other, &gone, Some(false), None);
    set(&stage.kafka, &gone, Some(false), None);
    gone.expect_cut_off("the account is disabled");
    gate.open();
    let rest: Vec<_> = stays.events.by_ref().collect::<Result<_, _>>().unwrap();
    assert!(rest.last().unwrap().kind.is_last());
    assert!(is_alive(&mut stays.of_chat) && is_alive(&mut stays.of_all));
}

#[test]
fn a_chat_that_another_process_deletes_is_told_as_gone_once() {
    let (stage, gate) = stage();
    let other = stage.beside();
    let mut follower = Follower::new(&stage, "follower");
    let mut of_operator = stage.kafka.events(&stage.operator).subscribe(follower.chat.id).unwrap();
    other.chats(&other.operator()).delete(follower.chat.id).unwrap();
    for changes in [&mut follower.of_chat, &mut of_operator] {
        let gone = loop {
            match changes.next_within(PATIENCE).unwrap() {
                Some(Change::ChatDeleted(id)) => break id,
                Some(_) => {}
                None => panic!("nobody told that the chat is gone"),
            }
        };
        assert_eq!(gone, follower.chat.id);
        assert_eq!(changes.next_within(Duration::ZERO).unwrap().map(|change| format!("{change:?}")), None);
    }
    loop {
        match follower.events.next_within(PATIENCE).unwrap() {
            Next::Event(_) => {}
            Next::Over => break,
            Next::Nothing => panic!("the answer is still followed"),
        }
    }
    gate.open();
}

#[test]
fn a_ticket_is_good_as_long_as_the_credential_that_it_was_made_with() {
    let (stage, gate) = stage();
    let follower = Follower::new(&stage, "follower");
    let chat = stage.chat_of(&follower.actor);
    let turn = stage.kafka.completions(&follower.actor).start(chat.id, AnswerRequest::text("Why?")).unwrap();
    let ticket = stage.kafka.responses(&follower.actor).ticket(turn.id()).unwrap().ticket;
    let mut events = stage.kafka.events_by_ticket(turn.id(), &ticket, 0).unwrap();
    stage.kafka.tokens(&stage.operator).delete(follower.key).unwrap();
    let refused = stage.kafka.events_by_ticket(turn.id(), &ticket, 0).unwrap_err();
    assert_eq!(refused.code(), "ticket_invalid");
    let code = loop {
        match events.next_within(PATIENCE) {
            Ok(Next::Event(_)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error.code(),
        }
    };
    assert_eq!(code, "credential_revoked");
    gate.open();
}
