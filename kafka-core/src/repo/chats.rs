//! The tables `chats` and `anonymous_chats`.

use super::{chat_tags, numbers, params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, MessageId, UserId, WorkspaceId},
        time::Timestamp,
    },
    entity::chat::Chat,
    storage::{Conn, Row, Tx, sql::statements},
};

/// What stands between a chat's id and its last change.
macro_rules! fields {
    () => {
        "c.title, c.description, c.notebooks, c.default_model, c.user_id, c.workspace_id, c.active_leaf_id, \
         c.message_count, c.total_tokens, c.archived_at, c.pinned_at, c.tags, c.created_at"
    };
}
pub(super) const COLUMNS: &str = concat!("c.number, c.id, ", fields!(), ", c.updated_at");
/// The same where a list walks the index of tags: its order is that of the row of the tag.
pub(super) const TAGGED_COLUMNS: &str =
    concat!("c.number, t.chat_id AS id, ", fields!(), ", t.updated_at AS updated_at");

pub(super) fn read(row: &mut Row<'_>) -> Result<Chat> {
    Ok(Chat {
        number: row.next()?,
        id: row.next()?,
        title: row.next()?,
        description: row.next()?,
        notebooks: row.next_json()?.unwrap_or_default(),
        default_model: row.next()?,
        user_id: row.next()?,
        workspace_id: row.next()?,
        active_leaf_id: row.next()?,
        message_count: row.next()?,
        total_tokens: row.next()?,
        archived_at: row.next()?,
        pinned_at: row.next()?,
        tags: row.next_json()?.unwrap_or_default(),
        created_at: row.next()?,
        updated_at: row.next()?,
    })
}

const NEW_ROW: &str = "id, title, description, notebooks, default_model, user_id, workspace_id, \
     created_at, updated_at, tags) VALUES (";
const NEW_VALUES: &str = "$1, $2, $3, $4, $5, $6, $7, $8, $8, $9)";

const BELONGING: &str = "SELECT c.id, c.user_id, c.workspace_id FROM chats c ";

statements! {
    INSERT = ["INSERT INTO chats (number, ", NEW_ROW, numbers::OF_CHAT, ", ", NEW_VALUES]
        or ["INSERT INTO chats (", NEW_ROW, NEW_VALUES, " RETURNING number"];
    INSERT_ANONYMOUS = ["INSERT INTO anonymous_chats (chat_id) VALUES ($1)"];
    GET = ["SELECT ", COLUMNS, " FROM chats c WHERE c.id = $3 AND ", scope::CHAT_READ];
    GET_FOR_WRITING = ["SELECT ", COLUMNS, " FROM chats c WHERE c.id = $3 AND ", scope::CHAT_WRITE];
    HEAD = ["SELECT c.last_seq, c.active_leaf_id FROM chats c WHERE c.id = $3 AND ", scope::CHAT_WRITE];
    COUNT_OF_OWNER = ["SELECT COUNT(*) FROM (SELECT 1 FROM chats c WHERE c.user_id = $1 LIMIT $2) owned"];
    UPDATE = ["UPDATE chats AS c SET title = $4, description = $5, notebooks = $6, default_model = $7, \
        archived_at = $8, pinned_at = $9, active_leaf_id = $10, updated_at = $11, tags = $12 WHERE c.id = $3 AND ",
        scope::CHAT_WRITE];
    ADVANCE = ["UPDATE chats SET last_seq = $2, active_leaf_id = $3, message_count = message_count + 1, \
        updated_at = $4 WHERE id = $1"];
    SHRINK = ["UPDATE chats SET active_leaf_id = $2, message_count = message_count - 1, updated_at = $3 WHERE id = $1"];
    TOUCH = ["UPDATE chats SET total_tokens = total_tokens + $2, updated_at = $3 WHERE id = $1"];
    TITLE = ["SELECT c.title FROM chats c WHERE c.id = $1"];
    RETITLE = ["UPDATE chats SET title = $3, updated_at = $4 WHERE id = $1 \
        AND (title = $2 OR (title IS NULL AND CAST($2 AS TEXT) IS NULL))"];
    DELETE = ["DELETE FROM chats AS c WHERE c.id = $3 AND ", scope::CHAT_WRITE];
    OF_OWNER = ["SELECT ", COLUMNS, ", (SELECT COUNT(*) FROM chat_files cf JOIN chat_file_versions v \
        ON v.chat_file_id = cf.id WHERE cf.chat_id = c.id AND cf.kind = 'based') \
        FROM workspaces w JOIN chats c ON c.workspace_id = w.id WHERE w.owner_id = $3 AND ", scope::WORKSPACE_READ,
        " ORDER BY c.workspace_id, c.created_at, c.id"];
    OF_WORKSPACE = [BELONGING, "JOIN workspaces w ON w.id = c.workspace_id WHERE w.id = $3 AND ",
        scope::WORKSPACE_WRITE];
    OF_ACCOUNT = [BELONGING, "JOIN users u ON u.id = c.user_id WHERE u.id = $3 AND ", scope::USER,
        " UNION ", BELONGING, "JOIN workspaces w ON w.id = c.workspace_id JOIN users u ON u.id = w.owner_id \
        WHERE u.id = $3 AND ", scope::USER];
}

/// Stores a chat that someone of this scope makes, and returns its number.
pub(crate) fn insert(tx: &Tx<'_>, scope: Scope, chat: &Chat) -> Result<i64> {
    let (notebooks, tags) = (to_json(&chat.notebooks), to_json(&chat.tags));
    let number = tx.insert(
        &INSERT,
        params![
            chat.id,
            &chat.title,
            &chat.description,
            &notebooks,
            &chat.default_model,
            chat.user_id,
            chat.workspace_id,
            chat.created_at,
            &tags
        ],
    )?;
    chat_tags::put(tx, chat)?;
    if scope == Scope::Anonymous {
        tx.execute(&INSERT_ANONYMOUS, params![chat.id])?;
    }
    Ok(number)
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: ChatId) -> Result<Option<Chat>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// As [`find`], but only what the scope may change.
pub(crate) fn find_for_writing(conn: &Conn<'_>, scope: Scope, id: ChatId) -> Result<Option<Chat>> {
    conn.first(&GET_FOR_WRITING, scoped![scope, id], read)
}

/// Where a chat ends: what storing a message needs to know, and no more.
pub(crate) struct Head {
    pub(crate) last_seq: i64,
    pub(crate) active_leaf_id: Option<MessageId>,
}

pub(crate) fn head_for_writing(conn: &Conn<'_>, scope: Scope, id: ChatId) -> Result<Option<Head>> {
    conn.first(&HEAD, scoped![scope, id], |row| {
        Ok(Head { last_seq: row.next()?, active_leaf_id: row.next()? })
    })
}

/// A chat, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Belonging {
    pub(crate) id: ChatId,
    pub(crate) user_id: Option<UserId>,
    pub(crate) workspace_id: Option<WorkspaceId>,
}

fn read_belonging(row: &mut Row<'_>) -> Result<Belonging> {
    Ok(Belonging { id: row.next()?, user_id: row.next()?, workspace_id: row.next()? })
}

/// The chats in all workspaces of an account, in the order of the workspaces' ids, oldest first, each with the
/// number of versions of its `.based` files.
pub(crate) fn of_owner(conn: &Conn<'_>, scope: Scope, owner: UserId) -> Result<Vec<(Chat, u64)>> {
    conn.all(&OF_OWNER, scoped![scope, owner], |row| Ok((read(row)?, row.next()?)))
}

/// The chats that go with a workspace, if the scope may delete that.
pub(crate) fn of_workspace(conn: &Conn<'_>, scope: Scope, id: WorkspaceId) -> Result<Vec<Belonging>> {
    conn.all(&OF_WORKSPACE, scoped![scope, id], read_belonging)
}

/// The chats that go with an account, if the scope may delete that: its own, and whatever stands in its
/// workspaces.
pub(crate) fn of_account(conn: &Conn<'_>, scope: Scope, id: UserId) -> Result<Vec<Belonging>> {
    conn.all(&OF_ACCOUNT, scoped![scope, id], read_belonging)
}

/// How many chats an account owns, counted up to `most`.
pub(crate) fn count_of_owner(conn: &Conn<'_>, user: UserId, most: i64) -> Result<u64> {
    Ok(conn.first(&COUNT_OF_OWNER, params![user, most], |row| row.next())?.unwrap_or(0))
}

/// Stores what a patch may change.
pub(crate) fn update(tx: &Tx<'_>, scope: Scope, chat: &Chat) -> Result<()> {
    let (notebooks, tags) = (to_json(&chat.notebooks), to_json(&chat.tags));
    tx.execute(
        &UPDATE,
        scoped![
            scope,
            chat.id,
            &chat.title,
            &chat.description,
            &notebooks,
            &chat.default_model,
            chat.archived_at,
            chat.pinned_at,
            chat.active_leaf_id,
            chat.updated_at,
            &tags
        ],
    )?;
    Ok(())
}

/// Notes a message that was stored at the end of the active branch.
pub(crate) fn advance(tx: &Tx<'_>, id: ChatId, seq: i64, leaf: MessageId, now: Timestamp) -> Result<()> {
    tx.execute_later(&ADVANCE, params![id, seq, leaf, now])
}

/// Notes a message that was deleted.
pub(crate) fn shrink(tx: &Tx<'_>, id: ChatId, leaf: Option<MessageId>, now: Timestamp) -> Result<()> {
    tx.execute_later(&SHRINK, params![id, leaf, now])
}

/// Notes that a message changed, and the tokens that cost.
pub(crate) fn touch(tx: &Tx<'_>, id: ChatId, tokens: i64, now: Timestamp) -> Result<()> {
    tx.execute_later(&TOUCH, params![id, tokens, now])
}

/// What a chat is called; none where there is no such chat.
pub(crate) fn title(conn: &Conn<'_>, id: ChatId) -> Result<Option<Option<String>>> {
    conn.first(&TITLE, params![id], |row| row.next())
}

/// Renames a chat if it is called as it was before; whether it was.
pub(crate) fn retitle(
    tx: &Tx<'_>,
    id: ChatId,
    before: Option<&str>,
    title: &str,
    now: Timestamp,
) -> Result<bool> {
    Ok(tx.execute(&RETITLE, params![id, before, title, now])? > 0)
}

pub(crate) fn delete(tx: &Tx<'_>, scope: Scope, id: ChatId) -> Result<bool> {
    Ok(tx.execute(&DELETE, scoped![scope, id])? > 0)
}

fn to_json(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}
