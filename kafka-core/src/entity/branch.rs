//! Where a conversation branches, and what a fork of it is made of.

use serde::{Deserialize, Serialize};

use crate::base::id::{MessageId, UserId};

/// A place of the active branch where there is another way to go on than the one it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BranchPoint {
    /// Where the place stands in the chat's order: the `seq` of `parent_id`, or 0.
    #[serde(skip)]
    pub(crate) seq: i64,
    /// The message that is followed in several ways; none where the chat begins.
    pub parent_id: Option<MessageId>,
    /// All that follows it, in the order in which it was stored.
    pub message_ids: Vec<MessageId>,
    /// The one of them that stands on the active branch; none where that ends in `parent_id`.
    pub active_id: Option<MessageId>,
}

/// What a fork is made of. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewFork {
    /// The last message to take over, on whatever branch; absent is the end of the active one.
    #[serde(default)]
    pub message_id: Option<MessageId>,
    /// What the fork is called, at most 255 characters; absent is the title of the chat.
    #[serde(default)]
    pub title: Option<String>,
    /// Whose it shall be. Only the operator may name someone else.
    #[serde(default)]
    pub user_id: Option<UserId>,
}
