//! Requests that may come twice but must take effect once.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::ResponseId,
        time::Timestamp,
    },
    crypto::digest,
    entity::{
        chat::Chat,
        chat_file::{ChatFile, Version},
        document::Document,
        file::File,
        message::Message,
        model::Model,
        workspace::Workspace,
    },
    repo::idempotency_keys::{self, KeyRow, Stored},
    service::installation::Installation,
    storage::{Conn, Tx},
};

/// Names a request that may be sent twice, for example after a lost connection. The first that comes
/// takes effect; a later one with the same body gets the same answer, with another body an error. The
/// name is remembered for [`Limits::idempotency_hours`](crate::Limits).
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    method: String,
    path: String,
    key: String,
    body_hash: String,
}

impl IdempotencyKey {
    /// The key that the client chose (1 to 255 characters) for a request of this method, path and body.
    ///
    /// # Errors
    /// `Invalid` when the key is empty or too long.
    pub fn new(method: &str, path: &str, key: &str, body: &[u8]) -> Result<IdempotencyKey> {
        if key.is_empty() || key.chars().count() > 255 || key.contains('\0') {
            return Err(Error::invalid(
                "idempotency_key_invalid",
                "Idempotency-Key",
                "give 1 to 255 characters",
            ));
        }
        Ok(IdempotencyKey {
            method: method.to_owned(),
            path: path.to_owned(),
            key: key.to_owned(),
            body_hash: digest::sha256_hex(body),
        })
    }
}

/// An [`IdempotencyKey`] of one actor, with its times made, ready to be used inside a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    row: KeyRow,
    /// Callers without a credential are not told from each other, so one would get another's answer.
    is_of_anyone: bool,
    body_hash: String,
    now: Timestamp,
    expires_at: Timestamp,
}

impl Once {
    pub(crate) fn new(installation: &Installation, actor: &Actor, key: IdempotencyKey) -> Once {
        let now = installation.now();
        let caller = actor.user_id().map_or_else(|| "operator".to_owned(), |id| id.to_string());
        let lifetime_ms = i64::from(installation.limits().idempotency_hours) * 3_600_000;
        Once {
            row: KeyRow { caller, method: key.method, path: key.path, key: key.key },
            is_of_anyone: actor.is_anonymous(),
            body_hash: key.body_hash,
            now,
            expires_at: now.plus_ms(lifetime_ms),
        }
    }

    /// The same for a request whose body was read piece by piece: these bytes belong to it.
    pub(crate) fn with_bytes(&self, sha256: &str) -> Once {
        Once {
            body_hash: digest::sha256_hex(format!("{} {sha256}", self.body_hash).as_bytes()),
            ..self.clone()
        }
    }

    fn find(&self, conn: &Conn<'_>) -> Result<Option<Stored>> {
        if self.is_of_anyone {
            return Err(Error::new(
                ErrorKind::Unauthenticated,
                "account_required",
                "An Idempotency-Key needs an account; log in, or leave it out.",
            ));
        }
        let Some(stored) = idempotency_keys::find(conn, &self.row, self.now)? else { return Ok(None) };
        if stored.body_hash != self.body_hash {
            return Err(Error::new(
                ErrorKind::Invalid,
                "idempotency_mismatch",
                "This Idempotency-Key was used with another body; use a new key for a new request.",
            ));
        }
        Ok(Some(stored))
    }

    /// The response that the first of the twins started.
    pub(crate) fn find_response(&self, conn: &Conn<'_>) -> Result<Option<ResponseId>> {
        Ok(self.find(conn)?.and_then(|stored| stored.response_id))
    }

    /// Remembers that this request started a response.
    pub(crate) fn keep_response(&self, tx: &Tx<'_>, id: ResponseId) -> Result<()> {
        self.keep(tx, None, Some(id))
    }

    fn keep(&self, tx: &Tx<'_>, answer: Option<String>, response_id: Option<ResponseId>) -> Result<()> {
        let stored = Stored { body_hash: self.body_hash.clone(), answer, response_id };
        idempotency_keys::insert(tx, &self.row, &stored, self.now, self.expires_at)
    }
}

/// What a request may be answered with twice: a noun that is read back from its JSON, and the field of
/// it that JSON for clients leaves out.
pub(crate) trait Remembered: Serialize + DeserializeOwned {
    fn unseen(&self) -> Option<(&'static str, Json)> {
        None
    }
}

impl Remembered for Workspace {}

impl Remembered for Chat {
    fn unseen(&self) -> Option<(&'static str, Json)> {
        Some(("number", self.number.into()))
    }
}

impl Remembered for Message {
    fn unseen(&self) -> Option<(&'static str, Json)> {
        Some(("number", self.number.into()))
    }
}

impl Remembered for File {
    fn unseen(&self) -> Option<(&'static str, Json)> {
        Some(("source_url", self.source_url.clone().into()))
    }
}

impl Remembered for ChatFile {
    fn unseen(&self) -> Option<(&'static str, Json)> {
        Some(("file_id", self.file_id.map(|id| id.to_string()).into()))
    }
}

impl Remembered for Document {
    fn unseen(&self) -> Option<(&'static str, Json)> {
        Some(("workspace_id", self.workspace_id.map(|id| id.to_string()).into()))
    }
}

impl Remembered for Version {}

impl Remembered for Model {
    fn unseen(&self) -> Option<(&'static str, Json)> {
        Some(("user_id", self.user_id.map(|id| id.to_string()).into()))
    }
}

/// Runs `effect` unless the request was answered before; then gives that answer again.
pub(crate) fn once<T: Remembered>(
    tx: &Tx<'_>,
    once: Option<&Once>,
    effect: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let Some(once) = once else { return effect() };
    if let Some(answer) = once.find(tx)?.and_then(|stored| stored.answer) {
        return serde_json::from_str(&answer).map_err(|error| {
            Error::new(ErrorKind::Corrupt, "row_unreadable", "A stored answer holds JSON of the wrong form.")
                .with_source(error)
        });
    }
    let done = effect()?;
    let mut answer = serde_json::to_value(&done).map_err(|error| {
        Error::new(ErrorKind::Internal, "answer_unwritable", "The answer cannot be written as JSON.")
            .with_source(error)
    })?;
    if let Some((field, value)) = done.unseen() {
        answer[field] = value;
    }
    once.keep(tx, Some(answer.to_string()), None)?;
    Ok(done)
}
