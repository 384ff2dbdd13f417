//! What was used.

use serde::{Deserialize, Serialize};

use crate::base::{day::Day, id::UserId};

/// The days that a summary is about, both included. Without `to` it ends today; without `from` it is
/// the 30 days up to `to`. Days are in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub from: Option<Day>,
    /// The last day.
    pub to: Option<Day>,
}

/// What an account, or the whole installation, has used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageSummary {
    /// Tokens of today, sent and answered together.
    pub daily_token_count: u64,
    /// Documents that there are now.
    pub doc_count: u64,
    /// Chats that there are now.
    pub session_count: u64,
    /// Tokens of all time.
    pub total_tokens_used: u64,
    /// What the account's plan allows; none for the whole installation.
    pub limits: Option<UsageLimits>,
    /// Each day of the period, the first one first.
    pub days: Vec<DayUsage>,
    /// The models that answered in the period, by the names that their endpoints gave, the one that cost most
    /// first; the first hundred.
    pub models: Vec<ModelUsage>,
}

/// The limits of an account's plan. None is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageLimits {
    /// The plan's name.
    pub plan: String,
    /// Tokens a day.
    pub token_limit_daily: Option<u64>,
    /// Documents in one chat.
    pub document_limit: Option<u64>,
    /// Chats at a time.
    pub chat_limit: Option<u64>,
    /// Whether they are enforced for this account.
    pub enforced: bool,
}

/// What was used on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayUsage {
    /// The day, in UTC.
    pub day: Day,
    /// Tokens sent to models.
    pub tokens_prompt: u64,
    /// Tokens that models answered.
    pub tokens_completion: u64,
    /// Both, as endpoints state it, which may be more.
    pub tokens_total: u64,
    /// Messages stored, without the answers of models.
    pub messages_sent: u64,
    /// Documents uploaded.
    pub documents_uploaded: u64,
    /// Chats made.
    pub chats_created: u64,
}

impl DayUsage {
    /// A day without any.
    pub(crate) fn none(day: Day) -> DayUsage {
        DayUsage {
            day,
            tokens_prompt: 0,
            tokens_completion: 0,
            tokens_total: 0,
            messages_sent: 0,
            documents_uploaded: 0,
            chats_created: 0,
        }
    }
}

/// What one model answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelUsage {
    /// The model, as its endpoint names it.
    pub model: String,
    /// Answers that ended, however they did.
    pub responses: u64,
    /// Tokens sent to it.
    pub tokens_prompt: u64,
    /// Tokens that it answered.
    pub tokens_completion: u64,
    /// Both, as its endpoint states it, which may be more.
    pub tokens_total: u64,
}

/// What one account used, or what belongs to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountUsage {
    /// The account; none for what belongs to nobody.
    pub user_id: Option<UserId>,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Answers that ended, however they did.
    pub responses: u64,
    /// Tokens sent to models.
    pub tokens_prompt: u64,
    /// Tokens that models answered.
    pub tokens_completion: u64,
    /// Both, as endpoints state it, which may be more.
    pub tokens_total: u64,
    /// Documents uploaded.
    pub documents_uploaded: u64,
    /// Chats made.
    pub chats_created: u64,
}
