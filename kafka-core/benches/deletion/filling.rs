//! Long chats and long documents, as they would lie there.

use std::{fmt::Write as _, path::Path};

use kafka_core::{ChatId, UserId};
use rusqlite::{Connection, params};
use uuid::Uuid;

pub(crate) const TEXT: &str = "Someone must have been telling lies about Josef K., for without having done anything \
    wrong he was arrested one fine morning.";
const MESSAGES: usize = 100_000;
/// Bytes of a document's text, and passages of it.
const TEXT_BYTES: usize = 4 << 20;
const PASSAGES: usize = 4096;
/// Passages that the text of a part has, about as many as are stored at once.
const PART: usize = 256;
/// Numbers of a vector.
const DIMS: usize = 384;

/// Each message below the one before, as they come; every second one is an answer unless an account wrote all of them.
pub(crate) fn messages(path: &Path, chat: ChatId, account: Option<UserId>) {
    let mut connection = Connection::open(path).unwrap();
    let tx = connection.transaction().unwrap();
    {
        let mut message = tx
            .prepare(
                "INSERT INTO messages (id, chat_number, seq, parent_id, role, content, user_id, created_at, updated_at) \
                 VALUES (?1, (SELECT number FROM chats WHERE id = ?2), ?3, ?4, ?5, ?6, ?7, 0, 0)",
            )
            .unwrap();
        let mut response = tx
            .prepare(
                "INSERT INTO responses (id, message_id, chat_id, model_used, provider, status, created_at, updated_at) \
                 VALUES (?1, ?1, ?2, 'm', 'p', 'completed', 0, 0)",
            )
            .unwrap();
        let mut events = tx
            .prepare(
                "INSERT INTO response_events (response_id, seq, kind, data) VALUES (?1, 1, 'packed', ?2)",
            )
            .unwrap();
        let (chat, mut last) = (chat.to_string(), None);
        let account = account.map(|account| account.to_string());
        for number in 0..MESSAGES {
            let id = Uuid::now_v7().to_string();
            let is_answer = account.is_none() && number % 2 == 1;
            let role = if is_answer { "assistant" } else { "user" };
            message.execute(params![id, chat, number as i64 + 1, last, role, TEXT, account]).unwrap();
            if is_answer {
                response.execute(params![id, chat]).unwrap();
                events.execute(params![id, TEXT]).unwrap();
            }
            last = Some(id);
        }
        let sql = "UPDATE chats SET active_leaf_id = ?2, last_seq = ?3, message_count = ?3 WHERE id = ?1";
        tx.execute(sql, params![chat, last, MESSAGES as i64]).unwrap();
    }
    tx.commit().unwrap();
}

/// So many documents with passages of 1 kB and their vectors.
pub(crate) fn documents(path: &Path, chat: ChatId, count: usize) {
    let mut connection = Connection::open(path).unwrap();
    let tx = connection.transaction().unwrap();
    {
        let mut document = tx
            .prepare(
                "INSERT INTO documents (id, chat_id, filename, processing_status, embedding_model, chunk_count, \
                 created_at, updated_at) VALUES (?1, ?2, 'law.txt', 'completed', 'm', ?3, ?4, 0)",
            )
            .unwrap();
        let mut part = tx
            .prepare("INSERT INTO document_texts (document_number, start_byte, content) VALUES (?1, ?2, ?3)")
            .unwrap();
        let mut chunk = tx
            .prepare(
                "INSERT INTO chunks (document_number, idx, start_byte, end_byte, token_count, content) \
                 VALUES (?1, ?2, ?3, ?4, 256, ?5)",
            )
            .unwrap();
        let mut embedding = tx
            .prepare("INSERT INTO embeddings (chunk_number, model, dims, vector) VALUES (?1, 'm', ?2, ?3)")
            .unwrap();
        let mut text = String::with_capacity(TEXT_BYTES + 64);
        let mut number = 1_u32;
        while text.len() < TEXT_BYTES {
            // Words that look thrown: some thousands of them, common and rare ones.
            number = number.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            let _ = write!(text, "w{} ", (number >> 16) % 7 * (number >> 20) % 6000);
        }
        let bytes = TEXT_BYTES / PASSAGES;
        for at in 0..count {
            let id = Uuid::now_v7().to_string();
            let values = params![id, chat.to_string(), PASSAGES as i64, at as i64];
            document.execute(values).unwrap();
            let document = tx.last_insert_rowid();
            let of_part = PART * bytes;
            for from in (0..PASSAGES * bytes).step_by(of_part) {
                part.execute(params![document, from as i64, &text[from..from + of_part]]).unwrap();
            }
            for passage in 0..PASSAGES {
                let (from, to) = (passage * bytes, (passage + 1) * bytes);
                chunk
                    .execute(params![document, passage as i64, from as i64, to as i64, &text[from..to]])
                    .unwrap();
                let vector = vec![passage as u8; DIMS * 4];
                embedding.execute(params![tx.last_insert_rowid(), DIMS as i64, vector]).unwrap();
            }
        }
    }
    tx.commit().unwrap();
}
