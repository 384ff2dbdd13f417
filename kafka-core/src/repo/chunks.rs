//! The table `chunks`: the passages of documents, and finding those that a chat may be answered from.

use serde_json::Value as Json;

use super::{
    chats, params, scope,
    search_terms::{any_label, any_part, label_of_chat, label_of_shelf},
};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, DocumentId, FileId, WorkspaceId},
        page::{Room, Stretch},
    },
    storage::{Conn, Row, Tx, Value, sql::statements},
    text::{chunk::Chunk, search::query::Query},
};

const COLUMNS: &str = "SELECT k.number, d.id, d.filename, k.idx, k.start_byte, k.end_byte, k.token_count, k.heading, k.content ";
/// SQLite keeps the order of `CROSS JOIN`: the index comes first. What it may find is asked once, and texts are read of the
/// best alone.
const BEST: &str = "FROM (SELECT s.rowid AS number, s.rank AS score FROM search_chunks s \
     CROSS JOIN chunks k ON k.number = s.rowid WHERE s.words MATCH $5 || ' AND ' || $6 AND k.document_number IN (";
/// PostgreSQL has all ranks before it gives the first, whatever it joins: it joins the best alone, as far as they are admitted.
const BEST_POSTGRES: &str = "FROM (SELECT s.number, -ts_rank(s.words, CAST(CAST($5 AS TEXT) AS tsquery)) AS score \
     FROM search_chunks s WHERE s.words @@ CAST(CAST($5 AS TEXT) AS tsquery) AND s.words @@ CAST(CAST($6 AS TEXT) AS tsquery) \
     ORDER BY 2, 1 DESC) s JOIN chunks k ON k.number = s.number";
const ADMITTED: &str = "SELECT d.number FROM documents d LEFT JOIN chats c ON c.id = d.chat_id WHERE ";
const OF_BEST: &str = ") ORDER BY 2 LIMIT $7) s CROSS JOIN chunks k ON k.number = s.number \
     CROSS JOIN documents d ON d.number = k.document_number ORDER BY s.score, s.number DESC";
const OF_BEST_POSTGRES: &str = " ORDER BY s.score, s.number DESC LIMIT $7";
const OF_PASSAGES: &str =
    " JOIN documents d ON d.number = k.document_number LEFT JOIN chats c ON c.id = d.chat_id WHERE ";
/// Of the chat `$3` and its workspace `$4`.
const FOR_CHAT: &str = "(d.chat_id = $3 OR d.workspace_id = $4) AND d.processing_status = 'completed' AND ";

statements! {
    INSERT = ["INSERT INTO chunks (document_number, idx, start_byte, end_byte, token_count, heading, content) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)"]
        or ["INSERT INTO chunks (document_number, idx, start_byte, end_byte, token_count, heading, content) \
        SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), \
        CAST($5 AS BIGINT[]), CAST($6 AS TEXT[]), CAST($7 AS TEXT[]))"];
    CLEAR_SOME = ["DELETE FROM chunks WHERE number IN (SELECT k.number FROM chunks k WHERE k.document_number = $1 \
        ORDER BY k.number LIMIT $2)"];
    MATCHING = [COLUMNS, BEST, ADMITTED, FOR_CHAT, scope::DOCUMENT_READ, OF_BEST]
        or [COLUMNS, BEST_POSTGRES, OF_PASSAGES, FOR_CHAT, scope::DOCUMENT_READ, OF_BEST_POSTGRES];
    /// Of the numbers, a list in JSON.
    NUMBERED = [COLUMNS, "FROM json_each($5) n CROSS JOIN chunks k ON k.number = n.value", OF_PASSAGES, FOR_CHAT, scope::DOCUMENT_READ]
        or [COLUMNS, "FROM json_array_elements_text(CAST(CAST($5 AS TEXT) AS JSON)) n(value) \
        JOIN chunks k ON k.number = CAST(n.value AS BIGINT)", OF_PASSAGES, FOR_CHAT, scope::DOCUMENT_READ];
    OUTLINES = ["SELECT d.number, d.id, d.filename, d.outline FROM documents d LEFT JOIN chats c ON c.id = d.chat_id WHERE ",
        FOR_CHAT, scope::DOCUMENT_READ, " ORDER BY d.created_at DESC, d.id DESC LIMIT $5"];
    FILES = ["SELECT d.id, d.file_id, d.filename, d.tokens_used FROM documents d \
        JOIN chat_files cf ON cf.file_id = d.file_id AND cf.chat_id = $3 LEFT JOIN chats c ON c.id = d.chat_id WHERE ",
        FOR_CHAT, scope::DOCUMENT_READ, " ORDER BY d.created_at DESC, d.id DESC"];
    FIRST = [COLUMNS, "FROM chunks k JOIN documents d ON d.number = k.document_number \
        WHERE k.document_number = $1 ORDER BY k.idx LIMIT $2"];
}

/// Stores passages of a text, which stand there one after another; the first is number `first` of them.
pub(crate) fn insert(tx: &Tx<'_>, document: i64, first: usize, chunks: &[Chunk], text: &str) -> Result<()> {
    let number = |at: usize| Value::from(i64::try_from(at).unwrap_or(i64::MAX));
    let rows: Vec<[Value<'_>; 7]> = (first..)
        .zip(chunks)
        .map(|(idx, chunk)| {
            let heading = Some(chunk.heading.as_str()).filter(|heading| !heading.is_empty());
            [
                document.into(),
                number(idx),
                number(chunk.start),
                number(chunk.end),
                number(chunk.tokens),
                heading.into(),
                text.get(chunk.start..chunk.end).unwrap_or_default().into(),
            ]
        })
        .collect();
    tx.execute_each(&INSERT, &rows).map(drop)
}

/// Deletes so many passages of a document at most, and returns how many those were.
pub(crate) fn clear_some(tx: &Tx<'_>, document: i64, most: u32) -> Result<usize> {
    tx.execute(&CLEAR_SOME, params![document, most])
}

/// A passage that may answer something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) number: i64,
    pub(crate) document_id: DocumentId,
    pub(crate) filename: String,
    /// Its place among those of its document.
    pub(crate) idx: u32,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) tokens: u64,
    pub(crate) heading: Option<String>,
    pub(crate) text: String,
}

fn read(row: &mut Row<'_>) -> Result<Found> {
    Ok(Found {
        number: row.next()?,
        document_id: row.next()?,
        filename: row.next()?,
        idx: row.next()?,
        start: row.next()?,
        end: row.next()?,
        tokens: row.next()?,
        heading: row.next()?,
        text: row.next()?,
    })
}

/// The number, the id, the name and the headings of a document.
pub(crate) type Outline = (i64, DocumentId, String, Option<String>);

/// A document that is a file of the chat, too.
pub(crate) struct FileDocument {
    pub(crate) id: DocumentId,
    pub(crate) file_id: FileId,
    pub(crate) filename: String,
    pub(crate) tokens: u64,
}

/// The chat that is to be answered in, and who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    scope: Scope,
    chat: ChatId,
    chat_number: i64,
    workspace: Option<WorkspaceId>,
}

impl Asked {
    /// None where the scope does not see the chat.
    pub(crate) fn of_chat(conn: &Conn<'_>, scope: Scope, chat: ChatId) -> Result<Option<Asked>> {
        let found = chats::find(conn, scope, chat)?;
        Ok(found.map(|found| Asked { scope, chat, chat_number: found.number, workspace: found.workspace_id }))
    }

    /// The best of the passages that hold any part of a query, by the engine's own measure.
    pub(crate) fn matching(self, conn: &Conn<'_>, query: &Query, room: Room) -> Result<Stretch<Found>> {
        let mut labels = vec![label_of_chat(self.chat_number)];
        labels.extend(self.workspace.map(label_of_shelf));
        let parts = any_part(query, conn.is_postgres());
        let labels = any_label(&labels, conn.is_postgres());
        let values = [
            self.scope.user(),
            self.scope.reach(),
            self.chat.into(),
            self.workspace.into(),
            Value::from(&parts),
            Value::from(&labels),
            room.and_one().into(),
        ];
        conn.stretch(&MATCHING, &values, room, read)
    }

    /// Those of the passages of these numbers that may be answered from.
    pub(crate) fn numbered(self, conn: &Conn<'_>, numbers: &[i64]) -> Result<Vec<Found>> {
        let numbers = Json::from(numbers).to_string();
        let values = [
            self.scope.user(),
            self.scope.reach(),
            self.chat.into(),
            self.workspace.into(),
            Value::from(&numbers),
        ];
        conn.all(&NUMBERED, &values, read)
    }

    /// The documents that can be asked about and are files of the chat, too, the newest first.
    pub(crate) fn files(self, conn: &Conn<'_>) -> Result<Vec<FileDocument>> {
        let values = [self.scope.user(), self.scope.reach(), self.chat.into(), self.workspace.into()];
        conn.all(&FILES, &values, |row| {
            let (id, file_id) = (row.next()?, row.next()?);
            Ok(FileDocument { id, file_id, filename: row.next()?, tokens: row.next()? })
        })
    }

    /// The documents that can be asked about, the newest first: numbers, ids, names and headings.
    pub(crate) fn outlines(self, conn: &Conn<'_>, most: u32) -> Result<Vec<Outline>> {
        let values =
            [self.scope.user(), self.scope.reach(), self.chat.into(), self.workspace.into(), most.into()];
        conn.all(&OUTLINES, &values, |row| Ok((row.next()?, row.next()?, row.next()?, row.next()?)))
    }
}

/// The first passages of a document that was admitted.
pub(crate) fn first(conn: &Conn<'_>, document: i64, most: u32) -> Result<Vec<Found>> {
    conn.all(&FIRST, params![document, most], read)
}
