//! A disk that is full for a while.

use std::{env, process::Command, sync::mpsc, time::Duration};

use kafka_core::{
    AnswerRequest, DocumentPlace, ErrorKind, NewChat, NewFile, ProcessingStatus, ResponseStatus, SearchArea,
    SearchRequest,
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

/// The limit holds for a whole process, so each runs in one of its own, which ignores the signal that
/// comes with it: writes then fail as on a full disk.
fn in_a_process_of_its_own(name: &str, inside: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
}

#[test]
fn an_answer_survives_a_full_disk() {
    in_a_process_of_its_own("disk::an_answer_survives_a_full_disk", answering);
}

#[test]
fn a_document_is_read_when_the_disk_has_room_again_and_half_of_it_is_never_found() {
    let name = "disk::a_document_is_read_when_the_disk_has_room_again_and_half_of_it_is_never_found";
    in_a_process_of_its_own(name, reading);
}

fn reading() {
    let stage = Stage::new(In::File);
    let (documents, chat) = (stage.kafka.documents(&stage.operator), stage.chat());
    let text: String =
        (0..25_000).map(|number| format!("Sentence {number} of a long document.\n\n")).collect();
    // The bytes have room, what is made of them has not.
    limit_files(Some(text.len() as u64 + 500_000));
    let new = NewFile::named("long.txt");
    let id = documents.upload(DocumentPlace::Chat(chat.id), new, &mut text.as_bytes()).unwrap().id;
    let chats = stage.kafka.chats(&stage.operator);
    let refused = (0..1_000_000).find_map(|_| chats.create(NewChat::default()).err()).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Storage, "{refused:?}");
    let waiting = documents.get(id).unwrap().processing_status;
    assert!(!matches!(waiting, ProcessingStatus::Completed | ProcessingStatus::Failed), "{waiting}");
    let search =
        SearchRequest { areas: Some(vec![SearchArea::Documents]), ..SearchRequest::text("\"sentence 7\"") };
    assert_eq!(stage.kafka.search(&stage.operator).find(&search).unwrap().items, []);

    limit_files(None);
    let read = documents.wait(id, PATIENCE, |_| stage.clock.advance(Duration::from_secs(1))).unwrap();
    assert_eq!((read.processing_status, read.error_message), (ProcessingStatus::Completed, None));
    let stored = stage.value("SELECT COUNT(*) FROM chunks", &[]).unwrap();
    assert_eq!(stored, read.chunk_count.to_string());
    assert_eq!(stage.kafka.search(&stage.operator).find(&search).unwrap().items.len(), 1);
}

fn answering() {
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
