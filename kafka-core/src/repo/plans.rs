//! The table `plans`, and which accounts have which.

use super::params;
use crate::{
    base::{
        error::Result,
        id::{ChatId, UserId, WorkspaceId},
    },
    entity::plan::Plan,
    storage::{Conn, Row, Tx, sql::statements},
};

const COLUMNS: &str =
    "p.id, p.name, p.token_limit_daily, p.document_limit, p.chat_limit, p.created_at, p.updated_at";

fn read(row: &mut Row<'_>) -> Result<Plan> {
    Ok(Plan {
        id: row.next()?,
        name: row.next()?,
        token_limit_daily: row.next()?,
        document_limit: row.next()?,
        chat_limit: row.next()?,
        created_at: row.next()?,
        updated_at: row.next()?,
    })
}

const OF_ACCOUNT: &str = " FROM users u JOIN plans p ON p.id = u.plan_id WHERE u.id = ";

statements! {
    INSERT = ["INSERT INTO plans (id, name, token_limit_daily, document_limit, chat_limit, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $6)"];
    LIST = ["SELECT ", COLUMNS, " FROM plans p ORDER BY p.number"];
    NAMED = ["SELECT ", COLUMNS, " FROM plans p WHERE p.name = $1"];
    OF_USER = ["SELECT u.id, u.is_admin, ", COLUMNS, OF_ACCOUNT, "$1"];
    OF_CHAT = ["SELECT u.id, u.is_admin, ", COLUMNS, OF_ACCOUNT, "(SELECT c.user_id FROM chats c WHERE c.id = $1)"];
    OF_WORKSPACE = ["SELECT u.id, u.is_admin, ", COLUMNS, OF_ACCOUNT,
        "(SELECT w.owner_id FROM workspaces w WHERE w.id = $1)"];
    UPDATE = ["UPDATE plans SET token_limit_daily = $2, document_limit = $3, chat_limit = $4, updated_at = $5 \
        WHERE name = $1"];
    DELETE = ["DELETE FROM plans WHERE name = $1"];
    IS_IN_USE = ["SELECT 1 FROM users u JOIN plans p ON p.id = u.plan_id WHERE p.name = $1 LIMIT 1"];
}

pub(crate) fn insert(tx: &Tx<'_>, plan: &Plan) -> Result<()> {
    tx.execute(
        &INSERT,
        params![
            plan.id,
            &plan.name,
            count(plan.token_limit_daily),
            count(plan.document_limit),
            count(plan.chat_limit),
            plan.created_at
        ],
    )?;
    Ok(())
}

/// All of them, the oldest first.
pub(crate) fn list(conn: &Conn<'_>) -> Result<Vec<Plan>> {
    conn.all(&LIST, params![], read)
}

pub(crate) fn find(conn: &Conn<'_>, name: &str) -> Result<Option<Plan>> {
    conn.first(&NAMED, params![name], read)
}

/// An account's plan, and whether the account is above it.
pub(crate) struct Held {
    pub(crate) user_id: UserId,
    pub(crate) is_admin: bool,
    pub(crate) plan: Plan,
}

fn read_held(row: &mut Row<'_>) -> Result<Held> {
    Ok(Held { user_id: row.next()?, is_admin: row.next()?, plan: read(row)? })
}

pub(crate) fn of_user(conn: &Conn<'_>, user: UserId) -> Result<Option<Held>> {
    conn.first(&OF_USER, params![user], read_held)
}

/// Of the chat's owner; none when it is nobody's.
pub(crate) fn of_chat(conn: &Conn<'_>, chat: ChatId) -> Result<Option<Held>> {
    conn.first(&OF_CHAT, params![chat], read_held)
}

/// Of the workspace's owner; none when it is nobody's.
pub(crate) fn of_workspace(conn: &Conn<'_>, workspace: WorkspaceId) -> Result<Option<Held>> {
    conn.first(&OF_WORKSPACE, params![workspace], read_held)
}

/// Stores the limits of a plan.
pub(crate) fn update(tx: &Tx<'_>, plan: &Plan) -> Result<()> {
    tx.execute(
        &UPDATE,
        params![
            &plan.name,
            count(plan.token_limit_daily),
            count(plan.document_limit),
            count(plan.chat_limit),
            plan.updated_at
        ],
    )?;
    Ok(())
}

pub(crate) fn delete(tx: &Tx<'_>, name: &str) -> Result<bool> {
    Ok(tx.execute(&DELETE, params![name])? > 0)
}

/// Whether any account has the plan.
pub(crate) fn is_in_use(conn: &Conn<'_>, name: &str) -> Result<bool> {
    Ok(conn.first(&IS_IN_USE, params![name], |row| row.next::<i64>())?.is_some())
}

/// No limit that the service lets through is too large for the column.
fn count(limit: Option<u64>) -> Option<i64> {
    limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX))
}
