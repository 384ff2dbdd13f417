//! How a model is to be asked.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Sampling parameters of a call. What is not set is not sent, so the endpoint's own default holds.
/// A request's parameters replace the model's one by one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Params {
    /// Randomness, 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Most tokens of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Texts that end the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Vec<String>>,
    /// For repeatable sampling, where the endpoint has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Passed on as it is, for example `{"type":"json_object"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Value>,
    /// The model's context window in tokens; history is trimmed to it. Not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// Timeouts in seconds that replace the defaults. Not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutSeconds>,
    /// All further fields, for example `tools`: passed on in the request's body as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl Params {
    /// These parameters, with every one that `other` sets in place of its own.
    #[must_use]
    pub fn replaced_by(&self, other: &Params) -> Params {
        let mut extra = self.extra.clone();
        extra.extend(other.extra.clone());
        Params {
            temperature: other.temperature.or(self.temperature),
            top_p: other.top_p.or(self.top_p),
            max_tokens: other.max_tokens.or(self.max_tokens),
            stop: other.stop.clone().or_else(|| self.stop.clone()),
            seed: other.seed.or(self.seed),
            response_format: other.response_format.clone().or_else(|| self.response_format.clone()),
            context_tokens: other.context_tokens.or(self.context_tokens),
            timeouts: other.timeouts.or(self.timeouts),
            extra,
        }
    }
}

/// Timeouts of a model as its row states them, in seconds; see [`Timeouts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimeoutSeconds {
    /// See [`Timeouts::connect`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<f64>,
    /// See [`Timeouts::first_token`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token: Option<f64>,
    /// See [`Timeouts::between_tokens`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between_tokens: Option<f64>,
    /// See [`Timeouts::total`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
}

impl TimeoutSeconds {
    /// `defaults`, with those that are set here in their place.
    #[must_use]
    pub fn over(self, defaults: Timeouts) -> Timeouts {
        let set = |seconds: Option<f64>, default: Duration| {
            seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(default)
        };
        Timeouts {
            connect: set(self.connect, defaults.connect),
            first_token: set(self.first_token, defaults.first_token),
            between_tokens: set(self.between_tokens, defaults.between_tokens),
            total: set(self.total, defaults.total),
        }
    }
}

/// How long a call may take. Comment lines of a stream count for none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands. Default 10 s.
    pub connect: Duration,
    /// Until the first payload arrives. Default 120 s.
    pub first_token: Duration,
    /// Between two payloads. Default 60 s.
    pub between_tokens: Duration,
    /// For the whole answer. Default 30 min.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(10),
            first_token: Duration::from_secs(120),
            between_tokens: Duration::from_secs(60),
            total: Duration::from_secs(30 * 60),
        }
    }
}
