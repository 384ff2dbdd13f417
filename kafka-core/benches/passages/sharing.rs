//! What others notice while long texts are taken in: the same requests at the same pace, with and without.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    ChatId, DocumentPlace, Kafka, NewChat, NewFile, NewMessage, PageRequest, ProcessingStatus, Role,
};

use super::{Place, TEXT_BYTES, at, filling::Dice};

/// Alternating, so that what the disk does at one time counts for both.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
/// Threads that ask, each at this pace, whatever the answers take.
const ASKING: usize = 4;
const PACE: Duration = Duration::from_millis(10);
const GOAL: f64 = 2.0;

pub(crate) fn measure<P: Place>() {
    let place = P::new();
    let mut config = P::config(place.directory());
    config.limits.extracted_bytes = 2 * TEXT_BYTES;
    let kafka = Kafka::open(config).unwrap();
    let me = kafka.operator();
    let chats: Vec<ChatId> =
        (0..ASKING).map(|_| kafka.chats(&me).create(NewChat::default()).unwrap().id).collect();
    let shelf = kafka.chats(&me).create(NewChat::default()).unwrap().id;
    round(&kafka, &chats);
    let (mut alone, mut beside) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let read = AtomicUsize::new(0);
    for number in 0..ROUNDS {
        add(&mut alone, round(&kafka, &chats));
        let (stop, text) = (AtomicBool::new(false), Dice(number as u64).markdown(TEXT_BYTES));
        thread::scope(|scope| {
            let (kafka, stop, read, text) = (&kafka, &stop, &read, &text);
            scope.spawn(move || take_in(kafka, shelf, text, stop, read));
            add(&mut beside, round(kafka, &chats));
            stop.store(true, Ordering::Relaxed);
        });
    }
    let read = read.into_inner() / TEXT_BYTES;
    println!(
        "{ASKING} threads ask every {} ms, {ROUNDS} times {} s; meanwhile {read} texts of {} MB are taken in",
        PACE.as_millis(),
        ROUND.as_secs(),
        TEXT_BYTES / 1_000_000
    );
    println!("{:44} {:>8} {:>8}", "ms", "p50", "p99");
    let pairs = alone.iter_mut().zip(&mut beside);
    for (what, (alone, beside)) in ["messages stored", "pages of messages"].into_iter().zip(pairs) {
        alone.sort_by(f64::total_cmp);
        beside.sort_by(f64::total_cmp);
        println!("{:44} {:8.2} {:8.2}", format!("{what}, alone"), at(alone, 50), at(alone, 99));
        println!(
            "{:44} {:8.2} {:8.2}",
            format!("{what}, while it is taken in"),
            at(beside, 50),
            at(beside, 99)
        );
        let ratio = at(beside, 99) / at(alone, 99);
        let verdict = if ratio < GOAL { "" } else { "  misses the goal" };
        println!("{:44} {ratio:17.2} (goal {GOAL}){verdict}", "p99 with it by p99 alone");
    }
    kafka.close();
}

fn add(all: &mut [Vec<f64>; 2], new: [Vec<f64>; 2]) {
    for (all, new) in all.iter_mut().zip(new) {
        all.extend(new);
    }
}

/// Milliseconds of what was stored and of what was read, from when it was due.
fn round(kafka: &Kafka, chats: &[ChatId]) -> [Vec<f64>; 2] {
    let began = Instant::now();
    let ask = |thread: usize| {
        let me = kafka.operator();
        let (mut stored, mut read) = (Vec::new(), Vec::new());
        let mut due = began + PACE * thread as u32 / ASKING as u32;
        while due < began + ROUND {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // From when it is begun, since a thread that wakes late has not waited for the library.
            let due_now = Instant::now();
            kafka.messages(&me).create(chats[thread], NewMessage::text(Role::User, "And then?")).unwrap();
            stored.push(due_now.elapsed().as_secs_f64() * 1e3);
            let began = Instant::now();
            kafka.messages(&me).list(chats[thread], &PageRequest::first(20)).unwrap();
            read.push(began.elapsed().as_secs_f64() * 1e3);
            due += PACE;
        }
        [stored, read]
    };
    let mut all = [Vec::new(), Vec::new()];
    thread::scope(|scope| {
        let threads: Vec<_> = (0..chats.len()).map(|thread| scope.spawn(move || ask(thread))).collect();
        threads.into_iter().for_each(|thread| add(&mut all, thread.join().unwrap()));
    });
    all
}

/// Takes a text in, again and again.
fn take_in(kafka: &Kafka, chat: ChatId, text: &str, stop: &AtomicBool, read: &AtomicUsize) {
    let me = kafka.operator();
    let documents = kafka.documents(&me);
    while !stop.load(Ordering::Relaxed) {
        let new = NewFile::named("long.md");
        let id = documents.upload(DocumentPlace::Chat(chat), new, &mut text.as_bytes()).unwrap().id;
        let mut is_read = false;
        // What was begun is brought to its end, so that the next round alone is alone.
        while !is_read {
            thread::sleep(Duration::from_millis(20));
            is_read = documents.get(id).unwrap().processing_status == ProcessingStatus::Completed;
        }
        read.fetch_add(text.len(), Ordering::Relaxed);
    }
}
