//! The table `messages`: a tree for each chat, of which one branch is active.
//!
//! `on_branch` marks the messages between a root and the active leaf, so that reading that branch in
//! order is one walk of an index, wherever the page lies. [`activate`] keeps it true.

use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::{numbers, params, responses, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, MessageId, UserId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::{
        message::{Message, MessageStatus, Role},
        tool_call::ToolCall,
    },
    storage::{Conn, Row, Tx, sql::statements},
};

pub(super) const COLUMNS: &str = "m.number, m.id, c.id, m.seq, m.parent_id, m.role, m.type, m.content, m.parts, \
     m.tool_call_id, m.model, m.status, m.token_count, m.context, m.created_at, m.updated_at, ";
pub(super) const FROM: &str =
    " FROM chats c JOIN messages m ON m.chat_number = c.number LEFT JOIN responses r ON r.message_id = m.id ";

pub(super) fn read(row: &mut Row<'_>) -> Result<Message> {
    let mut message = Message {
        number: row.next()?,
        id: row.next()?,
        chat_id: row.next()?,
        seq: row.next()?,
        parent_id: row.next()?,
        role: row.next()?,
        kind: row.next()?,
        content: row.next()?,
        parts: row.next_json()?,
        tool_call_id: row.next()?,
        model: row.next()?,
        status: row.next()?,
        token_count: row.next()?,
        sources: row.next_json()?,
        created_at: row.next()?,
        updated_at: row.next()?,
        response: None,
    };
    message.response = responses::read_joined(row)?;
    Ok(message)
}

/// Messages name their chat by its number; callers know it by its id, `$2`.
const NUMBER_OF_CHAT: &str = "(SELECT n.number FROM chats n WHERE n.id = $2)";
const NEW_ROW: &str = "id, chat_number, seq, parent_id, user_id, role, type, content, parts, \
     tool_call_id, model, status, created_at, updated_at) VALUES (";
const NEW_VALUES: &str = ", $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)";
const LINE_COLUMNS: &str = "m.id, m.role, m.content, m.parts, m.tool_call_id, m.provider_data, m.status, m.parent_id, m.type, m.context";
/// A message and its ancestors, up to the first that stands on the active branch.
const UP_TO_BRANCH: &str = "WITH RECURSIVE line (id, parent_id, seq, on_branch) AS ( \
    SELECT m.id, m.parent_id, m.seq, m.on_branch FROM messages m WHERE m.id = $1 UNION ALL \
    SELECT m.id, m.parent_id, m.seq, m.on_branch FROM line JOIN messages m ON m.id = line.parent_id \
    WHERE line.on_branch = 0) ";
const BRANCH: &str = " WHERE c.id = $3 AND m.on_branch = 1 AND ";
const BESIDE: &str = " WHERE c.id = $3 AND m.on_branch = 0 AND ";

// In three parts, because PostgreSQL has to be told that the first id is ordered as the others are.
const FIRST_ANCESTOR: &str = "WITH RECURSIVE line (id, depth) AS (SELECT (CAST($1 AS TEXT)";
const FURTHER_ANCESTORS: &str = ", CAST(0 AS BIGINT) UNION ALL \
    SELECT m.parent_id, line.depth + 1 FROM line JOIN messages m ON m.id = line.id \
    WHERE m.parent_id IS NOT NULL AND line.depth < $2) SELECT ";
const OF_ANCESTORS: &str = " FROM line JOIN messages m ON m.id = line.id ORDER BY line.depth";

statements! {
    INSERT = ["INSERT INTO messages (number, ", NEW_ROW, numbers::OF_MESSAGE, ", $1, ", NUMBER_OF_CHAT, NEW_VALUES]
        or ["INSERT INTO messages (", NEW_ROW, "$1, ", NUMBER_OF_CHAT, NEW_VALUES, " RETURNING number"];
    GET = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, "WHERE m.id = $3 AND ", scope::CHAT_READ];
    GET_FOR_WRITING = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, "WHERE m.id = $3 AND ", scope::CHAT_WRITE];
    BRANCH_BEFORE = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, BRANCH, scope::CHAT_READ,
        " AND m.seq < $4 ORDER BY m.seq DESC LIMIT $5"];
    BRANCH_AFTER = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, BRANCH, scope::CHAT_READ,
        " AND m.seq > $4 ORDER BY m.seq LIMIT $5"];
    BESIDE_AFTER = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, BESIDE, scope::CHAT_READ,
        " AND m.seq > $4 ORDER BY m.seq LIMIT $5"];
    BRANCH_COUNT = ["SELECT COUNT(*) FROM chats c JOIN messages m ON m.chat_number = c.number", BRANCH, scope::CHAT_READ];
    BRANCH_NUMBERED = ["SELECT ", COLUMNS, responses::COLUMNS, FROM, BRANCH, scope::CHAT_READ,
        " ORDER BY m.seq LIMIT $4 OFFSET $5"];
    LAST_OF_USER = ["SELECT m.id FROM chats c JOIN messages m ON m.chat_number = c.number", BRANCH, scope::CHAT_WRITE,
        " AND m.role = 'user' ORDER BY m.seq DESC LIMIT 1"];
    IN_CHAT = ["SELECT 1 FROM messages m WHERE m.id = $1 AND m.chat_number = ", NUMBER_OF_CHAT];
    /// Where the branch to a message leaves the active one; none for one that has nothing in common with it.
    LEAVES_AT = [UP_TO_BRANCH, "SELECT line.seq FROM line WHERE line.on_branch = 1"];
    LEAVE_BRANCH = ["UPDATE messages SET on_branch = 0 WHERE chat_number = ", NUMBER_OF_CHAT, " AND on_branch = 1 AND seq > $1"];
    LEAVING = ["SELECT COUNT(*) FROM (SELECT 1 FROM messages m WHERE m.chat_number = ", NUMBER_OF_CHAT, " AND m.on_branch = 1 \
        AND m.seq > $1 LIMIT $3) AS leaving"];
    JOINING = [UP_TO_BRANCH, "SELECT COUNT(*) FROM (SELECT 1 FROM line WHERE line.on_branch = 0 LIMIT $2) AS joining"];
    JOIN_BRANCH = ["UPDATE messages SET on_branch = 1 WHERE id IN (", UP_TO_BRANCH, "SELECT line.id FROM line WHERE line.on_branch = 0)"];
    /// The ancestors of a message, nearest first, itself included. It walks parents, not the active
    /// branch, because an answer may have waited while another branch became active.
    ANCESTORS = [FIRST_ANCESTOR, ") ", FURTHER_ANCESTORS, LINE_COLUMNS, OF_ANCESTORS]
        or [FIRST_ANCESTOR, " COLLATE \"C\") ", FURTHER_ANCESTORS, LINE_COLUMNS, OF_ANCESTORS];
    /// However far up they stand: instructions are never trimmed away. It walks parents only until it
    /// meets the active branch, which is none of the question's own path from there down.
    SYSTEM_LINES = [UP_TO_BRANCH, "SELECT ", LINE_COLUMNS, " FROM messages m \
        WHERE m.chat_number = ", NUMBER_OF_CHAT, " AND m.role = 'system' AND m.type <> 'file' AND (m.id IN (SELECT line.id FROM line) OR (m.on_branch = 1 \
        AND m.seq < (SELECT line.seq FROM line WHERE line.on_branch = 1))) ORDER BY m.seq DESC LIMIT 100"];
    /// What told more about the old text goes with it.
    UPDATE_CONTENT = ["UPDATE messages SET content = $2, parts = NULL, provider_data = NULL, token_count = NULL, \
        context = NULL, updated_at = $3 \
        WHERE id = $1"];
    CITE = ["UPDATE messages SET context = $2 WHERE id = $1"];
    UPDATE_ROLE = ["UPDATE messages SET role = $2, updated_at = $3 WHERE id = $1"];
    FINISH = ["UPDATE messages SET content = $2, parts = $3, provider_data = $4, model = $5, status = $6, \
        token_count = $7, updated_at = $8, type = $9 WHERE id = $1"];
    ADOPT_CHILDREN = ["UPDATE messages SET parent_id = $2 WHERE parent_id = $1"];
    DELETE = ["DELETE FROM messages WHERE id = $1"];
}

/// What is stored of a new message.
pub(crate) struct NewRow<'a> {
    pub(crate) id: MessageId,
    pub(crate) chat_id: ChatId,
    pub(crate) seq: i64,
    pub(crate) parent_id: Option<MessageId>,
    pub(crate) user_id: Option<UserId>,
    pub(crate) role: Role,
    pub(crate) kind: &'a str,
    pub(crate) content: &'a str,
    pub(crate) parts: Option<&'a Json>,
    pub(crate) tool_call_id: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) status: MessageStatus,
    pub(crate) created_at: Timestamp,
}

/// Stores a message and returns its number.
pub(crate) fn insert(tx: &Tx<'_>, row: &NewRow<'_>) -> Result<i64> {
    let parts = row.parts.map(Json::to_string);
    tx.insert(
        &INSERT,
        params![
            row.id,
            row.chat_id,
            row.seq,
            row.parent_id,
            row.user_id,
            row.role,
            row.kind,
            row.content,
            &parts,
            row.tool_call_id,
            row.model,
            row.status,
            row.created_at
        ],
    )
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: MessageId) -> Result<Option<Message>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// As [`find`], but only what the scope may change.
pub(crate) fn find_for_writing(conn: &Conn<'_>, scope: Scope, id: MessageId) -> Result<Option<Message>> {
    conn.first(&GET_FOR_WRITING, scoped![scope, id], read)
}

/// The messages of the active branch before `seq`, newest first.
pub(crate) fn branch_before(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    seq: i64,
    room: Room,
) -> Result<Stretch<Message>> {
    conn.stretch(&BRANCH_BEFORE, scoped![scope, chat, seq, room.and_one()], room, read)
}

/// The messages of the active branch after `seq`, oldest first.
pub(crate) fn branch_after(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    seq: i64,
    room: Room,
) -> Result<Stretch<Message>> {
    conn.stretch(&BRANCH_AFTER, scoped![scope, chat, seq, room.and_one()], room, read)
}

/// The messages of all branches after `seq`, oldest first. Each kind is one walk of the index, and here they meet.
pub(crate) fn all_after(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    seq: i64,
    room: Room,
) -> Result<Stretch<Message>> {
    let values = scoped![scope, chat, seq, room.and_one()];
    let on = conn.stretch(&BRANCH_AFTER, values, room, read)?;
    let beside = conn.stretch(&BESIDE_AFTER, values, room, read)?;
    let both = [on, beside];
    // Behind the end of one that goes on, messages of the other would come too early.
    let ends = both.iter().filter(|part| part.goes_on).filter_map(|part| part.rows.last());
    let until = ends.map(|last| last.seq).min();
    let goes_on = until.is_some();
    let mut rows: Vec<Message> = both.into_iter().flat_map(|part| part.rows).collect();
    rows.retain(|message| until.is_none_or(|until| message.seq <= until));
    rows.sort_unstable_by_key(|message| message.seq);
    Ok(Stretch { rows, goes_on })
}

pub(crate) fn branch_count(conn: &Conn<'_>, scope: Scope, chat: ChatId) -> Result<u64> {
    Ok(conn.first(&BRANCH_COUNT, scoped![scope, chat], |row| row.next())?.unwrap_or(0))
}

/// A stretch of the active branch from an offset, oldest first.
pub(crate) fn branch_numbered(
    conn: &Conn<'_>,
    scope: Scope,
    chat: ChatId,
    room: Room,
    offset: i64,
) -> Result<Stretch<Message>> {
    conn.stretch(&BRANCH_NUMBERED, scoped![scope, chat, room.and_one(), offset], room, read)
}

/// The last message of a user on the active branch.
pub(crate) fn last_of_user(conn: &Conn<'_>, scope: Scope, chat: ChatId) -> Result<Option<MessageId>> {
    conn.first(&LAST_OF_USER, scoped![scope, chat], |row| row.next())
}

/// Whether the message stands in the chat.
pub(crate) fn is_in_chat(conn: &Conn<'_>, chat: ChatId, id: MessageId) -> Result<bool> {
    Ok(conn.first(&IN_CHAT, params![id, chat], |row| row.next::<i64>())?.is_some())
}

/// Makes the branch from a root to `leaf`, a message of the chat, the active one; none makes no message active.
///
/// A few statements, which look up each message that joins and change each that joins or leaves. False, and nothing
/// is changed, when these are more than `most`.
pub(crate) fn activate(tx: &Tx<'_>, chat: ChatId, leaf: Option<MessageId>, most: u32) -> Result<bool> {
    let too_many = i64::from(most) + 1;
    let count = |counted: Option<i64>| counted.unwrap_or(0);
    let (mut joining, mut leaves_at) = (0, None);
    if let Some(leaf) = leaf {
        joining = count(tx.first(&JOINING, params![leaf, too_many], |row| row.next())?);
        if joining < too_many {
            leaves_at = tx.first(&LEAVES_AT, params![leaf], |row| row.next())?;
        }
    }
    let leaves_at: i64 = leaves_at.unwrap_or(0);
    let leaving = count(tx.first(&LEAVING, params![leaves_at, chat, too_many], |row| row.next())?);
    if joining + leaving >= too_many {
        return Ok(false);
    }
    tx.execute(&LEAVE_BRANCH, params![leaves_at, chat])?;
    if let Some(leaf) = leaf {
        tx.execute(&JOIN_BRANCH, params![leaf])?;
    }
    Ok(true)
}

/// A message as a model sees it.
pub(crate) struct Line {
    pub(crate) id: MessageId,
    pub(crate) role: Role,
    pub(crate) content: String,
    pub(crate) tool_calls: Vec<ToolCall>,
    pub(crate) tool_call_id: Option<String>,
    pub(crate) provider_data: Option<Json>,
    pub(crate) status: MessageStatus,
    pub(crate) parent_id: Option<MessageId>,
    pub(crate) kind: String,
    /// How many sources it has.
    pub(crate) sources: usize,
}

fn read_line(row: &mut Row<'_>) -> Result<Line> {
    Ok(Line {
        id: row.next()?,
        role: row.next()?,
        content: row.next()?,
        tool_calls: row.next_json()?.map(|parts| ToolCall::of_parts(&parts)).unwrap_or_default(),
        tool_call_id: row.next()?,
        provider_data: row.next_json()?,
        status: row.next()?,
        parent_id: row.next()?,
        kind: row.next()?,
        sources: row.next_json::<Vec<IgnoredAny>>()?.map_or(0, |sources| sources.len()),
    })
}

/// The message and its nearest `limit` ancestors, nearest first.
pub(crate) fn ancestors(conn: &Conn<'_>, id: MessageId, limit: u32) -> Result<Vec<Line>> {
    conn.all(&ANCESTORS, params![id, limit], read_line)
}

/// The instructions among a message's ancestors, oldest first; of more than 100 the last.
pub(crate) fn system_lines(conn: &Conn<'_>, chat: ChatId, id: MessageId) -> Result<Vec<Line>> {
    let mut lines = conn.all(&SYSTEM_LINES, params![id, chat], read_line)?;
    lines.reverse();
    Ok(lines)
}

pub(crate) fn update_content(tx: &Tx<'_>, id: MessageId, content: &str, now: Timestamp) -> Result<()> {
    tx.execute(&UPDATE_CONTENT, params![id, content, now])?;
    Ok(())
}

/// Stores what an answer is made from, as JSON.
pub(crate) fn cite(tx: &Tx<'_>, id: MessageId, sources: &str) -> Result<()> {
    tx.execute(&CITE, params![id, sources]).map(drop)
}

pub(crate) fn update_role(tx: &Tx<'_>, id: MessageId, role: Role, now: Timestamp) -> Result<()> {
    tx.execute(&UPDATE_ROLE, params![id, role, now])?;
    Ok(())
}

/// What an answer came to.
pub(crate) struct Finished<'a> {
    pub(crate) kind: &'a str,
    pub(crate) content: &'a str,
    pub(crate) parts: Option<&'a Json>,
    pub(crate) provider_data: Option<&'a Json>,
    pub(crate) model: &'a str,
    pub(crate) status: MessageStatus,
    pub(crate) token_count: Option<i64>,
}

pub(crate) fn finish(tx: &Tx<'_>, id: MessageId, finished: &Finished<'_>, now: Timestamp) -> Result<()> {
    let parts = finished.parts.map(Json::to_string);
    let provider_data = finished.provider_data.map(Json::to_string);
    tx.execute(
        &FINISH,
        params![
            id,
            finished.content,
            &parts,
            &provider_data,
            finished.model,
            finished.status,
            finished.token_count,
            now,
            finished.kind
        ],
    )?;
    Ok(())
}

/// Deletes a message; its children follow its parent from then on.
pub(crate) fn delete(tx: &Tx<'_>, id: MessageId, parent: Option<MessageId>) -> Result<()> {
    tx.execute(&ADOPT_CHILDREN, params![id, parent])?;
    tx.execute(&DELETE, params![id])?;
    Ok(())
}
