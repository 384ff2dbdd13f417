//! Long chats that are deleted: their rows go in pieces, behind, because all at once they would hold up everyone who writes.
//!
//! What is left of such a chat belongs to nobody, says nothing and has `deleted_at`, which the scope's predicates and the
//! lists of everything leave out. Its files, tags and links are gone with the call that deleted it, its
//! documents are [deleted](super::deleted_documents) with it.

use super::params;
use crate::{
    base::{error::Result, id::ChatId, time::Timestamp},
    storage::{Conn, Tx, sql::statements},
};

statements! {
    MARK = ["UPDATE chats SET deleted_at = $2, user_id = NULL, workspace_id = NULL, title = NULL, description = NULL, \
        notebooks = '[]', default_model = NULL, tags = '[]', archived_at = NULL, pinned_at = NULL, active_leaf_id = NULL, \
        message_count = 0, total_tokens = 0 WHERE id = $1 AND message_count > $3"];
    DELETE_TAGS = ["DELETE FROM chat_tags WHERE chat_id = $1"];
    DELETE_LINKS = ["DELETE FROM share_links WHERE chat_id = $1"];
    DELETE_ANONYMOUS = ["DELETE FROM anonymous_chats WHERE chat_id = $1"];
    NEXT = ["SELECT c.number FROM chats c WHERE c.deleted_at IS NOT NULL ORDER BY c.number LIMIT 1"];
    /// The last ones first: what no message follows is removed without changing others.
    DELETE_MESSAGES = ["DELETE FROM messages WHERE number IN (SELECT m.number FROM messages m WHERE m.chat_number = $1 \
        ORDER BY m.on_branch DESC, m.seq DESC LIMIT $2)"];
    END = ["DELETE FROM chats WHERE number = $1 AND deleted_at IS NOT NULL"];
}

/// Deletes a chat for everyone, if it has more than so many messages, and leaves these to be removed behind.
pub(crate) fn mark(tx: &Tx<'_>, id: ChatId, now: Timestamp, more_than: u32) -> Result<()> {
    if tx.execute(&MARK, params![id, now, more_than])? > 0 {
        for statement in [&DELETE_TAGS, &DELETE_LINKS, &DELETE_ANONYMOUS] {
            tx.execute(statement, params![id])?;
        }
    }
    Ok(())
}

/// The number of a chat whose rows are to be removed.
pub(crate) fn next(conn: &Conn<'_>) -> Result<Option<i64>> {
    conn.first(&NEXT, params![], |row| row.next())
}

/// Removes so many messages of such a chat with their answers, and the chat when it has no more.
pub(crate) fn remove(tx: &Tx<'_>, number: i64, messages: u32) -> Result<()> {
    if tx.execute(&DELETE_MESSAGES, params![number, messages])? < messages as usize {
        tx.execute(&END, params![number])?;
    }
    Ok(())
}
