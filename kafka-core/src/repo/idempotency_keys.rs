//! The table `idempotency_keys`.

use super::params;
use crate::{
    base::{
        error::Result,
        id::{ResponseId, UserId},
        time::Timestamp,
    },
    storage::{Conn, Tx, sql::statements},
};

statements! {
    FIND = ["SELECT body_hash, answer, response_id FROM idempotency_keys \
        WHERE caller = $1 AND method = $2 AND path = $3 AND idempotency_key = $4 AND expires_at > $5"];
    DELETE_EXPIRED_TWIN = ["DELETE FROM idempotency_keys \
        WHERE caller = $1 AND method = $2 AND path = $3 AND idempotency_key = $4 AND expires_at <= $5"];
    INSERT = ["INSERT INTO idempotency_keys (caller, method, path, idempotency_key, body_hash, answer, response_id, \
        expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"];
    DELETE_OF_CALLER = ["DELETE FROM idempotency_keys WHERE caller = $1"];
    ANY_EXPIRED = ["SELECT 1 FROM idempotency_keys WHERE expires_at <= $1 LIMIT 1"];
    PURGE = ["DELETE FROM idempotency_keys WHERE expires_at <= $1"];
}

/// What names a request that may come twice.
#[derive(Clone, Debug)]
pub(crate) struct KeyRow {
    pub(crate) caller: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) key: String,
}

/// What the first of the twins left.
pub(crate) struct Stored {
    pub(crate) body_hash: String,
    pub(crate) answer: Option<String>,
    pub(crate) response_id: Option<ResponseId>,
}

pub(crate) fn find(conn: &Conn<'_>, key: &KeyRow, now: Timestamp) -> Result<Option<Stored>> {
    let values = params![&key.caller, &key.method, &key.path, &key.key, now];
    conn.first(&FIND, values, |row| {
        Ok(Stored { body_hash: row.next()?, answer: row.next()?, response_id: row.next()? })
    })
}

pub(crate) fn insert(
    tx: &Tx<'_>,
    key: &KeyRow,
    stored: &Stored,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    tx.execute(&DELETE_EXPIRED_TWIN, params![&key.caller, &key.method, &key.path, &key.key, now])?;
    tx.execute(
        &INSERT,
        params![
            &key.caller,
            &key.method,
            &key.path,
            &key.key,
            &stored.body_hash,
            &stored.answer,
            stored.response_id,
            expires_at
        ],
    )?;
    Ok(())
}

/// Deletes what an account was answered.
pub(crate) fn delete_of_user(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.execute(&DELETE_OF_CALLER, params![user])?;
    Ok(())
}

pub(crate) fn any_expired(conn: &Conn<'_>, now: Timestamp) -> Result<bool> {
    Ok(conn.first(&ANY_EXPIRED, params![now], |row| row.next::<i64>())?.is_some())
}

pub(crate) fn purge(tx: &Tx<'_>, now: Timestamp) -> Result<usize> {
    tx.execute(&PURGE, params![now])
}
