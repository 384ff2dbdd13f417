//! The table `invitations`.

use super::params;
use crate::{
    base::{
        error::Result,
        id::{InvitationId, UserId},
        time::Timestamp,
    },
    entity::token::OpenInvitation,
    storage::{Conn, Tx, sql::statements},
};

statements! {
    INSERT = ["INSERT INTO invitations (id, code_hash, email, invited_by, expires_at, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6)"];
    /// One that is not for everyone is for one address, written in any case.
    FIND = ["SELECT i.id FROM invitations i WHERE i.code_hash = $1 AND i.expires_at > $3 \
        AND (i.email IS NULL OR lower(i.email) = lower($2))"];
    DELETE = ["DELETE FROM invitations WHERE id = $1"];
    LIST = ["SELECT i.id, i.email, i.created_at, i.expires_at FROM invitations i WHERE i.expires_at > $1 \
        ORDER BY i.created_at, i.id"];
    ANY_EXPIRED = ["SELECT 1 FROM invitations WHERE expires_at <= $1 LIMIT 1"];
    PURGE = ["DELETE FROM invitations WHERE expires_at <= $1"];
}

pub(crate) struct NewRow<'a> {
    pub(crate) id: InvitationId,
    pub(crate) hash: &'a str,
    pub(crate) email: &'a Option<String>,
    pub(crate) invited_by: Option<UserId>,
    pub(crate) expires_at: Timestamp,
    pub(crate) created_at: Timestamp,
}

pub(crate) fn insert(tx: &Tx<'_>, row: &NewRow<'_>) -> Result<()> {
    let values = params![row.id, row.hash, row.email, row.invited_by, row.expires_at, row.created_at];
    tx.execute(&INSERT, values)?;
    Ok(())
}

/// The invitation that this code is, if it is in force for this address.
pub(crate) fn find(conn: &Conn<'_>, hash: &str, email: &str, now: Timestamp) -> Result<Option<InvitationId>> {
    conn.first(&FIND, params![hash, email, now], |row| row.next())
}

/// Those in force, oldest first.
pub(crate) fn list(conn: &Conn<'_>, now: Timestamp) -> Result<Vec<OpenInvitation>> {
    conn.all(&LIST, params![now], |row| {
        Ok(OpenInvitation {
            id: row.next()?,
            email: row.next()?,
            created_at: row.next()?,
            expires_at: row.next()?,
        })
    })
}

pub(crate) fn delete(tx: &Tx<'_>, id: InvitationId) -> Result<bool> {
    Ok(tx.execute(&DELETE, params![id])? > 0)
}

pub(crate) fn any_expired(conn: &Conn<'_>, now: Timestamp) -> Result<bool> {
    Ok(conn.first(&ANY_EXPIRED, params![now], |row| row.next::<i64>())?.is_some())
}

/// Forgets those that nobody can use any more.
pub(crate) fn purge(tx: &Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute(&PURGE, params![now])?;
    Ok(())
}
