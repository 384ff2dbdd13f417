//! The table `responses`.

use serde_json::json;

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, NodeId, ResponseId, UserId},
        time::Timestamp,
    },
    entity::response::{Response, ResponseError, ResponseStatus},
    storage::{Conn, Row, Tx, sql::statements},
};

pub(super) const COLUMNS: &str = "r.id, r.message_id, r.chat_id, r.status, r.model_used, r.provider, r.finish_reason, \
     r.tokens_prompt, r.tokens_completion, r.tokens_total, r.usage_estimated, r.first_token_ms, \
     r.completion_time_ms, r.error_code, r.error_detail, r.attempts, r.created_at";

/// Reads the columns of a LEFT JOIN, none when there is no response.
pub(super) fn read_joined(row: &mut Row<'_>) -> Result<Option<Response>> {
    match row.next()? {
        Some(id) => read_after_id(row, id).map(Some),
        None => Ok(None),
    }
}

fn read(row: &mut Row<'_>) -> Result<Response> {
    let id = row.next()?;
    read_after_id(row, id)
}

fn read_after_id(row: &mut Row<'_>, id: ResponseId) -> Result<Response> {
    Ok(Response {
        id,
        message_id: row.next()?,
        chat_id: row.next()?,
        status: row.next()?,
        model_used: row.next()?,
        provider: row.next()?,
        finish_reason: row.next()?,
        tokens_prompt: row.next()?,
        tokens_completion: row.next()?,
        tokens_total: row.next()?,
        usage_estimated: row.next()?,
        first_token_ms: row.next()?,
        completion_time_ms: row.next()?,
        error: match (row.next()?, row.next()?) {
            (Some(code), detail) => Some(ResponseError { code, detail: detail.unwrap_or_default() }),
            (None, None::<String>) | (None, Some(_)) => None,
        },
        attempts: row.next_json()?,
        created_at: row.next()?,
    })
}

const FROM: &str = " FROM responses r JOIN chats c ON c.id = r.chat_id WHERE r.id = $3 AND ";

statements! {
    INSERT = ["INSERT INTO responses (id, message_id, chat_id, node_id, model_used, provider, reserved_tokens, \
        created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"];
    GET = ["SELECT ", COLUMNS, FROM, scope::CHAT_READ];
    GET_FOR_WRITING = ["SELECT ", COLUMNS, FROM, scope::CHAT_WRITE];
    RUNNING = ["SELECT ", COLUMNS, " FROM responses r WHERE r.id = $1 AND r.status = 'streaming'"];
    RUNNING_ON = ["SELECT 1 FROM responses r WHERE r.id = $1 AND r.status = 'streaming' AND r.node_id = $2"];
    /// COALESCE keeps the planner from the indexes of node and chat, which hold all that ever ran, where few
    /// run at a time; so in the two below.
    RUNNING_OF_NODE = ["SELECT r.id FROM responses r WHERE r.status = 'streaming' AND COALESCE(r.node_id, '') = $1 \
        ORDER BY r.number"];
    RUNNING_OF_NOBODY = ["SELECT r.id FROM responses r WHERE r.status = 'streaming' AND COALESCE(r.node_id, '') = '' \
        ORDER BY r.number"];
    RUNNING_IN_CHAT = ["SELECT r.id FROM responses r WHERE r.status = 'streaming' AND COALESCE(r.chat_id, '') = $1 \
        ORDER BY r.number"];
    ALL_RUNNING = ["SELECT r.id, r.chat_id FROM responses r WHERE r.status = 'streaming' ORDER BY r.number"];
    /// The owner is looked up for each that runs, for the same reason.
    RESERVED_OF_OWNER = ["SELECT r.chat_id, r.reserved_tokens FROM responses r WHERE r.status = 'streaming' \
        AND (SELECT c.user_id FROM chats c WHERE c.id = COALESCE(r.chat_id, '')) = $1"];
    RESERVE = ["UPDATE responses SET reserved_tokens = $2 WHERE id = $1 AND status = 'streaming'"];
    /// Nobody runs it any more: a node that leaves would otherwise take its time to be forgotten by every
    /// answer that it gave.
    FINISH = ["UPDATE responses SET node_id = NULL, status = $2, model_used = $3, finish_reason = $4, tokens_prompt = $5, \
        tokens_completion = $6, tokens_total = $7, usage_estimated = $8, first_token_ms = $9, completion_time_ms = $10, \
        error_code = $11, error_detail = $12, attempts = $13, updated_at = $14 WHERE id = $1 AND status = 'streaming'"];
}

/// Stores a response that begins, for which so many tokens of its owner's plan are kept free.
pub(crate) fn insert(tx: &Tx<'_>, response: &Response, node: NodeId, reserved: u64) -> Result<()> {
    tx.execute_later(
        &INSERT,
        params![
            response.id,
            response.message_id,
            response.chat_id,
            node,
            &response.model_used,
            &response.provider,
            i64::try_from(reserved).unwrap_or(i64::MAX),
            response.created_at
        ],
    )
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: ResponseId) -> Result<Option<Response>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// As [`find`], but only what the scope may change.
pub(crate) fn find_for_writing(conn: &Conn<'_>, scope: Scope, id: ResponseId) -> Result<Option<Response>> {
    conn.first(&GET_FOR_WRITING, scoped![scope, id], read)
}

/// The response while it runs, for the service that runs or recovers it.
pub(crate) fn find_running(conn: &Conn<'_>, id: ResponseId) -> Result<Option<Response>> {
    conn.first(&RUNNING, params![id], read)
}

/// Whether this node still runs it: false once it was deleted, ended or taken over by another.
pub(crate) fn is_running_on(conn: &Conn<'_>, id: ResponseId, node: NodeId) -> Result<bool> {
    Ok(conn.first(&RUNNING_ON, params![id, node], |row| row.next::<i64>())?.is_some())
}

/// What a node runs, oldest first.
pub(crate) fn running_of_node(conn: &Conn<'_>, node: NodeId) -> Result<Vec<ResponseId>> {
    conn.all(&RUNNING_OF_NODE, params![node], |row| row.next())
}

/// What runs, but belongs to a node that is no longer listed.
pub(crate) fn running_of_nobody(conn: &Conn<'_>) -> Result<Vec<ResponseId>> {
    conn.all(&RUNNING_OF_NOBODY, params![], |row| row.next())
}

/// What runs or waits in a chat, in the order in which it was asked for.
pub(crate) fn running_in_chat(conn: &Conn<'_>, chat: ChatId) -> Result<Vec<ResponseId>> {
    conn.all(&RUNNING_IN_CHAT, params![chat], |row| row.next())
}

/// What runs or waits, of everyone and in every process, in the order in which it was asked for.
pub(crate) fn all_running(conn: &Conn<'_>) -> Result<Vec<(ResponseId, ChatId)>> {
    conn.all(&ALL_RUNNING, params![], |row| Ok((row.next()?, row.next()?)))
}

/// The chats in which answers run that an account pays, and what is kept free for each of these answers.
pub(crate) fn reserved_of_owner(conn: &Conn<'_>, user: UserId) -> Result<Vec<(ChatId, u64)>> {
    conn.all(&RESERVED_OF_OWNER, params![user], |row| Ok((row.next()?, row.next()?)))
}

/// Changes how many tokens of its owner's plan are kept free for a response while it runs.
pub(crate) fn reserve(tx: &Tx<'_>, id: ResponseId, tokens: u64) -> Result<()> {
    tx.execute_later(&RESERVE, params![id, i64::try_from(tokens).unwrap_or(i64::MAX)])
}

/// Stores how a running response ended. False when it ran no longer.
pub(crate) fn finish(tx: &Tx<'_>, response: &Response, now: Timestamp) -> Result<bool> {
    let count = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
    let (code, detail) =
        response.error.as_ref().map_or((None, None), |error| (Some(&error.code), Some(&error.detail)));
    let attempts = response.attempts.as_ref().map(|attempts| json!(attempts).to_string());
    let touched = tx.execute(
        &FINISH,
        params![
            response.id,
            response.status,
            &response.model_used,
            &response.finish_reason,
            count(response.tokens_prompt),
            count(response.tokens_completion),
            count(response.tokens_total),
            response.usage_estimated,
            count(response.first_token_ms),
            count(response.completion_time_ms),
            code,
            detail,
            &attempts,
            now
        ],
    )?;
    debug_assert_ne!(response.status, ResponseStatus::Streaming);
    Ok(touched > 0)
}
