//! Answers of one chat run one after another, in the order in which they were asked for.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use kafka_core::{
    AnswerRequest, ErrorKind, Kafka, PageRequest, ResponseStatus, Role,
    testing::{Gate, ScriptedAnswer},
};

use crate::stage::{In, Stage};

/// Counts how many answers run at a time.
#[derive(Clone, Default)]
struct Census(Arc<(AtomicUsize, AtomicUsize)>);

impl Census {
    fn script(&self) -> ScriptedAnswer {
        let (enter, leave) = (self.clone(), self.clone());
        ScriptedAnswer::new()
            .then(move || {
                let running = enter.0.0.fetch_add(1, Ordering::SeqCst) + 1;
                enter.0.1.fetch_max(running, Ordering::SeqCst);
            })
            .text("x")
            .then(move || {
                leave.0.0.fetch_sub(1, Ordering::SeqCst);
            })
            .finish()
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// Asks from many threads, over some handles, and compares the orders.
fn ask_at_once(stage: &Stage, handles: &[&Kafka], census: &Census) {
    let chat = stage.chat();
    let asked = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for asker in 0..8 {
            let (kafka, asked) = (handles[asker % handles.len()], &asked);
            scope.spawn(move || {
                for question in 0..2 {
                    let text = format!("{asker}.{question}");
                    let me = kafka.operator();
                    let turn =
                        kafka.completions(&me).start(chat.id, AnswerRequest::text(text.clone())).unwrap();
                    let answer = turn.wait().unwrap();
                    assert_eq!(answer.response.status, ResponseStatus::Completed);
                    asked.lock().unwrap().push((answer.user_message.seq, text));
                }
            });
        }
    });
    let mut asked = asked.into_inner().unwrap();
    asked.sort();
    let in_order_of_commits: Vec<_> = asked.into_iter().map(|(_, text)| text).collect();
    let answered: Vec<_> =
        stage.provider.calls().iter().map(|call| call.prompt.last_user_text().to_owned()).collect();
    assert_eq!(answered, in_order_of_commits);
    assert_eq!(census.most(), 1, "two answers of one chat ran at the same time");
    let messages = stage.kafka.messages(&stage.operator).list(chat.id, &PageRequest::first(200)).unwrap();
    let roles: Vec<_> = messages.items.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant].repeat(16), "each question has its answer below it");
}

#[test]
fn eight_askers_of_one_handle() {
    for place in [In::Memory, In::File] {
        let census = Census::default();
        let script = census.clone();
        let stage = Stage::with(place, move |_| script.script(), |_| {});
        ask_at_once(&stage, &[&stage.kafka], &census);
    }
}

#[test]
fn eight_askers_over_two_handles_of_one_file() {
    let census = Census::default();
    let script = census.clone();
    let stage = Stage::with(In::File, move |_| script.script(), |_| {});
    let beside = stage.beside();
    ask_at_once(&stage, &[&stage.kafka, &beside], &census);
}

/// Whoever waits looks whether a dead process is in front of it; that this cannot be said of some process is
/// no reason to give up the question.
#[cfg(unix)]
#[test]
#[cfg_attr(feature = "postgres", ignore = "the locks beside a file")]
fn a_question_outlasts_trouble_while_it_waits() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage =
        Stage::with(In::File, move |_| ScriptedAnswer::new().wait_for(&script).text("x").finish(), |_| {});
    let chat = stage.chat();
    let completions = stage.kafka.completions(&stage.operator);
    let first = completions.start(chat.id, AnswerRequest::text("first")).unwrap();
    stage.provider.wait_for_calls(1);
    // The lock of this process cannot be looked at: it leads to itself.
    let node = "01890000-0000-7000-8000-000000000000";
    let sql = "INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at) VALUES ($1, 'server', 1, 0, 0)";
    stage.rows(sql, &[node]);
    let lock = stage.directory().join("kafka.db.lock.d").join(node);
    std::os::unix::fs::symlink(&lock, &lock).unwrap();
    let second = completions.start(chat.id, AnswerRequest::text("second")).unwrap();
    let third = completions.start(chat.id, AnswerRequest::text("third")).unwrap();
    // Those that wait have looked by the time that this one is gone.
    third.cancel().unwrap();
    gate.open();
    for turn in [first, second] {
        let answer = turn.wait().unwrap();
        assert_eq!((answer.response.status, answer.response.error), (ResponseStatus::Completed, None));
    }
}

#[test]
fn other_chats_do_not_wait() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::scripted(move |call| match call.prompt.last_user_text() {
        "slow" => ScriptedAnswer::new().wait_for(&script).text("at last").finish(),
        _ => ScriptedAnswer::of(&["at once"]),
    });
    let (slow, quick) = (stage.chat(), stage.chat());
    let turn = stage.kafka.completions(&stage.operator).start(slow.id, AnswerRequest::text("slow")).unwrap();
    stage.provider.wait_for_calls(1);
    assert_eq!(stage.ask(&quick, AnswerRequest::text("quick")).message.content, "at once");
    gate.open();
    assert_eq!(turn.wait().unwrap().message.content, "at last");
}

#[test]
fn at_most_sixteen_wait() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::scripted(move |_| ScriptedAnswer::new().wait_for(&script).text("x").finish());
    let chat = stage.chat();
    let completions = stage.kafka.completions(&stage.operator);
    let turns: Vec<_> =
        (0..17).map(|n| completions.start(chat.id, AnswerRequest::text(n.to_string())).unwrap()).collect();
    let refused = stage.refusal(&chat, AnswerRequest::text("one too many"));
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::RateLimited, "chat_busy"));
    assert!(refused.retry_after().is_some());
    let stored = stage.kafka.chats(&stage.operator).get(chat.id).unwrap();
    assert_eq!(stored.message_count, 34, "of what was refused nothing is stored");
    gate.open();
    for turn in turns {
        assert_eq!(turn.wait().unwrap().response.status, ResponseStatus::Completed);
    }
    assert_eq!(stage.ask(&chat, AnswerRequest::text("now")).message.content, "x");
}

#[test]
fn a_process_runs_only_so_many_answers() {
    let gate = Gate::new();
    let script = gate.clone();
    let answer = move |_: &_| ScriptedAnswer::new().wait_for(&script).text("x").finish();
    let stage = Stage::with(In::Memory, answer, |config| config.limits.concurrent_answers = 2);
    let turns = [stage.chat(), stage.chat()].map(|chat| {
        stage.kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("Hi")).unwrap()
    });
    let chat = stage.chat();
    let refused = stage.refusal(&chat, AnswerRequest::text("Hi"));
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Busy, "answers_at_capacity"));
    assert!(stage.branch(&chat).is_empty());
    gate.open();
    turns.into_iter().for_each(|turn| drop(turn.wait().unwrap()));
    assert!(stage.kafka.wait_until_idle(std::time::Duration::from_secs(20)));
    assert_eq!(stage.ask(&chat, AnswerRequest::text("Hi")).message.content, "x");
}

/// One owner's answers, those that wait included, leave room for those of everyone else.
#[test]
fn the_chats_of_one_owner_have_a_quarter_of_the_answers() {
    let gate = Gate::new();
    let script = gate.clone();
    let answer = move |call: &kafka_core::testing::ScriptedCall| match call.prompt.last_user_text() {
        "quick" => ScriptedAnswer::of(&["at once"]),
        _ => ScriptedAnswer::new().wait_for(&script).text("x").finish(),
    };
    let stage = Stage::with(In::Memory, answer, |config| config.limits.concurrent_answers = 8);
    let (_admin, greedy, other) = (stage.user("admin"), stage.user("greedy"), stage.user("other"));
    let chat = stage.chat_of(&greedy);
    let ask = |actor, chat: &kafka_core::Chat, text: &str| {
        stage.kafka.completions(actor).start(chat.id, AnswerRequest::text(text))
    };
    let turns = [ask(&greedy, &chat, "runs").unwrap(), ask(&greedy, &chat, "waits").unwrap()];
    let second = stage.chat_of(&greedy);
    let refused = ask(&greedy, &second, "quick").unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::RateLimited, "owner_busy"));
    assert!(refused.retry_after().is_some());
    assert!(stage.branch(&second).is_empty());
    let served = ask(&other, &stage.chat_of(&other), "quick").unwrap().wait().unwrap();
    assert_eq!(served.message.content, "at once");
    ask(&stage.operator, &second, "quick").unwrap().wait().unwrap();
    gate.open();
    turns.into_iter().for_each(|turn| drop(turn.wait().unwrap()));
    assert!(stage.kafka.wait_until_idle(std::time::Duration::from_secs(20)));
    ask(&greedy, &second, "quick").unwrap().wait().unwrap();
}

/// A node or chat may have given any number of answers; what runs is few.
#[test]
#[cfg_attr(feature = "postgres", ignore = "the query plans of SQLite")]
fn what_runs_is_found_without_reading_what_has_ended() {
    let stage = Stage::new(In::File);
    stage.ask(&stage.chat(), AnswerRequest::text("Hi"));
    let rows = rusqlite::Connection::open(stage.database()).unwrap();
    let plan = |sql: &str| -> String {
        let bound = rusqlite::params_from_iter(sql.contains("$1").then_some("x"));
        rows.query_row(&format!("EXPLAIN QUERY PLAN {sql}"), bound, |row| row.get(3)).unwrap()
    };
    for list in ["RUNNING_OF_NODE", "RUNNING_OF_NOBODY", "RUNNING_IN_CHAT"] {
        let is_it = |(name, _): &(&str, &str)| name.ends_with(&format!("responses::{list}"));
        let (_, sql) = kafka_core::testing::statements().find(is_it).unwrap();
        assert!(plan(sql).ends_with("USING INDEX responses_running"), "{list}: {}", plan(sql));
    }
    let left: u32 = rows
        .query_row("SELECT count(*) FROM responses WHERE node_id IS NOT NULL", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0, "a node that leaves has to be taken out of what it still runs only");
}
