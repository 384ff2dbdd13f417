//! Conversations.

use serde::{Deserialize, Serialize};

use crate::base::{
    id::{ChatId, MessageId, UserId, WorkspaceId},
    patch::nullable,
    time::Timestamp,
};

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Chat {
    /// The row's number, which dialects with integer ids show.
    #[serde(default, skip_serializing)]
    pub number: i64,
    /// Its id.
    pub id: ChatId,
    /// What it is called.
    pub title: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Names of notebooks that belong to it.
    pub notebooks: Vec<String>,
    /// The model that answers when a request names none.
    pub default_model: Option<String>,
    /// Whose it is; none for an anonymous one.
    pub user_id: Option<UserId>,
    /// The workspace it lies in.
    pub workspace_id: Option<WorkspaceId>,
    /// The message that the active branch ends in; none while it is empty.
    pub active_leaf_id: Option<MessageId>,
    /// Messages on all branches.
    pub message_count: u64,
    /// Model tokens spent on its answers.
    pub total_tokens: u64,
    /// Since when it is archived.
    pub archived_at: Option<Timestamp>,
    /// Since when it is pinned.
    pub pinned_at: Option<Timestamp>,
    /// What it is found by, in the order in which it was given.
    #[serde(default)]
    pub tags: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last renamed, configured or written to.
    pub updated_at: Timestamp,
}

/// A conversation as those see it who know no branches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearChat {
    /// All there is to it.
    pub chat: Chat,
    /// Messages on its active branch.
    pub message_count: u64,
}

/// What a new chat is made of. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewChat {
    /// At most 255 characters.
    #[serde(default)]
    pub title: Option<String>,
    /// At most 64 KiB.
    #[serde(default)]
    pub description: Option<String>,
    /// At most 100 names of at most 255 characters.
    #[serde(default)]
    pub notebooks: Vec<String>,
    /// As in [`ChatPatch::tags`].
    #[serde(default)]
    pub tags: Vec<String>,
    /// Stored unchecked and resolved when an answer is asked for.
    #[serde(default)]
    pub default_model: Option<String>,
    /// The workspace to put it in.
    #[serde(default)]
    pub workspace_id: Option<WorkspaceId>,
    /// Whose it shall be. Only the operator may name someone else.
    #[serde(default)]
    pub user_id: Option<UserId>,
}

impl NewChat {
    /// A chat with a title and nothing else.
    #[must_use]
    pub fn titled(title: impl Into<String>) -> NewChat {
        NewChat { title: Some(title.into()), ..NewChat::default() }
    }
}

/// Changes to a chat. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatPatch {
    /// A new title; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    pub title: Option<Option<String>>,
    /// A new description; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    pub description: Option<Option<String>>,
    /// New notebooks in place of the old.
    #[serde(default)]
    pub notebooks: Option<Vec<String>>,
    /// A new default model; `null` goes back to the owner's default.
    #[serde(default, deserialize_with = "nullable")]
    pub default_model: Option<Option<String>>,
    /// Archives or takes back.
    #[serde(default)]
    pub archived: Option<bool>,
    /// Pins or unpins.
    #[serde(default)]
    pub pinned: Option<bool>,
    /// New tags in place of the old: at most 32 of at most 64 characters. Blanks around them are taken away, and of those
    /// that differ in upper and lower case only the first is kept.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Makes the branch that ends in this message the active one.
    #[serde(default)]
    pub active_leaf_id: Option<MessageId>,
}

/// Which chats a list shows. What is none does not narrow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatFilter {
    /// Those of one workspace.
    pub workspace_id: Option<WorkspaceId>,
    /// Archived ones only, or others only.
    pub archived: Option<bool>,
    /// Pinned ones only, or others only.
    pub pinned: Option<bool>,
    /// Those with this tag, whatever the case of its letters.
    pub tag: Option<String>,
    /// Those whose title contains this text, without regard to the case of ASCII letters.
    pub title_contains: Option<String>,
}

/// A tag as it is compared.
pub(crate) fn folded_tag(tag: &str) -> String {
    tag.to_lowercase()
}

/// A tag, and how many chats have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TagCount {
    /// The tag; where chats spell it differently, one of the spellings.
    pub tag: String,
    /// Chats that have it, archived ones among them.
    pub chats: u64,
}
