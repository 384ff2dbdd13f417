//! The tables whose names begin with `search_`: an index of words, derived from chats, messages and documents, and how far it has
//! come. What may be derived again is no data: it is left out where data is moved or compared.

use serde::Serialize;

use super::{
    params,
    search_terms::{
        document, label_of_chat, label_of_model, label_of_role, label_of_shelf, label_of_workspace,
        labels_of_owner, labels_of_time,
    },
};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        page::{Room, Stretch},
    },
    storage::{
        Conn, Row, Tx,
        sql::{Statement, statements},
    },
};

const MESSAGE: &str = "SELECT m.number, c.number, c.user_id, c.workspace_id, m.role, m.model, m.created_at, m.content \
     FROM messages m JOIN chats c ON c.number = m.chat_number WHERE ";
const CHAT: &str =
    "SELECT c.number, c.user_id, c.workspace_id, c.created_at, c.title, c.description FROM chats c WHERE ";
const CHUNK: &str = "SELECT k.number, c.number, c.user_id, c.workspace_id, d.workspace_id, d.created_at, k.heading, k.content FROM chunks k \
     JOIN documents d ON d.number = k.document_number LEFT JOIN chats c ON c.id = d.chat_id WHERE ";

/// What a batch puts in, on PostgreSQL.
const ENTRIES: &str = "SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS tsvector) \
     FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON))";
/// What it takes out, there.
const NUMBERS: &str =
    "(SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)))";

statements! {
    STATE = ["SELECT s.generation, s.messages_upto, s.chats_upto, s.chunks_upto FROM search_state s WHERE s.number = 1"];
    IS_BEHIND = ["SELECT 1 FROM search_state s WHERE s.number = 1 AND (EXISTS (SELECT 1 FROM search_changes) \
        OR EXISTS (SELECT 1 FROM messages m WHERE m.number > s.messages_upto) \
        OR EXISTS (SELECT 1 FROM chats c WHERE c.number > s.chats_upto) \
        OR EXISTS (SELECT 1 FROM chunks k WHERE k.number > s.chunks_upto))"];
    HAS_DOCUMENT = ["SELECT 1 FROM search_state s WHERE s.number = 1 \
        AND NOT EXISTS (SELECT 1 FROM chunks k WHERE k.document_number = $1 AND k.number > s.chunks_upto) \
        AND NOT EXISTS (SELECT 1 FROM search_changes n JOIN chunks k ON k.number = n.chunk_number WHERE k.document_number = $1)"];
    BEHIND = ["SELECT (SELECT COUNT(*) FROM search_changes) \
        + (SELECT COUNT(*) FROM messages m WHERE m.number > s.messages_upto) \
        + (SELECT COUNT(*) FROM chats c WHERE c.number > s.chats_upto) \
        + (SELECT COUNT(*) FROM chunks k WHERE k.number > s.chunks_upto) FROM search_state s WHERE s.number = 1"];
    CHANGES = ["SELECT s.number, s.message_number, s.chat_number, s.chunk_number FROM search_changes s ORDER BY s.number LIMIT $1"];
    NEW_MESSAGES = [MESSAGE, "m.number > $1 ORDER BY m.number LIMIT $2"];
    MESSAGE_NUMBERED = [MESSAGE, "m.number = $1"];
    NEW_CHATS = [CHAT, "c.number > $1 ORDER BY c.number LIMIT $2"];
    CHAT_NUMBERED = [CHAT, "c.number = $1"];
    NEW_CHUNKS = [CHUNK, "k.number > $1 ORDER BY k.number LIMIT $2"];
    CHUNK_NUMBERED = [CHUNK, "k.number = $1"];

    ADVANCE = ["UPDATE search_state SET generation = generation + 1, messages_upto = $2, chats_upto = $3, \
        chunks_upto = $4 WHERE number = 1 AND generation = $1"];
    FORGET_CHANGES = ["DELETE FROM search_changes WHERE number <= $1"];
    /// A batch is one statement, since on PostgreSQL each one is a way there and back.
    ADD_MESSAGES = ["INSERT INTO search_messages (rowid, words) SELECT value ->> 0, value ->> 1 FROM json_each($1)"]
        or ["INSERT INTO search_messages (number, words) ", ENTRIES];
    ADD_CHATS = ["INSERT INTO search_chats (rowid, words) SELECT value ->> 0, value ->> 1 FROM json_each($1)"]
        or ["INSERT INTO search_chats (number, words) ", ENTRIES];
    ADD_CHUNKS = ["INSERT INTO search_chunks (rowid, words) SELECT value ->> 0, value ->> 1 FROM json_each($1)"]
        or ["INSERT INTO search_chunks (number, words) ", ENTRIES];
    REMOVE_MESSAGES = ["DELETE FROM search_messages WHERE rowid IN (SELECT value FROM json_each($1))"]
        or ["DELETE FROM search_messages WHERE number IN ", NUMBERS];
    REMOVE_CHATS = ["DELETE FROM search_chats WHERE rowid IN (SELECT value FROM json_each($1))"]
        or ["DELETE FROM search_chats WHERE number IN ", NUMBERS];
    REMOVE_CHUNKS = ["DELETE FROM search_chunks WHERE rowid IN (SELECT value FROM json_each($1))"]
        or ["DELETE FROM search_chunks WHERE number IN ", NUMBERS];
    CLEAR_MESSAGES = ["INSERT INTO search_messages (search_messages) VALUES ('delete-all')"]
        or ["DELETE FROM search_messages"];
    CLEAR_CHATS = ["INSERT INTO search_chats (search_chats) VALUES ('delete-all')"] or ["DELETE FROM search_chats"];
    CLEAR_CHUNKS = ["INSERT INTO search_chunks (search_chunks) VALUES ('delete-all')"] or ["DELETE FROM search_chunks"];
    MERGE_CHUNKS = ["INSERT INTO search_chunks (search_chunks, rank) VALUES ('merge', $1)"] or ["SELECT CAST($1 AS BIGINT)"];
    BEGIN_ANEW = ["UPDATE search_state SET generation = generation + 1, messages_upto = 0, chats_upto = 0, chunks_upto = 0"];
    FORGET_ALL_CHANGES = ["DELETE FROM search_changes"];
}

/// What is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Messages,
    Chats,
    Chunks,
}

impl Table {
    /// What is counted for each table is in this order.
    pub(crate) const ALL: [Table; 3] = [Table::Messages, Table::Chats, Table::Chunks];

    pub(crate) fn place(self) -> usize {
        self as usize
    }
}

/// A number for each table, in the order of [`Table::ALL`].
pub(crate) type Marks = [i64; 3];

/// How far the index has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Counts the changes of the index, so that two who work on it notice each other.
    pub(crate) generation: i64,
    /// Rows up to these numbers are in it.
    pub(crate) upto: Marks,
}

pub(crate) fn state(conn: &Conn<'_>) -> Result<State> {
    let found = conn.first(&STATE, params![], |row| {
        Ok(State { generation: row.next()?, upto: [row.next()?, row.next()?, row.next()?] })
    })?;
    // Without its row nothing can be noted; a rebuild does not help, a restored backup does.
    Ok(found.unwrap_or(State { generation: -1, upto: [i64::MAX; 3] }))
}

/// Whether anything waits to be indexed.
pub(crate) fn is_behind(conn: &Conn<'_>) -> Result<bool> {
    Ok(conn.first(&IS_BEHIND, params![], |_| Ok(()))?.is_some())
}

/// How much waits to be indexed.
pub(crate) fn behind(conn: &Conn<'_>) -> Result<u64> {
    Ok(conn.first(&BEHIND, params![], |row| row.next())?.unwrap_or(0))
}

/// Whether all passages of a document are in the index.
pub(crate) fn has_document(conn: &Conn<'_>, document: i64) -> Result<bool> {
    Ok(conn.first(&HAS_DOCUMENT, params![document], |_| Ok(()))?.is_some())
}

/// A row that changed or went after it was indexed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Of the note.
    pub(crate) number: i64,
    /// The row, if this release knows its table.
    pub(crate) row: Option<(Table, i64)>,
}

/// The oldest notes.
pub(crate) fn changes(conn: &Conn<'_>, most: u32) -> Result<Vec<Change>> {
    conn.all(&CHANGES, params![most], |row| {
        let number = row.next()?;
        let mut changed = None;
        for table in Table::ALL {
            changed = row.next::<Option<i64>>()?.map(|number| (table, number)).or(changed);
        }
        Ok(Change { number, row: changed })
    })
}

/// What the index is to hold of a row.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) number: i64,
    /// None when the row holds no words.
    pub(crate) words: Option<String>,
}

/// Rows of a table behind a number, oldest first.
pub(crate) fn new_rows(conn: &Conn<'_>, table: Table, behind: i64, room: Room) -> Result<Stretch<Entry>> {
    let (statement, read) = match table {
        Table::Messages => (&NEW_MESSAGES, read_message as Read),
        Table::Chats => (&NEW_CHATS, read_chat as Read),
        Table::Chunks => (&NEW_CHUNKS, read_chunk as Read),
    };
    let is_postgres = conn.is_postgres();
    conn.stretch(statement, params![behind, room.and_one()], room, |row| read(row, is_postgres))
}

/// One row, if it is there.
pub(crate) fn row(conn: &Conn<'_>, table: Table, number: i64) -> Result<Option<Entry>> {
    let (statement, read) = match table {
        Table::Messages => (&MESSAGE_NUMBERED, read_message as Read),
        Table::Chats => (&CHAT_NUMBERED, read_chat as Read),
        Table::Chunks => (&CHUNK_NUMBERED, read_chunk as Read),
    };
    let is_postgres = conn.is_postgres();
    conn.first(statement, params![number], |row| read(row, is_postgres))
}

type Read = fn(&mut Row<'_>, bool) -> Result<Entry>;

fn read_message(row: &mut Row<'_>, is_postgres: bool) -> Result<Entry> {
    let number = row.next()?;
    let mut labels = vec![label_of_chat(row.next()?)];
    labels.extend(labels_of_owner(row.next()?, row.next()?));
    labels.push(label_of_role(row.next()?));
    labels.extend(row.next::<Option<String>>()?.as_deref().map(label_of_model));
    labels.extend(labels_of_time(row.next()?));
    // Empty while an answer is being written.
    let content = row.next_text()?;
    Ok(Entry { number, words: document(content, &labels, is_postgres) })
}

fn read_chat(row: &mut Row<'_>, is_postgres: bool) -> Result<Entry> {
    let number = row.next()?;
    let mut labels = vec![label_of_chat(number)];
    labels.extend(labels_of_owner(row.next()?, row.next()?));
    labels.extend(labels_of_time(row.next()?));
    let text = text_of_chat(row.next()?, row.next()?);
    Ok(Entry { number, words: document(&text, &labels, is_postgres) })
}

fn read_chunk(row: &mut Row<'_>, is_postgres: bool) -> Result<Entry> {
    let number = row.next()?;
    let chat: Option<i64> = row.next()?;
    let mut labels: Vec<String> = chat.map(label_of_chat).into_iter().collect();
    let (user, workspace) = (row.next()?, row.next()?);
    match row.next()? {
        Some(shelf) => labels.extend([label_of_workspace(shelf), label_of_shelf(shelf), "=n".to_owned()]),
        None => labels.extend(labels_of_owner(user, workspace)),
    }
    labels.extend(labels_of_time(row.next()?));
    // What it stands under says what it is about, too.
    let text =
        row.next::<Option<String>>()?.map(|heading| heading + "\n").unwrap_or_default() + row.next_text()?;
    Ok(Entry { number, words: document(&text, &labels, is_postgres) })
}

/// What a chat is found by.
pub(super) fn text_of_chat(title: Option<String>, description: Option<String>) -> String {
    let mut text = title.unwrap_or_default();
    if let Some(description) = description {
        text.push('\n');
        text.push_str(&description);
    }
    text
}

/// Notes how far the index comes with this transaction. False when another one changed it meanwhile.
pub(crate) fn advance(tx: &Tx<'_>, before: State, upto: Marks) -> Result<bool> {
    let [messages, chats, chunks] = upto;
    Ok(tx.execute(&ADVANCE, params![before.generation, messages, chats, chunks])? > 0)
}

/// Takes back the notes up to one.
pub(crate) fn forget_changes(tx: &Tx<'_>, upto: i64) -> Result<()> {
    tx.execute(&FORGET_CHANGES, params![upto])?;
    Ok(())
}

/// Puts entries into the index, which has none of their numbers.
pub(crate) fn add<'a>(tx: &Tx<'_>, table: Table, entries: impl Iterator<Item = &'a Entry>) -> Result<()> {
    let statement = match table {
        Table::Messages => &ADD_MESSAGES,
        Table::Chats => &ADD_CHATS,
        Table::Chunks => &ADD_CHUNKS,
    };
    let entries = entries.filter_map(|entry| Some((entry.number, entry.words.as_deref()?)));
    run_batch(tx, statement, &entries.collect::<Vec<_>>())
}

/// Merges some pages of what batches have left in the index. On PostgreSQL there is nothing to merge.
pub(crate) fn merge_chunks(tx: &Tx<'_>, pages: usize) -> Result<()> {
    if !tx.is_postgres() {
        tx.execute(&MERGE_CHUNKS, params![pages as i64])?;
    }
    Ok(())
}

/// Takes what the index holds of these numbers out of it.
pub(crate) fn remove(tx: &Tx<'_>, table: Table, numbers: impl Iterator<Item = i64>) -> Result<()> {
    let statement = match table {
        Table::Messages => &REMOVE_MESSAGES,
        Table::Chats => &REMOVE_CHATS,
        Table::Chunks => &REMOVE_CHUNKS,
    };
    run_batch(tx, statement, &numbers.collect::<Vec<_>>())
}

/// Hands a batch over as JSON, which both engines read.
fn run_batch(tx: &Tx<'_>, statement: &'static Statement, batch: &[impl Serialize]) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let batch = serde_json::to_string(batch).map_err(|fault| {
        Error::new(
            ErrorKind::Internal,
            "index_unwritable",
            "A batch of the index of words cannot be written.",
        )
        .with_source(fault)
    })?;
    tx.execute(statement, params![&batch])?;
    Ok(())
}

/// Empties the index, so that it is made anew.
pub(crate) fn begin_anew(tx: &Tx<'_>) -> Result<()> {
    for statement in [&CLEAR_MESSAGES, &CLEAR_CHATS, &CLEAR_CHUNKS, &BEGIN_ANEW, &FORGET_ALL_CHANGES] {
        tx.execute(statement, params![])?;
    }
    Ok(())
}
