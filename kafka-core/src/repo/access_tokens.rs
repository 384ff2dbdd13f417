//! The table `access_tokens`.

use super::params;
use crate::{
    base::{
        error::Result,
        id::{TokenId, UserId},
        time::Timestamp,
    },
    storage::{Conn, Tx, sql::statements},
};

statements! {
    INSERT = ["INSERT INTO access_tokens (id, user_id, kind, token_hash, expires_at, created_at, updated_at) \
        VALUES ($1, $2, 'session', $3, $4, $5, $5)"];
    /// The hash is the whole secret's, so knowing it is having the token.
    FIND = ["SELECT t.user_id, u.is_active, u.is_admin, t.expires_at FROM access_tokens t \
        JOIN users u ON u.id = t.user_id WHERE t.token_hash = $1"];
    DELETE = ["DELETE FROM access_tokens WHERE token_hash = $1"];
    DELETE_OF_USER = ["DELETE FROM access_tokens WHERE user_id = $1"];
}

/// A credential that was presented, and the account behind it.
pub(crate) struct Presented {
    pub(crate) user_id: UserId,
    pub(crate) is_active: bool,
    pub(crate) is_admin: bool,
    pub(crate) expires_at: Option<Timestamp>,
}

pub(crate) struct NewToken<'a> {
    pub(crate) id: TokenId,
    pub(crate) user_id: UserId,
    pub(crate) hash: &'a str,
    pub(crate) expires_at: Timestamp,
    pub(crate) created_at: Timestamp,
}

pub(crate) fn insert(tx: &Tx<'_>, token: &NewToken<'_>) -> Result<()> {
    let values = params![token.id, token.user_id, token.hash, token.expires_at, token.created_at];
    tx.execute(&INSERT, values)?;
    Ok(())
}

pub(crate) fn find(conn: &Conn<'_>, hash: &str) -> Result<Option<Presented>> {
    conn.first(&FIND, params![hash], |row| {
        Ok(Presented {
            user_id: row.next()?,
            is_active: row.next()?,
            is_admin: row.next()?,
            expires_at: row.next()?,
        })
    })
}

/// Deletes the token of this hash, if there is one.
pub(crate) fn delete(tx: &Tx<'_>, hash: &str) -> Result<()> {
    tx.execute(&DELETE, params![hash])?;
    Ok(())
}

pub(crate) fn delete_of_user(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.execute(&DELETE_OF_USER, params![user])?;
    Ok(())
}
