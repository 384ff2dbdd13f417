//! What went wrong as one sentence for a person, and whether to ask again.

use std::time::Duration;

use super::complaint::Complaint;
use crate::{
    base::{error::ErrorKind, secret::Secret, time::Clock},
    entity::params::Timeouts,
    provider::{
        api::ProviderError,
        endpoint::Endpoint,
        http::{Broken, Reply},
        line::{Limit, Stop, Wait},
        retry,
    },
};

/// Characters of an endpoint's own words that are passed on.
const QUOTED_CHARS: usize = 500;

/// Bytes of a failed request's answer that are read.
const BODY_BYTES: usize = 64 << 10;

/// One attempt that failed before anything was given out, or an answer that broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: ProviderError,
    pub(crate) again: Again,
}

/// Whether the same call may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    No,
    Soon,
    After(Duration),
    /// At once, without asking for usage.
    WithoutUsage,
}

/// Words failures for one endpoint. Never shows the key, even if the endpoint quotes it.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    host: String,
    key: Option<Secret<String>>,
    timeouts: Timeouts,
}

impl Reporter {
    pub(crate) fn new(endpoint: &Endpoint, key: Option<&Secret<String>>, timeouts: Timeouts) -> Reporter {
        Reporter { host: endpoint.to_string(), key: key.cloned(), timeouts }
    }

    /// There is no connection, or no more of it.
    pub(crate) fn broken(&self, broken: &Broken) -> Failure {
        let host = &self.host;
        let unreachable = |message, again| self.failure("provider_unreachable", message, again);
        match broken {
            Broken::Stopped(Stop::Cancelled) => {
                Failure { error: ProviderError::cancelled(), again: Again::No }
            }
            Broken::Stopped(Stop::TimedOut(limit)) => self.timed_out(*limit),
            // Users read this, and the addresses behind the names of this network are not for them.
            Broken::AddressRefused => self.failure(
                "base_url_refused",
                format!("{host} has an address that models may not have here; use another base URL."),
                Again::No,
            ),
            Broken::KeyUnsendable => self.failure(
                "provider_key_refused",
                format!("The key for {host} has characters that cannot be sent; give the key again."),
                Again::No,
            ),
            Broken::NameUnknown => unreachable(
                format!("The host name of {host} is unknown; check the model's base URL and the network."),
                Again::No,
            ),
            Broken::Insecure(reason) => unreachable(
                format!(
                    "No secure connection to {host}: {}; check the model's base URL.",
                    self.quote(reason)
                ),
                Again::No,
            ),
            Broken::Lost(reason) => unreachable(
                format!(
                    "{host} cannot be reached: {}; check that it runs and the model's base URL.",
                    self.quote(reason)
                ),
                Again::Soon,
            ),
        }
    }

    fn timed_out(&self, limit: Limit) -> Failure {
        let host = &self.host;
        let message = match limit {
            Limit::Of(Wait::Connect) => format!(
                "{host} accepted no connection within {}; check that it runs and the model's base URL.",
                seconds(self.timeouts.connect)
            ),
            Limit::Of(Wait::FirstPayload) => format!(
                "{host} sent nothing within {}; try again, or raise the model's first_token timeout.",
                seconds(self.timeouts.first_token)
            ),
            Limit::Of(Wait::NextPayload | Wait::Tail) => format!(
                "{host} sent nothing more for {}; try again, or raise the model's between_tokens timeout.",
                seconds(self.timeouts.between_tokens)
            ),
            Limit::Total => format!(
                "{host} did not finish within {}; ask for less, or raise the model's total timeout.",
                seconds(self.timeouts.total)
            ),
        };
        Failure {
            error: ProviderError::new(ErrorKind::Timeout, "provider_timeout", message),
            again: Again::No,
        }
    }

    /// An answer with a status other than success. Reads its body.
    pub(crate) fn status(&self, reply: &mut Reply, clock: &dyn Clock) -> Failure {
        let (host, status) = (&self.host, reply.status);
        if (300..400).contains(&status) {
            let to = self.quote(reply.header("location").unwrap_or("nowhere"));
            let message = format!(
                "{host} redirects to {to} (HTTP {status}), which is not followed so that the key goes nowhere else; \
                 set the model's base URL to where the API is."
            );
            return self.failure("provider_refused", message, Again::No);
        }
        let complaint = match read_body(reply) {
            Ok(body) => Complaint::in_body(&body),
            Err(stop) => return self.broken(&Broken::Stopped(stop)),
        };
        let wait = retry::asked_wait(&reply.headers, clock.now());
        let said = match self.quote(&complaint.text) {
            words if words.is_empty() => format!("HTTP {status}"),
            words => format!("HTTP {status}: {words}"),
        };
        let (code, message) = match status {
            401 | 403 if self.key.is_none() => {
                ("provider_key_refused", format!("{host} wants a key ({said}); give the model one."))
            }
            401 | 403 => (
                "provider_key_refused",
                format!("{host} refused the key ({said}); check the model's key and its rights."),
            ),
            404 => (
                "provider_refused",
                format!(
                    "{host} does not know this model or address ({said}); check the model's upstream name and base URL."
                ),
            ),
            429 => {
                let when = wait.map_or("later".to_owned(), |wait| format!("in {}", seconds(wait)));
                ("provider_rate_limited", format!("{host} limits its calls ({said}); try again {when}."))
            }
            400..500 => (
                "provider_refused",
                format!("{host} refused the request ({said}); check the model's name and parameters."),
            ),
            _ => ("provider_failed", format!("{host} failed ({said}); try again later.")),
        };
        let again = if complaint.is_about_usage() && (400..500).contains(&status) {
            Again::WithoutUsage
        } else if !matches!(status, 408 | 409 | 425 | 429 | 500 | 502..)
            || (status == 429 && complaint.is_permanent())
        {
            Again::No
        } else {
            match wait {
                Some(wait) if wait > retry::LONGEST_WAIT => Again::No,
                Some(wait) => Again::After(wait),
                None => Again::Soon,
            }
        };
        let mut failure = self.failure(code, message, again);
        failure.error.status = Some(status);
        failure
    }

    /// An error object after the head said that all is well.
    pub(crate) fn complaint(&self, complaint: &Complaint) -> Failure {
        let (host, words) = (&self.host, self.quote(&complaint.text));
        let (code, message) = match complaint.status {
            Some(401 | 403) => (
                "provider_key_refused",
                format!("{host} refused the key ({words}); check the model's key and its rights."),
            ),
            Some(429) => {
                ("provider_rate_limited", format!("{host} limits its calls ({words}); try again later."))
            }
            _ if complaint.is_permanent() => (
                "provider_refused",
                format!("{host} refused the request ({words}); check the model's name and parameters."),
            ),
            _ => ("provider_failed", format!("{host} failed ({words}); try again later.")),
        };
        let again = if complaint.is_about_usage() {
            Again::WithoutUsage
        } else if complaint.is_permanent() {
            Again::No
        } else {
            Again::Soon
        };
        self.failure(code, message, again)
    }

    /// Something arrived that is no answer; `what` completes "answered with".
    pub(crate) fn bad_answer(&self, what: &str, again: Again) -> Failure {
        let message = format!(
            "{} answered with {what}; check that the model's base URL leads to an OpenAI-compatible API.",
            self.host
        );
        self.failure("provider_bad_answer", message, again)
    }

    /// An endpoint's own words on one line, cut to length, without the key.
    pub(crate) fn quote(&self, text: &str) -> String {
        let shown = match self.key.as_ref().map(Secret::expose).filter(|key| !key.is_empty()) {
            Some(key) => text.replace(key.as_str(), "***"),
            None => text.to_owned(),
        };
        let line = shown.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let line = line.collect::<Vec<_>>().join(" ");
        let mut cut: String = line.trim_end_matches('.').chars().take(QUOTED_CHARS).collect();
        if line.chars().count() > QUOTED_CHARS {
            cut.push('…');
        }
        cut
    }

    fn failure(&self, code: &'static str, message: String, again: Again) -> Failure {
        Failure { error: ProviderError::new(ErrorKind::Provider, code, message), again }
    }
}

/// The beginning of the body; a body that breaks off is as good as it is.
fn read_body(reply: &mut Reply) -> Result<String, Stop> {
    let mut body = vec![0; BODY_BYTES];
    let mut filled = 0;
    while filled < body.len() {
        match reply.read(&mut body[filled..]) {
            Ok(0) | Err(Broken::Lost(_)) => break,
            Ok(count) => filled += count,
            Err(Broken::Stopped(Stop::Cancelled)) => return Err(Stop::Cancelled),
            Err(_) => break,
        }
    }
    Ok(String::from_utf8_lossy(&body[..filled]).into_owned())
}

fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 1000.0).round() / 1000.0)
}
