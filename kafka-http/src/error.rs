//! Failures as clients see them: one status for each kind of error, and problem+json bodies.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use kafka_core::{Error, ErrorKind, FieldError};
use serde::Serialize;
use serde_json::Value;

use crate::{
    form::FormError,
    server::{BodyError, Reply, reason_phrase},
};

/// Why a handler has no answer.
#[derive(Debug)]
pub enum Failure {
    /// The library refused or failed.
    Core(Error),
    /// This front end refused.
    Refused(Problem),
    /// The library refused or failed when a part was done, which the client is told in this.
    Partly(Error, Box<Problem>),
}

impl Failure {
    /// What the client is told.
    #[must_use]
    pub fn problem(&self) -> Cow<'_, Problem> {
        match self {
            Failure::Core(error) => Cow::Owned(error.into()),
            Failure::Refused(problem) => Cow::Borrowed(problem),
            Failure::Partly(_, problem) => Cow::Borrowed(problem),
        }
    }

    /// What failed in the library, if it was there.
    #[must_use]
    pub fn cause(&self) -> Option<&Error> {
        match self {
            Failure::Core(error) | Failure::Partly(error, _) => Some(error),
            Failure::Refused(_) => None,
        }
    }

    /// Tells the client what was done all the same.
    #[must_use]
    pub fn with_member(self, name: &'static str, value: impl Into<Value>) -> Failure {
        let problem = self.problem().into_owned().with_member(name, value);
        match self {
            Failure::Core(error) | Failure::Partly(error, _) => Failure::Partly(error, problem.into()),
            Failure::Refused(_) => Failure::Refused(problem),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Core(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure::Refused(problem)
    }
}

impl From<FormError> for Failure {
    fn from(error: FormError) -> Failure {
        Failure::Refused((&error).into())
    }
}

/// What stands in place of the text of errors whose text is not for clients.
const INTERNAL_DETAIL: &str = "The server failed to answer this request; its log says why.";

/// The HTTP status of each kind of error.
#[must_use]
pub fn status_of(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::Invalid => 422,
        ErrorKind::Unauthenticated => 401,
        ErrorKind::Forbidden => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::Conflict => 409,
        ErrorKind::QuotaExceeded | ErrorKind::RateLimited => 429,
        ErrorKind::TooLarge => 413,
        ErrorKind::Provider => 502,
        ErrorKind::Timeout => 504,
        ErrorKind::Cancelled => 499,
        ErrorKind::Busy => 503,
        ErrorKind::Incompatible | ErrorKind::Corrupt | ErrorKind::Storage | ErrorKind::Internal => 500,
    }
}

/// The exit code of a program that ends with each kind of error. Scripts rely on them: a number never
/// changes its meaning. Clap ends with 2 as well when it does not understand the command line.
#[must_use]
pub fn exit_code_of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Storage | ErrorKind::Internal => 1,
        ErrorKind::Invalid => 2,
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => 3,
        ErrorKind::NotFound => 4,
        ErrorKind::Conflict => 5,
        ErrorKind::QuotaExceeded | ErrorKind::RateLimited => 6,
        ErrorKind::TooLarge => 7,
        ErrorKind::Provider => 8,
        ErrorKind::Timeout => 9,
        ErrorKind::Busy => 10,
        ErrorKind::Incompatible | ErrorKind::Corrupt => 11,
        // 128 + SIGINT, what a shell reports of a command that Ctrl-C ended.
        ErrorKind::Cancelled => 130,
    }
}

/// A failure ready to be shown, whatever shape the client's dialect gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable snake_case word.
    pub code: Cow<'static, str>,
    /// One sentence for a person.
    pub detail: Cow<'static, str>,
    /// The refused fields of the input.
    pub errors: Vec<FieldError>,
    /// When the same request may succeed. 429 and 503 say one second if this is `None`.
    pub retry_after: Option<Duration>,
    /// Further members of the body, for example the id of what was stored in spite of the failure. 405
    /// has `allow`, the methods that the path takes, and a stale version `current`, the number of the newest.
    pub members: BTreeMap<&'static str, Value>,
}

/// The body of RFC 9457, with the members of this API.
#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    members: &'a BTreeMap<&'static str, Value>,
}

impl Problem {
    /// A problem without fields.
    #[must_use]
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Problem {
        Problem {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            members: BTreeMap::new(),
        }
    }

    /// Adds a further member of the body.
    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: impl Into<Value>) -> Problem {
        self.members.insert(name, value.into());
        self
    }

    /// The 500 that tells nothing.
    #[must_use]
    pub fn internal() -> Problem {
        Problem::new(500, "internal", INTERNAL_DETAIL)
    }

    /// The answer of the canonical API: `application/problem+json`.
    #[must_use]
    pub fn reply(&self, request_id: &str) -> Reply {
        let body = ProblemBody {
            r#type: "about:blank",
            title: reason_phrase(self.status),
            status: self.status,
            detail: &self.detail,
            code: &self.code,
            request_id,
            errors: &self.errors,
            members: &self.members,
        };
        // Strings and numbers always serialize.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        self.with_headers(Reply::bytes(self.status, "application/problem+json", body))
    }

    /// Adds the header fields that belong to the status in every dialect: `WWW-Authenticate`,
    /// `Allow` and `Retry-After`.
    #[must_use]
    pub fn with_headers(&self, reply: Reply) -> Reply {
        match self.status {
            401 => reply.with_header("WWW-Authenticate", "Bearer"),
            405 => {
                let allow = self.members.get("allow").and_then(Value::as_str).unwrap_or_default();
                reply.with_header("Allow", allow.to_owned())
            }
            429 | 503 => {
                let wait = self.retry_after.unwrap_or_default();
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                reply.with_header("Retry-After", seconds.max(1).to_string())
            }
            _ => reply,
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Problem {
        let detail = match error.kind() {
            ErrorKind::Storage | ErrorKind::Internal => Cow::Borrowed(INTERNAL_DETAIL),
            _ => Cow::Owned(error.message().to_owned()),
        };
        Problem {
            members: error.current().map(|number| ("current", number.into())).into_iter().collect(),
            errors: error.fields().to_vec(),
            retry_after: error.retry_after(),
            ..Problem::new(status_of(error.kind()), error.code(), detail)
        }
    }
}

impl From<&BodyError> for Problem {
    fn from(error: &BodyError) -> Problem {
        let (status, code) = match error {
            BodyError::TooLarge(_) => (413, "body_too_large"),
            BodyError::TimedOut => (408, "body_timeout"),
            BodyError::Malformed(_) => (400, "bad_body_framing"),
            BodyError::Disconnected(_) => (400, "body_incomplete"),
        };
        Problem::new(status, code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_internal_errors_stays_inside() {
        for kind in [ErrorKind::Storage, ErrorKind::Internal] {
            let problem = Problem::from(&Error::new(kind, "disk_full", "/secret/path is full"));
            assert_eq!((problem.status, &*problem.code), (500, "disk_full"));
            assert_eq!(problem.detail, INTERNAL_DETAIL);
        }
        let shown = Problem::from(&Error::not_found("chat_not_found", "chat", 7));
        assert_eq!((shown.status, &*shown.code), (404, "chat_not_found"));
        assert!(shown.detail.contains("chat 7"));
    }
}
