//! The one error type of the public API: a kind, a stable code, and a sentence.
//!
//! Everything below the service floor has errors of its own with private detail; they are converted
//! here exactly once. The text of an [`Error`] may be shown to the person who caused it, except for
//! [`ErrorKind::Storage`] and [`ErrorKind::Internal`], which front ends replace by a fixed sentence
//! and log.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure happened. Exhaustive on purpose: a new kind must be given an HTTP status and
/// an exit code before anything compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A value is missing, of the wrong form or out of range.
    Invalid,
    /// No credential, or one that is wrong, expired or revoked.
    Unauthenticated,
    /// The credential is good, but does not allow this.
    Forbidden,
    /// The thing does not exist, or belongs to someone else; the two are never told apart.
    NotFound,
    /// The call contradicts what is stored, for example a name that is taken.
    Conflict,
    /// A plan's limit is reached.
    QuotaExceeded,
    /// Too many calls in a short time.
    RateLimited,
    /// The input is larger than a limit allows.
    TooLarge,
    /// A model endpoint failed or cannot be reached.
    Provider,
    /// A model endpoint took too long.
    Timeout,
    /// The work was stopped on request.
    Cancelled,
    /// The system is at capacity now; the same call may succeed later.
    Busy,
    /// The database is newer than this program, older than it accepts, or of another kind.
    Incompatible,
    /// Stored data is damaged.
    Corrupt,
    /// The disk or the database failed.
    Storage,
    /// A defect of this program.
    Internal,
}

/// One field of the input that was refused.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// Dotted path of the field, for example `params.temperature`.
    pub field: String,
    /// What is wrong with it and what is accepted.
    pub message: String,
}

/// Why a call failed. Cheap to move (one pointer) and to clone.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    code: &'static str,
    message: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after: Option<Duration>,
    current: Option<u64>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a stable snake_case `code` and one sentence that says what happened,
    /// to what, and what to do.
    #[must_use]
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner {
            kind,
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            current: None,
            source: None,
        }))
    }

    /// [`ErrorKind::Invalid`] about one named field.
    #[must_use]
    pub fn invalid(code: &'static str, field: impl Into<String>, message: impl Into<String>) -> Error {
        let (field, message) = (field.into(), message.into());
        let sentence = format!("The field {field} is not acceptable: {}.", message.trim_end_matches('.'));
        Error::new(ErrorKind::Invalid, code, sentence).with_field(field, message)
    }

    /// [`ErrorKind::NotFound`] for the noun (`chat`) and the id that was asked for.
    #[must_use]
    pub fn not_found(code: &'static str, noun: &str, id: impl fmt::Display) -> Error {
        Error::new(ErrorKind::NotFound, code, format!("There is no {noun} {id}, or it is not yours."))
    }

    /// Adds the refused field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Error {
        self.0.fields.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// The same with another sentence.
    #[must_use]
    pub(crate) fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Error {
        self.0.message = message.into();
        self
    }

    /// Adds the time after which the same call may succeed.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Error {
        self.0.retry_after = Some(after);
        self
    }

    /// Adds the number of the state that is stored, where the call was made for an older one.
    #[must_use]
    pub fn with_current(mut self, number: u64) -> Error {
        self.0.current = Some(number);
        self
    }

    /// Adds the cause. It is for logs, never for clients.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Error {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The sort of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code, for example `chat_not_found`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The sentence for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The refused fields, empty unless the kind is [`ErrorKind::Invalid`].
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// The number of the state that is stored, for a call that was made for an older one (`version_stale`).
    #[must_use]
    pub fn current(&self) -> Option<u64> {
        self.0.current
    }

    /// How long to wait before trying again, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &self.0.kind).field("code", &self.0.code);
        shown.field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            shown.field("source", source);
        }
        shown.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}
