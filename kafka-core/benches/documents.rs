//! Documents by their speed: finding among 100,000 passages, taking in a long text, and what others notice of that.
//!
//! `cargo bench -p kafka-core --bench documents`. Questions are asked on one processor, and so is the endpoint that makes
//! their vectors, which takes no time to speak of. `PASSAGES` makes fewer. Words are drawn from 20,000, the
//! ones at the front far more often, with articles and the like between them; vectors are random directions.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops at the first surprise")]

mod passages;

use std::path::{Path, PathBuf};

use kafka_core::Config;
use passages::{
    Place,
    filling::{DIMS, Document, MODEL},
};
use rusqlite::{Connection, params};
use tempfile::TempDir;

fn main() {
    passages::measure::<Directory>();
}

/// Not in memory, where no disk is waited for.
struct Directory(TempDir);

fn database(directory: &Path) -> PathBuf {
    directory.join("documents.db")
}

impl Place for Directory {
    const BESIDE: Option<&str> = None;

    fn new() -> Directory {
        Directory(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn directory(&self) -> &Path {
        self.0.path()
    }

    fn config(directory: &Path) -> Config {
        Config::file(database(directory))
    }

    fn fill(directory: &Path, chat: &str, documents: impl Iterator<Item = Document>) {
        let mut connection = Connection::open(database(directory)).unwrap();
        connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").unwrap();
        let tx = connection.transaction().unwrap();
        {
            let mut insert_document = tx
                .prepare(
                    "INSERT INTO documents (id, chat_id, filename, processing_status, embedding_model, created_at, \
                     updated_at) VALUES (?1, ?2, ?3, 'completed', ?4, 0, 0)",
                )
                .unwrap();
            let mut insert_text = tx
                .prepare(
                    "INSERT INTO document_texts (document_number, start_byte, content) VALUES (?1, 0, ?2)",
                )
                .unwrap();
            let mut insert_chunk = tx
                .prepare(
                    "INSERT INTO chunks (document_number, idx, start_byte, end_byte, token_count, content) \
                     VALUES (?1, ?2, ?3, ?4, 200, ?5)",
                )
                .unwrap();
            let mut insert_embedding = tx
                .prepare("INSERT INTO embeddings (chunk_number, model, dims, vector) VALUES (?1, ?2, ?3, ?4)")
                .unwrap();
            for Document { id, filename, texts, vectors } in documents {
                insert_document.execute(params![id, chat, filename, MODEL]).unwrap();
                let document = tx.last_insert_rowid();
                insert_text.execute(params![document, texts.concat()]).unwrap();
                let mut start = 0;
                for (idx, (text, vector)) in texts.iter().zip(vectors).enumerate() {
                    let end = start + text.len();
                    insert_chunk
                        .execute(params![document, idx as i64, start as i64, end as i64, text])
                        .unwrap();
                    start = end;
                    insert_embedding
                        .execute(params![tx.last_insert_rowid(), MODEL, DIMS as i64, vector])
                        .unwrap();
                }
            }
        }
        tx.commit().unwrap();
    }

    fn settle(_: &Path) {}
}
