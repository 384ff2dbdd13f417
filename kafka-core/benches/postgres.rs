//! Reads, and messages stored, on PostgreSQL with the settings it comes with: the library against the same
//! statements through the bare `postgres` crate, prepared, on connections of the same kind.
//!
//! `cargo bench -p kafka-core --features postgres --bench postgres`. It starts a server of its own. By hand,
//! a read is one statement outside a transaction; a message is stored by the four statements that the library
//! runs, between BEGIN and COMMIT. What only the library does is included in its figures: one lock over all
//! nodes, the number by which a commit is asked for, the notice to other nodes, and a heart that beats.
//! Programs alternate, and the medians of the rounds' ratios count.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

mod private_postgres;

use std::{
    hint::black_box,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    ChatId, Config, Kafka, NewChat, NewMessage, PageRequest, Place, PostgresAddress, Role, testing,
};
use postgres::{Client, NoTls, Row, Statement};
use uuid::Uuid;

const ROUNDS: usize = 15;
const RUN: Duration = Duration::from_millis(300);
const CHATS: usize = 64;
const MESSAGES: usize = 60;
const CALLERS: usize = 8;
const GOAL: f64 = 0.8;
const TEXT: &str = "Someone must have been telling lies about Josef K., for without having done anything \
    wrong he was arrested one fine morning.";

fn main() {
    let database = private_postgres::database();
    let blobs = tempfile::tempdir().unwrap();
    let address = PostgresAddress::from_url(&database.url()).unwrap();
    let kafka = Kafka::open(Config::postgres(address, blobs.path())).unwrap();
    let me = kafka.operator();
    let chats: Vec<ChatId> =
        (0..CHATS).map(|_| kafka.chats(&me).create(NewChat::default()).unwrap().id).collect();
    let store = |chat: ChatId| {
        kafka.messages(&me).create(chat, NewMessage::text(Role::User, TEXT)).unwrap();
    };
    thread::scope(|scope| {
        for some in chats.chunks(8) {
            scope.spawn(move || some.iter().for_each(|chat| (0..MESSAGES).for_each(|_| store(*chat))));
        }
    });
    database.run_inside("ANALYZE");
    let hands: Vec<Mutex<ByHand>> =
        (0..CALLERS).map(|_| Mutex::new(ByHand::connect(&database.url()))).collect();
    let by_hand = |caller: usize, work: &dyn Fn(&mut ByHand)| work(&mut hands[caller].lock().unwrap());
    // A step that is no divisor of the number of chats; each caller writes to its own.
    let read = |caller: usize, call: usize| chats[(call * 37 + caller) % CHATS];
    let written = |caller: usize, call: usize| chats[caller + CALLERS * (call % (CHATS / CALLERS))];

    println!(
        "{ROUNDS} alternating rounds of {} ms for each, medians; {} byte messages",
        RUN.as_millis(),
        TEXT.len()
    );
    for callers in [1, CALLERS] {
        compare(
            "a chat by its id",
            callers,
            [&|caller, call| by_hand(caller, &|hand| hand.chat(read(caller, call))), &|caller, call| {
                drop(black_box(kafka.chats(&me).get(read(caller, call)).unwrap()))
            }],
        );
        compare(
            "the last 50 messages",
            callers,
            [
                &|caller, call| by_hand(caller, &|hand| assert_eq!(hand.last_50(read(caller, call)), 50)),
                &|caller, call| {
                    let request = PageRequest::Cursor { limit: Some(50), place: Place::Start };
                    let page = kafka.messages(&me).list(read(caller, call), &request).unwrap();
                    assert_eq!(black_box(page).items.len(), 50);
                },
            ],
        );
        compare(
            "a message stored",
            callers,
            [&|caller, call| by_hand(caller, &|hand| hand.store(written(caller, call))), &|caller, call| {
                store(written(caller, call))
            }],
        );
    }
}

/// What caller number n does for the nth time.
type Program<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Prints the rates of both, and the ratio.
fn compare(what: &str, callers: usize, [by_hand, library]: [Program<'_>; 2]) {
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // Back and forth, because what one program leaves for the disk to do, the next one pays for.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for which in order {
            rates[which].push(measure(callers, [by_hand, library][which]));
        }
    }
    let ratio = median(rates[1].iter().zip(&rates[0]).map(|(library, by_hand)| library / by_hand));
    let [by_hand, library] = rates.map(|rates| median(rates.into_iter()));
    let verdict = if ratio >= GOAL { "" } else { "  below the goal" };
    println!(
        "{what:22} {callers} caller(s): by hand {by_hand:7.0}/s, library {library:7.0}/s, ratio {ratio:5.2}  \
         (goal {GOAL}){verdict}"
    );
}

/// Calls a second, of all callers together.
fn measure(callers: usize, program: Program<'_>) -> f64 {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for caller in 0..callers {
            let (stop, calls) = (&stop, &calls);
            scope.spawn(move || {
                let mut call = 0;
                while !stop.load(Ordering::Relaxed) {
                    program(caller, call);
                    call += 1;
                }
                calls.fetch_add(call as u64, Ordering::Relaxed);
            });
        }
        thread::sleep(RUN);
        stop.store(true, Ordering::Relaxed);
    });
    calls.into_inner() as f64 / began.elapsed().as_secs_f64()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The library's statements with the `postgres` crate and nothing else.
struct ByHand {
    client: Client,
    chat: Statement,
    page: Statement,
    head: Statement,
    insert: Statement,
    advance: Statement,
    count: Statement,
}

/// Whose rows are seen: nobody's account, and the operator's reach.
const OPERATOR: (Option<&str>, i32) = (None, 1);

impl ByHand {
    fn connect(url: &str) -> ByHand {
        let mut client = Client::connect(url, NoTls).unwrap();
        let mut prepare = |wanted: &str| {
            let (_, sql) = testing::statements().find(|(name, _)| name.ends_with(wanted)).unwrap();
            client.prepare(sql).unwrap()
        };
        let (chat, page) = (prepare("chats::GET"), prepare("messages::BRANCH_BEFORE"));
        let (head, insert) = (prepare("chats::HEAD"), prepare("messages::INSERT"));
        let (advance, count) = (prepare("chats::ADVANCE"), prepare("usage_daily::COUNT_MESSAGE"));
        ByHand { client, chat, page, head, insert, advance, count }
    }

    fn chat(&mut self, id: ChatId) {
        let (nobody, reach) = OPERATOR;
        let row = self.client.query_one(&self.chat, &[&nobody, &reach, &id.to_string()]).unwrap();
        let texts: [Option<String>; 7] = [1, 2, 3, 4, 5, 6, 7].map(|column| row.get(column));
        let [leaf, tags]: [Option<String>; 2] = [8, 13].map(|column| row.get(column));
        let numbers: [Option<i64>; 7] = [0, 9, 10, 11, 12, 14, 15].map(|column| row.get(column));
        black_box((texts, leaf, tags, numbers));
    }

    fn last_50(&mut self, chat: ChatId) -> usize {
        let (nobody, reach) = OPERATOR;
        let chat = chat.to_string();
        let rows = self.client.query(&self.page, &[&nobody, &reach, &chat, &i64::MAX, &51_i64]).unwrap();
        let messages: Vec<_> = rows.iter().map(read_message).collect();
        black_box(messages).len() - 1
    }

    fn store(&mut self, chat: ChatId) {
        let (nobody, reach) = OPERATOR;
        let chat = chat.to_string();
        let (id, now) = (Uuid::now_v7().to_string(), 1_767_225_600_000_i64);
        self.client.batch_execute("BEGIN").unwrap();
        let head = self.client.query_one(&self.head, &[&nobody, &reach, &chat]).unwrap();
        let (seq, leaf): (i64, Option<String>) = (head.get(0), head.get(1));
        let no_text = None::<&str>;
        let row = self
            .client
            .query_one(
                &self.insert,
                &[
                    &id,
                    &chat,
                    &(seq + 1),
                    &leaf,
                    &nobody,
                    &"user",
                    &"text",
                    &TEXT,
                    &no_text,
                    &no_text,
                    &no_text,
                    &"complete",
                    &now,
                ],
            )
            .unwrap();
        black_box(row.get::<_, i64>(0));
        self.client.execute(&self.advance, &[&chat, &(seq + 1), &id, &now]).unwrap();
        self.client.execute(&self.count, &[&chat, &20_454_i64]).unwrap();
        self.client.batch_execute("COMMIT").unwrap();
    }
}

/// What the statement reads of a message, and whether it has a response.
type Message = (
    i64,
    [String; 2],
    i64,
    Option<String>,
    [String; 3],
    [Option<String>; 3],
    String,
    Option<i64>,
    Option<String>,
    [i64; 2],
    Option<String>,
);

fn read_message(row: &Row) -> Message {
    (
        row.get(0),
        [row.get(1), row.get(2)],
        row.get(3),
        row.get(4),
        [row.get(5), row.get(6), row.get(7)],
        [row.get(8), row.get(9), row.get(10)],
        row.get(11),
        row.get(12),
        row.get(13),
        [row.get(14), row.get(15)],
        row.get(16),
    )
}
