//! Configured model endpoints.

use serde::{Deserialize, Serialize};

use super::params::Params;
use crate::base::{
    id::{ModelId, UserId},
    patch::nullable,
    secret::Secret,
    time::Timestamp,
};

/// A configured model endpoint. Its key is never read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Model {
    /// Its id.
    pub id: ModelId,
    /// Whose it is; none: shared by all.
    #[serde(default, skip_serializing)]
    pub user_id: Option<UserId>,
    /// What chats and requests call it.
    pub name: String,
    /// Its name at the endpoint; none: the same.
    pub upstream_model: Option<String>,
    /// The provider that speaks to it.
    pub provider: String,
    /// Where the endpoint is.
    pub base_url: String,
    /// Whether a key is stored.
    pub has_api_key: bool,
    /// Whether names that no row has are passed through to it.
    pub is_gateway: bool,
    /// Sampling parameters and limits of its calls.
    pub params: Params,
    /// Whether it answers when nothing names a model.
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a new model is made of.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewModel {
    /// At most 255 characters; unique for its owner; not `echo`.
    pub name: String,
    /// `http` or `https`, for example `https://api.openai.com/v1`.
    pub base_url: String,
    /// The endpoint's key. Stored sealed; bound to its owner and to the endpoint's origin.
    #[serde(default)]
    pub api_key: Option<Secret<String>>,
    /// Its name at the endpoint, if it is another.
    #[serde(default)]
    pub upstream_model: Option<String>,
    /// Default `openai`.
    #[serde(default)]
    pub provider: Option<String>,
    /// Default false.
    #[serde(default)]
    pub is_gateway: bool,
    /// Default none.
    #[serde(default)]
    pub params: Params,
    /// Default false. Making one the default takes it from the others of its owner.
    #[serde(default)]
    pub is_default: bool,
    /// Whose it shall be. Only the operator may name someone else.
    #[serde(default)]
    pub user_id: Option<UserId>,
}

impl NewModel {
    /// An OpenAI-compatible endpoint without a key.
    #[must_use]
    pub fn new(name: impl Into<String>, base_url: impl Into<String>) -> NewModel {
        NewModel {
            name: name.into(),
            base_url: base_url.into(),
            api_key: None,
            upstream_model: None,
            provider: None,
            is_gateway: false,
            params: Params::default(),
            is_default: false,
            user_id: None,
        }
    }
}

/// Changes to a model. What is absent stays; a new origin in `base_url` needs the key again.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelPatch {
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// A new place.
    #[serde(default)]
    pub base_url: Option<String>,
    /// A new key; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    pub api_key: Option<Option<Secret<String>>>,
    /// A new upstream name; `null` goes back to the model's own.
    #[serde(default, deserialize_with = "nullable")]
    pub upstream_model: Option<Option<String>>,
    /// Passes unknown names through, or not.
    #[serde(default)]
    pub is_gateway: Option<bool>,
    /// New parameters in place of the old.
    #[serde(default)]
    pub params: Option<Params>,
    /// Makes it the default, or not.
    #[serde(default)]
    pub is_default: Option<bool>,
}
