//! Asking a service of others whether a text is Based.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::json;

use super::{
    api::ProviderError,
    endpoint::Endpoint,
    http::{self, Ask, Broken},
    line::{Line, Stop},
    network::Network,
};
use crate::{
    base::{cancel::CancelToken, error::ErrorKind},
    entity::params::Timeouts,
};

/// How long the service may take, with everything.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of its answer that are read. It may give the text back in another form.
const ANSWER_BYTES: usize = 16 << 20;
/// Characters of what it finds wrong that are passed on.
const FINDING_CHARS: usize = 2000;

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Verdict {
    Success,
    Error { error: String },
}

/// What the service finds wrong with a text, if anything.
///
/// It is sent `{"code"}` and answers `{"status": "success"}` or `{"status": "error", "error"}`, whatever the
/// HTTP status; no key is sent with it.
pub(crate) fn validate(
    service: &Endpoint,
    network: &Network,
    cancel: &CancelToken,
    text: &str,
) -> Result<Result<(), String>, ProviderError> {
    let timeouts =
        Timeouts { connect: PATIENCE, first_token: PATIENCE, between_tokens: PATIENCE, total: PATIENCE };
    let line = Arc::new(Line::new(cancel, timeouts));
    let body = json!({"code": text}).to_string();
    let answer = http::send(service, "", &Ask::PostJson(body.as_bytes()), None, network, &line)
        .and_then(|mut reply| Ok((reply.status, reply.read_all(ANSWER_BYTES)?)));
    let (status, answer) = answer.map_err(|broken| failure(service, &broken))?;
    match serde_json::from_slice(&answer) {
        Ok(Verdict::Success) => Ok(Ok(())),
        Ok(Verdict::Error { error }) => {
            let on_one_line = error.replace(char::is_control, " ");
            Ok(Err(on_one_line.chars().take(FINDING_CHARS).collect()))
        }
        Err(_) => {
            Err(failed(service, &format!("it answered with something else than a verdict (HTTP {status})")))
        }
    }
}

fn failure(service: &Endpoint, broken: &Broken) -> ProviderError {
    match broken {
        Broken::Stopped(Stop::Cancelled) => ProviderError::cancelled(),
        Broken::Stopped(Stop::TimedOut(_)) => {
            failed(service, &format!("it did not answer within {} s", PATIENCE.as_secs()))
        }
        Broken::AddressRefused => failed(service, "it has an address that is not allowed here"),
        Broken::NameUnknown => failed(service, "its host name is unknown"),
        Broken::KeyUnsendable | Broken::Lost(_) => failed(service, "it cannot be reached"),
        Broken::Insecure(_) => failed(service, "there is no secure connection to it"),
    }
}

fn failed(service: &Endpoint, what: &str) -> ProviderError {
    let message = format!(
        "The service at {service} that checks .based files failed: {what}. Nothing was changed; whoever runs this \
         server can look after based_validator."
    );
    ProviderError::new(ErrorKind::Provider, "validator_failed", message)
}
