//! What calls cost in statements. Counts are those of the whole process, so this program has one test.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kafka_core::{
    AnswerRequest, Config, Kafka, NewChat, NewMessage, NewModel, NewPlan, NewUser, NodeKind, Role, Secret,
    TurnEvent,
    testing::{Gate, ScriptedAnswer, ScriptedProvider, statement_runs},
};

/// How often statements ran during a call, by the end of their names; the answer's own waiting and
/// looking aside.
fn runs(kafka: &Kafka, call: impl FnOnce()) -> BTreeMap<&'static str, u64> {
    let before = statement_runs();
    call();
    assert!(kafka.wait_until_idle(Duration::from_secs(20)));
    let more = |(name, runs): (&'static str, u64)| (name, runs - before.get(name).copied().unwrap_or(0));
    let counted = statement_runs().into_iter().map(more).filter(|(_, runs)| *runs > 0);
    let short = |name: &'static str| name.rsplit_once("repo::").map_or(name, |(_, short)| short);
    counted.map(|(name, runs)| (short(name), runs)).collect()
}

/// Those of usage and plans.
fn of_usage(runs: &BTreeMap<&'static str, u64>) -> Vec<(&'static str, u64)> {
    let concerned = |name: &str| {
        name.starts_with("usage_daily::")
            || name.starts_with("plans::")
            || ["responses::RESERVED_OF_OWNER", "chats::COUNT_OF_OWNER"].contains(&name)
    };
    runs.iter().map(|(name, runs)| (*name, *runs)).filter(|(name, _)| concerned(name)).collect()
}

#[test]
fn calls_cost_as_few_statements_as_they_can() {
    counting_is_one_statement_and_plans_cost_nothing_where_they_are_not_enforced();
    tokens_that_come_together_are_appended_together_and_a_lone_one_at_once();
}

/// A model that says these tokens, and ends when the gate opens.
fn saying(tokens: usize, gate: &Gate) -> Kafka {
    let gate = gate.clone();
    let script = move |_: &_| {
        let said = (0..tokens).fold(ScriptedAnswer::new(), |answer, _| answer.text("token "));
        said.wait_for(&gate).finish()
    };
    let mut config = Config::memory();
    config.kind = NodeKind::Cli;
    config.secret = Some(Arc::new(Secret::new([7; 32])));
    config.providers.push(Arc::new(ScriptedProvider::new("scripted", script)));
    let kafka = Kafka::open(config).unwrap();
    let model = NewModel {
        provider: Some("scripted".into()),
        is_default: true,
        ..NewModel::new("m", "https://models.example/v1")
    };
    kafka.models(&kafka.operator()).create(model).unwrap();
    kafka
}

/// How often text was appended until a watcher had seen all these tokens, while the answer still runs.
fn appends(tokens: usize) -> u64 {
    let count = || {
        let runs = statement_runs();
        let mut named = runs.iter().filter(|(name, _)| name.ends_with("response_events::APPEND"));
        named.next().map_or(0, |(_, runs)| *runs)
    };
    let gate = Gate::new();
    let kafka = saying(tokens, &gate);
    let me = kafka.operator();
    let chat = kafka.chats(&me).create(NewChat::default()).unwrap();
    let before = count();
    let mut turn = kafka.completions(&me).start(chat.id, AnswerRequest::text("Go on")).unwrap();
    let is_text = |event: &Result<TurnEvent, _>| matches!(event, Ok(TurnEvent::Delta(_)));
    assert_eq!(turn.by_ref().filter(is_text).take(tokens).count(), tokens);
    let appends = count() - before;
    gate.open();
    turn.wait().unwrap();
    appends
}

/// One statement for what came between two commits, and no waiting for more where nothing comes.
fn tokens_that_come_together_are_appended_together_and_a_lone_one_at_once() {
    assert_eq!(appends(1), 1);
    // A few for the interval's sake, a few for the length of a row; on a busy machine some more.
    let together = appends(2000);
    assert!(together < 200, "{together}");
}

/// Counting is one statement for what is stored and one for an answer's end. Plans are looked at only
/// where they are enforced, and for whom they bind.
fn counting_is_one_statement_and_plans_cost_nothing_where_they_are_not_enforced() {
    let open = |quotas| {
        let mut config = Config::memory();
        config.quotas = quotas;
        // A command keeps no house, the statements of which would be counted, too.
        config.kind = NodeKind::Cli;
        let kafka = Kafka::open(config).unwrap();
        let operator = kafka.operator();
        let plan = NewPlan {
            name: "small".into(),
            token_limit_daily: Some(10_000),
            chat_limit: Some(9),
            ..NewPlan::default()
        };
        kafka.plans(&operator).create(plan).unwrap();
        let user = NewUser { email: "k@example.org".into(), ..NewUser::default() };
        let user = kafka.users(&operator).create(user).unwrap();
        kafka.plans(&operator).assign(user.id, "small").unwrap();
        (kafka, user.id)
    };
    let counted = |what| (what, 1);
    let (a_chat, a_message, an_answer) =
        ("usage_daily::COUNT_CHAT", "usage_daily::COUNT_MESSAGE", "usage_daily::COUNT_ANSWER");
    for (quotas, for_chat, for_question) in [
        (false, vec![], vec![]),
        (
            true,
            vec![("chats::COUNT_OF_OWNER", 1), ("plans::OF_USER", 1)],
            vec![
                ("plans::OF_CHAT", 1),
                ("responses::RESERVED_OF_OWNER", 1),
                ("usage_daily::TOKENS_OF_DAY", 1),
            ],
        ),
    ] {
        let (kafka, user) = open(quotas);
        let operator = kafka.operator();
        let new = NewChat { user_id: Some(user), ..NewChat::default() };
        let mut chat = None;
        let made = runs(&kafka, || chat = Some(kafka.chats(&operator).create(new).unwrap()));
        let with = |more: &[(&'static str, u64)], own: &[&'static str]| {
            let mut all = [more, &own.iter().copied().map(counted).collect::<Vec<_>>()].concat();
            all.sort_unstable();
            all
        };
        assert_eq!(of_usage(&made), with(&for_chat, &[a_chat]));
        let chat = chat.unwrap().id;

        let message = || NewMessage::text(Role::User, "Hello");
        let stored = runs(&kafka, || drop(kafka.messages(&operator).create(chat, message()).unwrap()));
        assert_eq!(of_usage(&stored), [(a_message, 1)]);
        let all: Vec<_> = stored.into_iter().collect();
        let expected = ["chats::ADVANCE", "chats::HEAD", "messages::INSERT", a_message].map(counted);
        assert_eq!(all, expected, "of all");

        // The question is one, the answer's end another.
        let ask = |request| drop(kafka.completions(&operator).start(chat, request).unwrap().wait().unwrap());
        let asked = runs(&kafka, || ask(AnswerRequest::text("Hello")));
        assert_eq!(of_usage(&asked), with(&for_question, &[a_message, an_answer]));
        let again = runs(&kafka, || ask(AnswerRequest::default()));
        assert_eq!(of_usage(&again), with(&for_question, &[an_answer]));
    }
}
