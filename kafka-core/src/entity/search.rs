//! What is searched for, and what is found.

use serde::{Deserialize, Serialize};

use super::{message::Role, word::words};
use crate::base::{
    id::{ChatId, DocumentId, MessageId, WorkspaceId},
    page::Cursor,
    time::Timestamp,
};

words! {
    /// What may be found.
    SearchArea {
        /// Texts of messages.
        Messages = "messages",
        /// Titles and descriptions of chats.
        Chats = "chats",
        /// Passages of documents.
        Documents = "documents",
    }
}

words! {
    /// How a query is understood.
    SearchMode {
        /// In plain language: by words, and documents also by meaning where an endpoint makes vectors of them.
        Hybrid = "hybrid",
        /// By words, with operators: all of them have to be there, `"phrases"`, `begin*`, `-not`.
        Text = "text",
        /// Documents by meaning alone. Refused where no endpoint makes vectors.
        Vector = "vector",
    }
}

words! {
    /// The order of what is found.
    SearchSort {
        /// The best first.
        Best = "best",
        /// The one stored last first.
        Newest = "newest",
    }
}

/// A search. What is none does not narrow it; what narrows messages alone leaves out chats and
/// documents.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchRequest {
    /// Any text at all, of at most 1,000 characters.
    pub query: String,
    /// Where to look; none is everywhere.
    #[serde(default, rename = "in")]
    pub areas: Option<Vec<SearchArea>>,
    /// Default hybrid.
    #[serde(default)]
    pub mode: Option<SearchMode>,
    /// Messages of one role.
    #[serde(default)]
    pub role: Option<Role>,
    /// One chat, what is in it, and the documents that it shares with others of its workspace.
    #[serde(default)]
    pub chat_id: Option<ChatId>,
    /// The chats of one workspace.
    #[serde(default)]
    pub workspace_id: Option<WorkspaceId>,
    /// Messages that name this model: its answers, and the questions that asked for it.
    #[serde(default)]
    pub model: Option<String>,
    /// What was made then or later.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// What was made before.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// Default best.
    #[serde(default)]
    pub sort: Option<SearchSort>,
    /// Where an earlier page of the same search ended.
    #[serde(default)]
    pub after: Option<String>,
    /// Most hits wanted: 20 by default, 100 at most.
    #[serde(default)]
    pub limit: Option<u32>,
}

impl SearchRequest {
    /// A search in plain language over everything.
    #[must_use]
    pub fn plain(query: impl Into<String>) -> SearchRequest {
        SearchRequest {
            query: query.into(),
            areas: None,
            mode: None,
            role: None,
            chat_id: None,
            workspace_id: None,
            model: None,
            from: None,
            to: None,
            sort: None,
            after: None,
            limit: None,
        }
    }

    /// The same by words, with operators.
    #[must_use]
    pub fn text(query: impl Into<String>) -> SearchRequest {
        SearchRequest { mode: Some(SearchMode::Text), ..SearchRequest::plain(query) }
    }
}

words! {
    /// What a hit is.
    HitKind {
        /// A message.
        Message = "message",
        /// A chat, by its title or description.
        Chat = "chat",
        /// A passage of a document.
        Document = "document",
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hit {
    /// What it is.
    pub kind: HitKind,
    /// Higher is better. It compares the hits of one search and means nothing beside that.
    pub score: f64,
    /// The part of the text that was found. U+0002 stands before each place that was searched for, U+0003 behind
    /// it; the text itself holds no control characters, so that they can be told from it. It is plain text: whoever
    /// shows it as HTML has to escape it.
    pub snippet: String,
    /// The chat, or the one that the message or document stands in.
    pub chat_id: Option<ChatId>,
    /// The title of that chat.
    pub title: Option<String>,
    /// The message.
    pub message_id: Option<MessageId>,
    /// Who speaks in the message.
    pub role: Option<Role>,
    /// The document.
    pub document_id: Option<DocumentId>,
    /// What it is called.
    pub filename: Option<String>,
    /// Where the passage begins, in bytes of the document's text.
    pub start: Option<u64>,
    /// Where it ends.
    pub end: Option<u64>,
    /// The whole passage.
    pub text: Option<String>,
    /// When the message was stored, the chat made, or the document uploaded.
    pub created_at: Timestamp,
}

/// A page of what was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hits {
    /// In the order that was asked for.
    pub items: Vec<Hit>,
    /// What to give as [`SearchRequest::after`] for the next page; none at the end.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub next_cursor: Option<Cursor>,
}
