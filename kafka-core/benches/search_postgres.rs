//! The same as `search`, on PostgreSQL with the settings it comes with.
//!
//! `cargo bench -p kafka-core --features postgres --bench search_postgres`. It starts a server of its own.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

mod private_postgres;
mod searching;

use std::{hint::black_box, io::Write as _};

use kafka_core::{Config, NodeKind, PostgresAddress, testing::FreshDatabase};
use postgres::{Client, NoTls};
use searching::{CHATS, opened};
use uuid::Uuid;

fn main() {
    let database = private_postgres::database();
    let blobs = tempfile::tempdir().unwrap();
    let config = |database: &FreshDatabase| {
        Config::postgres(PostgresAddress::from_url(&database.url()).unwrap(), blobs.path())
    };
    let messages = searching::messages();
    let kafka = opened(config(&database), NodeKind::Cli);
    let user = searching::make_chats(&kafka);
    let mut client = Client::connect(&database.url(), NoTls).unwrap();
    fill(&mut client, messages);
    println!("{messages} messages in {CHATS} chats");
    searching::index(&kafka, messages);
    // As the server does by itself a minute later.
    client.batch_execute("VACUUM ANALYZE").unwrap();
    let by_hand = client
        .prepare(
            "SELECT m.id, m.content FROM search_messages s JOIN messages m ON m.number = s.number \
             WHERE s.words @@ CAST(CAST($1 AS TEXT) AS tsquery) LIMIT 20",
        )
        .unwrap();
    searching::searches(&kafka, user, |word| {
        for row in client.query(&by_hand, &[&word]).unwrap() {
            black_box((row.get::<_, String>(0), row.get::<_, String>(1)));
        }
    });
    drop((kafka, client));
    searching::keeping_up(|kind, work| {
        let database = private_postgres::database();
        work(&opened(config(&database), kind))
    });
}

fn fill(client: &mut Client, messages: usize) {
    let copy = "COPY messages (id, chat_number, seq, role, content, created_at, updated_at) FROM STDIN";
    let mut rows = client.copy_in(copy).unwrap();
    for (number, text) in searching::texts(messages).enumerate() {
        let (chat, seq, at) = (number % CHATS + 1, number / CHATS + 1, 1_767_225_600_000_i64 + number as i64);
        writeln!(rows, "{}\t{chat}\t{seq}\tuser\t{text}\t{at}\t{at}", Uuid::now_v7()).unwrap();
    }
    rows.finish().unwrap();
}
