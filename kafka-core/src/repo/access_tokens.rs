//! The table `access_tokens`: sessions and API keys.

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{TokenId, UserId},
        page::{Room, Stretch},
        permission::Permissions,
        time::Timestamp,
    },
    entity::token::Token,
    storage::{Conn, Row, Tx, sql::statements},
};

const PRESENTED: &str = "SELECT t.id, t.user_id, t.kind, t.scopes, t.expires_at, t.last_used_at, u.is_active, u.is_admin \
     FROM access_tokens t JOIN users u ON u.id = t.user_id WHERE ";
const COLUMNS: &str = "t.id, t.name, t.scopes, t.expires_at, t.last_used_at, t.created_at";
const KEYS: &str = " FROM access_tokens t WHERE t.kind = 'api_key' AND ";

statements! {
    INSERT = ["INSERT INTO access_tokens (id, user_id, kind, name, token_hash, scopes, expires_at, created_at, \
        updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"];
    /// The hash is the whole secret's, so knowing it is having the token.
    FIND = [PRESENTED, "t.token_hash = $1"];
    FIND_BY_ID = [PRESENTED, "t.id = $1"];
    GET = ["SELECT ", COLUMNS, KEYS, "t.id = $3 AND ", scope::TOKEN];
    LIST = ["SELECT ", COLUMNS, KEYS, "(t.created_at, t.id) > ($3, $4) AND ", scope::TOKEN,
        " ORDER BY t.created_at, t.id LIMIT $5"];
    LIST_BACK = ["SELECT ", COLUMNS, KEYS, "(t.created_at, t.id) < ($3, $4) AND ", scope::TOKEN,
        " ORDER BY t.created_at DESC, t.id DESC LIMIT $5"];
    LIST_NUMBERED = ["SELECT ", COLUMNS, KEYS, scope::TOKEN, " ORDER BY t.created_at, t.id LIMIT $3 OFFSET $4"];
    COUNT = ["SELECT COUNT(*)", KEYS, scope::TOKEN];
    /// At most once a minute, whoever else notes it.
    SET_LAST_USED = ["UPDATE access_tokens SET last_used_at = $2 WHERE id = $1 \
        AND (last_used_at IS NULL OR last_used_at <= $3)"];
    DELETE = ["DELETE FROM access_tokens WHERE token_hash = $1"];
    DELETE_KEY = ["DELETE FROM access_tokens AS t WHERE t.kind = 'api_key' AND t.id = $3 AND ", scope::TOKEN];
    ANY_EXPIRED_SESSION = ["SELECT 1 FROM access_tokens WHERE kind = 'session' AND expires_at <= $1 LIMIT 1"];
    PURGE_SESSIONS = ["DELETE FROM access_tokens WHERE kind = 'session' AND expires_at <= $1"];
    DELETE_OF_USER = ["DELETE FROM access_tokens WHERE user_id = $1"];
}

/// A credential that was presented, and the account behind it.
pub(crate) struct Presented {
    pub(crate) id: TokenId,
    pub(crate) user_id: UserId,
    pub(crate) is_api_key: bool,
    /// None is everything.
    pub(crate) scopes: Option<Permissions>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) is_active: bool,
    pub(crate) is_admin: bool,
}

fn read_presented(row: &mut Row<'_>) -> Result<Presented> {
    Ok(Presented {
        id: row.next()?,
        user_id: row.next()?,
        is_api_key: row.next::<String>()? == "api_key",
        scopes: row.next_json()?,
        expires_at: row.next()?,
        last_used_at: row.next()?,
        is_active: row.next()?,
        is_admin: row.next()?,
    })
}

fn read(row: &mut Row<'_>) -> Result<Token> {
    Ok(Token {
        id: row.next()?,
        name: row.next::<Option<String>>()?.unwrap_or_default(),
        scopes: row.next_json()?,
        expires_at: row.next()?,
        last_used_at: row.next()?,
        created_at: row.next()?,
    })
}

/// Stores a session.
pub(crate) fn insert_session(
    tx: &Tx<'_>,
    id: TokenId,
    user: UserId,
    hash: &str,
    (created_at, expires_at): (Timestamp, Timestamp),
) -> Result<()> {
    let none = None::<String>;
    tx.execute(&INSERT, params![id, user, "session", &none, hash, &none, expires_at, created_at])?;
    Ok(())
}

/// Stores an API key.
pub(crate) fn insert_key(tx: &Tx<'_>, user: UserId, key: &Token, hash: &str) -> Result<()> {
    let scopes = key.scopes.map(|scopes| serde_json::json!(scopes).to_string());
    tx.execute(
        &INSERT,
        params![key.id, user, "api_key", &key.name, hash, &scopes, key.expires_at, key.created_at],
    )?;
    Ok(())
}

pub(crate) fn find(conn: &Conn<'_>, hash: &str) -> Result<Option<Presented>> {
    conn.first(&FIND, params![hash], read_presented)
}

pub(crate) fn find_by_id(conn: &Conn<'_>, id: TokenId) -> Result<Option<Presented>> {
    conn.first(&FIND_BY_ID, params![id], read_presented)
}

/// One API key.
pub(crate) fn find_key(conn: &Conn<'_>, scope: Scope, id: TokenId) -> Result<Option<Token>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// API keys made after the key, oldest first.
pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    after: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<Token>> {
    conn.stretch(&LIST, scoped![scope, after.0, after.1, room.and_one()], room, read)
}

/// API keys made before the key, newest first.
pub(crate) fn list_back(
    conn: &Conn<'_>,
    scope: Scope,
    before: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<Token>> {
    conn.stretch(&LIST_BACK, scoped![scope, before.0, before.1, room.and_one()], room, read)
}

pub(crate) fn list_numbered(
    conn: &Conn<'_>,
    scope: Scope,
    room: Room,
    offset: i64,
) -> Result<Stretch<Token>> {
    conn.stretch(&LIST_NUMBERED, scoped![scope, room.and_one(), offset], room, read)
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope], |row| row.next())?.unwrap_or(0))
}

/// Notes a use, unless one after `since` is noted already.
pub(crate) fn set_last_used(tx: &Tx<'_>, id: TokenId, at: Timestamp, since: Timestamp) -> Result<()> {
    tx.execute(&SET_LAST_USED, params![id, at, since])?;
    Ok(())
}

/// Deletes the token of this hash, if there is one.
pub(crate) fn delete(tx: &Tx<'_>, hash: &str) -> Result<()> {
    tx.execute(&DELETE, params![hash])?;
    Ok(())
}

/// Deletes one API key.
pub(crate) fn delete_key(tx: &Tx<'_>, scope: Scope, id: TokenId) -> Result<bool> {
    Ok(tx.execute(&DELETE_KEY, scoped![scope, id])? > 0)
}

pub(crate) fn delete_of_user(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.execute(&DELETE_OF_USER, params![user])?;
    Ok(())
}

pub(crate) fn any_expired_session(conn: &Conn<'_>, now: Timestamp) -> Result<bool> {
    Ok(conn.first(&ANY_EXPIRED_SESSION, params![now], |row| row.next::<i64>())?.is_some())
}

pub(crate) fn purge_sessions(tx: &Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute(&PURGE_SESSIONS, params![now])?;
    Ok(())
}
