//! The first page of the chats of a user who has 100,000: all of them, and the pinned, archived and tagged ones. The library
//! against its own prepared statement raw, in the same run.
//!
//! `cargo bench -p kafka-core --bench chat_list`. The file is made anew each time. Programs alternate.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use kafka_core::{Actor, ChatFilter, Config, Kafka, NewUser, PageRequest, Secret, testing};
use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};
use tempfile::TempDir;
use uuid::Uuid;

const CHATS: usize = 100_000;
/// Every so many chats one is pinned, one archived, and one has the rare tag; half of them have the common one.
const PINNED: usize = 5_000;
const ARCHIVED: usize = 1_000;
const RARE: usize = 20_000;
const PAGE: usize = 50;
const RUNS: usize = 500;
const GOAL: Duration = Duration::from_millis(5);

/// A list, its statement, and the chats on its first page.
struct List {
    name: &'static str,
    statement: &'static str,
    filter: ChatFilter,
    page: usize,
}

fn lists() -> [List; 6] {
    let all = ChatFilter::default;
    let tagged = |tag: &str| ChatFilter { tag: Some(tag.to_owned()), ..all() };
    let list = |name, statement, filter, page| List { name, statement, filter, page };
    [
        list("all", "VISIBLE_OLDER", all(), PAGE),
        list(
            "at hand",
            "VISIBLE_OLDER",
            ChatFilter { archived: Some(false), pinned: Some(false), ..all() },
            PAGE,
        ),
        list("pinned", "VISIBLE_PINNED_OLDER", ChatFilter { pinned: Some(true), ..all() }, CHATS / PINNED),
        list("archived", "VISIBLE_ARCHIVED_OLDER", ChatFilter { archived: Some(true), ..all() }, PAGE),
        list("a common tag", "VISIBLE_TAGGED_OLDER", tagged("common"), PAGE),
        list("a rare tag", "VISIBLE_TAGGED_OLDER", tagged("rare"), CHATS / RARE),
    ]
}

fn main() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("chats.db");
    let (kafka, actor) = fill(&path);
    let raw = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    raw.pragma_update(None, "cache_size", -16_384).unwrap();
    println!("{CHATS} chats of one user, first page of {PAGE}; {RUNS} alternating runs");
    println!("{:14} {:>10} {:>10} {:>10} {:>12}", "list", "p50 ms", "p99 ms", "raw p50", "library/raw");
    for list in lists() {
        let sql = sql(list.statement);
        let (mut library, mut by_hand) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            library.push(timed(|| {
                let page = kafka.chats(&actor).list(&list.filter, &PageRequest::default()).unwrap();
                assert_eq!(page.items.len(), list.page, "{}", list.name);
            }));
            by_hand.push(timed(|| assert!(read(&raw, &sql, &list, &actor) >= list.page)));
        }
        library.sort_unstable();
        by_hand.sort_unstable();
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let (p50, p99, raw) = (library[RUNS / 2], library[RUNS * 99 / 100], by_hand[RUNS / 2]);
        println!(
            "{:14} {:10.3} {:10.3} {:10.3} {:12.2}{}",
            list.name,
            milliseconds(p50),
            milliseconds(p99),
            milliseconds(raw),
            p50.as_secs_f64() / raw.as_secs_f64(),
            if p99 < GOAL { "" } else { "  above the goal" },
        );
    }
    println!("goal: p99 under {} ms", GOAL.as_millis());
}

fn timed(program: impl FnOnce()) -> Duration {
    let began = Instant::now();
    program();
    began.elapsed()
}

/// One of the library's statements.
fn sql(name: &str) -> String {
    let name = format!("chat_lists::{name}");
    let (_, sql) = testing::statements().find(|(known, _)| known.ends_with(&name)).unwrap();
    sql.replace('$', "?")
}

/// Runs the library's statement as the user, and reads every value of its rows.
fn read(connection: &Connection, sql: &str, list: &List, actor: &Actor) -> usize {
    let mut statement = connection.prepare_cached(sql).unwrap();
    let flag = |flag: Option<bool>| flag.map_or(Value::Null, |flag| Value::Integer(flag.into()));
    let values = [
        Value::Text(actor.user_id().unwrap().to_string()),
        Value::Integer(0),
        flag(list.filter.archived),
        Value::Null,
        flag(list.filter.pinned),
        list.filter.tag.clone().map_or(Value::Null, Value::Text),
        Value::Integer(i64::MAX),
        Value::Text(String::new()),
        Value::Integer(PAGE as i64 + 1),
        Value::Integer(0),
    ];
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(values)).unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            black_box(row.get::<_, Value>(column).unwrap());
        }
        count += 1;
    }
    count
}

fn fill(path: &Path) -> (Kafka, Actor) {
    let mut config = Config::file(path);
    config.password_cost = 4;
    let kafka = Kafka::open(config).unwrap();
    // The first account administers, and sees what belongs to nobody, too.
    let new = |name: &str| NewUser { email: format!("{name}@example.org"), ..NewUser::default() };
    let register = |name: &str| kafka.register(new(name), Secret::new("a long password".into())).unwrap();
    register("admin");
    let login = register("k");
    let mut connection = Connection::open(path).unwrap();
    let tx = connection.transaction().unwrap();
    let user = login.user.id.to_string();
    let mut chats = tx
        .prepare(
            "INSERT INTO chats (id, user_id, title, pinned_at, archived_at, tags, created_at, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        )
        .unwrap();
    let mut tags = tx
        .prepare(
            "INSERT INTO chat_tags (chat_id, user_id, tag, folded, updated_at) VALUES (?1, ?2, ?3, ?3, ?4)",
        )
        .unwrap();
    for number in 0..CHATS {
        let (id, at) = (Uuid::now_v7().to_string(), number as i64);
        let every = |count: usize| number.is_multiple_of(count).then_some(at);
        let its: Vec<&str> = [(2, "common"), (RARE, "rare")]
            .into_iter()
            .filter_map(|(count, tag)| every(count).map(|_| tag))
            .collect();
        let json = serde_json::json!(its).to_string();
        let title = format!("Chat {number}");
        chats.execute((&id, &user, title, every(PINNED), every(ARCHIVED), json, at)).unwrap();
        for tag in its {
            tags.execute((&id, &user, tag, at)).unwrap();
        }
    }
    drop((chats, tags));
    tx.commit().unwrap();
    let actor = kafka.authenticate(&login.token).unwrap();
    (kafka, actor)
}
