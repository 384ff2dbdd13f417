//! Taking in a long text, without vectors.

use std::time::{Duration, Instant};

use kafka_core::{DocumentPlace, Kafka, NewChat, NewFile, ProcessingStatus};

use super::{Place, TEXT_BYTES, configured, filling::Dice};

const GOAL: f64 = 5.0;
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn measure<P: Place>() {
    let text = Dice(3).markdown(TEXT_BYTES);
    let place = P::new();
    let mut config = configured::<P>(place.directory(), None);
    config.limits.extracted_bytes = 2 * TEXT_BYTES;
    let kafka = Kafka::open(config).unwrap();
    let me = kafka.operator();
    let chat = kafka.chats(&me).create(NewChat::default()).unwrap().id;
    let began = Instant::now();
    let documents = kafka.documents(&me);
    let new = NewFile::named("long.md");
    let document = documents.upload(DocumentPlace::Chat(chat), new, &mut text.as_bytes()).unwrap();
    let read = documents.wait(document.id, PATIENCE, |_| ()).unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!((read.processing_status, read.error_message), (ProcessingStatus::Completed, None));
    let verdict = if seconds < GOAL { "" } else { "  misses the goal" };
    println!(
        "{:44} {seconds:8.2} s (goal {GOAL}), {} passages{verdict}",
        format!("{} MB of Markdown, uploaded and read", text.len() / 1_000_000),
        read.chunk_count
    );
}
