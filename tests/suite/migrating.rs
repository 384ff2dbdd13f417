//! Servers that start together on a database that has no schema yet, and what is said when a schema changes.

use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    beside::kafka,
    support::{
        api::Api,
        process::{Binary, RunningServer, is_on_postgres},
    },
};

#[test]
fn three_servers_that_start_at_once_on_an_empty_database_migrate_it_once() {
    let data = TempDir::new().unwrap();
    // The database of a server is made here, before they start.
    Binary::kafka().command(data.path());
    let servers: Vec<RunningServer> = thread::scope(|scope| {
        let start = || RunningServer::start(&Binary::kafka(), data.path(), &[]);
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let history: Value =
        serde_json::from_str(&kafka(data.path(), &["migrate", "history", "--json"])).unwrap();
    let versions: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|step| step["version"].as_u64().unwrap()).collect();
    let newest = kafka_migrations::MIGRATIONS.len() as u64;
    assert_eq!(versions, (1..=newest).collect::<Vec<_>>());
    let chat = Api::of(&servers[0]).chat();
    for server in servers {
        assert_eq!(Api::of(&server).get(&format!("/api/v1/chats/{chat}"))["id"], *chat);
        let ended = server.terminate();
        assert_eq!((ended.status.code(), ended.stderr.contains("ERROR")), (Some(0), false), "{ended:?}");
    }
}

#[test]
fn whoever_changes_the_schema_is_told_where_the_database_is_as_it_was() {
    let data = TempDir::new().unwrap();
    kafka(data.path(), &["migrate", "up"]);
    for change in [&["migrate", "down", "--yes"][..], &["migrate", "up"]] {
        let said = kafka(data.path(), change);
        let copies = data.path().read_dir().unwrap();
        let copies =
            copies.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains(".backup-"));
        match is_on_postgres() {
            true => assert!(said.contains("pg_dump") && copies.count() == 0, "{said}"),
            false => assert!(said.contains("The database as it was: ") && copies.count() > 0, "{said}"),
        }
    }
}
