//! Accounts that are deleted: what they wrote in others' chats stays, and their ids are taken from it in pieces. A trigger
//! adds a row with the deletion of an account that has written or uploaded something.

use super::params;
use crate::{
    base::error::Result,
    storage::{Conn, Tx, sql::statements},
};

statements! {
    NEXT = ["SELECT x.number, x.user_id FROM deleted_users x ORDER BY x.number LIMIT 1"];
    CLEAR_MESSAGES = ["UPDATE messages SET user_id = NULL WHERE number IN \
        (SELECT m.number FROM messages m WHERE m.user_id = $1 LIMIT $2)"];
    /// One at a time, because a document's text may be rewritten with it.
    CLEAR_DOCUMENT = ["UPDATE documents SET user_id = NULL WHERE number IN \
        (SELECT d.number FROM documents d WHERE d.user_id = $1 LIMIT 1)"];
    END = ["DELETE FROM deleted_users WHERE number = $1"];
}

/// The number of a row, and the account's id.
pub(crate) type Deleted = (i64, String);

/// One whose id is to be taken away somewhere.
pub(crate) fn next(conn: &Conn<'_>) -> Result<Option<Deleted>> {
    conn.first(&NEXT, params![], |row| Ok((row.next()?, row.next()?)))
}

/// Takes its id from so many messages, or when none is left from a document.
pub(crate) fn clear(tx: &Tx<'_>, (number, id): &Deleted, messages: u32) -> Result<()> {
    if tx.execute(&CLEAR_MESSAGES, params![id, messages])? == 0
        && tx.execute(&CLEAR_DOCUMENT, params![id])? == 0
    {
        tx.execute(&END, params![*number])?;
    }
    Ok(())
}
