//! Searching a million messages: the library against the same index asked by hand; and what keeping the index up costs
//! those who store messages.
//!
//! `cargo bench -p kafka-core --bench search`. The file is made anew each time, which takes minutes; the variable
//! `MESSAGES` makes a smaller one. Words are drawn
//! from 20,000, the ones at the front far more often; one stands in every second message, and 1,000 stand in five each.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    fmt::Write as _,
    hint::black_box,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    Config, Kafka, NewChat, NewMessage, NewUser, NodeKind, Role, SearchRequest, SearchSort, UserId,
};
use rusqlite::{Connection, OpenFlags, params};
use tempfile::TempDir;
use uuid::Uuid;

const MESSAGES: usize = 1_000_000;
const CHATS: usize = 1_000;
const VOCABULARY: usize = 20_000;
const RARE: usize = 1_000;
const QUERIES: usize = 300;
const RUNS: usize = 3;
const RUN: Duration = Duration::from_secs(2);

fn main() {
    let messages = std::env::var("MESSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(MESSAGES);
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("search.db");
    let user = fill(&path, messages);
    println!("{messages} messages in {CHATS} chats");

    let config = || Config { kind: NodeKind::Cli, ..Config::file(&path) };
    let kafka = Kafka::open(config()).unwrap();
    let me = kafka.operator();
    let began = Instant::now();
    kafka.search(&me).refresh().unwrap();
    println!("indexing them               {:10.0} rows/s", messages as f64 / began.elapsed().as_secs_f64());
    println!("{QUERIES} queries each, ms                         p50      p99");

    let raw = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    raw.pragma_update(None, "cache_size", -16_384).unwrap();
    let rare = |number: usize| format!("rare{}", number * 7 % RARE);
    let by_hand = latencies(|number| asked_by_hand(&raw, &rare(number)));
    show("a rare word, by hand", &by_hand, None);
    let search = |request: SearchRequest| {
        let found = kafka.search(&me).find(&request).unwrap().items;
        assert!(!found.is_empty());
    };
    let library = latencies(|number| search(SearchRequest::text(rare(number))));
    show("a rare word, best", &library, Some(5.0));
    println!("library / by hand, p50      {:10.2}", at(&library, 50) / at(&by_hand, 50));
    let newest = |query: &str| SearchRequest { sort: Some(SearchSort::Newest), ..SearchRequest::text(query) };
    show("a word in half of all, by hand", &latencies(|_| asked_by_hand(&raw, "half")), None);
    show("a word in half of all, best", &latencies(|_| search(SearchRequest::text("half"))), Some(150.0));
    show("a word in half of all, newest", &latencies(|_| search(newest("half"))), Some(150.0));
    show("two common words, best", &latencies(|_| search(SearchRequest::text("half w3"))), Some(150.0));
    show(
        "plain language, five words",
        &latencies(|n| search(SearchRequest::plain(format!("half w1 w50 w900 {}", rare(n))))),
        None,
    );
    show("a phrase of common words", &latencies(|_| search(SearchRequest::text("\"w1 half\""))), None);
    show("the beginning of many words", &latencies(|_| search(newest("w1*"))), None);
    let of_user = SearchRequest::text("half");
    let mine = as_user(&kafka, user);
    show(
        "half of all, of one in a thousand",
        &latencies(|_| assert!(!kafka.search(&mine).find(&of_user).unwrap().items.is_empty())),
        Some(150.0),
    );
    drop(raw);
    kafka.close();

    for callers in [1, 64] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            without.push(stored(NodeKind::Cli, callers).0);
            let (rate, lag) = stored(NodeKind::Embedded, callers);
            with.push((rate, lag));
        }
        without.sort_by(f64::total_cmp);
        with.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (rate, without) = (with[RUNS / 2].0, without[RUNS / 2]);
        let lag = with.iter().map(|(_, lag)| *lag).max().unwrap();
        println!("{callers:2} callers, without the index {without:9.0} rows/s");
        println!("{callers:2} callers, with it           {rate:9.0} rows/s");
        let verdict = if rate / without >= 0.8 { "" } else { "  below the goal" };
        println!("with / without              {:10.2}  (goal 0.8){verdict}", rate / without);
        println!("the last found after at most {:9.0} ms  (goal 1000)", lag.as_secs_f64() * 1e3);
    }
}

fn as_user(kafka: &Kafka, user: UserId) -> kafka_core::Actor {
    let token = kafka_core::NewToken { name: "bench".into(), scopes: None, expires_at: None };
    let issued = kafka.tokens(&kafka.operator()).of(user).create(token).unwrap();
    kafka.authenticate(&issued.token).unwrap()
}

/// In milliseconds, sorted.
fn latencies(mut query: impl FnMut(usize)) -> Vec<f64> {
    (0..10).for_each(&mut query);
    let mut times: Vec<f64> = (0..QUERIES)
        .map(|number| {
            let began = Instant::now();
            query(number);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn at(times: &[f64], percent: usize) -> f64 {
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn show(what: &str, times: &[f64], goal: Option<f64>) {
    let (median, late) = (at(times, 50), at(times, 99));
    let verdict = goal.map_or_else(String::new, |goal| {
        format!("  (goal {goal}){}", if late < goal { "" } else { "  above the goal" })
    });
    println!("{what:34} {median:9.2} {late:8.2}{verdict}");
}

/// The newest twenty, read as they are.
fn asked_by_hand(connection: &Connection, word: &str) {
    let mut statement = connection
        .prepare_cached(
            "SELECT m.id, m.content FROM search_messages s CROSS JOIN messages m ON m.number = s.rowid \
             WHERE s.words MATCH ?1 ORDER BY s.rowid DESC LIMIT 20",
        )
        .unwrap();
    let mut rows = statement.query([format!("\"{word}\"")]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        black_box((row.get::<_, String>(0).unwrap(), row.get::<_, String>(1).unwrap()));
    }
}

/// Rows a second that some callers store, and how long after the last one it takes until that is found.
fn stored(kind: NodeKind, callers: usize) -> (f64, Duration) {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("kafka.db");
    let kafka = Kafka::open(Config { kind, ..Config::file(&path) }).unwrap();
    let me = kafka.operator();
    let chats: Vec<_> =
        (0..callers).map(|_| kafka.chats(&me).create(NewChat::default()).unwrap().id).collect();
    let (stop, rows) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for (caller, chat) in chats.iter().enumerate() {
            let (kafka, me, stop, rows) = (&kafka, &me, &stop, &rows);
            scope.spawn(move || {
                let mut dice = Dice(caller as u64);
                while !stop.load(Ordering::Relaxed) {
                    let new = NewMessage::text(Role::User, dice.text(20));
                    kafka.messages(me).create(*chat, new).unwrap();
                    rows.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(RUN);
        stop.store(true, Ordering::Relaxed);
    });
    let rate = rows.into_inner() as f64 / began.elapsed().as_secs_f64();
    if kind == NodeKind::Cli {
        return (rate, Duration::ZERO);
    }
    let ended = Instant::now();
    kafka.messages(&me).create(chats[0], NewMessage::text(Role::User, "thelast")).unwrap();
    let request = SearchRequest::text("thelast");
    while kafka.search(&me).find(&request).unwrap().items.is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    (rate, ended.elapsed())
}

/// Numbers that look thrown; the same ones each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    fn text(&mut self, words: usize) -> String {
        let mut text = String::new();
        for _ in 0..words {
            // The square of a fraction is mostly small.
            let fraction = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
            let _ = write!(text, "w{} ", (fraction.powi(3) * VOCABULARY as f64) as usize);
        }
        text
    }
}

/// Makes the installation; one in a thousand messages is the account's.
fn fill(path: &Path, messages: usize) -> UserId {
    let kafka = Kafka::open(Config { kind: NodeKind::Cli, ..Config::file(path) }).unwrap();
    let me = kafka.operator();
    let user = NewUser { email: "k@example.org".into(), ..NewUser::default() };
    let user = kafka.users(&me).create(user).unwrap().id;
    for number in 0..CHATS {
        let user_id = (number == 0).then_some(user);
        kafka.chats(&me).create(NewChat { user_id, ..NewChat::titled(format!("Chat {number}")) }).unwrap();
    }
    kafka.close();
    let mut connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").unwrap();
    let tx = connection.transaction().unwrap();
    {
        let sql = "INSERT INTO messages (id, chat_number, seq, role, content, created_at, updated_at) \
             VALUES (?1, ?2, ?3, 'user', ?4, ?5, ?5)";
        let mut insert = tx.prepare(sql).unwrap();
        let mut dice = Dice(1);
        for number in 0..messages {
            let mut text = dice.text(if number % 2 == 0 { 28 } else { 29 });
            if number % 2 == 0 {
                text.push_str("half");
            }
            if number % (messages / RARE / 5) == 0 {
                let _ = write!(text, " rare{}", number / (messages / RARE / 5) % RARE);
            }
            let at = 1_767_225_600_000_i64 + number as i64;
            insert
                .execute(params![
                    Uuid::now_v7().to_string(),
                    (number % CHATS + 1) as i64,
                    (number / CHATS + 1) as i64,
                    text,
                    at
                ])
                .unwrap();
        }
    }
    tx.commit().unwrap();
    user
}
