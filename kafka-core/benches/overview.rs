//! All that an account has, as a client is shown it that comes: 1,000 chats in ten workspaces with 10,000
//! versions of texts and 1,000 files. The library against its own prepared statements raw.
//!
//! `cargo bench -p kafka-core --bench overview`. The file is made anew each time. Programs alternate, and
//! the medians count.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use kafka_core::{Config, Kafka, NewChat, NewUser, NewWorkspace, UserId, testing};
use rusqlite::{Connection, OpenFlags, params, types::Value};
use tempfile::TempDir;
use uuid::Uuid;

const WORKSPACES: usize = 10;
const CHATS: usize = 1_000;
const VERSIONS_OF_CHAT: usize = 10;
const FILES: usize = 1_000;
const RUNS: usize = 51;
const GOAL: Duration = Duration::from_millis(20);

/// What an overview reads, in its order.
const STATEMENTS: [&str; 5] =
    ["users::GET", "files::OF_OWNER", "chats::OF_OWNER", "workspaces::OF_OWNER", "models::OF_OWNER"];

fn main() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("overview.db");
    let user = fill(&path);
    let kafka = Kafka::open(Config::file(&path)).unwrap();
    let raw = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    raw.pragma_update(None, "cache_size", -16_384).unwrap();
    println!("{CHATS} chats, {} versions, {FILES} files", CHATS * VERSIONS_OF_CHAT);
    println!("{RUNS} alternating runs, medians");
    let (mut library, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        library.push(timed(|| {
            let overview = kafka.overview(&kafka.operator(), user).unwrap();
            let versions = overview.workspaces.iter().flat_map(|workspace| &workspace.chats);
            assert_eq!(versions.map(|chat| chat.versions).sum::<u64>(), (CHATS * VERSIONS_OF_CHAT) as u64);
        }));
        by_hand.push(timed(|| {
            let rows: usize = STATEMENTS.iter().map(|name| read(&raw, name, user)).sum();
            assert_eq!(rows, 1 + FILES + CHATS + WORKSPACES);
        }));
    }
    let [library, by_hand] = [library, by_hand].map(|mut times| {
        times.sort_unstable();
        times[RUNS / 2]
    });
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!("the overview, library       {:8.2} ms", milliseconds(library));
    println!("its five statements raw     {:8.2} ms", milliseconds(by_hand));
    println!("library / raw               {:8.2}", library.as_secs_f64() / by_hand.as_secs_f64());
    let verdict = if library < GOAL { "" } else { "  above the goal" };
    println!("goal: under {} ms{verdict}", GOAL.as_millis());
}

fn timed(program: impl FnOnce()) -> Duration {
    let began = Instant::now();
    program();
    began.elapsed()
}

/// Runs one of the library's statements as the operator, and reads every value of its rows.
fn read(connection: &Connection, name: &str, user: UserId) -> usize {
    let (_, sql) = testing::statements().find(|(known, _)| known.ends_with(name)).unwrap();
    let mut statement = connection.prepare_cached(&sql.replace('$', "?")).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query(params![None::<String>, 1, user.to_string()]).unwrap();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            black_box(row.get::<_, Value>(column).unwrap());
        }
        count += 1;
    }
    count
}

fn fill(path: &Path) -> UserId {
    let kafka = Kafka::open(Config::file(path)).unwrap();
    let me = kafka.operator();
    let user = NewUser { email: "k@example.org".into(), ..NewUser::default() };
    let user = kafka.users(&me).create(user).unwrap().id;
    let workspaces: Vec<_> = (0..WORKSPACES)
        .map(|number| {
            let new = NewWorkspace { name: format!("Workspace {number}"), owner_id: Some(user) };
            kafka.workspaces(&me).create(new).unwrap().id
        })
        .collect();
    let chats: Vec<_> = (0..CHATS)
        .map(|number| {
            let workspace_id = Some(workspaces[number % WORKSPACES]);
            let new =
                NewChat { workspace_id, user_id: Some(user), ..NewChat::titled(format!("Chat {number}")) };
            kafka.chats(&me).create(new).unwrap().id
        })
        .collect();
    kafka.close();
    // The rest as rows, because each that goes through the library is on the disk by itself.
    let mut connection = Connection::open(path).unwrap();
    let tx = connection.transaction().unwrap();
    let new_id = || Uuid::now_v7().to_string();
    for chat in &chats {
        let file = new_id();
        tx.execute(
            "INSERT INTO chat_files (id, chat_id, filename, path, kind, created_at, updated_at) \
             VALUES (?1, ?2, 'flow.based', 'uploads/files/' || ?1 || '_flow.based', 'based', 0, 0)",
            params![file, chat.to_string()],
        )
        .unwrap();
        for number in 1..=VERSIONS_OF_CHAT {
            tx.execute(
                "INSERT INTO chat_file_versions (id, chat_file_id, version, timestamp, content, content_sha256, \
                 created_at, updated_at) VALUES (?1, ?2, ?3, ?3, ?4, '', 0, 0)",
                params![new_id(), file, number as i64, "loop:\n".repeat(100)],
            )
            .unwrap();
        }
    }
    for number in 0..FILES {
        tx.execute(
            "INSERT INTO files (id, workspace_id, filename, path, media_type, size_bytes, sha256, is_of_chats, \
             created_at, updated_at) VALUES (?1, ?2, 'a.txt', 'uploads/files/' || ?1 || '_a.txt', 'text/plain', 1, \
             '', 0, 0, 0)",
            params![new_id(), workspaces[number % WORKSPACES].to_string()],
        )
        .unwrap();
    }
    tx.commit().unwrap();
    user
}
