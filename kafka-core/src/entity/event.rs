//! What happens while an answer runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{block::Block, chat_file::ChatFile, response::Response, word::words};
use crate::base::error::Error;

words! {
    /// What an event tells; the word is the SSE event name.
    EventKind {
        /// The answer was accepted; `{response}`.
        Started = "response.started",
        /// A piece of text; `{text}`.
        Delta = "message.delta",
        /// A piece of the model's reasoning; `{text}`.
        Reasoning = "message.reasoning",
        /// Work other than text has begun; `{name}`.
        Stage = "stage",
        /// A file came into the chat; `{chat_file}`.
        FileCreated = "file.created",
        /// A file of the chat has a new version; `{chat_file}`.
        FileVersion = "file.version",
        /// Tokens spent; `{tokens_prompt, tokens_completion, tokens_total}`.
        Usage = "usage",
        /// The model came to its end; `{response}`.
        Completed = "response.completed",
        /// The endpoint refused or failed; `{response}`.
        Failed = "response.failed",
        /// Someone stopped it; `{response}`.
        Cancelled = "response.cancelled",
        /// It was cut off; `{response}`.
        Interrupted = "response.interrupted",
    }
}

impl EventKind {
    /// Whether nothing follows it.
    #[must_use]
    pub fn is_last(self) -> bool {
        matches!(
            self,
            EventKind::Completed | EventKind::Failed | EventKind::Cancelled | EventKind::Interrupted
        )
    }
}

/// One event of an answer, as it is stored and sent. It was encoded once; clones, and the events that came
/// with it, share the bytes.
#[derive(Clone)]
pub struct Event {
    /// Its number, from 1 without a gap.
    pub seq: u64,
    /// What it tells.
    pub kind: EventKind,
    pub(super) block: Block,
    pub(super) index: usize,
}

/// One event of an answer, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnEvent {
    /// The answer was accepted.
    Started(Box<Response>),
    /// A piece of text; never empty.
    Delta(String),
    /// A piece of the model's reasoning; never empty.
    Reasoning(String),
    /// Work other than text has begun.
    Stage(String),
    /// A file came into the chat.
    FileCreated(Box<ChatFile>),
    /// A file of the chat has a new version, the number of which is its [`latest_version`](ChatFile::latest_version).
    FileVersion(Box<ChatFile>),
    /// Tokens spent: sent, answered, both.
    Usage {
        /// Tokens sent.
        tokens_prompt: u64,
        /// Tokens answered.
        tokens_completion: u64,
        /// Both.
        tokens_total: u64,
    },
    /// The end, whatever it was; see [`Response::status`].
    Finished(Box<Response>),
}

#[derive(Deserialize)]
struct OfText {
    text: String,
}

#[derive(Deserialize)]
struct OfName {
    name: String,
}

#[derive(Deserialize)]
struct OfFile {
    chat_file: Box<ChatFile>,
}

#[derive(Deserialize)]
struct OfUsage {
    tokens_prompt: u64,
    tokens_completion: u64,
    tokens_total: u64,
}

#[derive(Deserialize)]
struct OfResponse {
    response: Box<Response>,
}

impl Event {
    /// Its JSON, without line ends.
    #[must_use]
    pub fn data(&self) -> &str {
        self.block.data(self.index)
    }

    /// The event's content.
    ///
    /// # Errors
    /// When the stored text is not of the form that its kind has, which means a damaged row.
    pub fn decode(&self) -> Result<TurnEvent, serde_json::Error> {
        let data = self.data();
        Ok(match self.kind {
            EventKind::Started => TurnEvent::Started(serde_json::from_str::<OfResponse>(data)?.response),
            EventKind::Delta => TurnEvent::Delta(serde_json::from_str::<OfText>(data)?.text),
            EventKind::Reasoning => TurnEvent::Reasoning(serde_json::from_str::<OfText>(data)?.text),
            EventKind::Stage => TurnEvent::Stage(serde_json::from_str::<OfName>(data)?.name),
            EventKind::FileCreated => TurnEvent::FileCreated(serde_json::from_str::<OfFile>(data)?.chat_file),
            EventKind::FileVersion => TurnEvent::FileVersion(serde_json::from_str::<OfFile>(data)?.chat_file),
            EventKind::Usage => {
                let usage: OfUsage = serde_json::from_str(data)?;
                TurnEvent::Usage {
                    tokens_prompt: usage.tokens_prompt,
                    tokens_completion: usage.tokens_completion,
                    tokens_total: usage.tokens_total,
                }
            }
            EventKind::Completed | EventKind::Failed | EventKind::Cancelled | EventKind::Interrupted => {
                TurnEvent::Finished(serde_json::from_str::<OfResponse>(data)?.response)
            }
        })
    }
}

impl Event {
    /// An event of a kind that carries the response's record.
    pub(crate) fn with_response(seq: u64, kind: EventKind, response: &Response) -> Result<Event, Error> {
        Event::encode(seq, kind, &OfResponseRef { response })
    }

    /// The event of tokens spent.
    pub(crate) fn with_usage(seq: u64, response: &Response) -> Result<Event, Error> {
        let usage = OfUsageRef {
            tokens_prompt: response.tokens_prompt,
            tokens_completion: response.tokens_completion,
            tokens_total: response.tokens_total,
            usage_estimated: response.usage_estimated,
        };
        Event::encode(seq, EventKind::Usage, &usage)
    }

    /// An event that tells of a file.
    pub(crate) fn with_file(seq: u64, kind: EventKind, chat_file: &ChatFile) -> Result<Event, Error> {
        Event::encode(seq, kind, &OfFileRef { chat_file })
    }

    /// What it was encoded into, with whatever came with it.
    pub(crate) fn into_block(self) -> Block {
        self.block
    }

    fn encode(seq: u64, kind: EventKind, data: &impl Serialize) -> Result<Event, Error> {
        let block = Block::of(seq, kind, data)?;
        Ok(Event { seq, kind, block, index: 0 })
    }
}

/// The data of an event that carries a piece of text.
#[derive(Serialize)]
pub(crate) struct TextData<'a> {
    pub(crate) text: &'a str,
}

/// The data of an event that names what has begun.
#[derive(Serialize)]
pub(crate) struct NameData<'a> {
    pub(crate) name: &'a str,
}

impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        (self.seq, self.kind, self.data()) == (other.seq, other.kind, other.data())
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("seq", &self.seq)
            .field("kind", &self.kind)
            .field("data", &self.data())
            .finish()
    }
}

#[derive(Serialize)]
struct OfResponseRef<'a> {
    response: &'a Response,
}

#[derive(Serialize)]
struct OfFileRef<'a> {
    chat_file: &'a ChatFile,
}

#[derive(Serialize)]
struct OfUsageRef {
    tokens_prompt: Option<u64>,
    tokens_completion: Option<u64>,
    tokens_total: Option<u64>,
    usage_estimated: bool,
}
