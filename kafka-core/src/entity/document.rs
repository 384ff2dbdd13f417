//! Documents: files that are read, and answered from.

use serde::{Deserialize, Serialize};

use super::word::words;
use crate::base::{
    id::{ChatId, DocumentId, FileId, WorkspaceId},
    time::Timestamp,
};

words! {
    /// How far a document has come.
    ProcessingStatus {
        /// It waits to be read.
        Pending = "pending",
        /// It is being read.
        Processing = "processing",
        /// It can be searched and asked about: by its words, and by meaning once [`Document::embedding_model`] is told.
        Completed = "completed",
        /// It cannot be read; [`Document::error_message`] says why.
        Failed = "failed",
    }
}

/// A file that is read and cut into passages, so that it can be searched and asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Document {
    /// Its id.
    pub id: DocumentId,
    /// The file whose text it is; none for one that came without.
    pub file_id: Option<FileId>,
    /// The chat it belongs to; none for one that all chats of a workspace share.
    pub chat_id: Option<ChatId>,
    /// The workspace whose chats share it; none for one of a chat.
    #[serde(default, skip_serializing)]
    pub workspace_id: Option<WorkspaceId>,
    /// What it is called.
    pub filename: String,
    /// How far it has come.
    pub processing_status: ProcessingStatus,
    /// A sentence for people: why it failed; of a completed one, what is missing of its text, or which vectors it does
    /// not get, and why.
    pub error_message: Option<String>,
    /// Model tokens of its passages, by estimate; 0 until it is completed.
    pub tokens_used: u64,
    /// How many passages it has; 0 until it is completed.
    pub chunk_count: u64,
    /// The model that made its vectors; none where there are none, or not all yet: until then it is found by its words.
    pub embedding_model: Option<String>,
    /// The document whose place it takes, with the same commit, when it is completed; none for any other.
    pub replaces: Option<DocumentId>,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// What belongs together: the documents of one chat, or those that all chats of a workspace share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentPlace {
    /// One chat's own.
    Chat(ChatId),
    /// A workspace's.
    Workspace(WorkspaceId),
}

/// A part of a document's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Passage {
    /// The document.
    pub document_id: DocumentId,
    /// What it is called.
    pub filename: String,
    /// Where the passage begins, in bytes of the document's text.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// What it says.
    pub text: String,
}

/// A passage that a model was given for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Source {
    /// What the answer calls it: `[1]` and so on.
    pub n: u32,
    // The next two stand side by side in stored rows, where the mark is set by replacing both.
    /// The document.
    pub document_id: DocumentId,
    /// Whether the document is gone since.
    pub stale: bool,
    /// What it was called.
    pub filename: String,
    /// Where the passage begins, in bytes of the document's text.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The SHA-256 of what it said, hexadecimal.
    pub sha256: String,
}

/// A [`Source`] with what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SourceText {
    /// The source.
    #[serde(flatten)]
    pub source: Source,
    /// Its text; none when the document is gone, or may not be read.
    pub text: Option<String>,
}
