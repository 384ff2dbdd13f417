//! The table `chat_file_versions`. Its statements follow a read that has admitted the chat's file.

use super::params;
use crate::{
    base::{
        error::Result,
        id::{ChatFileId, ChatId, MessageId, VersionId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    storage::{Conn, Row, Tx, sql::statements},
};

const COLUMNS: &str = "v.id, v.chat_file_id, v.version, v.timestamp, v.content";

/// A version as it is stored; what it differs from the newest by is not.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: VersionId,
    pub(crate) chat_file_id: ChatFileId,
    pub(crate) number: u64,
    pub(crate) timestamp: Timestamp,
    pub(crate) content: String,
}

fn read(row: &mut Row<'_>) -> Result<Stored> {
    Ok(Stored {
        id: row.next()?,
        chat_file_id: row.next()?,
        number: row.next()?,
        timestamp: row.next()?,
        content: row.next()?,
    })
}

statements! {
    INSERT = ["INSERT INTO chat_file_versions (id, chat_file_id, version, timestamp, content, content_sha256, message_id, \
        created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $4, $4)"];
    NEWEST = ["SELECT ", COLUMNS, " FROM chat_file_versions v WHERE v.chat_file_id = $1 ORDER BY v.version DESC LIMIT 1"];
    NUMBERED = ["SELECT ", COLUMNS, " FROM chat_file_versions v WHERE v.chat_file_id = $1 AND v.version = $2"];
    AFTER = ["SELECT ", COLUMNS, " FROM chat_file_versions v WHERE v.chat_file_id = $1 AND v.version > $2 \
        ORDER BY v.version LIMIT $3"];
    BEFORE = ["SELECT ", COLUMNS, " FROM chat_file_versions v WHERE v.chat_file_id = $1 AND v.version < $2 \
        ORDER BY v.version DESC LIMIT $3"];
    OF_CHAT = ["WITH told AS (SELECT v.id, SUM(LENGTH(v.content)) OVER (ORDER BY CASE WHEN v.version = \
        (SELECT MAX(newest.version) FROM chat_file_versions newest WHERE newest.chat_file_id = cf.id) THEN 0 ELSE 1 END, \
        v.timestamp DESC, v.id DESC) AS characters \
        FROM chat_files cf JOIN chat_file_versions v ON v.chat_file_id = cf.id WHERE cf.chat_id = $1) \
        SELECT v.id, v.chat_file_id, v.version, v.timestamp, CASE WHEN told.characters <= $2 THEN v.content END \
        FROM told JOIN chat_file_versions v ON v.id = told.id JOIN chat_files cf ON cf.id = v.chat_file_id \
        ORDER BY cf.created_at, cf.id, v.version"];
    CHANGED_LAST = ["SELECT ", COLUMNS, " FROM chat_file_versions v WHERE v.id = (SELECT last.id FROM chat_files cf \
        JOIN chat_file_versions last ON last.chat_file_id = cf.id WHERE cf.chat_id = $1 \
        ORDER BY last.timestamp DESC, last.id DESC LIMIT 1)"];
    NEWEST_TEXT = ["SELECT CASE WHEN LENGTH(v.content) <= $2 THEN v.content END FROM chat_file_versions v \
        WHERE v.chat_file_id = $1 ORDER BY v.version DESC LIMIT 1"];
    FILE_OF = ["SELECT v.chat_file_id, v.version FROM chat_file_versions v WHERE v.id = $1"];
}

/// Stores a version whose text has this hash.
pub(crate) fn insert(tx: &Tx<'_>, version: &Stored, sha256: &str, message: Option<MessageId>) -> Result<()> {
    let Stored { id, chat_file_id, number, timestamp, content } = version;
    let number = i64::try_from(*number).unwrap_or(i64::MAX);
    tx.execute(&INSERT, params![*id, *chat_file_id, number, *timestamp, content, sha256, message]).map(drop)
}

pub(crate) fn newest(conn: &Conn<'_>, file: ChatFileId) -> Result<Option<Stored>> {
    conn.first(&NEWEST, params![file], read)
}

pub(crate) fn numbered(conn: &Conn<'_>, file: ChatFileId, number: i64) -> Result<Option<Stored>> {
    conn.first(&NUMBERED, params![file, number], read)
}

/// Those after a number, oldest first.
pub(crate) fn after(conn: &Conn<'_>, file: ChatFileId, number: i64, room: Room) -> Result<Stretch<Stored>> {
    conn.stretch(&AFTER, params![file, number, room.and_one()], room, read)
}

/// Those before a number, newest first.
pub(crate) fn before(conn: &Conn<'_>, file: ChatFileId, number: i64, room: Room) -> Result<Stretch<Stored>> {
    conn.stretch(&BEFORE, params![file, number, room.and_one()], room, read)
}

/// All versions of all files of a chat that was admitted, in the order of the files, and whether each has its text:
/// the newest of each file come first, then the others from the youngest on, until so many characters are read.
pub(crate) fn of_chat(conn: &Conn<'_>, chat: ChatId, most: i64) -> Result<Vec<(Stored, bool)>> {
    conn.all(&OF_CHAT, params![chat, most], |row| {
        let (id, chat_file_id, number, timestamp) = (row.next()?, row.next()?, row.next()?, row.next()?);
        let content: Option<String> = row.next()?;
        let has_text = content.is_some();
        Ok((Stored { id, chat_file_id, number, timestamp, content: content.unwrap_or_default() }, has_text))
    })
}

/// The version that came last to a chat that was admitted.
pub(crate) fn changed_last(conn: &Conn<'_>, chat: ChatId) -> Result<Option<Stored>> {
    conn.first(&CHANGED_LAST, params![chat], read)
}

/// The text of the newest version of a file, if it has no more characters than `most`.
pub(crate) fn newest_text(conn: &Conn<'_>, file: ChatFileId, most: u64) -> Result<Option<String>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(conn.first(&NEWEST_TEXT, params![file, most], |row| row.next())?.flatten())
}

/// The file that a version is of, and its number.
pub(crate) fn file_of(conn: &Conn<'_>, id: VersionId) -> Result<Option<(ChatFileId, u64)>> {
    conn.first(&FILE_OF, params![id], |row| Ok((row.next()?, row.next()?)))
}
