//! The stored record of one answer.

use serde::{Deserialize, Serialize};

use super::{attempt::Attempt, document::SourceText, message::Message, params::Params, word::words};
use crate::base::{
    error::{Error, ErrorKind},
    id::{ChatId, MessageId, ResponseId},
    time::Timestamp,
};

words! {
    /// What became of an answer.
    ResponseStatus {
        /// It runs, or waits for its turn.
        Streaming = "streaming",
        /// The model came to its end.
        Completed = "completed",
        /// The endpoint, or this system, went away in the middle.
        Interrupted = "interrupted",
        /// The endpoint refused, failed or took too long.
        Failed = "failed",
        /// Someone stopped it.
        Cancelled = "cancelled",
    }
}

/// The record of one answer: kept when it fails, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Response {
    /// Its id.
    pub id: ResponseId,
    /// The assistant's message that holds the text.
    pub message_id: MessageId,
    /// The chat.
    pub chat_id: ChatId,
    /// What became of it.
    pub status: ResponseStatus,
    /// The model that answered, as the endpoint names it; until it does, the one asked for.
    pub model_used: String,
    /// The provider that spoke to it.
    pub provider: String,
    /// Why the model ended, in the endpoint's word.
    pub finish_reason: Option<String>,
    /// Tokens sent.
    pub tokens_prompt: Option<u64>,
    /// Tokens answered.
    pub tokens_completion: Option<u64>,
    /// Both.
    pub tokens_total: Option<u64>,
    /// Whether the counts are this system's estimate, because the endpoint gave none.
    pub usage_estimated: bool,
    /// From asking to the first token, in milliseconds.
    pub first_token_ms: Option<u64>,
    /// From asking to the end, in milliseconds.
    pub completion_time_ms: Option<u64>,
    /// Why it failed, or was cut off.
    pub error: Option<ResponseError>,
    /// The calls of the model that composed it, in their order; none of an answer that was not composed, or
    /// whose process died.
    #[serde(default)]
    pub attempts: Option<Vec<Attempt>>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// What this system's own failures are called.
const DISK_FULL: &str = "disk_full";
const STORAGE_FAILED: &str = "storage_failed";
const DATABASE_AWAY: &str = "database_unavailable";

/// Why an answer failed, or was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResponseError {
    /// A stable code, for example `provider_unreachable`.
    pub code: String,
    /// One sentence.
    pub detail: String,
}

impl ResponseError {
    /// What a failure of this system's own database did, said without what is not for clients.
    pub(crate) fn of_storage(error: &Error, happened: &str) -> ResponseError {
        let (code, detail) = match error.code() {
            DISK_FULL => (DISK_FULL, format!("{happened}: the disk that holds the database is full.")),
            _ if error.kind() == ErrorKind::Busy => {
                let reason = "the database could not be asked. Ask for the answer again.";
                (DATABASE_AWAY, format!("{happened}: {reason}"))
            }
            _ => (STORAGE_FAILED, format!("{happened}: the database failed.")),
        };
        ResponseError { code: code.to_owned(), detail }
    }

    /// The sort of failure: `Timeout` when the endpoint took too long, `Storage` when this system's database
    /// failed, `QuotaExceeded` when the plan of the chat's owner allows no more, else `Provider`.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &*self.code {
            "provider_timeout" => ErrorKind::Timeout,
            "quota_exceeded" => ErrorKind::QuotaExceeded,
            DISK_FULL | STORAGE_FAILED | DATABASE_AWAY => ErrorKind::Storage,
            _ => ErrorKind::Provider,
        }
    }
}

/// What to answer, and how.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerRequest {
    /// The user's text, stored first. Without it, the user message `parent_id` is answered again.
    #[serde(default)]
    pub content: Option<String>,
    /// The model; without it the chat's default, the owner's, the shared one, `echo`.
    #[serde(default)]
    pub model: Option<String>,
    /// With content: the message to put it under (absent is the end of the active branch, `null` a new
    /// root). Without: the message to answer, a user's (absent is the last one of the active branch) or a
    /// tool's result, from which the model goes on.
    #[serde(default, deserialize_with = "crate::base::patch::nullable")]
    pub parent_id: Option<Option<MessageId>>,
    /// Sampling parameters that replace the model's one by one.
    #[serde(default)]
    pub params: Option<Params>,
}

impl AnswerRequest {
    /// Asks this at the end of the active branch.
    #[must_use]
    pub fn text(content: impl Into<String>) -> AnswerRequest {
        AnswerRequest { content: Some(content.into()), ..AnswerRequest::default() }
    }
}

/// What to compose, and where: a new file, a new version of one, or an answer in words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComposeRequest {
    /// What is asked.
    pub answer: AnswerRequest,
    /// The file that a change is made of, by its name in the chat. Without it (or with an empty name) the one
    /// with versions that was changed last.
    pub selected_file: Option<String>,
    /// A whole file is wanted, whatever the model makes of the prompt.
    pub is_first_prompt: bool,
    /// No file is changed: what is neither a new file nor an answer in words becomes an answer in words.
    pub is_chat: bool,
}

impl ComposeRequest {
    /// Asks this at the end of the active branch.
    #[must_use]
    pub fn text(content: impl Into<String>) -> ComposeRequest {
        ComposeRequest { answer: AnswerRequest::text(content), ..ComposeRequest::default() }
    }
}

/// A finished answer with the messages it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The message that was answered.
    pub user_message: Message,
    /// The answer.
    pub message: Message,
    /// Its record.
    pub response: Response,
    /// The passages of documents that it was made from, with what they say.
    pub sources: Vec<SourceText>,
}
