//! A streaming replica takes reads, shows nobody anything older than the primary would, and fails nobody.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    api::Api,
    database::{DatabaseServers, PRIMARY, REPLICA},
    process::{Binary, Ended, RunningServer},
};

/// What does not come within this time has failed the test.
const PATIENCE: Duration = Duration::from_secs(30);

fn serve(data: &TempDir, servers: &DatabaseServers) -> RunningServer {
    let mut command = Binary::kafka().serve(data.path(), &["--listen", "127.0.0.1:0", "--log", "text:warn"]);
    command.env("DATABASE_URL", servers.url(PRIMARY)).env("KAFKA_REPLICA_URL", servers.url(REPLICA));
    RunningServer::spawn(command)
}

/// Rows of messages that transactions on the replica have read so far. Sessions tell it when they end.
fn rows_read(servers: &DatabaseServers) -> u64 {
    let sql = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables WHERE relname = 'messages'";
    servers.ask(REPLICA, sql).parse().unwrap()
}

fn has_message(api: &Api, chat: &str, id: &str) -> bool {
    let page = api.get(&format!("/api/v1/chats/{chat}/messages"));
    page["items"].as_array().unwrap().iter().any(|item| item["id"] == id)
}

mod slow {
    use super::*;

    #[test]
    fn whoever_wrote_through_one_node_reads_it_through_another_also_when_the_replica_lags() {
        let servers = DatabaseServers::start(2);
        let data = TempDir::new().unwrap();
        let nodes = [serve(&data, &servers), serve(&data, &servers)];
        let [one, other] = [0, 1].map(|node| Api::of(&nodes[node]));
        let chat = one.chat();
        for round in 0..60 {
            match round {
                20 => drop(servers.ask(REPLICA, "SELECT pg_wal_replay_pause()")),
                40 => drop(servers.ask(REPLICA, "SELECT pg_wal_replay_resume()")),
                _ => {}
            }
            let began = Instant::now();
            let id = one.message(&chat, &format!("{round}"));
            assert!(has_message(&other, &chat, &id), "{round} is not seen by the other node");
            assert!(has_message(&one, &chat, &id), "{round} is not seen by the one who wrote it");
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        }
        assert_eq!(other.get(&format!("/api/v1/chats/{chat}"))["message_count"], 60);
        for node in nodes {
            let ended = node.terminate();
            assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""), "no replica was lost");
        }
        let until = Instant::now() + PATIENCE;
        while rows_read(&servers) == 0 {
            assert!(Instant::now() < until, "the replica was never read");
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn a_replica_that_dies_fails_nobody_and_is_asked_again_when_it_is_back() {
        let mut servers = DatabaseServers::start(2);
        let data = TempDir::new().unwrap();
        let server = serve(&data, &servers);
        let api = &Api::of(&server);
        let chat = api.chat();
        let id = &api.message(&chat, "Here.");
        let over = &AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        assert!(has_message(api, &chat, id));
                    }
                });
            }
            for round in 1..=2 {
                let told = |words: &str| {
                    let until = Instant::now() + PATIENCE;
                    while server.stderr().matches(words).count() < round {
                        assert!(Instant::now() < until, "no {words:?} in round {round}: {}", server.stderr());
                        thread::sleep(Duration::from_millis(5));
                    }
                };
                servers.stop("immediate", REPLICA);
                told("cannot be asked");
                assert!(has_message(api, &chat, id));
                servers.start_again(REPLICA);
                told("is asked again");
            }
            over.store(true, Ordering::Relaxed);
        });
        let said = server.terminate().stderr;
        let count = |words: &str| said.lines().filter(|line| line.contains(words)).count();
        assert_eq!((count("cannot be asked"), count("is asked again")), (2, 2), "each is told once: {said}");
        assert_eq!(said.lines().count(), 4, "no call failed: {said}");
    }

    #[test]
    fn what_is_no_replica_of_the_database_is_refused_and_one_that_is_away_is_not() {
        let mut servers = DatabaseServers::start(2);
        let data = TempDir::new().unwrap();
        servers.ask(PRIMARY, "CREATE DATABASE other");
        servers.ask(PRIMARY, "CREATE ROLE plain LOGIN; ");
        servers.ask(PRIMARY, "GRANT CREATE ON SCHEMA public TO plain");
        let until = Instant::now() + PATIENCE;
        while servers.ask(REPLICA, "SELECT count(*) FROM pg_roles WHERE rolname = 'plain'") != "1" {
            assert!(Instant::now() < until, "the replica does not follow");
        }
        let other = DatabaseServers::start(1);
        let [replica, primary] = [REPLICA, PRIMARY].map(|server| servers.url(server));
        let command = |replica: &str| {
            let mut command = Binary::kafka().serve(data.path(), &["--listen", "127.0.0.1:0"]);
            command.env("DATABASE_URL", &primary).arg("--replica-url").arg(replica);
            command
        };
        for (url, code, part) in [
            (primary.clone(), 2, "is no replica but takes writes"),
            (replica.replace("/postgres?", "/other?"), 2, "leads to another database"),
            (other.url(PRIMARY), 2, "is no replica but takes writes"),
            (replica.replace("user=postgres", "user=nobody_here"), 1, "replica_url: PostgreSQL at"),
            ("postgresql://h:port/d".to_owned(), 2, "replica_url (flag --replica-url)"),
        ] {
            let Ended { status, stderr: said } = RunningServer::refused(command(&url));
            assert_eq!(status.code(), Some(code), "{url}: {said}");
            assert!(said.contains("replica_url") && said.contains(part), "{url}: {said}");
            assert_eq!(said.matches("Error: ").count(), 1, "{said}");
        }
        // An account without special rights may ask all of this.
        let mut plain = command(&replica.replace("user=postgres", "user=plain"));
        plain.env("DATABASE_URL", primary.replace("user=postgres", "user=plain"));
        let ended = RunningServer::spawn(plain).terminate();
        assert!(!ended.stderr.contains("replica"), "{ended:?}");

        servers.ask(PRIMARY, "DROP OWNED BY plain");
        servers.stop("fast", REPLICA);
        let server = RunningServer::spawn(command(&replica));
        server.wait_for_line(&["replica", "cannot be asked"]);
        Api::of(&server).post("/api/v1/chats", &json!({}));
        servers.start_again(REPLICA);
        server.wait_for_line(&["replica", "is asked again"]);
    }
}
