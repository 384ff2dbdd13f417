//! Installations that move from one database to another: on SQLite, and to and from PostgreSQL where it is built in.
//! Those tests need the server that `tests/postgres.py` starts.

use std::{
    collections::HashSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use kafka_core::{
    AnswerRequest, ChatFilter, Config, DocumentPlace, DownTarget, ErrorKind, IdempotencyKey, Kafka,
    MoveProgress, MoveReport, MoveStep, NewChat, NewChatFile, NewFile, NewMessage, NewModel, NewShareLink,
    NewToken, NewVersion, NewWorkspace, PageRequest, PlanPatch, Result, Role, Schema, Secret,
};
#[cfg(feature = "postgres")]
use kafka_core::{PostgresAddress, testing::FreshDatabase};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::stage::{PASSWORD, SECRET, new_user, texts};

/// Text that has a meaning to whoever copies rows carelessly.
const AWKWARD: &str = "\\N\t\\.\r\n\"quoted\", 'quoted' \\x41 ünïcødé 🏰 {} \u{1}\u{7f}";

fn document_text() -> String {
    // Files with control characters are no texts.
    AWKWARD.replace(['\u{1}', '\u{7f}'], " ").repeat(3)
}

/// A database that is new, and gone afterwards.
struct Side {
    directory: TempDir,
    #[cfg(feature = "postgres")]
    server: Option<FreshDatabase>,
}

impl Side {
    fn sqlite() -> Side {
        Side {
            directory: TempDir::new().unwrap(),
            #[cfg(feature = "postgres")]
            server: None,
        }
    }

    #[cfg(feature = "postgres")]
    fn postgres() -> Side {
        let place = |name: &str| std::env::var(name).expect("tests/postgres.py runs this program");
        let server = Some(FreshDatabase::on(&place("PGHOST"), &place("PGUSER")));
        Side { directory: TempDir::new().unwrap(), server }
    }

    /// What is tried: each engine as the source and as the target of each.
    fn pairs() -> Vec<(Side, Side)> {
        #[cfg(feature = "postgres")]
        let (one, other) = (Side::postgres, Side::postgres);
        #[cfg(not(feature = "postgres"))]
        let (one, other) = (Side::sqlite, Side::sqlite);
        let all = [(Side::sqlite(), Side::sqlite()), (Side::sqlite(), one()), (other(), Side::sqlite())];
        all.into_iter().chain(cfg!(feature = "postgres").then(|| (one(), other()))).collect()
    }

    fn config(&self) -> Config {
        let mut config = self.place();
        config.secret = Some(Arc::new(Secret::new(SECRET)));
        config.password_cost = 4;
        config
    }

    fn place(&self) -> Config {
        #[cfg(feature = "postgres")]
        if let Some(server) = &self.server {
            let address = PostgresAddress::from_url(&server.url()).unwrap();
            return Config::postgres(address, self.directory.path().join("kafka.db.blobs"));
        }
        Config::file(self.directory.path().join("kafka.db"))
    }

    fn open(&self) -> Kafka {
        Kafka::open(self.config()).unwrap()
    }

    /// Runs SQL past every rule.
    fn run(&self, sql: &str) {
        #[cfg(feature = "postgres")]
        if let Some(server) = &self.server {
            server.run_inside(sql);
            return;
        }
        Connection::open(self.directory.path().join("kafka.db")).unwrap().execute_batch(sql).unwrap();
    }

    /// The text that SQL gives, past every rule.
    fn value(&self, sql: &str) -> String {
        #[cfg(feature = "postgres")]
        if let Some(server) = &self.server {
            return server.run_inside(sql).remove(0).remove(0).unwrap();
        }
        let connection = Connection::open(self.directory.path().join("kafka.db")).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn is_on_server(&self) -> bool {
        #[cfg(feature = "postgres")]
        return self.server.is_some();
        #[cfg(not(feature = "postgres"))]
        false
    }

    /// An installation with a row in every table. Gives the numbers of a chat and a message that were deleted.
    fn fill(&self) -> [i64; 2] {
        let mut config = self.config();
        config.anonymous = true;
        let kafka = Kafka::open(config).unwrap();
        let me = kafka.operator();
        let login = kafka.register(new_user("ada"), Secret::new(PASSWORD.into())).unwrap();
        let ada = kafka.authenticate(&login.token).unwrap();
        kafka
            .tokens(&ada)
            .create(NewToken { name: "backups".into(), scopes: None, expires_at: None })
            .unwrap();
        kafka.plans(&me).load_docuchat().unwrap();
        kafka.administration(&me).invite(None, 7).unwrap();
        let key = NewModel {
            api_key: Some(String::from("sk-1").into()),
            ..NewModel::new("m", "https://m.example/v1")
        };
        kafka.models(&ada).create(key).unwrap();
        let workspace = NewWorkspace { name: "Castle".into(), owner_id: ada.user_id() };
        let workspace = kafka.workspaces(&ada).create(workspace).unwrap();
        let bob = kafka.register(new_user("bob"), Secret::new(PASSWORD.into())).unwrap();
        kafka
            .workspaces(&ada)
            .share(workspace.id, bob.user.id, Some(kafka_core::MemberRole::Viewer))
            .unwrap();
        kafka
            .files(&ada)
            .upload(workspace.id, NewFile::named("letter.txt"), &mut &b"The castle.\n"[..])
            .unwrap();

        let once = IdempotencyKey::new("POST", "/chats", "k", b"b").unwrap();
        let chats = kafka.chats(&ada).idempotent(once);
        let chat = chats
            .create(NewChat {
                workspace_id: Some(workspace.id),
                tags: vec![AWKWARD.into()],
                ..NewChat::titled(AWKWARD)
            })
            .unwrap();
        kafka.share_links(&ada).create(chat.id, NewShareLink::default()).unwrap();
        // An answer that was regenerated: branches, and an event row for each.
        for text in ["Is it open?", AWKWARD, "\\."] {
            kafka.messages(&ada).create(chat.id, NewMessage::text(Role::User, text)).unwrap();
        }
        for _ in 0..2 {
            let again = AnswerRequest { model: Some("echo".into()), ..AnswerRequest::default() };
            kafka.completions(&ada).start(chat.id, again).unwrap().wait().unwrap();
        }
        let text = NewChatFile { filename: "flow.based".into(), content: "loop:\n".into() };
        let file = kafka.chat_files(&ada).create(chat.id, text).unwrap();
        kafka.chat_files(&ada).add_version(file.id, NewVersion::text("loop:\n\tx\n")).unwrap();
        kafka.chat_files(&ada).upload(chat.id, NewFile::named("empty"), &mut &b""[..]).unwrap();
        let documents = kafka.documents(&ada);
        let document = documents
            .upload(DocumentPlace::Chat(chat.id), NewFile::named("law.txt"), &mut document_text().as_bytes())
            .unwrap();
        documents.wait(document.id, Duration::from_secs(60), |_| ()).unwrap();
        kafka.chats(&kafka.local_actor().unwrap()).create(NewChat::titled("Of nobody")).unwrap();
        let gone = kafka.chats(&me).create(NewChat::default()).unwrap();
        let said = kafka.messages(&me).create(gone.id, NewMessage::text(Role::User, "Hi")).unwrap();
        kafka.chats(&me).delete(gone.id).unwrap();
        kafka.close();
        // A process that died long ago.
        self.run(
            "INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at) \
             VALUES ('00000000-0000-7000-8000-00000000000a', 'cli', 1, 2, 3)",
        );
        let vector = if self.is_on_server() { "'\\x0000803f'" } else { "x'0000803f'" };
        self.run(&format!(
            "INSERT INTO embeddings (chunk_number, model, dims, vector) SELECT number, 'm', 1, {vector} FROM chunks"
        ));
        // One that could not be read.
        self.run(
            "INSERT INTO documents (id, chat_id, filename, processing_status, created_at, updated_at) SELECT \
             '00000000-0000-7000-8000-00000000000b', chat_id, filename, 'failed', 1, 2 FROM documents",
        );
        self.run(
            "INSERT INTO document_replacements (document_id, replaces) SELECT '00000000-0000-7000-8000-00000000000b', id \
             FROM documents WHERE processing_status = 'completed'",
        );
        // One that is deleted and not yet removed, and an account whose id still stands somewhere.
        self.run(
            "INSERT INTO documents (id, chat_id, filename, created_at, updated_at) SELECT \
             '00000000-0000-7000-8000-00000000000c', chat_id, filename, 1, 2 FROM documents WHERE processing_status = 'failed'",
        );
        self.run(
            "INSERT INTO deleted_documents (document_number, seen_chat, seen_seq) SELECT number, 0, 0 FROM documents \
             WHERE id = '00000000-0000-7000-8000-00000000000c'",
        );
        self.run("INSERT INTO deleted_users (user_id) VALUES ('00000000-0000-7000-8000-00000000000d')");
        self.run("INSERT INTO jobs (kind, subject, run_at) VALUES ('unheard of', 'x', 1)");
        [gone.number, said.number]
    }
}

fn move_to(from: &Side, to: &Side) -> Result<MoveReport> {
    Kafka::move_database(&from.config(), &to.config(), |_| ())
}

fn refusal(from: &Config, to: &Config) -> (ErrorKind, &'static str, String) {
    let error = Kafka::move_database(from, to, |_| ()).unwrap_err();
    (error.kind(), error.code(), error.message().to_owned())
}

#[test]
fn everything_moves_between_engines_and_back_and_goes_on() {
    for (from, to) in Side::pairs() {
        let gone = from.fill();
        let report = move_to(&from, &to).unwrap();
        let empty: Vec<_> = report.source.rows.iter().filter(|(_, count)| *count == 0).collect();
        assert!(empty.is_empty(), "the sample has no row in {empty:?}; give it one");
        assert_eq!((&report.source, report.resumed), (&report.target, false));
        assert_eq!(
            (report.files, report.file_bytes, report.damaged_files.len()),
            (3, 12 + document_text().len() as u64, 0)
        );
        assert_eq!((report.sealed_keys, report.unreadable_keys.len()), (1, 0));
        // The tables have the shape that this program makes, with every reference.
        let schema = Schema::open(&to.config()).unwrap();
        schema.stamp(schema.status().unwrap().newest).unwrap();
        drop(schema);

        // What was told by the source, the target tells; and it counts on.
        let of = |side: &Side| {
            let kafka = side.open();
            let me = kafka.operator();
            let chats = kafka.chats(&me).list(&ChatFilter::default(), &PageRequest::default()).unwrap().items;
            let messages = kafka.messages(&me).list(chats[1].id, &PageRequest::default()).unwrap().items;
            let files = kafka.chat_files(&me).contents(chats[1].id).unwrap();
            kafka.login("ada", Secret::new(PASSWORD.into())).unwrap();
            kafka.close();
            (chats, messages, files)
        };
        let (chats, messages, files) = of(&to);
        assert_eq!(texts(&messages)[..3], ["Is it open?", AWKWARD, "\\."]);
        assert_eq!((chats[1].title.as_deref(), files.len()), (Some(AWKWARD), 2));
        let kafka = to.open();
        let me = kafka.operator();
        let new = kafka.chats(&me).create(NewChat::default()).unwrap();
        let said = kafka.messages(&me).create(new.id, NewMessage::text(Role::User, "Hi")).unwrap();
        assert!(new.number > gone[0] && said.number > gone[1], "{new:?}, {said:?} after {gone:?}");
        kafka.chats(&me).delete(new.id).unwrap();
        kafka.close();
        assert_eq!(of(&from), (chats, messages, files), "the source is as it was");
        assert_eq!(move_to(&from, &to).unwrap_err().code(), "move_target_not_empty");

        let back = Side::sqlite();
        let again = move_to(&to, &back).unwrap();
        assert_eq!((again.source.hash.len(), &again.source), (64, &again.target));
        assert_eq!(of(&back), of(&to));
        let kafka = back.open();
        let last = kafka.chats(&kafka.operator()).create(NewChat::default()).unwrap();
        assert!(last.number > new.number, "{last:?} after {new:?}");
    }
}

fn cut_off(from: &Side, to: &Side) {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        Kafka::move_database(&from.config(), &to.config(), |progress| {
            assert!(progress.step == MoveStep::Rows, "cut off");
        })
    }));
    assert!(attempt.is_err());
}

#[test]
fn an_unfinished_target_takes_its_own_source_as_it_was_and_nothing_else() {
    for (from, to) in Side::pairs() {
        from.fill();
        cut_off(&from, &to);
        let other = Side::sqlite();
        other.fill();
        let (kind, code, said) = refusal(&other.config(), &to.config());
        assert_eq!((kind, code), (ErrorKind::Conflict, "move_begun"), "{said}");
        for opened in [Kafka::open(to.config()).map(drop), Schema::open(&to.config()).unwrap().check()] {
            let error = opened.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Incompatible, "move_unfinished"));
            assert!(error.message().contains("kafka move"), "{error}");
        }
        // Whoever wrote meanwhile is found out, and the target stays shut.
        from.run("UPDATE chats SET description = 'changed'");
        let (kind, code, said) = refusal(&from.config(), &to.config());
        assert_eq!((kind, code), (ErrorKind::Conflict, "move_differs"), "{said}");
        assert_eq!(Kafka::open(to.config()).unwrap_err().code(), "move_unfinished");
        from.run("UPDATE chats SET description = NULL");
        assert!(move_to(&from, &to).unwrap().resumed);
    }
}

#[test]
fn what_cannot_be_moved_is_refused_in_one_sentence() {
    for (from, to) in Side::pairs() {
        from.fill();
        let both = (from.config(), to.config());
        let said = |wanted: (ErrorKind, &str, &str)| {
            let (kind, code, said) = refusal(&both.0, &both.1);
            assert_eq!((kind, code), (wanted.0, wanted.1), "{said}");
            assert!(said.contains(wanted.2), "{said}");
        };
        let serving = from.open();
        said((ErrorKind::Conflict, "nodes_alive", "the source: embedded with pid "));
        serving.close();
        let serving = to.open();
        said((ErrorKind::Conflict, "nodes_alive", "the target: embedded with pid "));

        serving
            .plans(&serving.operator())
            .update("free", PlanPatch { chat_limit: Some(Some(3)), ..PlanPatch::default() })
            .unwrap();
        serving.close();
        said((ErrorKind::Conflict, "move_target_not_empty", "changed"));
        let serving = to.open();
        serving.chats(&serving.operator()).create(NewChat::default()).unwrap();
        serving.close();
        said((ErrorKind::Conflict, "move_target_not_empty", "1 rows of chats"));

        let itself = refusal(&both.0, &both.0);
        assert_eq!((itself.0, itself.1), (ErrorKind::Invalid, "move_onto_itself"));
        let memory = refusal(&both.0, &Config::memory());
        assert_eq!((memory.0, memory.1), (ErrorKind::Invalid, "move_of_memory"));
        let nowhere = from.directory.path().join("nowhere/kafka.db");
        assert_eq!(refusal(&Config::file(&nowhere), &both.1).1, "move_source_missing");
        assert!(!nowhere.exists());

        let schema = Schema::open(&both.0).unwrap();
        schema.down(DownTarget::Steps(1)).unwrap();
        let older = Side::sqlite();
        let (kind, code, said) = refusal(&both.0, &older.config());
        assert_eq!((kind, code), (ErrorKind::Incompatible, "migrations_pending"), "{said}");
        assert!(said.contains("The source") && said.contains("kafka migrate up"), "{said}");
        schema.up(None).unwrap();
    }
}

/// No table of the product has them yet, and one that comes is moved without a word here.
#[test]
fn numbers_with_a_point_bytes_and_flags_are_the_same_on_both_engines() {
    for (from, to) in Side::pairs() {
        let make = |side: &Side| {
            side.open().close();
            let types = if side.is_on_server() {
                ["FLOAT8", "BYTEA", "BOOLEAN"]
            } else {
                ["REAL", "BLOB", "BOOLEAN"]
            };
            let [real, bytes, flag] = types;
            side.run(&format!(
                "CREATE TABLE samples (place TEXT, nth BIGINT, measure {real}, seal {bytes}, is_true {flag}, \
                 PRIMARY KEY (place, nth))"
            ));
        };
        make(&from);
        let (kind, code, said) = refusal(&from.config(), &to.config());
        assert_eq!((kind, code), (ErrorKind::Incompatible, "move_schemas_differ"));
        assert!(said.contains("The table samples "), "{said}");
        make(&to);
        let (bytes, infinity, below) = match from.is_on_server() {
            true => (r"'\x00ff5c0a'", "'Infinity'", "'-0'"),
            false => ("x'00ff5c0a'", "9e999", "-0.0"),
        };
        from.run(&format!(
            "INSERT INTO samples VALUES ('a', 2, 0.1, {bytes}, TRUE), ('a', 10, {below}, NULL, FALSE), \
             ('B', 1, 1e300, {bytes}, NULL), ('b', 1, 5, {bytes}, TRUE), ('', 1, {infinity}, NULL, NULL)"
        ));
        let report = move_to(&from, &to).unwrap();
        assert_eq!(report.source, report.target);
        assert!(report.target.rows.contains(&("samples".to_owned(), 5)), "{report:?}");
        let sum = "SELECT CAST(SUM(nth) AS TEXT) FROM samples WHERE is_true AND measure > 0";
        assert_eq!(to.value(sum), "3");
    }
}

/// Each engine indexes in its own way, and the target makes its own index of what it got.
#[test]
fn what_is_derived_from_the_rest_stays_behind() {
    for (from, to) in Side::pairs() {
        for side in [&from, &to] {
            side.open().close();
        }
        from.run(match from.is_on_server() {
            true => "CREATE TABLE search_samples (number BIGINT PRIMARY KEY, words TSVECTOR)",
            false => "CREATE VIRTUAL TABLE search_samples USING fts5 (words)",
        });
        from.run(
            "INSERT INTO search_samples (%) VALUES (1)"
                .replace('%', if from.is_on_server() { "number" } else { "rowid" })
                .as_str(),
        );
        let report = move_to(&from, &to).unwrap();
        assert!(!report.source.rows.iter().any(|(table, _)| table.starts_with("search")), "{report:?}");
    }
}

#[test]
fn keys_and_bytes_that_are_not_what_they_were_are_told() {
    for (from, to) in Side::pairs() {
        from.fill();
        let blobs = from.directory.path().join("kafka.db.blobs");
        let damaged = fs::read_dir(&blobs)
            .unwrap()
            .map(|shelf| shelf.unwrap().path())
            .filter(|shelf| shelf.is_dir())
            .flat_map(|shelf| fs::read_dir(shelf).unwrap())
            .map(|bytes| bytes.unwrap().path())
            .find(|path| fs::metadata(path).unwrap().len() == 12)
            .unwrap();
        fs::write(&damaged, "The cast1e.\n").unwrap();
        let mut config = to.config();
        config.secret = Some(Arc::new(Secret::new([8; 32])));
        let report = Kafka::move_database(&from.config(), &config, |_| ()).unwrap();
        assert_eq!(report.damaged_files, [damaged.file_name().unwrap().to_str().unwrap()]);
        assert_eq!((report.files, report.sealed_keys), (2, 1));
        assert_eq!(report.unreadable_keys, ["m"]);
    }
}

mod slow {
    use super::*;

    /// Each attempt is ended by what it reports first that no earlier one did, as if its process died there.
    #[test]
    fn a_move_that_was_cut_off_anywhere_goes_on_and_brings_nothing_twice() {
        for (from, to) in Side::pairs() {
            from.fill();
            let (mut seen, mut attempts) = (HashSet::new(), 0);
            let report = loop {
                attempts += 1;
                let attempt = catch_unwind(AssertUnwindSafe(|| {
                    Kafka::move_database(
                        &from.config(),
                        &to.config(),
                        |MoveProgress { step, done, total }| {
                            assert!(done <= total);
                            let is_new =
                                step != MoveStep::Check && seen.insert((step == MoveStep::Rows, done));
                            assert!(!is_new, "cut off");
                        },
                    )
                }));
                let Err(_) = attempt else { break attempt.unwrap().unwrap() };
                assert_eq!(Kafka::open(to.config()).unwrap_err().code(), "move_unfinished");
            };
            let tables = report.source.rows.len();
            assert!(attempts > tables, "{attempts} attempts for {tables} tables and three files");
            assert_eq!((&report.source, report.resumed, report.files), (&report.target, true, 3));
            to.open().close();
        }
    }
}
