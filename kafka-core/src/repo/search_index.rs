//! The tables whose names begin with `search_`: an index of words, derived from chats and messages, and how far it has
//! come. What may be derived again is no data: it is left out where data is moved or compared.

use serde::Serialize;

use super::{
    params,
    search_terms::{document, label_of_chat, label_of_model, label_of_role, labels_of_owner, labels_of_time},
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
/// What a batch puts in, on PostgreSQL.
const ENTRIES: &str = "SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS tsvector) \
     FROM json_array_elements(CAST(CAST($1 AS TEXT) AS JSON))";
/// What it takes out, there.
const NUMBERS: &str =
    "(SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON)))";

statements! {
    STATE = ["SELECT s.generation, s.messages_upto, s.chats_upto FROM search_state s WHERE s.number = 1"];
    IS_BEHIND = ["SELECT 1 FROM search_state s WHERE s.number = 1 AND (EXISTS (SELECT 1 FROM search_changes) \
        OR EXISTS (SELECT 1 FROM messages m WHERE m.number > s.messages_upto) \
        OR EXISTS (SELECT 1 FROM chats c WHERE c.number > s.chats_upto))"];
    BEHIND = ["SELECT (SELECT COUNT(*) FROM search_changes) \
        + (SELECT COUNT(*) FROM messages m WHERE m.number > s.messages_upto) \
        + (SELECT COUNT(*) FROM chats c WHERE c.number > s.chats_upto) FROM search_state s WHERE s.number = 1"];
    CHANGES = ["SELECT s.number, s.message_number, s.chat_number FROM search_changes s ORDER BY s.number LIMIT $1"];
    NEW_MESSAGES = [MESSAGE, "m.number > $1 ORDER BY m.number LIMIT $2"];
    MESSAGE_NUMBERED = [MESSAGE, "m.number = $1"];
    NEW_CHATS = [CHAT, "c.number > $1 ORDER BY c.number LIMIT $2"];
    CHAT_NUMBERED = [CHAT, "c.number = $1"];

    ADVANCE = ["UPDATE search_state SET generation = generation + 1, messages_upto = $2, chats_upto = $3 \
        WHERE number = 1 AND generation = $1"];
    FORGET_CHANGES = ["DELETE FROM search_changes WHERE number <= $1"];
    /// A batch is one statement, since on PostgreSQL each one is a way there and back.
    ADD_MESSAGES = ["INSERT INTO search_messages (rowid, words) SELECT value ->> 0, value ->> 1 FROM json_each($1)"]
        or ["INSERT INTO search_messages (number, words) ", ENTRIES];
    ADD_CHATS = ["INSERT INTO search_chats (rowid, words) SELECT value ->> 0, value ->> 1 FROM json_each($1)"]
        or ["INSERT INTO search_chats (number, words) ", ENTRIES];
    REMOVE_MESSAGES = ["DELETE FROM search_messages WHERE rowid IN (SELECT value FROM json_each($1))"]
        or ["DELETE FROM search_messages WHERE number IN ", NUMBERS];
    REMOVE_CHATS = ["DELETE FROM search_chats WHERE rowid IN (SELECT value FROM json_each($1))"]
        or ["DELETE FROM search_chats WHERE number IN ", NUMBERS];
    CLEAR_MESSAGES = ["INSERT INTO search_messages (search_messages) VALUES ('delete-all')"]
        or ["DELETE FROM search_messages"];
    CLEAR_CHATS = ["INSERT INTO search_chats (search_chats) VALUES ('delete-all')"] or ["DELETE FROM search_chats"];
    BEGIN_ANEW = ["UPDATE search_state SET generation = generation + 1, messages_upto = 0, chats_upto = 0"];
    FORGET_ALL_CHANGES = ["DELETE FROM search_changes"];
}

/// What is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Messages,
    Chats,
}

/// How far the index has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Counts the changes of the index, so that two who work on it notice each other.
    pub(crate) generation: i64,
    pub(crate) messages_upto: i64,
    pub(crate) chats_upto: i64,
}

pub(crate) fn state(conn: &Conn<'_>) -> Result<State> {
    let found = conn.first(&STATE, params![], |row| {
        Ok(State { generation: row.next()?, messages_upto: row.next()?, chats_upto: row.next()? })
    })?;
    // Without its row nothing can be noted; a rebuild does not help, a restored backup does.
    Ok(found.unwrap_or(State { generation: -1, messages_upto: i64::MAX, chats_upto: i64::MAX }))
}

/// Whether anything waits to be indexed.
pub(crate) fn is_behind(conn: &Conn<'_>) -> Result<bool> {
    Ok(conn.first(&IS_BEHIND, params![], |_| Ok(()))?.is_some())
}

/// How much waits to be indexed.
pub(crate) fn behind(conn: &Conn<'_>) -> Result<u64> {
    Ok(conn.first(&BEHIND, params![], |row| row.next())?.unwrap_or(0))
}

/// A row that changed or went after it was indexed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Of the note.
    pub(crate) number: i64,
    pub(crate) message: Option<i64>,
    pub(crate) chat: Option<i64>,
}

/// The oldest notes.
pub(crate) fn changes(conn: &Conn<'_>, most: u32) -> Result<Vec<Change>> {
    conn.all(&CHANGES, params![most], |row| {
        Ok(Change { number: row.next()?, message: row.next()?, chat: row.next()? })
    })
}

/// What the index is to hold of a row.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) number: i64,
    /// None when the row holds no words.
    pub(crate) words: Option<String>,
}

/// Messages behind a number, oldest first.
pub(crate) fn new_messages(conn: &Conn<'_>, behind: i64, room: Room) -> Result<Stretch<Entry>> {
    let is_postgres = conn.is_postgres();
    conn.stretch(&NEW_MESSAGES, params![behind, room.and_one()], room, |row| read_message(row, is_postgres))
}

pub(crate) fn message(conn: &Conn<'_>, number: i64) -> Result<Option<Entry>> {
    let is_postgres = conn.is_postgres();
    conn.first(&MESSAGE_NUMBERED, params![number], |row| read_message(row, is_postgres))
}

/// Chats behind a number, oldest first.
pub(crate) fn new_chats(conn: &Conn<'_>, behind: i64, room: Room) -> Result<Stretch<Entry>> {
    let is_postgres = conn.is_postgres();
    conn.stretch(&NEW_CHATS, params![behind, room.and_one()], room, |row| read_chat(row, is_postgres))
}

pub(crate) fn chat(conn: &Conn<'_>, number: i64) -> Result<Option<Entry>> {
    let is_postgres = conn.is_postgres();
    conn.first(&CHAT_NUMBERED, params![number], |row| read_chat(row, is_postgres))
}

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
pub(crate) fn advance(tx: &Tx<'_>, before: State, messages_upto: i64, chats_upto: i64) -> Result<bool> {
    Ok(tx.execute(&ADVANCE, params![before.generation, messages_upto, chats_upto])? > 0)
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
    };
    let entries = entries.filter_map(|entry| Some((entry.number, entry.words.as_deref()?)));
    run_batch(tx, statement, &entries.collect::<Vec<_>>())
}

/// Takes what the index holds of these numbers out of it.
pub(crate) fn remove(tx: &Tx<'_>, table: Table, numbers: impl Iterator<Item = i64>) -> Result<()> {
    let statement = match table {
        Table::Messages => &REMOVE_MESSAGES,
        Table::Chats => &REMOVE_CHATS,
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
    for statement in [&CLEAR_MESSAGES, &CLEAR_CHATS, &BEGIN_ANEW, &FORGET_ALL_CHANGES] {
        tx.execute(statement, params![])?;
    }
    Ok(())
}
