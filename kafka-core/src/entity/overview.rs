//! What an account has, at a glance.

use super::{chat::Chat, file::File, model::Model, user::User, workspace::Workspace};

/// An account with all that a client shows first.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// The account.
    pub user: User,
    /// The workspaces that it owns, oldest first.
    pub workspaces: Vec<WorkspaceOverview>,
    /// Its own models, oldest first.
    pub models: Vec<Model>,
}

/// A workspace with what lies in it.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkspaceOverview {
    /// The workspace.
    pub workspace: Workspace,
    /// Its files, oldest first.
    pub files: Vec<File>,
    /// Its chats, oldest first.
    pub chats: Vec<ChatOverview>,
}

/// A chat, and how much was written in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatOverview {
    /// The chat.
    pub chat: Chat,
    /// How many versions its `.based` files have, all together.
    pub versions: u64,
}
