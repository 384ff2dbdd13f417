//! What is searched for, and how fast, whichever engine holds it.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    Actor, Config, Kafka, NewChat, NewMessage, NewToken, NewUser, NodeKind, Role, SearchRequest, SearchSort,
    UserId,
};

pub(crate) const CHATS: usize = 1_000;
const MESSAGES: usize = 1_000_000;
const VOCABULARY: usize = 20_000;
const RARE: usize = 1_000;
const QUERIES: usize = 300;
/// Of what takes long.
const FEW: usize = 20;
const RUNS: usize = 3;
const RUN: Duration = Duration::from_secs(2);

/// How many messages are wanted.
pub(crate) fn messages() -> usize {
    std::env::var("MESSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(MESSAGES)
}

/// An account, to which the first chat belongs, and all chats.
pub(crate) fn make_chats(kafka: &Kafka) -> UserId {
    let me = kafka.operator();
    let user = NewUser { email: "k@example.org".into(), ..NewUser::default() };
    let user = kafka.users(&me).create(user).unwrap().id;
    for number in 0..CHATS {
        let user_id = (number == 0).then_some(user);
        kafka.chats(&me).create(NewChat { user_id, ..NewChat::titled(format!("Chat {number}")) }).unwrap();
    }
    user
}

/// Texts of messages. One in a thousand messages is the account's.
pub(crate) fn texts(messages: usize) -> impl Iterator<Item = String> {
    let mut dice = Dice(1);
    (0..messages).map(move |number| {
        let mut text = dice.text(if number % 2 == 0 { 28 } else { 29 });
        if number % 2 == 0 {
            text.push_str("half");
        }
        let every = messages / RARE / 5;
        if number % every == 0 {
            let _ = write!(text, " {}", rare_word(number / every));
        }
        text
    })
}

fn rare_word(number: usize) -> String {
    format!("rare{}", number % RARE)
}

/// The word that the query of this number looks for.
pub(crate) fn rare(number: usize) -> String {
    rare_word(number * 7)
}

/// Takes all messages into the index.
pub(crate) fn index(kafka: &Kafka, messages: usize) {
    let began = Instant::now();
    kafka.search(&kafka.operator()).refresh().unwrap();
    println!("indexing them               {:10.0} rows/s", messages as f64 / began.elapsed().as_secs_f64());
}

/// Searches as the operator and as the account; `by_hand` looks for one word in the same index.
pub(crate) fn searches(kafka: &Kafka, user: UserId, mut by_hand: impl FnMut(&str)) {
    println!("{QUERIES} queries each, ms                         p50      p99");
    let me = kafka.operator();
    let raw = latencies(QUERIES, |number| by_hand(&rare(number)));
    show("a rare word, by hand", &raw, None);
    let search = |request: SearchRequest| {
        assert!(!kafka.search(&me).find(&request).unwrap().items.is_empty());
    };
    let library = latencies(QUERIES, |number| search(SearchRequest::text(rare(number))));
    show("a rare word, best", &library, Some(5.0));
    println!("library / by hand, p50      {:10.2}", at(&library, 50) / at(&raw, 50));
    let newest = |query: &str| SearchRequest { sort: Some(SearchSort::Newest), ..SearchRequest::text(query) };
    let rare_newest = latencies(QUERIES, |number| search(newest(&rare(number))));
    show("a rare word, newest", &rare_newest, Some(5.0));
    show("a word in half of all, by hand", &latencies(QUERIES, |_| by_hand("half")), None);
    let of = |request: &dyn Fn(usize) -> SearchRequest| latencies(QUERIES, |number| search(request(number)));
    show("a word in half of all, best", &of(&|_| SearchRequest::text("half")), Some(150.0));
    show("a word in half of all, newest", &of(&|_| newest("half")), Some(150.0));
    show("two common words, best", &of(&|_| SearchRequest::text("half w3")), Some(150.0));
    let plain = |number| SearchRequest::plain(format!("half w1 w50 w900 {}", rare(number)));
    show("plain language, five words", &of(&plain), None);
    show("a phrase of common words", &of(&|_| SearchRequest::text("\"w1 half\"")), None);
    show("the beginning of many words", &latencies(FEW, |_| search(newest("w1*"))), None);
    let new = NewToken { name: "bench".into(), scopes: None, expires_at: None };
    let token = kafka.tokens(&me).of(user).create(new).unwrap().token;
    let mine = kafka.authenticate(&token).unwrap();
    let of_user = |_| {
        let found = kafka.search(&mine).find(&SearchRequest::text("half")).unwrap();
        assert!(!found.items.is_empty());
    };
    show("half of all, of one in a thousand", &latencies(QUERIES, of_user), Some(150.0));
}

/// In milliseconds, sorted.
fn latencies(queries: usize, mut query: impl FnMut(usize)) -> Vec<f64> {
    (0..10).for_each(&mut query);
    let mut times: Vec<f64> = (0..queries)
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

/// What keeping the index up costs those who store messages, and how long it lags. `open` makes a new installation
/// and runs what it is given with it.
pub(crate) fn keeping_up(open: impl Fn(NodeKind, &dyn Fn(&Kafka) -> (f64, Duration)) -> (f64, Duration)) {
    for callers in [1, 64] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            without.push(open(NodeKind::Cli, &|kafka| stored(kafka, callers)).0);
            with.push(open(NodeKind::Embedded, &|kafka| {
                let (rate, me) = (stored(kafka, callers).0, kafka.operator());
                (rate, lag(kafka, &me))
            }));
        }
        without.sort_by(f64::total_cmp);
        with.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (rate, without) = (with[RUNS / 2].0, without[RUNS / 2]);
        let lag = with.iter().map(|(_, lag)| *lag).max().unwrap();
        println!("{callers:2} callers, without the index {without:9.0} rows/s");
        println!("{callers:2} callers, with it           {rate:9.0} rows/s");
        let verdict = if rate / without >= 0.8 { "" } else { "  below the goal" };
        println!("with / without              {:10.2}  (goal 0.8){verdict}", rate / without);
        let verdict = if lag.as_millis() <= 1000 { "" } else { "  above the goal" };
        println!("the last found after at most {:9.0} ms  (goal 1000){verdict}", lag.as_secs_f64() * 1e3);
    }
}

/// Rows a second that some callers store.
fn stored(kafka: &Kafka, callers: usize) -> (f64, Duration) {
    let me = kafka.operator();
    let chats: Vec<_> =
        (0..callers).map(|_| kafka.chats(&me).create(NewChat::default()).unwrap().id).collect();
    let (stop, rows) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    thread::scope(|scope| {
        for (caller, chat) in chats.iter().enumerate() {
            let (me, stop, rows) = (&me, &stop, &rows);
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
    (rows.into_inner() as f64 / began.elapsed().as_secs_f64(), Duration::ZERO)
}

/// How long it takes until a message is found.
fn lag(kafka: &Kafka, me: &Actor) -> Duration {
    let chat = kafka.chats(me).create(NewChat::default()).unwrap().id;
    let began = Instant::now();
    kafka.messages(me).create(chat, NewMessage::text(Role::User, "thelast")).unwrap();
    let request = SearchRequest::text("thelast");
    while kafka.search(me).find(&request).unwrap().items.is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

/// Opens an installation of this kind.
pub(crate) fn opened(config: Config, kind: NodeKind) -> Kafka {
    Kafka::open(Config { kind, ..config }).unwrap()
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
