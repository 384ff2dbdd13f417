//! Accounts.

use serde::{Deserialize, Serialize};

use crate::base::{id::UserId, patch::nullable, time::Timestamp};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Unique without regard to case.
    pub email: String,
    /// Unique without regard to case, where there is one.
    pub username: Option<String>,
    /// What the person is called.
    pub full_name: Option<String>,
    /// Whether the account may be used.
    pub is_active: bool,
    /// Whether the account may administer the installation.
    pub is_admin: bool,
    /// The name of its plan.
    pub plan: String,
    /// Model tokens spent since the account exists.
    pub total_tokens_used: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a new account is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NewUser {
    /// An address with `@` and a dot in its domain; at most 254 characters.
    pub email: String,
    /// At most 255 characters.
    #[serde(default)]
    pub username: Option<String>,
    /// At most 255 characters.
    #[serde(default)]
    pub full_name: Option<String>,
}

/// Changes to an account. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserPatch {
    /// A new address.
    #[serde(default)]
    pub email: Option<String>,
    /// A new name to log in with; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    pub username: Option<Option<String>>,
    /// A new full name; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    pub full_name: Option<Option<String>>,
}

/// What an administrator changes of an account. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StandingPatch {
    /// Whether the account may be used.
    #[serde(default)]
    pub is_active: Option<bool>,
    /// Whether the account may administer the installation.
    #[serde(default)]
    pub is_admin: Option<bool>,
    /// The name of its plan.
    #[serde(default)]
    pub plan: Option<String>,
}
