//! The connections to PostgreSQL: how many there are, how long one waits for them, and how long a statement may take.

use std::{
    thread,
    time::{Duration, Instant},
};

use kafka_core::{ChatFilter, ErrorKind, Kafka, PageRequest, PostgresOptions};

use crate::postgres::Server;

/// Other sessions on the database than the one that asks.
const OTHERS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

type Told = Result<(), (ErrorKind, &'static str, Option<Duration>)>;

fn open(change: impl FnOnce(&mut PostgresOptions)) -> (Server, Kafka) {
    let server = Server::new();
    let mut config = server.config();
    change(&mut config.postgres);
    let kafka = Kafka::open(config).unwrap();
    (server, kafka)
}

fn connections(server: &Server) -> u64 {
    server.value(&format!("SELECT count(*) {OTHERS}")).parse().unwrap()
}

/// Waits for what others are about to do.
fn until(reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come to that");
    }
}

/// Keeps everyone from reading chats until the answer is dropped.
fn lock(server: &Server) -> impl Drop + use<> {
    server.database.hold("LOCK TABLE chats IN ACCESS EXCLUSIVE MODE")
}

/// Reads chats on so many threads, and returns what each was told.
fn read(kafka: &Kafka, threads: usize) -> Vec<Told> {
    thread::scope(|scope| {
        let list = || {
            let read = kafka.chats(&kafka.operator()).list(&ChatFilter::default(), &PageRequest::first(10));
            read.map(drop).map_err(|error| (error.kind(), error.code(), error.retry_after()))
        };
        let readers: Vec<_> = (0..threads).map(|_| scope.spawn(list)).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    })
}

#[test]
fn a_node_takes_its_pool_and_two_more_and_gives_the_overflow_back() {
    let (server, kafka) = open(|options| (options.pool_size, options.pool_overflow) = (2, 3));
    // Two that read, one that writes, and one that beats.
    until(|| connections(&server) <= 4);
    thread::scope(|scope| {
        let locked = lock(&server);
        let readers = scope.spawn(|| read(&kafka, 8));
        // Five that read now, and the one that holds the lock.
        until(|| connections(&server) == 8);
        drop(locked);
        assert_eq!(readers.join().unwrap(), [Ok(()); 8], "those without a connection wait for one");
    });
    until(|| connections(&server) <= 4);
}

#[test]
fn who_waits_too_long_for_a_connection_or_an_answer_is_told_to_come_again() {
    let (server, kafka) = open(|options| {
        (options.pool_size, options.pool_overflow) = (1, 1);
        options.pool_wait = Duration::from_millis(100);
        options.statement_timeout = Duration::from_millis(500);
    });
    let locked = lock(&server);
    let told = read(&kafka, 3);
    let no_place = Err((ErrorKind::Busy, "database_connections_busy", Some(Duration::from_secs(1))));
    let no_answer = Err((ErrorKind::Busy, "database_slow", None));
    assert!(told.contains(&no_place) && told.contains(&no_answer), "{told:?}");
    assert!(told.iter().all(|told| [no_place, no_answer].contains(told)), "{told:?}");
    drop(locked);
    assert_eq!(read(&kafka, 2), [Ok(()); 2]);
}

#[test]
fn a_connection_goes_when_its_time_is_over() {
    let changes: [fn(&mut PostgresOptions); 2] =
        [|options| options.pool_idle = Duration::ZERO, |options| options.pool_lifetime = Duration::ZERO];
    for change in changes {
        let (server, kafka) = open(change);
        let newest = || {
            assert_eq!(read(&kafka, 1), [Ok(())]);
            server.value(&format!("SELECT max(backend_start) {OTHERS}"))
        };
        assert_ne!(newest(), newest(), "the old connection is used");
    }
}
