//! How much there is.

use serde::Serialize;

/// Counts of a whole installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Accounts.
    pub users: u64,
    /// Those of them that may be used.
    pub active_users: u64,
    /// Those of them that may administer.
    pub admins: u64,
    /// Workspaces.
    pub workspaces: u64,
    /// Chats.
    pub chats: u64,
    /// Messages in them.
    pub messages: u64,
    /// Model tokens that they took.
    pub total_tokens: u64,
    /// Answers that run or wait now, in any process.
    pub running_answers: u64,
}
