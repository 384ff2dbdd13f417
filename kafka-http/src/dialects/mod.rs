//! The wire formats of the systems that this one replaces: each maps what its clients send to calls of the
//! library, and holds no rules.

pub(crate) mod chat_history;
pub(crate) mod fastapi;
pub(crate) mod kafka;
pub(crate) mod open_chat;
mod pydantic;
mod whole;

use kafka_core::{Message, MessageStatus};

/// A wire format besides that of the API itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// That of the Kafka system and its front end, also over WebSocket.
    Kafka,
    /// That of the Chat History Backend, with whole numbers for ids.
    ChatHistory,
    /// That of Open Chat, where a message is stored first and its answer streamed by a second request.
    OpenChat,
}

impl Dialect {
    /// Every one there is.
    pub const ALL: [Dialect; 3] = [Dialect::Kafka, Dialect::ChatHistory, Dialect::OpenChat];

    /// What it is called in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Kafka => "kafka",
            Dialect::ChatHistory => "chat-history",
            Dialect::OpenChat => "open-chat",
        }
    }
}

/// Whether these clients are shown the message, which have no word for an answer that is still awaited or failed: one
/// of which nothing came is not listed.
fn is_said(message: &Message) -> bool {
    !message.content.is_empty() || message.status == MessageStatus::Complete
}
