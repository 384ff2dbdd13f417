//! Copies of conversations, made where the rows lie: only ids come and go, whatever the texts are. Each copy is told
//! in a JSON array, the row that is copied first, then what the copy has of its own.

use super::{numbers, params};
use crate::{
    base::{
        error::Result,
        id::{ChatFileId, ChatId, MessageId, VersionId},
    },
    entity::message::MessageStatus,
    storage::{Conn, Tx, sql::statements},
};

const EACH: &str = " FROM json_each($2) copy JOIN ";
const EACH_ON_POSTGRES: &str = " FROM json_array_elements(CAST($2 AS JSON)) copy (value) JOIN ";

const NEW_MESSAGES: &str = "id, chat_number, seq, parent_id, user_id, role, type, content, parts, \
     provider_data, tool_call_id, model, status, token_count, context, created_at, updated_at) SELECT ";
const MESSAGES: &str = "copy.value ->> 1, (SELECT c.number FROM chats c WHERE c.id = $1), CAST(copy.value ->> 3 AS BIGINT), copy.value ->> 2, \
     m.user_id, m.role, m.type, m.content, m.parts, m.provider_data, m.tool_call_id, m.model, m.status, m.token_count, \
     m.context, m.created_at, m.updated_at";
const OF_MESSAGES: &str = "messages m ON m.id = copy.value ->> 0";
const NEW_FILES: &str = "INSERT INTO chat_files (id, chat_id, file_id, filename, path, kind, created_at, updated_at) \
     SELECT copy.value ->> 1, $1, f.file_id, f.filename, REPLACE(f.path, f.id, copy.value ->> 1), f.kind, f.created_at, f.updated_at";
const OF_FILES: &str = "chat_files f ON f.id = copy.value ->> 0";
const NEW_VERSIONS: &str = "INSERT INTO chat_file_versions (id, chat_file_id, version, timestamp, content, content_sha256, \
     created_at, updated_at) SELECT copy.value ->> 1, f.id, v.version, v.timestamp, v.content, v.content_sha256, v.created_at, v.updated_at";
const OF_VERSIONS: &str = "chat_file_versions v ON v.id = copy.value ->> 0 JOIN chat_files f ON f.id = copy.value ->> 2 AND f.chat_id = $1";

statements! {
    LINE = ["WITH RECURSIVE line (id, parent_id, seq, status) AS ( \
        SELECT m.id, m.parent_id, m.seq, m.status FROM messages m WHERE m.id = $1 UNION ALL \
        SELECT m.id, m.parent_id, m.seq, m.status FROM line JOIN messages m ON m.id = line.parent_id) \
        SELECT l.id, l.status FROM (SELECT * FROM line LIMIT $2) AS l ORDER BY l.seq"];
    COPY_MESSAGES = ["INSERT INTO messages (number, ", NEW_MESSAGES, "copy.key + ", numbers::OF_MESSAGE, ", ", MESSAGES, EACH, OF_MESSAGES]
        or ["INSERT INTO messages (", NEW_MESSAGES, MESSAGES, EACH_ON_POSTGRES, OF_MESSAGES];
    FILES = ["SELECT f.id FROM chat_files f WHERE f.chat_id = $1 ORDER BY f.created_at, f.id"];
    COPY_FILES = [NEW_FILES, EACH, OF_FILES] or [NEW_FILES, EACH_ON_POSTGRES, OF_FILES];
    VERSIONS = ["SELECT v.id FROM chat_file_versions v WHERE v.chat_file_id = $1 ORDER BY v.version"];
    COPY_VERSIONS = [NEW_VERSIONS, EACH, OF_VERSIONS] or [NEW_VERSIONS, EACH_ON_POSTGRES, OF_VERSIONS];
    SETTLE = ["UPDATE chats SET last_seq = $2, message_count = $2, active_leaf_id = $3 WHERE id = $1"];
}

/// The branch that ends in a message, oldest first, and so many of its last messages at most, with what is known of each.
pub(crate) fn line(conn: &Conn<'_>, last: MessageId, most: u32) -> Result<Vec<(MessageId, MessageStatus)>> {
    conn.all(&LINE, params![last, most], |row| Ok((row.next()?, row.next()?)))
}

/// A message that is copied: its copy, what that follows, and its place.
pub(crate) struct MessageCopy {
    pub(crate) of: MessageId,
    pub(crate) id: MessageId,
    pub(crate) parent_id: Option<MessageId>,
    pub(crate) seq: i64,
}

/// Puts copies of messages into a chat, but not the records of the answers that they may be.
pub(crate) fn copy_messages(tx: &Tx<'_>, into: ChatId, copies: &[MessageCopy]) -> Result<()> {
    let each = copies
        .iter()
        .map(|MessageCopy { of, id, parent_id, seq }| serde_json::json!([of, id, parent_id, seq]));
    tx.execute(&COPY_MESSAGES, params![into, &list(each)]).map(drop)
}

/// The files of a chat that was admitted, oldest first.
pub(crate) fn files(conn: &Conn<'_>, chat: ChatId) -> Result<Vec<ChatFileId>> {
    conn.all(&FILES, params![chat], |row| row.next())
}

/// Puts copies of a chat's files into another, each with its new id.
pub(crate) fn copy_files(tx: &Tx<'_>, into: ChatId, copies: &[(ChatFileId, ChatFileId)]) -> Result<()> {
    tx.execute(&COPY_FILES, params![into, &list(copies)]).map(drop)
}

/// The versions of a file, oldest first.
pub(crate) fn versions(conn: &Conn<'_>, file: ChatFileId) -> Result<Vec<VersionId>> {
    conn.all(&VERSIONS, params![file], |row| row.next())
}

/// Gives files of a chat copies of versions, each with its new id. No answer of the chat wrote them.
pub(crate) fn copy_versions(
    tx: &Tx<'_>,
    into: ChatId,
    copies: &[(VersionId, VersionId, ChatFileId)],
) -> Result<()> {
    tx.execute(&COPY_VERSIONS, params![into, &list(copies)]).map(drop)
}

/// Notes that a chat holds so many messages, the last of which is the end of its one branch.
pub(crate) fn settle(tx: &Tx<'_>, chat: ChatId, messages: i64, leaf: MessageId) -> Result<()> {
    tx.execute(&SETTLE, params![chat, messages, leaf]).map(drop)
}

fn list(each: impl IntoIterator<Item = impl serde::Serialize>) -> String {
    // Ids and numbers always serialize.
    let each = each.into_iter().map(|copy| serde_json::to_string(&copy).unwrap_or_default());
    format!("[{}]", each.collect::<Vec<_>>().join(","))
}
