//! The schema as a whole, and databases that earlier releases left.

use std::{env, fs, path::Path};

use kafka_core::{
    AnswerRequest, ChatFilter, Config, Kafka, MessageStatus, PageRequest, ResponseStatus, Role, Schema,
};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_schema_is_the_one_that_was_last_looked_at() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kafka.db");
    Schema::open(&Config::file(&path)).unwrap().up(None).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let mut statements = database
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'refinery%' ORDER BY rowid")
        .unwrap();
    let statements = statements.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let schema: String = statements.map(|sql| sql.unwrap() + ";\n").collect();

    let snapshot = root().join("tests/snapshots/schema.sql");
    if env::var_os("RENEW_SNAPSHOTS").is_some() {
        fs::write(&snapshot, &schema).unwrap();
    }
    let looked_at = fs::read_to_string(&snapshot).unwrap_or_default();
    assert!(
        schema == looked_at,
        "the schema changed; look at it and renew: RENEW_SNAPSHOTS=1 cargo test -p kafka schema"
    );
}

/// Each release leaves a database here that every later one must open, keep and work with.
#[test]
fn the_first_release_s_database_is_opened_with_all_that_is_in_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kafka.db");
    fs::copy(root().join("tests/databases/v06.db"), &path).unwrap();
    let kafka = Kafka::open(Config::file(&path)).unwrap();
    let me = kafka.operator();

    let chats = kafka.chats(&me).list(&ChatFilter::default(), &PageRequest::default()).unwrap().items;
    let titles: Vec<_> = chats.iter().map(|chat| chat.title.as_deref().unwrap_or("-")).collect();
    assert_eq!(titles, ["Of ada", "A retried answer", "Notes"]);
    assert_eq!(chats[2].notebooks, ["one", "two"]);
    assert!(chats[2].archived_at.is_some());

    // The question was answered twice; the second answer is the active one, the first is kept.
    let messages = kafka.messages(&me).list(chats[1].id, &PageRequest::default()).unwrap().items;
    let lines: Vec<_> = messages.iter().map(|m| (m.seq, m.role, m.content.as_str(), m.status)).collect();
    let complete = MessageStatus::Complete;
    assert_eq!(
        lines,
        [
            (1, Role::System, "Be brief.", complete),
            (2, Role::User, "Does this work?", complete),
            (4, Role::Assistant, "Echo: Does this work?", complete),
        ]
    );
    assert_eq!(chats[1].message_count, 4);
    let response = messages[2].response.clone().unwrap();
    assert_eq!((response.status, response.tokens_total), (ResponseStatus::Completed, Some(12)));
    let events: Vec<_> =
        kafka.responses(&me).events(response.id, 0).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(events.len(), 7);

    let ada = kafka.users(&me).find_by_email("Ada@Example.org").unwrap().unwrap();
    assert_eq!((chats[0].user_id, ada.username.as_deref()), (Some(ada.id), Some("ada")));
    let models = kafka.models(&me).list(&PageRequest::default()).unwrap().items;
    assert_eq!(models[0].name, "local");

    let answer =
        kafka.completions(&me).start(chats[1].id, AnswerRequest::text("Still?")).unwrap().wait().unwrap();
    assert_eq!(answer.message.seq, 6);
}
