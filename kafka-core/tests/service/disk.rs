//! A disk that is full for a while.

use std::{env, process::Command, sync::mpsc, time::Duration};

use kafka_core::{
    AnswerRequest, ErrorKind, NewChat, ResponseStatus,
    testing::{Gate, ScriptedAnswer},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::stage::{In, Stage};

const PATIENCE: Duration = Duration::from_secs(20);
/// Set in the process that this test starts of itself.
const INSIDE: &str = "KAFKA_TEST_FULL_DISK";

/// Lets files of this process grow to so many bytes; none is the usual limit.
fn limit_files(bytes: Option<u64>) {
    let limit = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(limit.maximum), maximum: limit.maximum }).unwrap();
}

/// The limit holds for a whole process, so this runs in one of its own, which ignores the signal that
/// comes with it: writes then fail as on a full disk.
#[test]
fn an_answer_survives_a_full_disk() {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "disk::an_answer_survives_a_full_disk", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
}

fn inside() {
    let (full, never) = (Gate::new(), Gate::new());
    let gates = (full.clone(), never.clone());
    let stage = Stage::with(
        In::File,
        move |call| match call.number {
            0 => ScriptedAnswer::new()
                .text("before")
                .wait_for(&gates.0)
                .text(" during")
                .wait_for(&gates.1)
                .text(" never")
                .finish(),
            _ => ScriptedAnswer::of(&["after"]),
        },
        |_| {},
    );
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("Hi")).unwrap();
    let id = turn.id();
    let mut events = turn.into_events();
    assert!([events.next(), events.next()].iter().all(Option::is_some), "the start and the first piece");
    let (stopped, was_stopped) = mpsc::channel();
    let _hook = stage.provider.calls()[0].options.cancel.on_cancel(move || stopped.send(()).unwrap());

    limit_files(Some(1));
    full.open();
    was_stopped.recv_timeout(PATIENCE).expect("a model that cannot be stored is stopped");
    let refused = stage.kafka.chats(&stage.operator).create(NewChat::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Storage, "{refused:?}");
    assert!(refused.message().contains(&stage.database().display().to_string()), "{refused}");
    let refused = stage.refusal(&chat, AnswerRequest::text("Now?"));
    assert_eq!(refused.kind(), ErrorKind::Storage, "{refused:?}");
    assert_eq!(stage.branch(&chat), ["Hi", ""], "reading goes on");
    let shown = stage.kafka.responses(&stage.operator).events(id, 3).unwrap_err();
    assert_eq!(shown.code(), "after_out_of_range", "what is not on disk is not shown");

    limit_files(None);
    let rest: Vec<_> = events.map(Result::unwrap).collect();
    assert!(rest.last().unwrap().kind.is_last());
    let response = stage.kafka.responses(&stage.operator).get(id).unwrap();
    assert_eq!(response.status, ResponseStatus::Interrupted, "nobody cancelled it");
    let reason = response.error.expect("it says why");
    assert_eq!(reason.kind(), ErrorKind::Storage, "{reason:?}");
    assert!(reason.detail.contains("could not be stored"), "{reason:?}");
    assert_eq!(stage.branch(&chat), ["Hi", "before during"]);
    assert_eq!(stage.ask(&chat, AnswerRequest::text("Now?")).message.content, "after");
}
