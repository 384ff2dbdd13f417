//! Which process reads a document, when more than one could.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use kafka_core::{
    Chat, Config, Document, DocumentPlace, Extractor, Kafka, NewFile, ProcessingStatus::Completed,
    ProcessingStatus::Processing,
};
use tempfile::TempDir;

use crate::stage::{In, Stage};

const PATIENCE: Duration = Duration::from_secs(60);

/// An installation in which reading a PDF waits until a file `go` is in the directory, and leaves a line in `runs`.
fn reading(directory: &Path) -> impl Fn(&mut Config) + use<> {
    let script = "echo x >> \"$0/runs\"; cat; while [ ! -e \"$0/go\" ]; do sleep 0.01; done";
    let args = vec!["-c".into(), script.into(), directory.as_os_str().to_owned()];
    move |config| {
        config.extractor = Some(Extractor { program: "/bin/sh".into(), args: args.clone() });
    }
}

fn runs(directory: &Path) -> usize {
    fs::read_to_string(directory.join("runs")).unwrap_or_default().lines().count()
}

fn upload(kafka: &Kafka, chat: &Chat, name: &str, text: &[u8]) -> Document {
    let documents = kafka.documents(&kafka.operator());
    documents.upload(DocumentPlace::Chat(chat.id), NewFile::named(name), &mut &*text).unwrap()
}

fn read(kafka: &Kafka, document: &Document) -> Document {
    kafka.documents(&kafka.operator()).wait(document.id, PATIENCE, |_| ()).unwrap()
}

/// Uploads one and waits until its reading has begun.
fn begun(stage: &Stage, directory: &Path, chat: &Chat) -> Document {
    let slow = upload(&stage.kafka, chat, "slow.pdf", b"%PDF-1.7 castle");
    let began = Instant::now();
    while runs(directory) == 0 {
        assert!(began.elapsed() < PATIENCE);
    }
    slow
}

/// Each of two processes that stay reads what waits; what one is at, the other leaves alone.
#[test]
fn a_document_that_is_being_read_is_left_alone_by_others() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::with(In::File, |_| unreachable!(), reading(directory.path()));
    let chat = stage.chat();
    let slow = begun(&stage, directory.path(), &chat);
    let beside = stage.reopened(reading(directory.path()));
    // The one that was there first is busy: this is read by the other, which has looked what waits, then.
    let quick = upload(&beside, &chat, "quick.txt", b"quick");
    assert_eq!(read(&beside, &quick).processing_status, Completed);
    assert_eq!(runs(directory.path()), 1);
    fs::write(directory.path().join("go"), "").unwrap();
    assert_eq!(read(&stage.kafka, &slow).processing_status, Completed);
    assert_eq!(runs(directory.path()), 1);
    beside.close();
}

/// Others took this process for dead while it read.
#[test]
fn a_document_that_was_taken_away_from_its_reader_gets_nothing_from_it() {
    let directory = TempDir::new().unwrap();
    let stage = Stage::with(In::File, |_| unreachable!(), reading(directory.path()));
    let chat = stage.chat();
    let slow = begun(&stage, directory.path(), &chat);
    let id = slow.id.to_string();
    stage.rows("UPDATE jobs SET node_id = NULL, run_at = 9000000000000 WHERE subject = $1", &[&id]);
    fs::write(directory.path().join("go"), "").unwrap();
    // It reads one after the other.
    let quick = upload(&stage.kafka, &chat, "quick.txt", b"quick");
    assert_eq!(read(&stage.kafka, &quick).processing_status, Completed);
    let documents = stage.kafka.documents(&stage.operator);
    assert_eq!(documents.get(slow.id).unwrap().processing_status, Processing);
    assert_eq!(stage.rows("SELECT content FROM chunks", &[]), [[Some("quick".to_owned())]]);
    stage.rows("UPDATE jobs SET run_at = 0 WHERE subject = $1", &[&id]);
    assert_eq!(read(&stage.kafka, &slow).processing_status, Completed);
    assert_eq!(runs(directory.path()), 1, "its text was kept");
}
