//! Groups of chats and files.

use serde::{Deserialize, Serialize};

use super::word::words;
use crate::base::{
    id::{UserId, WorkspaceId},
    time::Timestamp,
};

/// A group of chats and files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// What it is called.
    pub name: String,
    /// Whose it is; none when it was made without an account.
    pub owner_id: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

words! {
    /// What a member may do with what lies in a workspace.
    MemberRole {
        /// Read it.
        Viewer = "viewer",
        /// Read, add, change and delete it; the workspace itself stays its owner's.
        Editor = "editor",
    }
}

/// What a new workspace is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewWorkspace {
    /// At most 255 characters.
    pub name: String,
    /// Whose it shall be. Only the operator may name someone else.
    #[serde(default)]
    pub owner_id: Option<UserId>,
}

/// Changes to a workspace. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkspacePatch {
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
}
