//! What calls cost in statements. Counts are those of the whole process, so the tests of this program take
//! turns.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and says why")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kafka_core::{
    AnswerRequest, Config, Kafka, NewChat, NewChatFile, NewFile, NewMessage, NewModel, NewPlan, NewUser,
    NewVersion, NewWorkspace, NodeKind, Role, Secret, TurnEvent,
    testing::{Gate, ScriptedAnswer, ScriptedProvider, statement_runs},
};

/// Held by the test whose turn it is.
static TURN: Mutex<()> = Mutex::new(());

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
#[test]
fn tokens_that_come_together_are_appended_together_and_a_lone_one_at_once() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(appends(1), 1);
    // A few for the interval's sake, a few for the length of a row; on a busy machine some more.
    let together = appends(2000);
    assert!(together < 200, "{together}");
}

/// Counting is one statement for what is stored and one for an answer's end. Plans are looked at only
/// where they are enforced, and for whom they bind.
#[test]
fn counting_is_one_statement_and_plans_cost_nothing_where_they_are_not_enforced() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
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

/// A long chat goes in pieces, each a transaction of its own, of 1,000 messages, or 62 while somebody has just written; a
/// short one with the call.
#[test]
fn a_long_chat_is_removed_a_thousand_messages_at_a_time_at_most() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut config = Config::memory();
    config.kind = NodeKind::Cli;
    let kafka = Kafka::open(config).unwrap();
    let me = kafka.operator();
    for (messages, pieces) in [(1000, 0..=0), (1001, 2..=17)] {
        let chat = kafka.chats(&me).create(NewChat::default()).unwrap().id;
        for _ in 0..messages {
            kafka.messages(&me).create(chat, NewMessage::text(Role::User, "Hi")).unwrap();
        }
        let deleted = runs(&kafka, || kafka.chats(&me).delete(chat).unwrap());
        let made = deleted.get("deleted_chats::DELETE_MESSAGES").copied().unwrap_or_default();
        assert!(pieces.contains(&made), "{messages}: {made}");
    }
}

/// A list as a whole is read in batches, each by one statement: on a server that is one journey.
#[test]
fn a_walk_of_chats_is_one_statement_a_batch() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut config = Config::memory();
    config.kind = NodeKind::Cli;
    let kafka = Kafka::open(config).unwrap();
    let me = kafka.operator();
    for _ in 0..250 {
        kafka.chats(&me).create(NewChat::default()).unwrap();
    }
    let mut walked = 0;
    let asked = runs(&kafka, || {
        walked = kafka.linear(&me).chats().unwrap().map(|batch| batch.unwrap().len()).sum();
    });
    assert_eq!(walked, 250);
    let expected = [("linear::CHATS", 2), ("linear::EVERYTHING", 1), ("linear::NUMBERS_OF_EVERYTHING", 1)];
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), expected);
}

/// Whoever comes is shown all that the account has, and that is asked for at once, not for each thing.
#[test]
fn an_overview_is_five_statements_however_much_there_is() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut config = Config::memory();
    config.kind = NodeKind::Cli;
    let kafka = Kafka::open(config).unwrap();
    let me = kafka.operator();
    let user = NewUser { email: "k@example.org".into(), ..NewUser::default() };
    let user = kafka.users(&me).create(user).unwrap().id;
    let five = [
        ("chats::OF_OWNER", 1),
        ("files::OF_OWNER", 1),
        ("models::OF_OWNER", 1),
        ("users::GET", 1),
        ("workspaces::OF_OWNER", 1),
    ];
    for size in 0..4u64 {
        let mut overview = None;
        let asked = runs(&kafka, || overview = Some(kafka.overview(&me, user).unwrap()));
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), five);
        let overview = overview.unwrap();
        let of = |workspace: &kafka_core::WorkspaceOverview| {
            let versions = workspace.chats.iter().map(|chat| chat.versions);
            (workspace.files.len() as u64, workspace.chats.len() as u64, versions.sum::<u64>())
        };
        // Each round adds one more of everything, and two versions of a file of each chat.
        let expected: Vec<_> = (0..size).map(|number| (number + 1, number + 1, 2 * (number + 1))).collect();
        assert_eq!(overview.workspaces.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!(overview.models.len() as u64, size);

        let new = NewWorkspace { name: format!("Workspace {size}"), owner_id: Some(user) };
        let workspace = kafka.workspaces(&me).create(new).unwrap().id;
        let new =
            NewModel { user_id: Some(user), ..NewModel::new(format!("m{size}"), "http://192.0.2.1/v1") };
        kafka.models(&me).create(new).unwrap();
        for _ in 0..=size {
            let mut bytes = "one".as_bytes();
            kafka.files(&me).upload(workspace, NewFile::named("a.txt"), &mut bytes).unwrap();
            let new = NewChat { workspace_id: Some(workspace), user_id: Some(user), ..NewChat::default() };
            let chat = kafka.chats(&me).create(new).unwrap().id;
            let text = |filename: &str| NewChatFile { filename: filename.into(), content: "one".into() };
            let written = kafka.chat_files(&me).create(chat, text("flow.based")).unwrap();
            let version = NewVersion { content: Some("two".into()), ..NewVersion::default() };
            kafka.chat_files(&me).add_version(written.id, version).unwrap();
            // Of what is no `.based` file versions are not counted.
            kafka.chat_files(&me).create(chat, text("notes.txt")).unwrap();
        }
    }
}
