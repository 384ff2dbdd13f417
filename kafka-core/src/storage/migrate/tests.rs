use std::{collections::BTreeMap, fs, sync::Arc, thread};

use rusqlite::types::Value as Any;

use super::*;
use crate::{
    base::time::Clock,
    storage::{NodeKind, Place, StorageOptions},
};

/// Half past three on the first of March 2026.
fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_772_379_000_000)
}

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        now()
    }
}

fn options() -> StorageOptions {
    StorageOptions { clock: Arc::new(Stopped), ..StorageOptions::default() }
}

fn open(directory: &Path) -> Storage {
    Storage::open(Place::File(directory.join("kafka.db")), options()).unwrap()
}

fn in_memory() -> Storage {
    Storage::open(Place::Memory, options()).unwrap()
}

fn run(storage: &Storage, sql: &str) {
    storage.exclusive(|connection| connection.execute_batch(sql).map_err(fault::classify)).unwrap();
}

fn backups(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_string_lossy().contains(".backup-")).collect()
}

/// The schema to the byte.
fn schema(storage: &Storage) -> Vec<(String, Option<String>)> {
    let read = |connection: &Connection| {
        connection
            .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
            .and_then(|mut prepared| {
                prepared.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()
            })
            .map_err(fault::classify)
    };
    storage.exclusive(read).unwrap()
}

/// Every row of every table but the history.
fn rows(storage: &Storage) -> BTreeMap<String, Vec<Vec<Any>>> {
    let read = |connection: &Connection| -> rusqlite::Result<_> {
        let tables: Vec<String> = connection
            .prepare(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') \
                 AND name NOT LIKE 'refinery%' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut all = BTreeMap::new();
        for table in tables {
            let mut prepared = connection.prepare(&format!("SELECT * FROM {table} ORDER BY rowid"))?;
            let columns = prepared.column_count();
            let rows = prepared.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
            let rows = rows.collect::<rusqlite::Result<_>>()?;
            all.insert(table, rows);
        }
        Ok(all)
    };
    storage.exclusive(|connection| read(connection).map_err(fault::classify)).unwrap()
}

/// A row of each table, by the version that brings the table; each names the rows before it.
const ROWS: &[(u32, &str)] = &[
    (
        1,
        "INSERT INTO users (id, email, plan_id, created_at, updated_at) VALUES ('u', 'a@b', '00000000-0000-7000-8000-000000000001', 1, 2)",
    ),
    (
        1,
        "INSERT INTO access_tokens (id, user_id, kind, token_hash, created_at, updated_at) VALUES ('t', 'u', 'session', 'h', 1, 2)",
    ),
    (2, "INSERT INTO workspaces (id, owner_id, name, created_at, updated_at) VALUES ('w', 'u', 'n', 1, 2)"),
    (
        2,
        "INSERT INTO workspace_members (workspace_id, user_id, role, created_at, updated_at) VALUES ('w', 'u', 'editor', 1, 2)",
    ),
    (
        2,
        "INSERT INTO files (id, workspace_id, uploaded_by, filename, path, media_type, size_bytes, sha256, created_at, updated_at) VALUES ('f', 'w', 'u', 'n', 'p', 'm', 3, 's', 1, 2)",
    ),
    (
        3,
        "INSERT INTO models (id, user_id, name, base_url, created_at, updated_at) VALUES ('m', 'u', 'n', 'b', 1, 2)",
    ),
    (
        4,
        "INSERT INTO chats (id, user_id, workspace_id, title, created_at, updated_at) VALUES ('c', 'u', 'w', 't', 1, 2)",
    ),
    (
        4,
        "INSERT INTO messages (id, chat_number, seq, user_id, role, content, created_at, updated_at) VALUES ('m1', 1, 1, 'u', 'user', 'x', 1, 2)",
    ),
    (
        4,
        "INSERT INTO messages (id, chat_number, seq, parent_id, role, content, created_at, updated_at) VALUES ('m2', 1, 2, 'm1', 'assistant', 'y', 1, 2)",
    ),
    (
        5,
        "INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at) VALUES ('00000000-0000-7000-8000-00000000000a', 'cli', 1, 2, 3)",
    ),
    (
        5,
        "INSERT INTO responses (id, message_id, chat_id, node_id, model_used, provider, created_at, updated_at) VALUES ('r', 'm2', 'c', '00000000-0000-7000-8000-00000000000a', 'e', 'echo', 1, 2)",
    ),
    (5, "INSERT INTO response_events (response_id, seq, kind, data) VALUES ('r', 1, 'delta', '{}')"),
    (
        6,
        "INSERT INTO idempotency_keys (caller, method, path, idempotency_key, body_hash, response_id, expires_at) VALUES ('u', 'POST', 'p', 'k', 'h', 'r', 9)",
    ),
    (
        7,
        "INSERT INTO invitations (id, code_hash, invited_by, expires_at, created_at) VALUES ('i', 'h', 'u', 9, 1)",
    ),
    (7, "INSERT INTO anonymous_chats (chat_id) VALUES ('c')"),
    (8, "INSERT INTO usage_daily (user_id, day, model, tokens_total) VALUES ('u', 3, 'e', 5)"),
    (
        9,
        "INSERT INTO chat_files (id, chat_id, file_id, filename, path, kind, created_at, updated_at) VALUES ('cf', 'c', 'f', 'n', 'p', 'based', 1, 2)",
    ),
    (
        9,
        "INSERT INTO chat_file_versions (id, chat_file_id, version, timestamp, content, content_sha256, message_id, created_at, updated_at) VALUES ('v', 'cf', 1, 1, 'x', 'h', 'm2', 1, 2)",
    ),
    (11, "INSERT INTO search_messages (rowid, words) VALUES (1, 'x')"),
    (11, "INSERT INTO search_chats (rowid, words) VALUES (1, 't')"),
    (11, "INSERT INTO search_changes (message_number) VALUES (1)"),
    (12, "INSERT INTO chat_tags (chat_id, user_id, tag, folded, updated_at) VALUES ('c', 'u', 'T', 't', 2)"),
    (
        12,
        "INSERT INTO share_links (id, chat_id, token_hash, expires_at, created_at) VALUES ('s', 'c', 'h', 9, 1)",
    ),
    (
        13,
        "INSERT INTO documents (id, file_id, chat_id, user_id, filename, created_at, updated_at) VALUES ('d', 'f', 'c', 'u', 'n', 1, 2)",
    ),
    (
        13,
        "INSERT INTO chunks (document_number, idx, start_byte, end_byte, token_count, content) VALUES (1, 0, 0, 1, 1, 'x')",
    ),
    (
        13,
        "INSERT INTO jobs (kind, subject, run_at, node_id) VALUES ('ingest', 'd', 1, '00000000-0000-7000-8000-00000000000a')",
    ),
    (13, "INSERT INTO embeddings (chunk_number, model, dims, vector) VALUES (1, 'm', 1, x'00000000')"),
    (13, "INSERT INTO search_chunks (rowid, words) VALUES (1, 'x')"),
    (14, "UPDATE deleted_numbers SET chats = 3, messages = 7"),
    (
        15,
        "INSERT INTO documents (id, chat_id, filename, created_at, updated_at) VALUES ('d2', 'c', 'n', 1, 2)",
    ),
    (15, "INSERT INTO document_replacements (document_id, replaces) VALUES ('d2', 'd')"),
    (17, "INSERT INTO document_texts (document_number, start_byte, content) VALUES (2, 0, 'x')"),
    (
        18,
        "INSERT INTO documents (id, chat_id, filename, created_at, updated_at) VALUES ('d3', 'c', 'n', 1, 2)",
    ),
    (18, "INSERT INTO deleted_documents (document_number, seen_chat, seen_seq) VALUES (3, 1, 2)"),
    (18, "INSERT INTO deleted_users (user_id) VALUES ('gone')"),
];

fn fill(storage: &Storage, version: u32) {
    ROWS.iter().filter(|(since, _)| *since <= version).for_each(|(_, sql)| run(storage, sql));
}

fn newest() -> u32 {
    MIGRATIONS.last().unwrap().version
}

#[test]
fn up_down_up_gives_the_same_schema_to_the_byte() {
    let storage = in_memory();
    let migrator = Migrator::new(&storage).unwrap();
    let report = migrator.up(None).unwrap();
    assert_eq!((report.from, report.to, report.steps.len()), (0, newest(), MIGRATIONS.len()));
    let made = schema(&storage);
    for migration in MIGRATIONS.iter().rev() {
        let report = migrator.down(DownTarget::Steps(1)).unwrap();
        assert_eq!(report.steps, [MigrationName::from(migration)]);
        migrator.up(Some(migration.version)).unwrap();
        migrator.down(DownTarget::Version(migration.version - 1)).unwrap();
        let before = MIGRATIONS.iter().take(migration.version as usize - 1);
        let expected = storage.alone(|link| Shape::after(link, before)).unwrap();
        let shape = storage.alone(Shape::of).unwrap();
        assert_eq!(shape.difference(&expected), None);
    }
    assert!(rows(&storage).is_empty());
    migrator.up(None).unwrap();
    assert_eq!(schema(&storage), made);
    migrator.down(DownTarget::Base).unwrap();
    assert_eq!(migrator.status().unwrap().current, 0);
}

/// That a table has the rows it had. A column may come on at the end.
fn assert_kept(table: &str, rows: &[Vec<Any>], kept: &[Vec<Any>]) {
    assert_eq!(kept.len(), rows.len(), "{table}");
    for (kept, row) in kept.iter().zip(rows) {
        assert_eq!(kept[..row.len()], row[..], "{table}");
    }
}

#[test]
fn each_migration_keeps_the_rows_that_are_there() {
    let filled: Vec<u32> = ROWS.iter().map(|(version, _)| *version).collect();
    assert!(
        MIGRATIONS.iter().all(|m| filled.contains(&m.version) || !m.up.contains("CREATE TABLE")),
        "a migration's tables have no row here"
    );
    for version in 1..newest() {
        let storage = in_memory();
        let migrator = Migrator::new(&storage).unwrap();
        migrator.up(Some(version)).unwrap();
        fill(&storage, version);
        let before = rows(&storage);
        migrator.up(Some(version + 1)).unwrap();
        let after = rows(&storage);
        for (table, rows) in &before {
            assert!(!rows.is_empty(), "{table} has no row");
            assert_kept(table, rows, after.get(table).unwrap());
        }
        let too_far = migrator.down(DownTarget::Steps(99)).unwrap_err();
        assert_eq!((too_far.kind(), too_far.code()), (ErrorKind::Invalid, "migration_unknown"));
        migrator.down(DownTarget::Steps(1)).unwrap();
        assert_eq!(rows(&storage), before, "taken back to {version}");
    }
}

#[test]
fn texts_of_documents_become_parts_and_whole_again() {
    let storage = in_memory();
    let migrator = Migrator::new(&storage).unwrap();
    migrator.up(Some(16)).unwrap();
    fill(&storage, 16);
    run(&storage, "UPDATE documents SET content = 'One. Two.' WHERE id = 'd'");
    let before = rows(&storage);
    migrator.up(Some(17)).unwrap();
    assert_eq!(
        rows(&storage)["document_texts"],
        [[1.into(), 1.into(), 0.into(), "One. Two.".to_owned().into()]]
    );
    run(&storage, "UPDATE document_texts SET content = 'Two.', start_byte = 5");
    run(&storage, "INSERT INTO document_texts (document_number, start_byte, content) VALUES (1, 0, 'One. ')");
    migrator.down(DownTarget::Steps(1)).unwrap();
    assert_eq!(rows(&storage), before);
}

#[test]
fn status_tells_what_is_applied_and_what_is_pending() {
    let storage = in_memory();
    let migrator = Migrator::new(&storage).unwrap();
    assert_eq!(migrator.status().unwrap().current, 0);
    migrator.up(Some(2)).unwrap();
    let status = migrator.status().unwrap();
    assert_eq!((status.current, status.newest), (2, newest()));
    assert_eq!(status.applied, migrator.history().unwrap());
    assert!(status.applied.iter().all(|applied| applied.applied_at == now()));
    assert_eq!(status.pending.first().unwrap().to_string(), "3 (models)");
    let error = migrator.require().unwrap_err();
    assert_eq!((error.code(), error.kind()), ("migrations_pending", ErrorKind::Incompatible));
    assert!(error.message().contains("3 (models), 4 (chats)"), "{error}");
    migrator.up(None).unwrap();
    migrator.require().unwrap();
    assert_eq!(migrator.up(None).unwrap().steps, []);
}

#[test]
fn versions_that_make_no_sense_are_refused() {
    let storage = in_memory();
    let migrator = Migrator::new(&storage).unwrap();
    migrator.up(Some(3)).unwrap();
    let refused = [
        ("migration_unknown", migrator.up(Some(newest() + 1))),
        ("migration_behind", migrator.up(Some(2))),
        ("migration_ahead", migrator.down(DownTarget::Version(4))),
        ("migration_unknown", migrator.down(DownTarget::Version(newest() + 1))),
        ("migration_unknown", migrator.stamp(newest() + 1)),
    ];
    for (code, result) in refused {
        let error = result.unwrap_err();
        assert_eq!((error.code(), error.kind()), (code, ErrorKind::Invalid));
    }
    assert_eq!(migrator.status().unwrap().current, 3);
}

const fn step(version: u32, name: &'static str, up: &'static str) -> Migration {
    Migration { version, name, up, down: "", postgres: None }
}

const PARENTS: Migration = step(
    1,
    "parents",
    "CREATE TABLE parents (id TEXT PRIMARY KEY);
     CREATE TABLE children (id TEXT PRIMARY KEY, parent TEXT NOT NULL REFERENCES parents (id) ON DELETE CASCADE);
     INSERT INTO parents VALUES ('p');
     INSERT INTO children VALUES ('c', 'p');",
);

/// Brings `storage` to [`PARENTS`], and then to `after` by one `up`.
fn up_from_parents(storage: &Storage, after: &[Migration]) -> Result<MigrationReport> {
    let list: &'static [Migration] = [&[PARENTS], after].concat().leak();
    Migrator::with(storage, &list[..1]).unwrap().up(None).unwrap();
    Migrator::with(storage, list).unwrap().up(None)
}

#[test]
fn a_rebuilt_table_keeps_the_rows_that_name_it() {
    let storage = in_memory();
    let rebuild = "CREATE TABLE parents_new (id TEXT PRIMARY KEY, name TEXT);
        INSERT INTO parents_new (id) SELECT id FROM parents;
        DROP TABLE parents;
        ALTER TABLE parents_new RENAME TO parents;";
    up_from_parents(&storage, &[step(2, "names", rebuild)]).unwrap();
    assert_eq!(rows(&storage)["children"].len(), 1);
    run(&storage, "DELETE FROM parents");
    assert_eq!(rows(&storage)["children"].len(), 0, "foreign keys are followed again");
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    let good = step(2, "good", "CREATE TABLE goods (id TEXT)");
    let cases = [
        ("migration_failed", ErrorKind::Storage, "no such table: nowhere", "INSERT INTO nowhere VALUES (1)"),
        ("migration_failed", ErrorKind::Storage, "UNIQUE", "INSERT INTO parents VALUES ('p')"),
        ("migration_failed", ErrorKind::Storage, "syntax", "CREATE TABLE a (id TEXT); CREATE TUBLE b"),
        ("migration_breaks_references", ErrorKind::Corrupt, "parents", "DELETE FROM parents"),
    ];
    for (code, kind, said, sql) in cases {
        let storage = in_memory();
        up_from_parents(&storage, &[]).unwrap();
        let before = (schema(&storage), rows(&storage));
        let error = up_from_parents(&storage, &[good, step(3, "bad", sql)]).unwrap_err();
        assert_eq!((error.code(), error.kind()), (code, kind), "{sql}");
        assert!(error.message().contains(said), "{error}");
        assert!(code != "migration_failed" || error.message().contains("3 (bad)"), "{error}");
        assert_eq!((schema(&storage), rows(&storage)), before, "{sql}");
        run(&storage, "DELETE FROM parents");
        assert_eq!(rows(&storage)["children"].len(), 0, "foreign keys are followed again");
    }
}

#[test]
fn a_down_that_fails_leaves_everything() {
    let storage = in_memory();
    let bad = Migration {
        down: "DROP TABLE goods; DROP TABLE nowhere",
        ..step(2, "goods", "CREATE TABLE goods (id TEXT)")
    };
    let list: &'static [Migration] = [PARENTS, bad].to_vec().leak();
    let migrator = Migrator::with(&storage, list).unwrap();
    migrator.up(None).unwrap();
    let before = schema(&storage);
    assert_eq!(migrator.down(DownTarget::Steps(1)).unwrap_err().code(), "migration_failed");
    assert_eq!(schema(&storage), before);
    assert_eq!(migrator.status().unwrap().current, 2);
}

#[test]
fn a_newer_or_divergent_database_is_refused_and_told_apart() {
    let storage = in_memory();
    up_from_parents(&storage, &[step(2, "goods", "CREATE TABLE goods (id TEXT)")]).unwrap();
    let edited = step(2, "goods", "CREATE TABLE goods (id BIGINT)");
    let renamed = step(2, "wares", "CREATE TABLE goods (id TEXT)");
    for (code, list) in [
        ("schema_newer", vec![PARENTS]),
        ("schema_divergent", vec![PARENTS, edited]),
        ("schema_divergent", vec![PARENTS, renamed]),
    ] {
        let migrator = Migrator::with(&storage, list.leak()).unwrap();
        for error in [
            migrator.up(None).unwrap_err(),
            migrator.down(DownTarget::Base).unwrap_err(),
            migrator.require().unwrap_err(),
        ] {
            assert_eq!((error.code(), error.kind()), (code, ErrorKind::Incompatible));
            assert!(
                code != "schema_newer" || error.message().contains("version 2 (goods), newer than version 1"),
                "{error}"
            );
        }
        assert_eq!(migrator.status().unwrap().current, 2, "it can still be looked at");
    }
}

#[test]
fn a_damaged_history_is_an_error_and_no_panic() {
    let storage = in_memory();
    let migrator = Migrator::new(&storage).unwrap();
    migrator.up(Some(1)).unwrap();
    run(&storage, "UPDATE refinery_schema_history SET checksum = 'x'");
    assert_eq!(migrator.up(None).unwrap_err().code(), "schema_divergent");
    run(&storage, "UPDATE refinery_schema_history SET applied_on = 'yesterday'");
    assert_eq!(migrator.up(None).unwrap_err().code(), "row_unreadable");
}

#[test]
fn a_database_of_another_program_is_not_touched() {
    let storage = in_memory();
    run(&storage, "CREATE TABLE conversations (id INTEGER PRIMARY KEY)");
    let before = schema(&storage);
    let error = Migrator::new(&storage).unwrap().up(None).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("schema_unknown", ErrorKind::Incompatible));
    assert_eq!(schema(&storage), before);
}

#[test]
fn a_database_with_tables_is_copied_before_it_changes() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().canonicalize().unwrap();
    let storage = open(directory.path());
    let migrator = Migrator::new(&storage).unwrap();
    assert_eq!(migrator.up(Some(4)).unwrap().backup, None, "an empty one is not");
    fill(&storage, 4);
    let before = rows(&storage);
    let report = migrator.up(None).unwrap();
    let backup = report.backup.unwrap();
    assert_eq!(backup, folder.join("kafka.db.backup-v4-20260301T153000000Z.db"));
    assert_eq!(migrator.up(None).unwrap().backup, None, "nor one that stays as it is");

    let down = migrator.down(DownTarget::Version(4)).unwrap().backup.unwrap();
    let again = migrator.up(None).unwrap().backup.unwrap();
    assert_eq!(again, folder.join("kafka.db.backup-v4-20260301T153000000Z-2.db"));
    assert_eq!(backups(directory.path()).len(), 3);
    for (path, version) in [(backup, 4), (down, newest())] {
        let restored = Storage::open(Place::File(path), options()).unwrap();
        let migrator = Migrator::new(&restored).unwrap();
        assert_eq!(migrator.status().unwrap().current, version);
        let found = rows(&restored);
        before.iter().for_each(|(table, rows)| assert_kept(table, rows, found.get(table).unwrap()));
    }
}

#[test]
fn those_who_start_at_once_migrate_once() {
    let directory = tempfile::tempdir().unwrap();
    let steps: usize = thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| Migrator::new(&open(directory.path())).unwrap().up(None).unwrap().steps.len())
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).sum()
    });
    assert_eq!(steps, MIGRATIONS.len());

    let directory = tempfile::tempdir().unwrap();
    let nodes: Vec<_> = thread::scope(|scope| {
        let start = || open(directory.path()).start(NodeKind::Server, MigrateMode::Auto).unwrap();
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(open(directory.path()).live_nodes().unwrap().len(), nodes.len());
}

#[test]
fn the_schema_changes_only_when_every_other_node_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let storage = open(directory.path());
    let own = storage.start(NodeKind::Embedded, MigrateMode::Auto).unwrap();
    let migrator = Migrator::new(&storage).unwrap();
    let version = migrator.status().unwrap().current;

    let other = open(directory.path()).start(NodeKind::Server, MigrateMode::Require).unwrap();
    let error = migrator.down(DownTarget::Steps(1)).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("nodes_alive", ErrorKind::Conflict));
    let named = format!("server with pid {}, started {}", std::process::id(), now());
    assert!(error.message().contains(&named) && !error.message().contains("embedded"), "{error}");
    assert_eq!(migrator.status().unwrap().current, version);
    assert!(backups(directory.path()).is_empty());

    drop(other);
    migrator.down(DownTarget::Steps(1)).unwrap();
    let other = open(directory.path());
    let refused = other.start(NodeKind::Cli, MigrateMode::Require).err().unwrap();
    assert_eq!(refused.code(), "migrations_pending");
    let refused = other.start(NodeKind::Cli, MigrateMode::Auto).err().unwrap();
    assert_eq!(refused.code(), "nodes_alive");
    drop(own);
    other.start(NodeKind::Cli, MigrateMode::Auto).unwrap();
}

#[test]
fn stamping_needs_exactly_the_shape_of_the_version() {
    let made = |version: usize| {
        let storage = in_memory();
        MIGRATIONS.iter().take(version).for_each(|migration| run(&storage, migration.up));
        storage
    };
    let storage = made(4);
    let migrator = Migrator::new(&storage).unwrap();
    assert_eq!(migrator.up(None).unwrap_err().code(), "schema_unknown");
    let report = migrator.stamp(4).unwrap();
    assert_eq!((report.from, report.to, report.steps.len()), (0, 4, 4));
    assert!(migrator.history().unwrap().iter().all(|applied| applied.applied_at == now()));
    migrator.up(None).unwrap();
    assert_eq!(migrator.stamp(newest()).unwrap().from, newest(), "again does no harm");
    migrator.require().unwrap();

    for (version, change, said) in [
        (3, "", "there is also a index chats_by_updated"),
        (5, "", "the index responses_by_chat is missing"),
        (4, "DROP INDEX messages_by_parent", "the index messages_by_parent is missing"),
        (4, "CREATE TABLE others (id TEXT)", "there is also a table others"),
        (4, "ALTER TABLE chats ADD COLUMN colour TEXT", "the table chats is made differently"),
        (4, "CREATE TRIGGER t AFTER INSERT ON chats BEGIN SELECT 1; END", "there is also a trigger t"),
    ] {
        let storage = made(4);
        run(&storage, change);
        let before = schema(&storage);
        let error = Migrator::new(&storage).unwrap().stamp(version).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("schema_differs", ErrorKind::Conflict));
        assert!(error.message().contains(said), "{error}");
        assert_eq!(schema(&storage), before);
    }
}

/// What happens to a row when the row that it names is deleted.
const ON_DELETE: &[(&str, &str, &str, &str)] = &[
    ("access_tokens", "user_id", "users", "CASCADE"),
    ("anonymous_chats", "chat_id", "chats", "CASCADE"),
    ("chat_file_versions", "chat_file_id", "chat_files", "CASCADE"),
    ("chat_file_versions", "message_id", "messages", "SET NULL"),
    ("chat_files", "chat_id", "chats", "CASCADE"),
    ("chat_files", "file_id", "files", "CASCADE"),
    ("chat_tags", "chat_id", "chats", "CASCADE"),
    ("chat_tags", "user_id", "users", "CASCADE"),
    ("chats", "user_id", "users", "CASCADE"),
    ("chats", "workspace_id", "workspaces", "CASCADE"),
    ("chunks", "document_number", "documents", "CASCADE"),
    ("deleted_documents", "document_number", "documents", "CASCADE"),
    ("document_replacements", "document_id", "documents", "CASCADE"),
    ("document_replacements", "replaces", "documents", "CASCADE"),
    ("document_texts", "document_number", "documents", "CASCADE"),
    ("embeddings", "chunk_number", "chunks", "CASCADE"),
    ("files", "uploaded_by", "users", "SET NULL"),
    ("files", "workspace_id", "workspaces", "CASCADE"),
    ("idempotency_keys", "response_id", "responses", "CASCADE"),
    ("invitations", "invited_by", "users", "CASCADE"),
    ("jobs", "node_id", "nodes", "SET NULL"),
    ("messages", "chat_number", "chats", "CASCADE"),
    ("messages", "parent_id", "messages", "SET NULL"),
    ("models", "user_id", "users", "CASCADE"),
    ("response_events", "response_id", "responses", "CASCADE"),
    ("responses", "chat_id", "chats", "CASCADE"),
    ("responses", "message_id", "messages", "CASCADE"),
    ("responses", "node_id", "nodes", "SET NULL"),
    ("share_links", "chat_id", "chats", "CASCADE"),
    ("usage_daily", "user_id", "users", "CASCADE"),
    ("users", "plan_id", "plans", "RESTRICT"),
    ("workspace_members", "user_id", "users", "CASCADE"),
    ("workspace_members", "workspace_id", "workspaces", "CASCADE"),
    ("workspaces", "owner_id", "users", "CASCADE"),
];

#[test]
fn every_foreign_key_states_what_a_delete_does() {
    let storage = in_memory();
    Migrator::new(&storage).unwrap().up(None).unwrap();
    let read = |connection: &Connection| -> rusqlite::Result<Vec<(String, String, String, String)>> {
        connection
            .prepare(
                "SELECT t.name, k.\"from\", k.\"table\", k.on_delete
                 FROM sqlite_schema t, pragma_foreign_key_list(t.name) k WHERE t.type = 'table' ORDER BY 1, 2",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect()
    };
    let found = storage.exclusive(|connection| read(connection).map_err(fault::classify)).unwrap();
    let found: Vec<_> =
        found.iter().map(|(a, b, c, d)| (a.as_str(), b.as_str(), c.as_str(), d.as_str())).collect();
    assert_eq!(found, ON_DELETE);
}

#[test]
fn every_foreign_key_has_an_index_that_a_delete_can_use() {
    let storage = in_memory();
    Migrator::new(&storage).unwrap().up(None).unwrap();
    for (table, column, ..) in ON_DELETE {
        let plan = |connection: &Connection| {
            let sql = format!("EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = 'x'");
            connection.query_row(&sql, [], |row| row.get::<_, String>(3)).map_err(fault::classify)
        };
        let plan = storage.exclusive(plan).unwrap();
        assert!(
            plan.starts_with("SEARCH"),
            "deleting what {table}.{column} names reads all of {table}: {plan}"
        );
    }
}
