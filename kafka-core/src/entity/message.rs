//! Entries of a chat.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{document::Source, response::Response, word::words};
use crate::base::{
    id::{ChatId, MessageId},
    time::Timestamp,
};

words! {
    /// Who speaks.
    Role {
        /// Instructions.
        System = "system",
        /// A person.
        User = "user",
        /// A model.
        Assistant = "assistant",
        /// A tool's result.
        Tool = "tool",
    }
}

words! {
    /// Whether a message is all there.
    MessageStatus {
        /// It is.
        Complete = "complete",
        /// A model is writing it.
        Streaming = "streaming",
        /// It was cut off; what came is kept.
        Interrupted = "interrupted",
        /// The model failed; what came is kept.
        Failed = "failed",
        /// It was stopped on request; what came is kept.
        Cancelled = "cancelled",
    }
}

/// One entry of a chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// The row's number, which dialects with integer ids show.
    #[serde(default, skip_serializing)]
    pub number: i64,
    /// Its id.
    pub id: MessageId,
    /// The chat it stands in.
    pub chat_id: ChatId,
    /// Order inside the chat, from 1; a number is never given twice.
    pub seq: i64,
    /// The message it follows; none at the root of a branch.
    pub parent_id: Option<MessageId>,
    /// Who speaks.
    pub role: Role,
    /// `text`, `file`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its plain text.
    pub content: String,
    /// Text, reasoning, images, tool calls in order, where plain text is not all there is; see
    /// [`ToolCall`](crate::ToolCall).
    pub parts: Option<Value>,
    /// The call that a message of the role `tool` is the result of.
    pub tool_call_id: Option<String>,
    /// On a user's message the model asked for; on an assistant's the one that answered.
    pub model: Option<String>,
    /// Whether it is all there.
    pub status: MessageStatus,
    /// Model tokens of its text, where known.
    pub token_count: Option<u64>,
    /// The passages of documents that the answer was made from; none for other messages.
    #[serde(default)]
    pub sources: Option<Vec<Source>>,
    /// The record of the answer that this message is; none for other messages.
    pub response: Option<Response>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a new message is made of.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewMessage {
    /// Who speaks.
    pub role: Role,
    /// At most 1 MiB. Empty only for a tool's result, or where `parts` say it all.
    pub content: String,
    /// The message to put it under: absent is the end of the active branch, `null` a new root.
    #[serde(default, deserialize_with = "crate::base::patch::nullable")]
    pub parent_id: Option<Option<MessageId>>,
    /// `text` unless told otherwise.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// The model asked for.
    #[serde(default)]
    pub model: Option<String>,
    /// A JSON array, where plain text is not all there is.
    #[serde(default)]
    pub parts: Option<Value>,
    /// For the role `tool` only: the call that this is the result of. The model is sent results that
    /// directly follow the answer which made the call. At most 1 MiB.
    #[serde(default)]
    pub tool_call_id: Option<String>,
}

impl NewMessage {
    /// A text at the end of the active branch.
    #[must_use]
    pub fn text(role: Role, content: impl Into<String>) -> NewMessage {
        NewMessage {
            role,
            content: content.into(),
            parent_id: None,
            kind: None,
            model: None,
            parts: None,
            tool_call_id: None,
        }
    }
}

/// Changes to a message, made in place. To keep the old text, store a new one under the same parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessagePatch {
    /// A new text.
    #[serde(default)]
    pub content: Option<String>,
    /// Who speaks, if that was noted wrongly. Not `tool`, and not of an answer or a tool's result.
    #[serde(default)]
    pub role: Option<Role>,
}
