//! The same as `documents`, on PostgreSQL with the settings it comes with.
//!
//! `cargo bench -p kafka-core --features postgres --bench documents_postgres`. It starts a server of its own, which is
//! not on the one processor of the program that asks.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

mod passages;
mod private_postgres;

use std::{fmt::Write as _, fs, io::Write as _, path::Path};

use kafka_core::{Config, PostgresAddress, testing::FreshDatabase};
use passages::{
    Place,
    filling::{DIMS, Document, MODEL},
};
use postgres::{Client, NoTls};
use tempfile::TempDir;

fn main() {
    passages::measure::<Database>();
}

/// A database, and the directory of its files, in which its address stands.
struct Database {
    _database: FreshDatabase,
    directory: TempDir,
}

/// The file with the address.
const ADDRESS: &str = "address";

fn address(directory: &Path) -> String {
    fs::read_to_string(directory.join(ADDRESS)).unwrap()
}

fn client(directory: &Path) -> Client {
    Client::connect(&address(directory), NoTls).unwrap()
}

impl Place for Database {
    const BESIDE: Option<&str> =
        Some("the server has all processors; each question's vector is counted, and waits for the disk");

    fn new() -> Database {
        let database = private_postgres::database();
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(directory.path().join(ADDRESS), database.url()).unwrap();
        Database { _database: database, directory }
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn config(directory: &Path) -> Config {
        let address = PostgresAddress::from_url(&address(directory)).unwrap();
        Config::postgres(address, directory.join("blobs"))
    }

    fn fill(directory: &Path, chat: &str, documents: impl Iterator<Item = Document>) {
        let mut client = client(directory);
        for Document { id, filename, texts, vectors } in documents {
            let sql = "INSERT INTO documents (id, chat_id, filename, processing_status, embedding_model, created_at, \
                       updated_at) VALUES ($1, $2, $3, 'completed', $4, 0, 0) RETURNING number";
            let document: i64 = client.query_one(sql, &[&id, &chat, &filename, &MODEL]).unwrap().get(0);
            let sql = "INSERT INTO document_texts (document_number, start_byte, content) VALUES ($1, 0, $2)";
            client.execute(sql, &[&document, &texts.concat()]).unwrap();
            let sql =
                "COPY chunks (document_number, idx, start_byte, end_byte, token_count, content) FROM STDIN";
            let mut rows = client.copy_in(sql).unwrap();
            let mut start = 0;
            for (idx, text) in texts.iter().enumerate() {
                let end = start + text.len();
                writeln!(rows, "{document}\t{idx}\t{start}\t{end}\t200\t{text}").unwrap();
                start = end;
            }
            rows.finish().unwrap();
            let sql = "SELECT number FROM chunks WHERE document_number = $1 ORDER BY idx";
            let chunks = client.query(sql, &[&document]).unwrap();
            let mut rows =
                client.copy_in("COPY embeddings (chunk_number, model, dims, vector) FROM STDIN").unwrap();
            for (chunk, vector) in chunks.iter().zip(vectors) {
                let mut hexadecimal = String::with_capacity(2 * vector.len());
                vector.iter().for_each(|byte| write!(hexadecimal, "{byte:02x}").unwrap());
                writeln!(rows, "{}\t{MODEL}\t{DIMS}\t\\\\x{hexadecimal}", chunk.get::<_, i64>(0)).unwrap();
            }
            rows.finish().unwrap();
        }
    }

    fn settle(directory: &Path) {
        client(directory).batch_execute("VACUUM ANALYZE").unwrap();
    }
}
