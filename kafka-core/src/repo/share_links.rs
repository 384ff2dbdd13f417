//! The table `share_links`.

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, ShareLinkId},
        time::Timestamp,
    },
    entity::share_link::ShareLink,
    storage::{Conn, Row, Tx, sql::statements},
};

const LIVE: &str = "s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > ";

statements! {
    INSERT = ["INSERT INTO share_links (id, chat_id, token_hash, expires_at, created_at) VALUES ($1, $2, $3, $4, $5)"];
    /// The hash is the whole token's, so knowing it is having the link. One to a chat of a disabled account leads nowhere.
    FIND = ["SELECT s.chat_id FROM share_links s JOIN chats c ON c.id = s.chat_id WHERE s.token_hash = $1 AND ", LIVE, "$2) \
        AND (c.user_id IS NULL OR EXISTS (SELECT 1 FROM users u WHERE u.id = c.user_id AND u.is_active = 1))"];
    LIST = ["SELECT s.id, s.chat_id, s.expires_at, s.created_at FROM share_links s JOIN chats c ON c.id = s.chat_id \
        WHERE s.chat_id = $3 AND ", LIVE, "$4) AND ", scope::CHAT_READ, " ORDER BY s.created_at, s.id"];
    REVOKE = ["UPDATE share_links AS s SET revoked_at = $4 WHERE s.id = $3 AND ", LIVE, "$4) \
        AND EXISTS (SELECT 1 FROM chats c WHERE c.id = s.chat_id AND ", scope::CHAT_WRITE, ")"];
    REVOKE_ALL = ["UPDATE share_links SET revoked_at = $2 WHERE chat_id = $1 AND revoked_at IS NULL"];
    FORGET_DEAD = ["DELETE FROM share_links WHERE chat_id = $1 AND (revoked_at IS NOT NULL OR expires_at <= $2)"];
}

fn read(row: &mut Row<'_>) -> Result<ShareLink> {
    Ok(ShareLink { id: row.next()?, chat_id: row.next()?, expires_at: row.next()?, created_at: row.next()? })
}

pub(crate) fn insert(tx: &Tx<'_>, link: &ShareLink, hash: &str) -> Result<()> {
    tx.execute(&INSERT, params![link.id, link.chat_id, hash, link.expires_at, link.created_at])?;
    Ok(())
}

/// The chat that the token of this hash leads to, if it is in force.
pub(crate) fn find(conn: &Conn<'_>, hash: &str, now: Timestamp) -> Result<Option<ChatId>> {
    conn.first(&FIND, params![hash, now], |row| row.next())
}

/// The links to a chat that are in force, oldest first, if the scope may read the chat.
pub(crate) fn list(conn: &Conn<'_>, scope: Scope, chat: ChatId, now: Timestamp) -> Result<Vec<ShareLink>> {
    conn.all(&LIST, scoped![scope, chat, now], read)
}

/// Ends a link to a chat that the scope may change; whether there was one in force.
pub(crate) fn revoke(tx: &Tx<'_>, scope: Scope, id: ShareLinkId, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(&REVOKE, scoped![scope, id, now])? > 0)
}

/// Ends all links to a chat.
pub(crate) fn revoke_all(tx: &Tx<'_>, chat: ChatId, now: Timestamp) -> Result<()> {
    tx.execute(&REVOKE_ALL, params![chat, now])?;
    Ok(())
}

/// Forgets the links to a chat that lead nowhere any more.
pub(crate) fn forget_dead(tx: &Tx<'_>, chat: ChatId, now: Timestamp) -> Result<()> {
    tx.execute(&FORGET_DEAD, params![chat, now])?;
    Ok(())
}
