//! The tables `chats` and `anonymous_chats`.

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, MessageId, UserId, WorkspaceId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::chat::{Chat, ChatFilter},
    storage::{Conn, Row, Tx, Value, sql::statements},
};

pub(super) const COLUMNS: &str = "c.number, c.id, c.title, c.description, c.notebooks, c.default_model, c.user_id, \
     c.workspace_id, c.active_leaf_id, c.message_count, c.total_tokens, c.archived_at, c.pinned_at, \
     c.created_at, c.updated_at";

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
        created_at: row.next()?,
        updated_at: row.next()?,
    })
}

/// What a list is narrowed by besides its scope: `$3` archived (1), not (0) or both (null), `$4` a
/// pattern for the title or null.
const FILTER: &str = "(CAST($3 AS BIGINT) IS NULL OR (c.archived_at IS NOT NULL) = ($3 = 1)) \
     AND (CAST($4 AS TEXT) IS NULL OR lower(c.title) LIKE lower($4) ESCAPE '\\')";

/// Each list walks one index in its order: everything, one workspace, or what a user sees.
pub(super) const EVERYTHING: &str = " FROM chats c WHERE $2 = 1 AND CAST($1 AS TEXT) IS NULL AND ";
const IN_WORKSPACE: &str = " FROM chats c WHERE c.workspace_id = $9 AND ";
pub(super) const OWN: &str = " FROM chats c WHERE c.user_id = $1 AND ";
pub(super) const SHARED: &str = " FROM chats c WHERE c.workspace_id IN (SELECT w.id FROM workspaces w WHERE w.owner_id = $1 \
     UNION SELECT wm.workspace_id FROM workspace_members wm WHERE wm.user_id = $1) \
     AND (c.user_id IS NULL OR c.user_id <> $1) AND ";
pub(super) const NOBODYS: &str = " FROM chats c WHERE c.user_id IS NULL AND $2 = 2 AND (c.workspace_id IS NULL \
     OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = c.workspace_id AND w.owner_id IS NULL)) \
     AND NOT EXISTS (SELECT 1 FROM workspace_members wm WHERE wm.user_id = $1 AND wm.workspace_id = c.workspace_id) AND ";
const OLDER: &str = " AND (c.updated_at, c.id) < ($5, $6)";
const NEWER: &str = " AND (c.updated_at, c.id) > ($5, $6)";
const NEWEST_FIRST: &str = " ORDER BY updated_at DESC, id DESC LIMIT $7 OFFSET $8";
const OLDEST_FIRST: &str = " ORDER BY updated_at, id LIMIT $7 OFFSET $8";

const NEW_ROW: &str = "INSERT INTO chats (id, title, description, notebooks, default_model, user_id, workspace_id, \
     created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";

const BELONGING: &str = "SELECT c.id, c.user_id, c.workspace_id FROM chats c ";

statements! {
    INSERT = [NEW_ROW] or [NEW_ROW, " RETURNING number"];
    INSERT_ANONYMOUS = ["INSERT INTO anonymous_chats (chat_id) VALUES ($1)"];
    GET = ["SELECT ", COLUMNS, " FROM chats c WHERE c.id = $3 AND ", scope::CHAT_READ];
    GET_FOR_WRITING = ["SELECT ", COLUMNS, " FROM chats c WHERE c.id = $3 AND ", scope::CHAT_WRITE];
    HEAD = ["SELECT c.last_seq, c.active_leaf_id FROM chats c WHERE c.id = $3 AND ", scope::CHAT_WRITE];
    LIST_EVERYTHING = ["SELECT ", COLUMNS, EVERYTHING, FILTER, OLDER, NEWEST_FIRST];
    LIST_EVERYTHING_BACK = ["SELECT ", COLUMNS, EVERYTHING, FILTER, NEWER, OLDEST_FIRST];
    LIST_IN_WORKSPACE = ["SELECT ", COLUMNS, IN_WORKSPACE, scope::CHAT_READ, " AND ", FILTER, OLDER, NEWEST_FIRST];
    LIST_IN_WORKSPACE_BACK = ["SELECT ", COLUMNS, IN_WORKSPACE, scope::CHAT_READ, " AND ", FILTER, NEWER, OLDEST_FIRST];
    LIST_VISIBLE = ["SELECT ", COLUMNS, OWN, FILTER, OLDER, " UNION ALL SELECT ", COLUMNS, SHARED, FILTER, OLDER,
        " UNION ALL SELECT ", COLUMNS, NOBODYS, FILTER, OLDER, NEWEST_FIRST];
    LIST_VISIBLE_BACK = ["SELECT ", COLUMNS, OWN, FILTER, NEWER, " UNION ALL SELECT ", COLUMNS, SHARED, FILTER, NEWER,
        " UNION ALL SELECT ", COLUMNS, NOBODYS, FILTER, NEWER, OLDEST_FIRST];
    COUNT = ["SELECT COUNT(*) FROM chats c WHERE ", scope::CHAT_READ, " AND ", FILTER,
        " AND (CAST($5 AS TEXT) IS NULL OR c.workspace_id = $5)"];
    COUNT_OF_OWNER = ["SELECT COUNT(*) FROM (SELECT 1 FROM chats c WHERE c.user_id = $1 LIMIT $2) owned"];
    UPDATE = ["UPDATE chats AS c SET title = $4, description = $5, notebooks = $6, default_model = $7, \
        archived_at = $8, pinned_at = $9, active_leaf_id = $10, updated_at = $11 WHERE c.id = $3 AND ",
        scope::CHAT_WRITE];
    ADVANCE = ["UPDATE chats SET last_seq = $2, active_leaf_id = $3, message_count = message_count + 1, \
        updated_at = $4 WHERE id = $1"];
    SHRINK = ["UPDATE chats SET active_leaf_id = $2, message_count = message_count - 1, updated_at = $3 WHERE id = $1"];
    TOUCH = ["UPDATE chats SET total_tokens = total_tokens + $2, updated_at = $3 WHERE id = $1"];
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
    let notebooks = to_json(&chat.notebooks);
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
            chat.created_at
        ],
    )?;
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

/// Which part of a list is read.
pub(crate) enum Slice<'a> {
    /// Older than the key, newest first.
    Older(Timestamp, &'a str),
    /// Newer than the key, oldest first.
    Newer(Timestamp, &'a str),
    /// Newest first from an offset.
    Offset(i64),
}

pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    filter: &ChatFilter,
    slice: &Slice<'_>,
    room: Room,
) -> Result<Stretch<Chat>> {
    let (back, at, id, offset) = match *slice {
        Slice::Older(at, id) => (false, at, id, 0),
        Slice::Newer(at, id) => (true, at, id, 0),
        Slice::Offset(offset) => (false, Timestamp::from_unix_ms(i64::MAX), "", offset),
    };
    let pattern = title_pattern(filter);
    let [user, reach] = [scope.user(), scope.reach()];
    let (archived, pattern) = (Value::from(filter.archived), Value::from(&pattern));
    let narrowed =
        [user, reach, archived, pattern, at.into(), id.into(), room.and_one().into(), offset.into()];
    match (filter.workspace_id, scope, back) {
        (Some(workspace), _, back) => {
            let [a, b, c, d, e, f, g, h] = narrowed;
            let statement = if back { &LIST_IN_WORKSPACE_BACK } else { &LIST_IN_WORKSPACE };
            conn.stretch(statement, &[a, b, c, d, e, f, g, h, workspace.into()], room, read)
        }
        (None, Scope::Operator, false) => conn.stretch(&LIST_EVERYTHING, &narrowed, room, read),
        (None, Scope::Operator, true) => conn.stretch(&LIST_EVERYTHING_BACK, &narrowed, room, read),
        (None, Scope::User(_) | Scope::Admin(_) | Scope::Anonymous, false) => {
            conn.stretch(&LIST_VISIBLE, &narrowed, room, read)
        }
        (None, Scope::User(_) | Scope::Admin(_) | Scope::Anonymous, true) => {
            conn.stretch(&LIST_VISIBLE_BACK, &narrowed, room, read)
        }
    }
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope, filter: &ChatFilter) -> Result<u64> {
    let pattern = title_pattern(filter);
    let values = scoped![scope, filter.archived, &pattern, filter.workspace_id];
    Ok(conn.first(&COUNT, values, |row| row.next())?.unwrap_or(0))
}

/// How many chats an account owns, counted up to `most`.
pub(crate) fn count_of_owner(conn: &Conn<'_>, user: UserId, most: i64) -> Result<u64> {
    Ok(conn.first(&COUNT_OF_OWNER, params![user, most], |row| row.next())?.unwrap_or(0))
}

/// Stores what a patch may change.
pub(crate) fn update(tx: &Tx<'_>, scope: Scope, chat: &Chat) -> Result<()> {
    let notebooks = to_json(&chat.notebooks);
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
            chat.updated_at
        ],
    )?;
    Ok(())
}

/// Notes a message that was stored at the end of the active branch.
pub(crate) fn advance(tx: &Tx<'_>, id: ChatId, seq: i64, leaf: MessageId, now: Timestamp) -> Result<()> {
    tx.execute(&ADVANCE, params![id, seq, leaf, now])?;
    Ok(())
}

/// Notes a message that was deleted.
pub(crate) fn shrink(tx: &Tx<'_>, id: ChatId, leaf: Option<MessageId>, now: Timestamp) -> Result<()> {
    tx.execute(&SHRINK, params![id, leaf, now])?;
    Ok(())
}

/// Notes that a message changed, and the tokens that cost.
pub(crate) fn touch(tx: &Tx<'_>, id: ChatId, tokens: i64, now: Timestamp) -> Result<()> {
    tx.execute(&TOUCH, params![id, tokens, now])?;
    Ok(())
}

pub(crate) fn delete(tx: &Tx<'_>, scope: Scope, id: ChatId) -> Result<bool> {
    Ok(tx.execute(&DELETE, scoped![scope, id])? > 0)
}

/// A LIKE pattern that finds the text itself, whatever signs it holds.
fn title_pattern(filter: &ChatFilter) -> Option<String> {
    let text = filter.title_contains.as_ref()?;
    let literal = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Some(format!("%{literal}%"))
}

fn to_json(notebooks: &[String]) -> String {
    serde_json::Value::from(notebooks).to_string()
}
