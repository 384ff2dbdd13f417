//! The table `chat_files`.

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatFileId, ChatId, FileId, WorkspaceId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::{chat_file::ChatFile, file::File},
    storage::{Conn, Row, Tx, sql::statements},
};

const COLUMNS: &str = "cf.id, cf.chat_id, cf.file_id, cf.filename, cf.path, cf.kind, \
     (SELECT MAX(v.version) FROM chat_file_versions v WHERE v.chat_file_id = cf.id), cf.created_at";
const FROM: &str = " FROM chat_files cf JOIN chats c ON c.id = cf.chat_id WHERE ";

fn read(row: &mut Row<'_>) -> Result<ChatFile> {
    Ok(ChatFile {
        id: row.next()?,
        chat_id: row.next()?,
        file_id: row.next()?,
        filename: row.next()?,
        path: row.next()?,
        kind: row.next()?,
        latest_version: row.next()?,
        created_at: row.next()?,
    })
}

statements! {
    INSERT = ["INSERT INTO chat_files (id, chat_id, file_id, filename, path, kind, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)"];
    GET = ["SELECT ", COLUMNS, FROM, "cf.id = $3 AND ", scope::CHAT_READ];
    GET_FOR_WRITING = ["SELECT ", COLUMNS, FROM, "cf.id = $3 AND ", scope::CHAT_WRITE];
    OF_FILE = ["SELECT ", COLUMNS, " FROM chat_files cf WHERE cf.chat_id = $1 AND cf.file_id = $2"];
    NAMED = ["SELECT ", COLUMNS, " FROM chat_files cf WHERE cf.chat_id = $1 AND cf.filename = $2 AND cf.kind <> 'upload'"];
    LIST = ["SELECT ", COLUMNS, FROM, "cf.chat_id = $3 AND (cf.created_at, cf.id) > ($4, $5) AND ", scope::CHAT_READ,
        " ORDER BY cf.created_at, cf.id LIMIT $6"];
    LIST_BACK = ["SELECT ", COLUMNS, FROM, "cf.chat_id = $3 AND (cf.created_at, cf.id) < ($4, $5) AND ", scope::CHAT_READ,
        " ORDER BY cf.created_at DESC, cf.id DESC LIMIT $6"];
    LIST_NUMBERED = ["SELECT ", COLUMNS, FROM, "cf.chat_id = $3 AND ", scope::CHAT_READ,
        " ORDER BY cf.created_at, cf.id LIMIT $4 OFFSET $5"];
    COUNT = ["SELECT COUNT(*)", FROM, "cf.chat_id = $3 AND ", scope::CHAT_READ];
    CONTENTS = ["SELECT ", COLUMNS, ", f.sha256, f.size_bytes, f.source_url FROM chat_files cf LEFT JOIN files f ON f.id = cf.file_id \
        WHERE cf.chat_id = $1 ORDER BY cf.created_at, cf.id"];
    HOW_MANY = ["SELECT COUNT(*) FROM chat_files WHERE chat_id = $1"];
    CHATS_OF_FILE = ["SELECT cf.chat_id, cf.id FROM chat_files cf WHERE cf.file_id = $1"];
    RENAME_OF_FILE = ["UPDATE chat_files SET filename = $2, path = $3, updated_at = $4 WHERE file_id = $1 AND kind = 'upload'"];
    TAKE_OVER = ["UPDATE chat_files SET file_id = $2, filename = $3, path = $4, updated_at = $5 WHERE file_id = $1 \
        AND kind = 'upload' AND chat_id IN (SELECT c.id FROM chats c WHERE c.id = $6 OR c.workspace_id = $7)"];
    DELETE = ["DELETE FROM chat_files WHERE id = $1"];
    DELETE_OF_CHAT = ["DELETE FROM chat_files WHERE chat_id = $1"];
}

/// Stores a file of a chat that may be written to.
pub(crate) fn insert(tx: &Tx<'_>, file: &ChatFile) -> Result<()> {
    let values =
        params![file.id, file.chat_id, file.file_id, &file.filename, &file.path, file.kind, file.created_at];
    tx.execute(&INSERT, values).map(drop)
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: ChatFileId) -> Result<Option<ChatFile>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// As [`find`], but only what the scope may change.
pub(crate) fn find_for_writing(conn: &Conn<'_>, scope: Scope, id: ChatFileId) -> Result<Option<ChatFile>> {
    conn.first(&GET_FOR_WRITING, scoped![scope, id], read)
}

/// What a chat that was admitted has of a file.
pub(crate) fn of_file(conn: &Conn<'_>, chat: ChatId, file: FileId) -> Result<Option<ChatFile>> {
    conn.first(&OF_FILE, params![chat, file], read)
}

/// The one with versions that has this name in a chat that was admitted.
pub(crate) fn named(conn: &Conn<'_>, chat: ChatId, filename: &str) -> Result<Option<ChatFile>> {
    conn.first(&NAMED, params![chat, filename], read)
}

/// Those of a chat after the key, oldest first.
pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    after: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<ChatFile>> {
    conn.stretch(&LIST, scoped![scope, chat, after.0, after.1, room.and_one()], room, read)
}

/// Those before the key, newest first.
pub(crate) fn list_back(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    before: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<ChatFile>> {
    conn.stretch(&LIST_BACK, scoped![scope, chat, before.0, before.1, room.and_one()], room, read)
}

pub(crate) fn list_numbered(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    room: Room,
    offset: i64,
) -> Result<Stretch<ChatFile>> {
    conn.stretch(&LIST_NUMBERED, scoped![scope, chat, room.and_one(), offset], room, read)
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope, chat: ChatId) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope, chat], |row| row.next())?.unwrap_or(0))
}

/// A file of a chat, and where the bytes lie that it is.
pub(crate) struct Located {
    pub(crate) file: ChatFile,
    /// The hash and the length.
    pub(crate) bytes: Option<(String, u64)>,
    /// Where the client says it has them from.
    pub(crate) source_url: Option<String>,
}

/// All files of a chat that was admitted, oldest first.
pub(crate) fn located(conn: &Conn<'_>, chat: ChatId) -> Result<Vec<Located>> {
    conn.all(&CONTENTS, params![chat], |row| {
        let file = read(row)?;
        let (sha256, size) = (row.next::<Option<String>>()?, row.next::<Option<u64>>()?);
        Ok(Located { file, bytes: sha256.zip(size), source_url: row.next()? })
    })
}

/// How many files a chat that was admitted has.
pub(crate) fn how_many(conn: &Conn<'_>, chat: ChatId) -> Result<u64> {
    Ok(conn.first(&HOW_MANY, params![chat], |row| row.next())?.unwrap_or(0))
}

/// Where a file stands.
pub(crate) fn chats_of_file(conn: &Conn<'_>, file: FileId) -> Result<Vec<(ChatId, ChatFileId)>> {
    conn.all(&CHATS_OF_FILE, params![file], |row| Ok((row.next()?, row.next()?)))
}

/// Gives a file its new name in every chat that has it as it is.
pub(crate) fn rename_of_file(
    tx: &Tx<'_>,
    file: FileId,
    filename: &str,
    path: &str,
    now: Timestamp,
) -> Result<()> {
    tx.execute(&RENAME_OF_FILE, params![file, filename, path, now]).map(drop)
}

/// Puts another file in the place of one: in this chat, or in those of this workspace.
pub(crate) fn take_over(
    tx: &Tx<'_>,
    was: FileId,
    file: &File,
    place: (Option<ChatId>, Option<WorkspaceId>),
) -> Result<()> {
    let values = params![was, file.id, &file.filename, &file.path, file.created_at, place.0, place.1];
    tx.execute(&TAKE_OVER, values).map(drop)
}

/// Deletes one that was admitted.
pub(crate) fn delete(tx: &Tx<'_>, id: ChatFileId) -> Result<()> {
    tx.execute(&DELETE, params![id]).map(drop)
}

pub(crate) fn delete_of_chat(tx: &Tx<'_>, chat: ChatId) -> Result<()> {
    tx.execute(&DELETE_OF_CHAT, params![chat]).map(drop)
}
