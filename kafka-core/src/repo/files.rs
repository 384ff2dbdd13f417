//! The table `files`.

use super::{deleted_documents::THERE, params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, FileId, UserId, WorkspaceId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::file::File,
    storage::{Conn, Row, Tx, sql::statements},
};

const COLUMNS: &str = "f.id, f.workspace_id, f.filename, f.path, f.media_type, f.size_bytes, f.sha256, f.source_url, \
     f.created_at";

pub(super) fn read(row: &mut Row<'_>) -> Result<File> {
    Ok(File {
        id: row.next()?,
        workspace_id: row.next()?,
        filename: row.next()?,
        path: row.next()?,
        media_type: row.next()?,
        size_bytes: row.next()?,
        sha256: row.next()?,
        source_url: row.next()?,
        created_at: row.next()?,
    })
}

statements! {
    INSERT = ["INSERT INTO files (id, workspace_id, uploaded_by, filename, path, media_type, size_bytes, sha256, \
        source_url, is_of_chats, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"];
    GET = ["SELECT ", COLUMNS, " FROM files f WHERE f.id = $3 AND ", scope::FILE_READ];
    GET_FOR_WRITING = ["SELECT ", COLUMNS, " FROM files f WHERE f.id = $3 AND ", scope::FILE_WRITE];
    LIST = ["SELECT ", COLUMNS, " FROM files f WHERE f.workspace_id = $3 AND (f.created_at, f.id) > ($4, $5) AND ",
        scope::FILE_READ, " ORDER BY f.created_at, f.id LIMIT $6"];
    LIST_BACK = ["SELECT ", COLUMNS, " FROM files f WHERE f.workspace_id = $3 AND (f.created_at, f.id) < ($4, $5) AND ",
        scope::FILE_READ, " ORDER BY f.created_at DESC, f.id DESC LIMIT $6"];
    LIST_NUMBERED = ["SELECT ", COLUMNS, " FROM files f WHERE f.workspace_id = $3 AND ", scope::FILE_READ,
        " ORDER BY f.created_at, f.id LIMIT $4 OFFSET $5"];
    COUNT = ["SELECT COUNT(*) FROM files f WHERE f.workspace_id = $3 AND ", scope::FILE_READ];
    RENAME = ["UPDATE files AS f SET filename = $4, path = $5, media_type = $6, updated_at = $7 WHERE f.id = $3 AND ",
        scope::FILE_WRITE];
    DELETE = ["DELETE FROM files AS f WHERE f.id = $3 AND ", scope::FILE_WRITE];
    DELETE_OF_CHAT = ["DELETE FROM files WHERE is_of_chats = 1 \
        AND id IN (SELECT cf.file_id FROM chat_files cf WHERE cf.chat_id = $1 \
        UNION ALL SELECT d.file_id FROM documents d WHERE d.chat_id = $1) \
        AND NOT EXISTS (SELECT 1 FROM chat_files other WHERE other.file_id = files.id AND other.chat_id <> $1) \
        AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.file_id = files.id AND COALESCE(d.chat_id, '') <> $1 AND ", THERE, ")"];
    DELETE_UNUSED = ["DELETE FROM files WHERE id = $1 AND is_of_chats = 1 \
        AND NOT EXISTS (SELECT 1 FROM chat_files cf WHERE cf.file_id = $1) \
        AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.file_id = $1 AND ", THERE, ")"];
    OF_OWNER = ["SELECT ", COLUMNS, " FROM workspaces w JOIN files f ON f.workspace_id = w.id WHERE w.owner_id = $3 AND ",
        scope::WORKSPACE_READ, " ORDER BY f.workspace_id, f.created_at, f.id"];
    NAMES_BLOB = ["SELECT 1 FROM files WHERE sha256 = $1 LIMIT 1"];
    EACH_BLOB = ["SELECT f.id, f.filename, f.sha256 FROM files f ORDER BY f.number"];
}

/// Stores a file. `is_of_chats`: it came with a chat, and goes with the last one that has it.
pub(crate) fn insert(tx: &Tx<'_>, file: &File, uploaded_by: Option<UserId>, is_of_chats: bool) -> Result<()> {
    tx.execute(
        &INSERT,
        params![
            file.id,
            file.workspace_id,
            uploaded_by,
            &file.filename,
            &file.path,
            &file.media_type,
            i64::try_from(file.size_bytes).unwrap_or(i64::MAX),
            &file.sha256,
            &file.source_url,
            is_of_chats,
            file.created_at
        ],
    )
    .map(drop)
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: FileId) -> Result<Option<File>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// As [`find`], but only what the scope may change.
pub(crate) fn find_for_writing(conn: &Conn<'_>, scope: Scope, id: FileId) -> Result<Option<File>> {
    conn.first(&GET_FOR_WRITING, scoped![scope, id], read)
}

/// Those of a workspace after the key, oldest first.
pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    workspace: WorkspaceId,
    after: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<File>> {
    conn.stretch(&LIST, scoped![scope, workspace, after.0, after.1, room.and_one()], room, read)
}

/// Those before the key, newest first.
pub(crate) fn list_back(
    conn: &Conn<'_>,
    scope: Scope,
    workspace: WorkspaceId,
    before: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<File>> {
    conn.stretch(&LIST_BACK, scoped![scope, workspace, before.0, before.1, room.and_one()], room, read)
}

pub(crate) fn list_numbered(
    conn: &Conn<'_>,
    scope: Scope,
    workspace: WorkspaceId,
    room: Room,
    offset: i64,
) -> Result<Stretch<File>> {
    conn.stretch(&LIST_NUMBERED, scoped![scope, workspace, room.and_one(), offset], room, read)
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope, workspace: WorkspaceId) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope, workspace], |row| row.next())?.unwrap_or(0))
}

/// Those of all workspaces of an account, in the order of the workspaces' ids, oldest first.
pub(crate) fn of_owner(conn: &Conn<'_>, scope: Scope, owner: UserId) -> Result<Vec<File>> {
    conn.all(&OF_OWNER, scoped![scope, owner], read)
}

/// Stores a new name, and what follows from it.
pub(crate) fn rename(tx: &Tx<'_>, scope: Scope, file: &File, now: Timestamp) -> Result<()> {
    let values = scoped![scope, file.id, &file.filename, &file.path, &file.media_type, now];
    tx.execute(&RENAME, values).map(drop)
}

pub(crate) fn delete(tx: &Tx<'_>, scope: Scope, id: FileId) -> Result<bool> {
    Ok(tx.execute(&DELETE, scoped![scope, id])? > 0)
}

/// Deletes what came with chats and only this one has. Comes before the chat goes.
pub(crate) fn delete_of_chat(tx: &Tx<'_>, chat: ChatId) -> Result<usize> {
    tx.execute(&DELETE_OF_CHAT, params![chat])
}

/// Deletes a file that came with chats and that none has any more.
pub(crate) fn delete_unused(tx: &Tx<'_>, id: FileId) -> Result<usize> {
    tx.execute(&DELETE_UNUSED, params![id])
}

/// Whether any row names these bytes.
pub(crate) fn names_blob(conn: &Conn<'_>, sha256: &str) -> Result<bool> {
    Ok(conn.first(&NAMES_BLOB, params![sha256], |row| row.next::<i64>())?.is_some())
}

/// Every file with the hash of its bytes, whatever its scope: for checks of the whole.
pub(crate) fn each_blob(conn: &Conn<'_>, mut visit: impl FnMut(FileId, String, String)) -> Result<()> {
    conn.each(&EACH_BLOB, &[], |row| {
        visit(row.next()?, row.next()?, row.next()?);
        Ok(())
    })
}
