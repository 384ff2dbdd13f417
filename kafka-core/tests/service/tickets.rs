//! Tickets: how long they hold, for what, and for whom.

use std::{sync::Arc, time::Duration};

use kafka_core::{Actor, AnswerRequest, ErrorKind, Kafka, ResponseId, Secret};

use crate::stage::{In, SECRET, Stage};

fn answered(stage: &Stage, actor: &Actor) -> ResponseId {
    let chat = stage.chat_of(actor);
    let request = AnswerRequest { model: Some("echo".into()), ..AnswerRequest::text("Hi") };
    let turn = stage.kafka.completions(actor).start(chat.id, request).unwrap();
    let id = turn.id();
    turn.wait().unwrap();
    id
}

fn refused(kafka: &Kafka, id: ResponseId, ticket: &Secret<String>) {
    let error = kafka.events_by_ticket(id, ticket, 0).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthenticated, "ticket_invalid"));
}

#[test]
fn a_ticket_holds_for_a_minute_and_one_response_in_every_process_that_knows_the_secret() {
    let stage = Stage::new(In::File);
    let user = stage.user("reader");
    for actor in [stage.operator, user] {
        let (id, other) = (answered(&stage, &actor), answered(&stage, &actor));
        let ticket = stage.kafka.responses(&actor).ticket(id).unwrap();
        let beside = stage.beside();
        let renewed = stage.reopened(|config| {
            config.secret = Some(Arc::new(vec![Secret::new([8; 32]), Secret::new(SECRET)]));
        });
        let stranger = stage.reopened(|config| config.secret = Some(Arc::new(Secret::new([8; 32]))));
        let without = stage.reopened(|config| config.secret = None);
        for kafka in [&stage.kafka, &beside, &renewed] {
            let events = kafka.events_by_ticket(id, &ticket.ticket, 0).unwrap();
            assert_eq!(events.map(Result::unwrap).collect::<Vec<_>>(), stage.events(id));
            refused(kafka, other, &ticket.ticket);
        }
        refused(&stranger, id, &ticket.ticket);
        refused(&without, id, &ticket.ticket);
        let mut forged = ticket.ticket.expose().clone();
        let last = if forged.ends_with('0') { "1" } else { "0" };
        forged.replace_range(forged.len() - 1.., last);
        for nonsense in [forged.as_str(), "", "kafka_ticket_", "é"] {
            refused(&stage.kafka, id, &Secret::new(nonsense.to_owned()));
        }
        stage.clock.advance(Duration::from_millis(59_999));
        stage.kafka.events_by_ticket(id, &ticket.ticket, 0).unwrap();
        stage.clock.advance(Duration::from_millis(1));
        refused(&stage.kafka, id, &ticket.ticket);
    }
}

#[test]
fn without_a_secret_tickets_hold_for_the_process() {
    let stage = Stage::with(In::File, |_| unreachable!(), |config| config.secret = None);
    let id = answered(&stage, &stage.operator);
    let ticket = stage.kafka.responses(&stage.operator).ticket(id).unwrap().ticket;
    stage.kafka.events_by_ticket(id, &ticket, 0).unwrap();
}

#[test]
fn a_ticket_ends_with_the_account_that_asked_for_it() {
    let stage = Stage::new(In::File);
    let user = stage.user("reader");
    let id = answered(&stage, &user);
    let ticket = stage.kafka.responses(&user).ticket(id).unwrap().ticket;
    stage.kafka.events_by_ticket(id, &ticket, 0).unwrap();
    stage.rows("UPDATE users SET is_active = 0", &[]);
    refused(&stage.kafka, id, &ticket);
}
