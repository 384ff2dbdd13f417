//! What is counted, for whom, and on which day.

use std::{collections::BTreeMap, time::Duration};

use kafka_core::{
    Actor, AnswerRequest, Chat, Clock as _, Day, Delta, DownTarget, ErrorKind, Kafka, NewChat, NewMessage,
    NewWorkspace, Period, ProviderError, ResponseStatus, Role, Schema, TokenUsage, Turn, TurnEvent,
    UsageSummary,
    testing::{Gate, ScriptedAnswer, ScriptedCall},
};
use proptest::prelude::*;

use crate::stage::{In, Stage, unheard_of};

const DAY: Duration = Duration::from_secs(86_400);

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn summary(kafka: &Kafka, actor: &Actor) -> UsageSummary {
    kafka.usage(actor).summary(Period::default()).unwrap()
}

/// Rows of numbers by their name.
type Sums = BTreeMap<String, Vec<i64>>;

fn sums(stage: &Stage, sql: &str) -> Sums {
    let number = |cell: Option<String>| cell.map_or(0, |text| text.parse().unwrap());
    let row = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        (cells.next().flatten().unwrap_or_default(), cells.map(number).collect())
    };
    stage.rows(sql, &[]).into_iter().map(row).collect()
}

/// Says that the days tell what the records do: per owner, day and model, and in all.
fn must_agree(stage: &Stage) {
    let counted = sums(
        stage,
        "SELECT COALESCE(user_id, '-') || ' ' || day || ' ' || model, responses, tokens_prompt, tokens_completion, \
         tokens_total FROM usage_daily WHERE model <> '' ORDER BY 1",
    );
    let recorded = sums(
        stage,
        "SELECT COALESCE(c.user_id, '-') || ' ' || (r.updated_at / 86400000) || ' ' || r.model_used, COUNT(*), \
         SUM(COALESCE(r.tokens_prompt, 0)), SUM(COALESCE(r.tokens_completion, 0)), \
         SUM(COALESCE(r.tokens_total, 0)) FROM responses r JOIN chats c ON c.id = r.chat_id \
         WHERE r.status <> 'streaming' GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(counted, recorded);
    let of_accounts = sums(stage, "SELECT id, total_tokens_used FROM users");
    let by_days = sums(
        stage,
        "SELECT u.id, COALESCE(SUM(d.tokens_total), 0) FROM users u LEFT JOIN usage_daily d ON d.user_id = u.id \
         GROUP BY u.id",
    );
    assert_eq!(of_accounts, by_days);
    let stored = sums(
        stage,
        "SELECT COALESCE(c.user_id, '-'), COUNT(DISTINCT c.id), COUNT(m.id) FROM chats c LEFT JOIN messages m \
         ON m.chat_number = c.number AND m.role <> 'assistant' GROUP BY 1",
    );
    let said = sums(
        stage,
        "SELECT COALESCE(user_id, '-'), SUM(chats_created), SUM(messages_sent) FROM usage_daily \
         WHERE model = '' GROUP BY 1",
    );
    assert_eq!(said, stored);
}

/// A way that an answer goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Answered,
    AnsweredWithoutUsage,
    CutOff,
    Refused,
    FailedInTheMiddle,
    FailedWithUsage,
    Cancelled,
    CancelledBeforeAWord,
    CancelledInTheQueue,
    Retried,
    Stored,
}

impl Way {
    const ALL: [Way; 11] = [
        Way::Answered,
        Way::AnsweredWithoutUsage,
        Way::CutOff,
        Way::Refused,
        Way::FailedInTheMiddle,
        Way::FailedWithUsage,
        Way::Cancelled,
        Way::CancelledBeforeAWord,
        Way::CancelledInTheQueue,
        Way::Retried,
        Way::Stored,
    ];
}

fn script(call: &ScriptedCall) -> ScriptedAnswer {
    let failure = || ProviderError::new(ErrorKind::Provider, "provider_failed", "The endpoint said no.");
    let model = |answer: ScriptedAnswer| answer.say(Delta::Model("other".into()));
    match call.prompt.last_user_text() {
        "AnsweredWithoutUsage" => ScriptedAnswer::new().text("Half a page.").finish(),
        "CutOff" => ScriptedAnswer::new().text("Half"),
        "Refused" => ScriptedAnswer::new().fail(failure()),
        "FailedInTheMiddle" => model(ScriptedAnswer::new()).text("Half").fail(failure()),
        "FailedWithUsage" => ScriptedAnswer::new().text("Half").usage(9, 4).fail(failure()),
        "Cancelled" | "CancelledInTheQueue" => ScriptedAnswer::new().text("Half").wait_for(&Gate::new()),
        "CancelledBeforeAWord" => ScriptedAnswer::new().wait_for(&Gate::new()),
        _ => {
            // Some endpoints count what they thought besides.
            let usage = TokenUsage { prompt: 7, completion: 5, total: 20 };
            model(ScriptedAnswer::new()).text("Well.").say(Delta::Usage(usage)).finish()
        }
    }
}

/// Goes one way in a chat of `actor`, and waits for the end.
fn go(stage: &Stage, actor: &Actor, way: Way) {
    let chat = stage.chat_of(actor);
    let completions = stage.kafka.completions(actor);
    let ask = |request| completions.start(chat.id, request).unwrap();
    let text = AnswerRequest::text(format!("{way:?}"));
    match way {
        Way::Stored => {
            stage.kafka.messages(actor).create(chat.id, NewMessage::text(Role::System, "Be brief.")).unwrap();
        }
        Way::Cancelled => {
            let mut turn = ask(text);
            while !matches!(turn.next(), Some(Ok(TurnEvent::Delta(_)))) {}
            cancel(stage, actor, &turn);
        }
        // A question counts once it was sent.
        Way::CancelledBeforeAWord => {
            let calls = stage.provider.calls().len();
            let turn = ask(text);
            stage.provider.wait_for_calls(calls + 1);
            cancel(stage, actor, &turn);
        }
        Way::CancelledInTheQueue => {
            let mut first = ask(text.clone());
            while !matches!(first.next(), Some(Ok(TurnEvent::Delta(_)))) {}
            cancel(stage, actor, &ask(text));
            cancel(stage, actor, &first);
        }
        Way::Retried => {
            drop(ask(text).wait().unwrap());
            drop(ask(AnswerRequest::default()).wait().unwrap());
        }
        _ => drop(ask(text).wait().unwrap()),
    }
}

fn cancel(stage: &Stage, actor: &Actor, turn: &Turn) {
    let response = stage.kafka.responses(actor).cancel(turn.id()).unwrap();
    assert_eq!(response.status, ResponseStatus::Cancelled);
}

#[test]
fn the_days_tell_what_the_records_do_however_answers_end() {
    let stage = Stage::with(In::File, script, |_| {});
    let user = stage.user("k");
    for way in Way::ALL {
        for actor in [&user, &stage.operator] {
            go(&stage, actor, way);
            must_agree(&stage);
        }
    }
    let usage = summary(&stage.kafka, &user);
    assert!(usage.daily_token_count > 0);
    assert_eq!(usage.daily_token_count, usage.total_tokens_used);
    assert_eq!((usage.session_count, usage.doc_count), (11, 0));
    let whole = summary(&stage.kafka, &stage.operator);
    assert_eq!(whole.daily_token_count, 2 * usage.daily_token_count);
    assert_eq!(whole.total_tokens_used, 2 * usage.total_tokens_used);
    assert_eq!((whole.session_count, whole.limits), (22, None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_agree_in_any_order_over_any_days(
        steps in proptest::collection::vec((0..Way::ALL.len(), any::<bool>(), 0u64..30), 1..12),
    ) {
        let stage = Stage::with(In::File, script, |_| {});
        let user = stage.user("k");
        for (way, mine, hours) in steps {
            go(&stage, if mine { &user } else { &stage.operator }, Way::ALL[way]);
            stage.clock.advance(Duration::from_secs(hours * 3600));
        }
        must_agree(&stage);
    }
}

/// Endpoints may call their models what they like, at any length and otherwise each time.
#[test]
fn names_that_endpoints_give_are_cut_and_a_summary_has_a_hundred() {
    let stage = Stage::with(
        In::Memory,
        |call| {
            let name = format!("{}\u{fc}", call.number).repeat(100_000);
            let answer = ScriptedAnswer::new().say(Delta::Model(name.clone())).text("x");
            answer.usage(1, call.number as u64).say(Delta::Finish(name))
        },
        |config| config.limits.name_chars = 40,
    );
    let user = stage.user("k");
    let chat = stage.chat_of(&user);
    for _ in 0..101 {
        let turn = stage.kafka.completions(&user).start(chat.id, AnswerRequest::text("Hi")).unwrap();
        let response = turn.wait().unwrap().response;
        assert_eq!(response.status, ResponseStatus::Completed);
        assert_eq!(response.model_used.chars().count(), 40);
        assert_eq!(response.finish_reason.as_ref(), Some(&response.model_used));
    }
    let models = summary(&stage.kafka, &user).models;
    assert_eq!(models.len(), 100);
    assert!(models[0].model.starts_with("100\u{fc}100") && models[99].model.starts_with("1\u{fc}1"));
}

/// An answer is counted on the day on which it ends.
#[test]
fn a_day_ends_at_midnight_in_utc() {
    let gate = Gate::new();
    let hold = gate.clone();
    let stage = Stage::with(
        In::File,
        move |_| ScriptedAnswer::new().wait_for(&hold).text("x").usage(3, 2).finish(),
        |_| {},
    );
    let user = stage.user("k");
    let chat = stage.chat_of(&user);
    stage.clock.advance(DAY - Duration::from_millis(1));
    let turn = stage.kafka.completions(&user).start(chat.id, AnswerRequest::text("Hi")).unwrap();
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(summary(&stage.kafka, &user).daily_token_count, 0);
    gate.open();
    turn.wait().unwrap();
    must_agree(&stage);

    let usage = summary(&stage.kafka, &user);
    assert_eq!((usage.days.len(), usage.daily_token_count, usage.session_count), (30, 5, 1));
    let [.., before, today] = usage.days.as_slice() else { panic!("{usage:?}") };
    assert_eq!((before.day, today.day), (day("2026-01-01"), day("2026-01-02")));
    assert_eq!((before.chats_created, before.messages_sent, before.tokens_total), (1, 1, 0));
    assert_eq!((today.chats_created, today.messages_sent), (0, 0));
    assert_eq!((today.tokens_prompt, today.tokens_completion, today.tokens_total), (3, 2, 5));
    let [model] = usage.models.as_slice() else { panic!("{usage:?}") };
    assert_eq!((model.model.as_str(), model.responses, model.tokens_total), ("scripted", 1, 5));

    let period = |from: &str, to: &str| Period { from: Some(day(from)), to: Some(day(to)) };
    let only = stage.kafka.usage(&user).summary(period("2026-01-01", "2026-01-01")).unwrap();
    assert_eq!((only.days.as_slice(), only.models.len()), (&[before.clone()][..], 0));
    assert_eq!(only.daily_token_count, 5, "today's, whatever the period");
    stage.clock.advance(DAY);
    assert_eq!(summary(&stage.kafka, &user).daily_token_count, 0);
    assert_eq!(stage.clock.now().to_string(), "2026-01-03T00:00:00.000Z");
}

#[test]
fn a_period_has_a_beginning_before_its_end_and_at_most_366_days() {
    let stage = Stage::new(In::Memory);
    let usage = stage.kafka.usage(&stage.operator);
    let from = |from: &str, to: &str| usage.summary(Period { from: Some(day(from)), to: Some(day(to)) });
    assert_eq!(from("2024-01-01", "2024-12-31").unwrap().days.len(), 366);
    for (first, last) in
        [("2024-01-01", "2025-01-01"), ("2024-01-02", "2024-01-01"), ("0001-01-01", "9999-12-31")]
    {
        let refused = from(first, last).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (ErrorKind::Invalid, "period_invalid"),
            "{first} {last}"
        );
    }
    let open_end = usage.summary(Period { from: Some(day("2025-12-31")), to: None }).unwrap();
    assert_eq!(open_end.days.len(), 2);
}

#[test]
fn everyone_sees_their_own_and_nobody_elses() {
    let stage = Stage::new(In::Memory);
    let (ada, bob) = (stage.user("ada"), stage.user("bob"));
    stage.ask(&stage.chat_of(&ada), AnswerRequest::text("Hi"));
    let (ada_id, bob_id) = (ada.user_id().unwrap(), bob.user_id().unwrap());
    assert_eq!(summary(&stage.kafka, &bob).daily_token_count, 0);
    assert_eq!(summary(&stage.kafka, &ada).daily_token_count, 5);
    let of = |actor: &Actor, id| stage.kafka.usage(actor).summary_of(id, Period::default());
    assert_eq!(of(&stage.operator, ada_id).unwrap(), summary(&stage.kafka, &ada));
    assert_eq!(of(&bob, bob_id).unwrap(), summary(&stage.kafka, &bob));
    assert_eq!(of(&bob, ada_id).unwrap_err().code(), "user_not_found");
    assert_eq!(of(&stage.operator, unheard_of()).unwrap_err().code(), "user_not_found");
}

/// Administrators see what each used, and what belongs to nobody; others only their own.
#[test]
fn administrators_see_what_each_account_used() {
    let stage = Stage::new(In::Memory);
    // The first account administers.
    let (bob, ada) = (stage.user("bob"), stage.user("ada"));
    for (actor, times) in [(&ada, 2), (&bob, 1)] {
        for _ in 0..times {
            stage.ask(&stage.chat_of(actor), AnswerRequest::text("Hi"));
        }
    }
    stage.ask(&stage.chat(), AnswerRequest::text("Hi"));
    let by_account = |actor: &Actor, period| stage.kafka.usage(actor).by_account(period);
    let all = by_account(&bob, Period::default()).unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|of| {
            (of.user_id, of.email.as_deref().is_some(), of.responses, of.tokens_total, of.chats_created)
        })
        .collect();
    let (ada_id, bob_id) = (ada.user_id(), bob.user_id());
    assert_eq!(told[0], (ada_id, true, 2, 10, 2));
    let mut others = told[1..].to_vec();
    others.sort();
    assert_eq!(others, [(None, false, 1, 5, 1), (bob_id, true, 1, 5, 1)]);
    assert_eq!(by_account(&stage.operator, Period::default()).unwrap(), all);
    let before = Period { from: Some(day("2020-01-01")), to: Some(day("2020-01-02")) };
    assert_eq!(by_account(&bob, before).unwrap(), []);
    assert_eq!(by_account(&ada, Period::default()).unwrap_err().code(), "admin_required");
    let of_ada = stage.kafka.usage(&bob).summary_of(ada_id.unwrap(), Period::default()).unwrap();
    assert_eq!(of_ada, summary(&stage.kafka, &ada));
    assert_eq!((of_ada.session_count, of_ada.total_tokens_used), (2, 10));
}

/// Deletes what an answer is being written into.
type Delete = fn(&Kafka, &Actor, &Chat, &Turn);

/// Deleting gives nothing back, and an answer that runs is counted before it goes.
#[test]
fn what_was_used_stays_when_its_place_is_deleted() {
    let ways: [(&str, Delete); 3] = [
        ("message", |kafka, user, _, turn| kafka.messages(user).delete(turn.message_id()).unwrap()),
        ("chat", |kafka, user, chat, _| kafka.chats(user).delete(chat.id).unwrap()),
        ("workspace", |kafka, user, chat, _| {
            kafka.workspaces(user).delete(chat.workspace_id.unwrap()).unwrap();
        }),
    ];
    for (what, delete) in ways {
        let stage = Stage::scripted(|_| ScriptedAnswer::new().text("Half").wait_for(&Gate::new()));
        let user = stage.user("k");
        let workspace = stage.kafka.workspaces(&user).create(NewWorkspace::default()).unwrap();
        let new = NewChat { workspace_id: Some(workspace.id), ..NewChat::default() };
        let chat = stage.kafka.chats(&user).create(new).unwrap();
        let mut turn = stage.kafka.completions(&user).start(chat.id, AnswerRequest::text("Hi")).unwrap();
        while !matches!(turn.next(), Some(Ok(TurnEvent::Delta(_)))) {}
        delete(&stage.kafka, &user, &chat, &turn);
        // "Hi" and "Half" are 5 tokens each by estimate.
        let usage = summary(&stage.kafka, &user);
        assert_eq!((usage.daily_token_count, usage.total_tokens_used), (10, 10), "{what}");
        assert!(stage.kafka.responses(&user).get(turn.id()).is_err(), "{what}");
        // Its thread finds nothing to end any more.
        assert!(stage.kafka.wait_until_idle(Duration::from_secs(20)), "{what}");
        assert_eq!(summary(&stage.kafka, &user).daily_token_count, 10, "{what}");
    }
}

/// Who may not delete a workspace ends none of its answers by trying.
#[test]
fn a_deletion_that_is_refused_ends_nothing() {
    let gate = Gate::new();
    let hold = gate.clone();
    let stage = Stage::scripted(move |_| ScriptedAnswer::new().wait_for(&hold).text("x").finish());
    let (owner, other) = (stage.user("owner"), stage.user("other"));
    let workspace = stage.kafka.workspaces(&owner).create(NewWorkspace::default()).unwrap();
    let new = NewChat { workspace_id: Some(workspace.id), ..NewChat::default() };
    let chat = stage.kafka.chats(&owner).create(new).unwrap();
    let turn = stage.kafka.completions(&owner).start(chat.id, AnswerRequest::text("Hi")).unwrap();
    assert_eq!(
        stage.kafka.workspaces(&other).delete(workspace.id).unwrap_err().code(),
        "workspace_not_found"
    );
    gate.open();
    assert_eq!(turn.wait().unwrap().response.status, ResponseStatus::Completed);
}

/// What an earlier release stored is counted when the schema comes up to date.
#[test]
fn what_was_stored_before_anything_was_counted_is_counted_by_the_migration() {
    let stage = Stage::with(In::File, script, |_| {});
    let user = stage.user("k");
    for way in [Way::Answered, Way::CutOff, Way::Refused, Way::Retried, Way::Stored] {
        go(&stage, &user, way);
        go(&stage, &stage.operator, way);
        stage.clock.advance(DAY / 2);
    }
    let before = [summary(&stage.kafka, &user), summary(&stage.kafka, &stage.operator)];
    stage.kafka.close();
    let schema = Schema::open(&stage.config()).unwrap();
    schema.down(DownTarget::Version(7)).unwrap();
    schema.up(None).unwrap();
    drop(schema);
    must_agree(&stage);
    let kafka = stage.beside();
    assert_eq!([summary(&kafka, &user), summary(&kafka, &kafka.operator())], before);
}
