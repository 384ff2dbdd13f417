//! Counts over whole tables, for those who look after the installation.

use super::params;
use crate::{
    base::error::Result,
    entity::stats::Stats,
    storage::{Conn, sql::statements},
};

statements! {
    USERS = ["SELECT COUNT(*), CAST(COALESCE(SUM(is_active), 0) AS BIGINT), \
        CAST(COALESCE(SUM(is_admin), 0) AS BIGINT) FROM users"];
    WORKSPACES = ["SELECT COUNT(*) FROM workspaces"];
    /// The chats count their messages.
    CHATS = ["SELECT COUNT(*), CAST(COALESCE(SUM(message_count), 0) AS BIGINT), \
        CAST(COALESCE(SUM(total_tokens), 0) AS BIGINT) FROM chats WHERE deleted_at IS NULL"];
    RUNNING = ["SELECT COUNT(*) FROM responses r WHERE r.status = 'streaming'"];
}

/// The cost grows with the number of users and chats.
pub(crate) fn read(conn: &Conn<'_>) -> Result<Stats> {
    let three = |row: &mut crate::storage::Row<'_>| Ok((row.next()?, row.next()?, row.next()?));
    let (users, active_users, admins) = conn.first(&USERS, params![], three)?.unwrap_or_default();
    let (chats, messages, total_tokens) = conn.first(&CHATS, params![], three)?.unwrap_or_default();
    let workspaces = conn.first(&WORKSPACES, params![], |row| row.next())?.unwrap_or_default();
    let running_answers = conn.first(&RUNNING, params![], |row| row.next())?.unwrap_or_default();
    Ok(Stats { users, active_users, admins, workspaces, chats, messages, total_tokens, running_answers })
}
