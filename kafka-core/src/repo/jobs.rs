//! The table `jobs`: work that waits, and that a node has taken. A job is free again when its node's row goes.

use serde_json::json;

use super::params;
use crate::{
    base::{error::Result, id::NodeId, time::Timestamp},
    storage::{Conn, Tx, sql::statements},
};

/// Whose document a job is about: a workspace's, or the account's that owns the chat; without one, "".
const OWNER: &str = "COALESCE(d.workspace_id, c.user_id, '')";
const NEXT_OF: &str = "FROM jobs j LEFT JOIN documents d ON d.id = j.subject LEFT JOIN chats c ON c.id = d.chat_id \
    WHERE j.kind = $1 AND j.run_at <= $2 AND (j.node_id IS NULL OR j.node_id = $3) AND ";
const FIRST: &str = " ORDER BY j.run_at, j.number LIMIT 1";

statements! {
    /// One that is there already is due again.
    ADD = ["INSERT INTO jobs (kind, subject, run_at) VALUES ($1, $2, $3) \
        ON CONFLICT (kind, subject) DO UPDATE SET run_at = excluded.run_at, attempts = 0, node_id = NULL"];
    /// One that is there is due and free, or the node's own.
    CLAIM = ["INSERT INTO jobs (kind, subject, run_at, node_id) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (kind, subject) DO UPDATE SET node_id = excluded.node_id \
        WHERE jobs.run_at <= excluded.run_at AND (jobs.node_id IS NULL OR jobs.node_id = excluded.node_id)"];
    CLAIMED = ["SELECT j.number, j.attempts FROM jobs j WHERE j.kind = $1 AND j.subject = $2 AND j.node_id = $3"];
    NEXT = ["SELECT j.number, j.subject, j.attempts, ", OWNER, NEXT_OF, OWNER, " NOT IN (SELECT value FROM json_each($4))", FIRST]
        or ["SELECT j.number, j.subject, j.attempts, ", OWNER, NEXT_OF, OWNER,
            " NOT IN (SELECT json_array_elements_text(CAST(CAST($4 AS TEXT) AS JSON)))", FIRST];
    TAKE = ["UPDATE jobs SET node_id = $2, attempts = attempts + 1 \
        WHERE number = $1 AND run_at <= $3 AND (node_id IS NULL OR node_id = $2)"];
    PUT_BACK = ["UPDATE jobs SET node_id = NULL, run_at = $2, attempts = $4 WHERE number = $1 AND node_id = $3"];
    RELEASE = ["UPDATE jobs SET node_id = NULL WHERE number = $1 AND node_id = $2"];
    HELD = ["SELECT j.number, j.subject FROM jobs j WHERE j.kind = $1 AND j.node_id IS NOT NULL"];
    NEWEST = ["SELECT j.subject, j.run_at FROM jobs j WHERE j.kind = $1 ORDER BY j.number DESC LIMIT 1"];
    FORGET = ["DELETE FROM jobs WHERE kind = $1"];
    FORGET_FREE = ["DELETE FROM jobs WHERE node_id IS NULL AND kind LIKE $1"];
    FINISH = ["DELETE FROM jobs WHERE number = $1 AND node_id = $2"];
}

/// Something to be done.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) number: i64,
    /// The id of what it is about.
    pub(crate) subject: String,
    /// How often it was begun before.
    pub(crate) attempts: u32,
    /// Whose document it is about: an id, or "".
    pub(crate) owner: String,
}

/// Has a job done from then on.
pub(crate) fn add(tx: &Tx<'_>, kind: &str, subject: &str, run_at: Timestamp) -> Result<()> {
    tx.execute(&ADD, params![kind, subject, run_at]).map(drop)
}

/// The job of a kind that has been due longest, if no other node is at it, of who is not among `others`. A node does one at
/// a time, so one that is its own was left lying.
pub(crate) fn next(
    conn: &Conn<'_>,
    kind: &str,
    node: NodeId,
    now: Timestamp,
    others: &[String],
) -> Result<Option<Job>> {
    let others = json!(others).to_string();
    conn.first(&NEXT, params![kind, now, node, &others], |row| {
        Ok(Job { number: row.next()?, subject: row.next()?, attempts: row.next()?, owner: row.next()? })
    })
}

/// Gives a node the job about a subject, which is made if there is none: its number, and how often it was begun before. None
/// when it is another node's, or not due.
pub(crate) fn claim(
    tx: &Tx<'_>,
    kind: &str,
    subject: &str,
    now: Timestamp,
    node: NodeId,
) -> Result<Option<(i64, u32)>> {
    if tx.execute(&CLAIM, params![kind, subject, now, node])? == 0 {
        return Ok(None);
    }
    tx.first(&CLAIMED, params![kind, subject, node], |row| Ok((row.next()?, row.next()?)))
}

/// What the job of a kind is about that was made last, of those that a node has.
pub(crate) fn newest_held(conn: &Conn<'_>, kind: &str) -> Result<Option<String>> {
    let held: Vec<(i64, String)> = conn.all(&HELD, params![kind], |row| Ok((row.next()?, row.next()?)))?;
    Ok(held.into_iter().max_by_key(|(number, _)| *number).map(|(_, subject)| subject))
}

/// What the job of a kind is about that was made last, whoever has it, and since when it is due.
pub(crate) fn newest(conn: &Conn<'_>, kind: &str) -> Result<Option<(String, Timestamp)>> {
    conn.first(&NEWEST, params![kind], |row| Ok((row.next()?, row.next()?)))
}

/// Takes away all jobs of a kind.
pub(crate) fn forget(tx: &Tx<'_>, kind: &str) -> Result<()> {
    tx.execute(&FORGET, params![kind]).map(drop)
}

/// Takes away the jobs that no node has, of all kinds that begin so.
pub(crate) fn forget_free(tx: &Tx<'_>, kinds: &str) -> Result<()> {
    let pattern = format!("{kinds}%");
    tx.execute(&FORGET_FREE, params![&pattern]).map(drop)
}

/// Gives a job to a node. False when it is not due any more, or another node's.
pub(crate) fn take(tx: &Tx<'_>, job: i64, node: NodeId, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(&TAKE, params![job, node, now])? > 0)
}

/// Leaves a job for later, begun so often.
pub(crate) fn put_back(tx: &Tx<'_>, job: i64, node: NodeId, run_at: Timestamp, attempts: u32) -> Result<()> {
    tx.execute(&PUT_BACK, params![job, run_at, node, attempts]).map(drop)
}

/// Frees a job for whoever is next, as due as it was.
pub(crate) fn release(tx: &Tx<'_>, job: i64, node: NodeId) -> Result<()> {
    tx.execute(&RELEASE, params![job, node]).map(drop)
}

/// Takes away a job that is done, if it is the node's.
pub(crate) fn finish(tx: &Tx<'_>, job: i64, node: NodeId) -> Result<()> {
    tx.execute(&FINISH, params![job, node]).map(drop)
}
