//! The tables `workspaces` and `workspace_members`.

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{UserId, WorkspaceId},
        page::{Room, Stretch},
        time::Timestamp,
    },
    entity::workspace::{MemberRole, Workspace},
    storage::{Conn, Row, Tx, sql::statements},
};

const COLUMNS: &str = "w.id, w.name, w.owner_id, w.created_at, w.updated_at";

fn read(row: &mut Row<'_>) -> Result<Workspace> {
    Ok(Workspace {
        id: row.next()?,
        name: row.next()?,
        owner_id: row.next()?,
        created_at: row.next()?,
        updated_at: row.next()?,
    })
}

statements! {
    INSERT = ["INSERT INTO workspaces (id, name, owner_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)"];
    GET = ["SELECT ", COLUMNS, " FROM workspaces w WHERE w.id = $3 AND ", scope::WORKSPACE_READ];
    FILLABLE = ["SELECT 1 FROM workspaces w WHERE w.id = $3 AND ", scope::WORKSPACE_FILL];
    LIST = ["SELECT ", COLUMNS, " FROM workspaces w WHERE (w.created_at, w.id) > ($3, $4) AND ",
        scope::WORKSPACE_READ, " ORDER BY w.created_at, w.id LIMIT $5"];
    LIST_BACK = ["SELECT ", COLUMNS, " FROM workspaces w WHERE (w.created_at, w.id) < ($3, $4) AND ",
        scope::WORKSPACE_READ, " ORDER BY w.created_at DESC, w.id DESC LIMIT $5"];
    COUNT = ["SELECT COUNT(*) FROM workspaces w WHERE ", scope::WORKSPACE_READ];
    LIST_NUMBERED = ["SELECT ", COLUMNS, " FROM workspaces w WHERE ", scope::WORKSPACE_READ,
        " ORDER BY w.created_at, w.id LIMIT $3 OFFSET $4"];
    UPDATE = ["UPDATE workspaces AS w SET name = $4, updated_at = $5 WHERE w.id = $3 AND ", scope::WORKSPACE_WRITE];
    ADD_MEMBER = ["INSERT INTO workspace_members (workspace_id, user_id, role, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $4) \
        ON CONFLICT (user_id, workspace_id) DO UPDATE SET role = excluded.role, updated_at = excluded.updated_at"];
    REMOVE_MEMBER = ["DELETE FROM workspace_members WHERE workspace_id = $1 AND user_id = $2"];
    WRITABLE = ["SELECT 1 FROM workspaces w WHERE w.id = $3 AND ", scope::WORKSPACE_WRITE];
    DELETE = ["DELETE FROM workspaces AS w WHERE w.id = $3 AND ", scope::WORKSPACE_WRITE];
    OF_ACCOUNT = ["SELECT w.id FROM workspaces w WHERE w.owner_id = $1"];
    OF_OWNER = ["SELECT ", COLUMNS, " FROM workspaces w WHERE w.owner_id = $3 AND ", scope::WORKSPACE_READ,
        " ORDER BY w.created_at, w.id"];
    READERS = ["SELECT w.owner_id FROM workspaces w WHERE w.id = $1 AND w.owner_id IS NOT NULL \
        UNION SELECT wm.user_id FROM workspace_members wm WHERE wm.workspace_id = $1"];
}

pub(crate) fn insert(tx: &Tx<'_>, workspace: &Workspace) -> Result<()> {
    let values = params![workspace.id, &workspace.name, workspace.owner_id, workspace.created_at];
    tx.execute(&INSERT, values)?;
    Ok(())
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: WorkspaceId) -> Result<Option<Workspace>> {
    conn.first(&GET, scoped![scope, id], read)
}

/// What an account owns, oldest first.
pub(crate) fn of_owner(conn: &Conn<'_>, scope: Scope, owner: UserId) -> Result<Vec<Workspace>> {
    conn.all(&OF_OWNER, scoped![scope, owner], read)
}

/// Who sees what is in it: the owner and the members.
pub(crate) fn readers(conn: &Conn<'_>, id: WorkspaceId) -> Result<Vec<UserId>> {
    conn.all(&READERS, params![id], |row| row.next())
}

/// What an account owns, which goes with it.
pub(crate) fn of_account(conn: &Conn<'_>, owner: UserId) -> Result<Vec<WorkspaceId>> {
    conn.all(&OF_ACCOUNT, params![owner], |row| row.next())
}

/// Whether chats and files may be put into it.
pub(crate) fn is_fillable(conn: &Conn<'_>, scope: Scope, id: WorkspaceId) -> Result<bool> {
    Ok(conn.first(&FILLABLE, scoped![scope, id], |row| row.next::<i64>())?.is_some())
}

/// Whether it may be renamed, shared and deleted.
pub(crate) fn is_writable(conn: &Conn<'_>, scope: Scope, id: WorkspaceId) -> Result<bool> {
    Ok(conn.first(&WRITABLE, scoped![scope, id], |row| row.next::<i64>())?.is_some())
}

/// Lets someone into a workspace, or changes what they may do there.
pub(crate) fn add_member(
    tx: &Tx<'_>,
    id: WorkspaceId,
    user: UserId,
    role: MemberRole,
    now: Timestamp,
) -> Result<()> {
    tx.execute(&ADD_MEMBER, params![id, user, role.as_str(), now]).map(drop)
}

pub(crate) fn remove_member(tx: &Tx<'_>, id: WorkspaceId, user: UserId) -> Result<()> {
    tx.execute(&REMOVE_MEMBER, params![id, user]).map(drop)
}

/// Those made after the key, oldest first.
pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    after: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<Workspace>> {
    conn.stretch(&LIST, scoped![scope, after.0, after.1, room.and_one()], room, read)
}

/// Those made before the key, newest first.
pub(crate) fn list_back(
    conn: &Conn<'_>,
    scope: Scope,
    before: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<Workspace>> {
    conn.stretch(&LIST_BACK, scoped![scope, before.0, before.1, room.and_one()], room, read)
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope], |row| row.next())?.unwrap_or(0))
}

pub(crate) fn list_numbered(
    conn: &Conn<'_>,
    scope: Scope,
    room: Room,
    offset: i64,
) -> Result<Stretch<Workspace>> {
    conn.stretch(&LIST_NUMBERED, scoped![scope, room.and_one(), offset], room, read)
}

pub(crate) fn update(tx: &Tx<'_>, scope: Scope, workspace: &Workspace) -> Result<bool> {
    let values = scoped![scope, workspace.id, &workspace.name, workspace.updated_at];
    Ok(tx.execute(&UPDATE, values)? > 0)
}

pub(crate) fn delete(tx: &Tx<'_>, scope: Scope, id: WorkspaceId) -> Result<bool> {
    Ok(tx.execute(&DELETE, scoped![scope, id])? > 0)
}
