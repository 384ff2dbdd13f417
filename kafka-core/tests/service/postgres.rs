//! What holds on PostgreSQL besides all that holds on either engine. These tests need the server that
//! `tests/postgres.py` starts.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    AnswerRequest, Config, DownTarget, ErrorKind, Kafka, MigrateMode, NewChat, NewMessage, NewModel, NewUser,
    NodeKind, PageRequest, PostgresAddress, ResponseStatus, Role, Schema, Secret, TurnEvent,
    testing::{FreshDatabase, Gate, ScriptedAnswer, ScriptedCall, ScriptedPostgres, ScriptedProvider},
};
use tempfile::TempDir;

use crate::stage::{MODEL, PASSWORD, new_model, texts};

pub(crate) struct Server {
    pub(crate) database: FreshDatabase,
    blobs: TempDir,
}

impl Server {
    pub(crate) fn new() -> Server {
        let place = |name: &str| std::env::var(name).expect("tests/postgres.py runs this program");
        let database = FreshDatabase::on(&place("PGHOST"), &place("PGUSER"));
        Server { database, blobs: TempDir::new().unwrap() }
    }

    pub(crate) fn config(&self) -> Config {
        self.config_of(&self.database.url())
    }

    pub(crate) fn config_of(&self, url: &str) -> Config {
        let mut config = Config::postgres(PostgresAddress::from_url(url).unwrap(), self.blobs.path());
        config.password_cost = 4;
        config.secret = Some(Arc::new(Secret::new([7; 32])));
        config
    }

    pub(crate) fn open(&self) -> Kafka {
        Kafka::open(self.config()).unwrap()
    }

    pub(crate) fn value(&self, sql: &str) -> String {
        self.database.run_inside(sql).remove(0).remove(0).unwrap()
    }

    /// The URL of the same database by way of a proxy on this port.
    pub(crate) fn url_through(&self, port: u16) -> String {
        let name = self.value("SELECT current_database()");
        format!("postgresql://postgres@127.0.0.1:{port}/{name}?sslmode=disable")
    }

    /// Ends every connection to the database, as a restart of the server does.
    fn cut(&self) {
        self.database.run_inside(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }
}

fn refusal(config: Config) -> (ErrorKind, &'static str, String) {
    let error = Kafka::open(config).unwrap_err();
    (error.kind(), error.code(), error.message().to_owned())
}

#[test]
fn what_keeps_a_database_from_being_opened_is_said_in_one_sentence() {
    let server = Server::new();
    server.database.run_inside("CREATE ROLE visitor LOGIN PASSWORD 'hush'");
    let url = server.database.url();
    let scripted = |server: ScriptedPostgres, mode: &str| {
        format!("postgresql://u:hush@127.0.0.1:{}/d?connect_timeout=1&sslmode={mode}", server.port())
    };
    let none = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    for (url, kind, code, part) in [
        (
            format!("postgresql://u:hush@127.0.0.1:{none}/d"),
            ErrorKind::Storage,
            "database_unreachable",
            format!("127.0.0.1:{none} cannot be reached"),
        ),
        (
            "postgresql://u:hush@nowhere.invalid/d".to_owned(),
            ErrorKind::Storage,
            "database_unreachable",
            "nowhere.invalid:5432 cannot be reached".to_owned(),
        ),
        (
            scripted(ScriptedPostgres::of_version("120017"), "disable"),
            ErrorKind::Incompatible,
            "database_too_old",
            "has version 12, and this program needs 13".to_owned(),
        ),
        (
            scripted(
                ScriptedPostgres::refusing("28P01", "password authentication failed for user \"u\""),
                "disable",
            ),
            ErrorKind::Storage,
            "database_login_refused",
            "refuses the password of the account u".to_owned(),
        ),
        (
            scripted(ScriptedPostgres::without_tls(), "require"),
            ErrorKind::Storage,
            "database_tls_missing",
            "offers no TLS".to_owned(),
        ),
        (
            scripted(
                ScriptedPostgres::refusing(
                    "28000",
                    "no pg_hba.conf entry for host \"h\", user \"u\", no encryption",
                ),
                "disable",
            ),
            ErrorKind::Storage,
            "database_tls_required",
            "add sslmode=require".to_owned(),
        ),
        (
            url.replace("/kafka_", "/no_kafka_"),
            ErrorKind::Storage,
            "database_missing",
            "has no database no_kafka_".to_owned(),
        ),
        (
            url.replace("user=postgres", "user=nobody_here&password=hush"),
            ErrorKind::Storage,
            "database_login_refused",
            "\"nobody_here\" does not exist".to_owned(),
        ),
        (
            url.replace("user=postgres", "user=visitor&password=hush"),
            ErrorKind::Storage,
            "database_rights_missing",
            "permission denied".to_owned(),
        ),
    ] {
        let (found_kind, found, said) = refusal(server.config_of(&url));
        assert_eq!((found_kind, found), (kind, code), "{said}");
        assert!(said.contains(&part), "{said}");
        assert!(!said.contains("hush") && said.matches(". ").count() == 0, "{said}");
    }
    server.database.run_inside("DROP ROLE visitor");
}

#[test]
fn the_schema_goes_up_and_down_and_up_again_with_what_was_stored() {
    let server = Server::new();
    let schema = Schema::open(&server.config()).unwrap();
    let report = schema.up(None).unwrap();
    assert_eq!((report.from, report.backup), (0, None));
    let kafka = server.open();
    let chat = kafka.chats(&kafka.operator()).create(NewChat::titled("Kept")).unwrap();
    let refused = schema.down(DownTarget::Version(4)).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "nodes_alive"));
    kafka.close();
    schema.down(DownTarget::Version(4)).unwrap();
    schema.up(None).unwrap();
    let kafka = server.open();
    assert_eq!(kafka.chats(&kafka.operator()).get(chat.id).unwrap().title.as_deref(), Some("Kept"));
    let next = kafka.chats(&kafka.operator()).create(NewChat::default()).unwrap();
    assert!(next.number > chat.number, "numbers go on");
    kafka.close();
    let newest = schema.status().unwrap().current;
    assert_eq!(schema.stamp(newest).unwrap().to, newest);
    server.database.run_inside("ALTER TABLE chats ADD COLUMN colour TEXT");
    let refused = schema.stamp(newest).unwrap_err();
    assert_eq!(refused.code(), "schema_differs");
    assert!(refused.message().contains("the table chats is made differently"), "{refused}");
    server.database.run_inside("ALTER TABLE chats DROP COLUMN colour");
    server.database.run_inside("UPDATE refinery_schema_history SET version = 99 WHERE version = 1");
    assert_eq!(schema.up(None).unwrap_err().code(), "schema_newer");
}

/// The database's own language is not asked: letters beyond ASCII are what they are, as on SQLite.
#[test]
fn names_are_compared_as_on_sqlite_whatever_the_databases_language_is() {
    let server = Server::new();
    assert_eq!(server.value("SELECT lower('\u{c9}')"), "\u{e9}", "this language would fold it");
    let kafka = server.open();
    let name = "\u{c9}mile";
    let new = NewUser { email: "e@example.org".into(), username: Some(name.into()), full_name: None };
    kafka.register(new, Secret::new(PASSWORD.into())).unwrap();
    let login = |name: &str| kafka.login(name, Secret::new(PASSWORD.into())).map(drop);
    login(name).unwrap();
    login("\u{c9}MILE").unwrap();
    assert_eq!(login("\u{e9}mile").unwrap_err().code(), "login_failed");
}

/// Rows that a migration copies bring their numbers, which the server has not counted.
#[test]
fn a_rebuilt_table_counts_on() {
    let server = Server::new();
    let schema = Schema::open(&server.config()).unwrap();
    schema.up(Some(8)).unwrap();
    server.database.run_inside(
        "INSERT INTO workspaces (id, name, created_at, updated_at) VALUES ('w', 'w', 0, 0);
         INSERT INTO files (id, workspace_id, filename, path, media_type, size_bytes, sha256, created_at, updated_at)
         SELECT 'f' || n, 'w', 'f', 'f', 't', 0, 'x', 0, 0 FROM generate_series(1, 5) n",
    );
    schema.up(None).unwrap();
    let next = "INSERT INTO files (id, filename, path, media_type, size_bytes, sha256, created_at, updated_at) \
        VALUES ('g', 'f', 'f', 't', 0, 'x', 0, 0) RETURNING number";
    assert_eq!(server.value(next), "6");
}

#[test]
fn those_who_start_at_once_migrate_once() {
    let server = Server::new();
    let nodes: Vec<Kafka> = thread::scope(|scope| {
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(|| server.open())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(server.value("SELECT count(*) FROM nodes"), "3");
    drop(nodes);
    assert_eq!(server.value("SELECT count(*) FROM nodes"), "0");
    let mut config = server.config();
    config.migrate = MigrateMode::Require;
    Kafka::open(config).unwrap();
}

#[test]
fn a_cut_connection_costs_one_answer_at_most_and_nothing_that_was_acknowledged() {
    let server = Server::new();
    let kafka = server.open();
    let operator = kafka.operator();
    let chat = kafka.chats(&operator).create(NewChat::default()).unwrap();
    let messages = kafka.messages(&operator);
    let say = |text: &str| messages.create(chat.id, NewMessage::text(Role::User, text));
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let text = format!("before {round}");
        say(&text).unwrap();
        acknowledged.push(text);
        server.cut();
        let text = format!("after {round}");
        match say(&text) {
            Ok(_) => acknowledged.push(text),
            Err(error) => assert_eq!((error.kind(), error.code()), (ErrorKind::Busy, "database_unavailable")),
        }
        server.cut();
        kafka.chats(&operator).get(chat.id).unwrap();
    }
    let listed = messages.list(chat.id, &PageRequest::first(200)).unwrap().items;
    assert_eq!(texts(&listed), acknowledged);
}

/// Passes on what a client and the server say, and shows `hear` what the client says. Where that names a word, the
/// server's answer that has it is dropped together with the connection.
pub(crate) fn proxy(hear: impl Fn(&[u8]) -> Option<&'static str> + Clone + Send + 'static) -> u16 {
    let socket = format!("{}/.s.PGSQL.5432", std::env::var("PGHOST").unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), UnixStream::connect(&socket).unwrap());
            let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let (hear, dropping) = (hear.clone(), Arc::new(Mutex::new(None)));
            let drops = Arc::clone(&dropping);
            thread::spawn(move || {
                let mut message = [0; 65_536];
                while let Ok(length @ 1..) = answers.read(&mut message) {
                    if drops.lock().unwrap().is_some_and(|word| count(&message[..length], word) > 0) {
                        let _ = back.shutdown(std::net::Shutdown::Both);
                        return;
                    }
                    let _ = back.write_all(&message[..length]);
                }
                let _ = back.shutdown(std::net::Shutdown::Both);
            });
            thread::spawn(move || {
                let mut message = [0; 65_536];
                while let Ok(length @ 1..) = client.read(&mut message) {
                    if let Some(word) = hear(&message[..length]) {
                        *dropping.lock().unwrap() = Some(word);
                    }
                    let _ = server.write_all(&message[..length]);
                }
            });
        }
    });
    port
}

#[test]
fn a_commit_whose_answer_is_lost_is_asked_for_and_neither_refused_nor_made_twice() {
    let server = Server::new();
    let armed = Arc::new(AtomicBool::new(false));
    let hears = Arc::clone(&armed);
    let port = proxy(move |said| {
        let is_write = count(said, "COMMIT") > 0 && count(said, "NOTIFY") > 0;
        // The server has answered, so it has committed.
        (is_write && hears.swap(false, Ordering::SeqCst)).then_some("COMMIT")
    });
    let kafka = Kafka::open(server.config_of(&server.url_through(port))).unwrap();
    let operator = kafka.operator();
    let chat = kafka.chats(&operator).create(NewChat::default()).unwrap();
    let messages = kafka.messages(&operator);
    armed.store(true, Ordering::SeqCst);
    for text in ["lost", "next"] {
        messages.create(chat.id, NewMessage::text(Role::User, text)).unwrap();
    }
    assert!(!armed.load(Ordering::SeqCst), "no answer was dropped");
    let listed = messages.list(chat.id, &PageRequest::first(200)).unwrap().items;
    assert_eq!(texts(&listed), ["lost", "next"]);
    assert_eq!(kafka.chats(&operator).get(chat.id).unwrap().message_count, 2);
}

/// How often a word stands in what was said.
pub(crate) fn count(said: &[u8], word: &str) -> usize {
    said.windows(word.len()).filter(|window| *window == word.as_bytes()).count()
}

/// What one statement reads is of one moment by itself; each word around it would be a journey to the server.
#[test]
fn a_read_of_one_statement_has_no_transaction_and_a_message_one_without_savepoints() {
    let server = Server::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let port = proxy(move |said| {
        // The heart beats at its own times.
        if count(said, "heartbeat") == 0 {
            hears.lock().unwrap().extend_from_slice(said);
        }
        None
    });
    let mut config = server.config_of(&server.url_through(port));
    // A command keeps no house, the statements of which would be heard, too.
    config.kind = NodeKind::Cli;
    let kafka = Kafka::open(config).unwrap();
    let operator = kafka.operator();
    let chat = kafka.chats(&operator).create(NewChat::default()).unwrap().id;
    let words = |work: &dyn Fn()| {
        // Connections are made, and statements prepared, the first time.
        work();
        heard.lock().unwrap().clear();
        work();
        let said = heard.lock().unwrap().clone();
        ["BEGIN", "COMMIT\0", "SAVEPOINT"].map(|word| count(&said, word))
    };
    let page = PageRequest::first(50);
    let numbered = PageRequest::Numbered { page: 1, page_size: 50 };
    let say =
        |text: &str| kafka.messages(&operator).create(chat, NewMessage::text(Role::User, text)).unwrap();
    assert_eq!(words(&|| drop(kafka.chats(&operator).get(chat).unwrap())), [0, 0, 0]);
    assert_eq!(words(&|| drop(say("x"))), [1, 1, 0]);
    assert_eq!(words(&|| drop(kafka.messages(&operator).list(chat, &page).unwrap())), [0, 0, 0]);
    assert_eq!(words(&|| drop(kafka.messages(&operator).list(chat, &numbered).unwrap())), [1, 1, 0]);
}

/// Answers that speak at the same time are one journey to the server, however many they are.
#[test]
fn what_many_answers_say_is_stored_by_one_statement() {
    const ANSWERS: usize = 32;
    let server = Server::new();
    let journeys = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&journeys);
    let port = proxy(move |said| {
        hears.fetch_add(usize::from(count(said, "message.delta") > 0), Ordering::SeqCst);
        None
    });
    let (gate, end) = (Gate::new(), Gate::new());
    let held = (gate.clone(), end.clone());
    let script = move |_: &_| ScriptedAnswer::new().wait_for(&held.0).text("Yes").wait_for(&held.1).finish();
    let mut config = server.config_of(&server.url_through(port));
    let provider = Arc::new(ScriptedProvider::new(MODEL, script));
    config.providers.push(provider.clone());
    let kafka = Kafka::open(config).unwrap();
    let operator = kafka.operator();
    kafka.models(&operator).create(NewModel { is_default: true, ..new_model(MODEL) }).unwrap();
    let ask = |_| {
        let chat = kafka.chats(&operator).create(NewChat::default()).unwrap();
        kafka.completions(&operator).start(chat.id, AnswerRequest::text("Hi")).unwrap()
    };
    let mut turns: Vec<_> = (0..ANSWERS).map(ask).collect();
    provider.wait_for_calls(ANSWERS);
    gate.open();
    let is_text = |event: Result<TurnEvent, _>| matches!(event, Ok(TurnEvent::Delta(text)) if text == "Yes");
    for turn in &mut turns {
        assert!(turn.by_ref().any(is_text));
    }
    let journeys = journeys.load(Ordering::SeqCst);
    assert!((1..=ANSWERS / 4).contains(&journeys), "{journeys}");
    end.open();
    for turn in turns {
        assert_eq!(turn.wait().unwrap().message.content, "Yes");
    }
}

/// The prompt of an answer is read while the server is away: the question was acknowledged, and is answered.
#[test]
fn an_answer_outlives_a_server_that_is_away_before_the_model_is_asked() {
    let server = Server::new();
    // Each try makes a new connection once, so so many are three tries in vain.
    let drops = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&drops);
    let port = proxy(move |said| {
        let is_read = count(said, "REPEATABLE READ") > 0;
        let take = || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        (is_read && take().is_ok()).then_some("BEGIN")
    });
    let gate = Gate::new();
    let held = gate.clone();
    let script = move |call: &ScriptedCall| match call.number {
        0 => ScriptedAnswer::new().wait_for(&held).finish(),
        _ => ScriptedAnswer::of(&["Yes."]),
    };
    let mut config = server.config_of(&server.url_through(port));
    config.providers.push(Arc::new(ScriptedProvider::new(MODEL, script)));
    let kafka = Kafka::open(config).unwrap();
    let operator = kafka.operator();
    kafka.models(&operator).create(NewModel { is_default: true, ..new_model(MODEL) }).unwrap();
    let chat = kafka.chats(&operator).create(NewChat::default()).unwrap().id;
    let ask = || kafka.completions(&operator).start(chat, AnswerRequest::text("Hi")).unwrap();
    let (first, second) = (ask(), ask());
    drops.store(6, Ordering::SeqCst);
    gate.open();
    let answer = second.wait().unwrap();
    first.wait().unwrap();
    assert_eq!((answer.response.status, &*answer.message.content), (ResponseStatus::Completed, "Yes."));
    assert_eq!(drops.load(Ordering::SeqCst), 0, "nothing was read while the server was away");
}

/// The same under load: what was acknowledged is there once, and what was refused was refused as busy.
#[test]
fn cuts_under_load_lose_and_double_nothing() {
    let server = Server::new();
    let kafka = server.open();
    let operator = kafka.operator();
    let chats: Vec<_> =
        (0..4).map(|_| kafka.chats(&operator).create(NewChat::default()).unwrap().id).collect();
    let acknowledged: Vec<Vec<String>> = thread::scope(|scope| {
        let writers: Vec<_> = chats
            .iter()
            .map(|chat| {
                let (kafka, operator) = (&kafka, &operator);
                scope.spawn(move || {
                    let mut stored = Vec::new();
                    for number in 0..40 {
                        let new = NewMessage::text(Role::User, number.to_string());
                        match kafka.messages(operator).create(*chat, new) {
                            Ok(_) => stored.push(number.to_string()),
                            Err(error) => assert_eq!(error.code(), "database_unavailable", "{error:?}"),
                        }
                    }
                    stored
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            server.cut();
        }
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    for (chat, acknowledged) in chats.iter().zip(acknowledged) {
        let listed = kafka.messages(&operator).list(*chat, &PageRequest::first(200)).unwrap().items;
        assert_eq!(texts(&listed), acknowledged);
    }
}

#[test]
fn writers_of_several_nodes_come_one_after_another() {
    let server = Server::new();
    let nodes = [server.open(), server.open(), server.open()];
    let chat = nodes[0].chats(&nodes[0].operator()).create(NewChat::default()).unwrap();
    thread::scope(|scope| {
        for node in nodes.iter().chain(&nodes) {
            scope.spawn(move || {
                for _ in 0..20 {
                    node.messages(&node.operator())
                        .create(chat.id, NewMessage::text(Role::User, "x"))
                        .unwrap();
                }
            });
        }
    });
    let found = nodes[0].chats(&nodes[0].operator()).get(chat.id).unwrap();
    assert_eq!(found.message_count, 120);
    assert_eq!(server.value("SELECT count(DISTINCT seq) FROM messages"), "120");
    assert_eq!(server.value("SELECT max(seq) FROM messages"), "120");
}

mod slow {
    use super::*;

    /// Its machine was cut off, or it stands still: nothing tells the server, which keeps its lock for it.
    #[test]
    fn a_node_that_falls_silent_in_a_write_holds_up_the_others_for_ten_seconds_at_most() {
        let server = Server::new();
        let silent = Arc::new(AtomicBool::new(false));
        let hears = Arc::clone(&silent);
        let port = proxy(move |said| {
            // Of what follows the beginning of a write nothing comes through any more, nor is it cut off.
            while hears.load(Ordering::SeqCst) && count(said, "INSERT INTO messages") > 0 {
                thread::sleep(Duration::from_millis(100));
            }
            None
        });
        let lost = Kafka::open(server.config_of(&server.url_through(port))).unwrap();
        let survivor = server.open();
        let chat = survivor.chats(&survivor.operator()).create(NewChat::default()).unwrap().id;
        let say = |node: &Kafka| {
            node.messages(&node.operator()).create(chat, NewMessage::text(Role::User, "x")).map(drop)
        };
        silent.store(true, Ordering::SeqCst);
        thread::scope(|scope| {
            let held = scope.spawn(|| say(&lost));
            let holds = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND state = 'idle in transaction' AND clock_timestamp() - state_change > interval '1 second'";
            let began = Instant::now();
            let patient = || began.elapsed() < Duration::from_secs(40);
            while server.value(holds) == "0" && patient() {
                thread::sleep(Duration::from_millis(20));
            }
            let mut refused = Vec::new();
            while let Err(error) = say(&survivor)
                && patient()
            {
                refused.push(error.code());
            }
            silent.store(false, Ordering::SeqCst);
            drop(held.join());
            assert!(refused.iter().all(|code| *code == "database_locked"), "{refused:?}");
            let held_up = began.elapsed();
            assert!((3..30).contains(&held_up.as_secs()), "{held_up:?}");
        });
        let found = survivor.chats(&survivor.operator()).get(chat).unwrap();
        assert!(found.message_count <= 2, "{found:?}");
    }

    /// A process that was killed leaves a row that beats no more, and answers that nobody runs.
    #[test]
    fn what_a_killed_node_left_is_interrupted_within_ten_seconds() {
        let server = Server::new();
        let survivor = server.open();
        let gate = Gate::new();
        let held = gate.clone();
        let script = move |_: &_| ScriptedAnswer::new().text("One").wait_for(&held).finish();
        let mut config = server.config();
        config.providers.push(Arc::new(ScriptedProvider::new(MODEL, script)));
        let killed = Kafka::open(config).unwrap();
        let operator = killed.operator();
        killed.models(&operator).create(new_model(MODEL)).unwrap();
        let chat = killed.chats(&operator).create(NewChat::default()).unwrap();
        let request = AnswerRequest { model: Some(MODEL.to_owned()), ..AnswerRequest::text("Hi") };
        let id = killed.completions(&operator).start(chat.id, request).unwrap().id();
        // A stopped clock of the row is what a kill leaves: its beats name another row from now on.
        server.database.run_inside(
            "ALTER TABLE responses DISABLE TRIGGER ALL; ALTER TABLE nodes DISABLE TRIGGER ALL;
             INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at)
             SELECT '01890000-0000-7000-8000-000000000000', 'server', 1, 0, heartbeat_at FROM nodes LIMIT 1;
             UPDATE responses SET node_id = '01890000-0000-7000-8000-000000000000';",
        );
        let began = Instant::now();
        let status = || survivor.responses(&survivor.operator()).get(id).unwrap().status;
        while status() == ResponseStatus::Streaming {
            assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(status(), ResponseStatus::Interrupted);
        assert!(began.elapsed() > Duration::from_secs(3), "it was taken for dead while it lived");
        let row = "SELECT count(*) FROM nodes WHERE id = '01890000-0000-7000-8000-000000000000'";
        while server.value(row) != "0" {
            assert!(began.elapsed() < Duration::from_secs(12), "its row stays");
        }
        gate.open();
        assert_eq!(server.value("SELECT count(*) FROM nodes"), "2", "those who live stay");
    }
}
