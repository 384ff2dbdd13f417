//! Plans: named sets of limits.

use serde::{Deserialize, Serialize};

use crate::base::{id::PlanId, patch::nullable, time::Timestamp};

/// How much an account may use. A limit that is none is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// What accounts and people call it; unique.
    pub name: String,
    /// Tokens a day in UTC, sent and answered together.
    pub token_limit_daily: Option<u64>,
    /// Documents in one chat, and as many that all chats of one workspace share.
    pub document_limit: Option<u64>,
    /// Chats at a time.
    pub chat_limit: Option<u64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a new plan is made of. A limit that is absent is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NewPlan {
    /// 1 to 255 characters; unique.
    pub name: String,
    /// See [`Plan::token_limit_daily`].
    #[serde(default)]
    pub token_limit_daily: Option<u64>,
    /// See [`Plan::document_limit`].
    #[serde(default)]
    pub document_limit: Option<u64>,
    /// See [`Plan::chat_limit`].
    #[serde(default)]
    pub chat_limit: Option<u64>,
}

/// Changes to a plan. What is absent stays; a limit that is `null` is lifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct PlanPatch {
    /// See [`Plan::token_limit_daily`].
    #[serde(default, deserialize_with = "nullable")]
    pub token_limit_daily: Option<Option<u64>>,
    /// See [`Plan::document_limit`].
    #[serde(default, deserialize_with = "nullable")]
    pub document_limit: Option<Option<u64>>,
    /// See [`Plan::chat_limit`].
    #[serde(default, deserialize_with = "nullable")]
    pub chat_limit: Option<Option<u64>>,
}
