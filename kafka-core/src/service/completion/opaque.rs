//! Opaque fields of answers, and whom they may be sent back to.
//!
//! They belong to a model at an endpoint: the provider that spoke, the origin it spoke to, the model's
//! name there. A model's row says less, because it may be changed to point elsewhere, or be made anew for
//! the same place.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{provider::endpoint::Endpoint, service::models::Callable};

/// Who gives opaque fields and may have them back. The default is nobody, for prompts that are only counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    provider: String,
    origin: String,
    model: String,
}

impl Source {
    pub(super) fn of(callable: &Callable) -> Source {
        let base_url = &callable.options.base_url;
        Source {
            provider: callable.provider.name().to_owned(),
            // Built-in providers have no URL.
            origin: Endpoint::parse(base_url).map_or_else(|_| base_url.clone(), |endpoint| endpoint.origin()),
            model: callable.options.model.clone(),
        }
    }

    /// The fields as they are stored with their message.
    pub(super) fn keep(&self, fields: Json) -> Json {
        json!({"from": self, "fields": fields})
    }

    /// The fields that were stored with a message, if they came from here.
    pub(super) fn take_back(&self, mut kept: Json) -> Option<Json> {
        let from = Source::deserialize(&kept["from"]).ok()?;
        (from == *self).then(|| kept["fields"].take())
    }
}
