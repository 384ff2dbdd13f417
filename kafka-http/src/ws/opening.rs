//! The chat as it stands: the first frame, and what the frames that tell of an error repeat of it.

use std::collections::HashSet;

use kafka_core::{
    Actor, ChatId, Kafka, Message, MessageId, MessageStatus, PageRequest, Place, Result, Role, WorkspaceId,
};
use serde::Serialize;

use super::{
    audience,
    file_lists::{self, FileLists},
};

/// What a message costs besides its text, so that empty ones without number cannot fill the memory.
const ENTRY_BYTES: usize = 64;

/// The initial payload.
#[derive(Serialize)]
struct Opening {
    chat_id: ChatId,
    chat_name: String,
    conversation: Vec<Entry>,
    #[serde(flatten)]
    files: FileLists,
    workspace_id: Option<WorkspaceId>,
    models: Vec<String>,
    initial: bool,
}

/// A message as the conversation has it.
#[derive(Serialize)]
pub(super) struct Entry {
    role: Role,
    r#type: String,
    content: String,
}

/// The frame with the newest messages whose texts have so many bytes, and which those are.
pub(super) fn read(
    kafka: &Kafka,
    actor: &Actor,
    chat: ChatId,
    most_bytes: usize,
) -> Result<(String, HashSet<MessageId>)> {
    let found = kafka.chats(actor).get(chat)?;
    let messages = messages(kafka, actor, chat, most_bytes)?;
    let told = messages.iter().map(|message| message.id).collect();
    let files = file_lists::read(kafka, actor, &found)?;
    let opening = Opening {
        chat_id: chat,
        chat_name: found.title.unwrap_or_default(),
        conversation: messages.into_iter().map(Entry::of).collect(),
        files,
        workspace_id: found.workspace_id,
        models: kafka.models(actor).names_of_owner(chat)?,
        initial: true,
    };
    // Text and numbers always serialize.
    Ok((serde_json::to_string(&opening).unwrap_or_default(), told))
}

impl Entry {
    fn of(message: Message) -> Entry {
        // Clients show an entry without text as one.
        let why = match (message.content.as_str(), &message.response) {
            ("", Some(response)) => audience::failure(response, "").map(str::to_owned),
            _ => None,
        };
        Entry { role: message.role, r#type: message.kind, content: why.unwrap_or(message.content) }
    }

    /// Whether it says this sentence.
    pub(super) fn says(&self, sentence: &str) -> bool {
        self.content == sentence
    }

    /// What the server says of itself.
    pub(super) fn explaining(sentence: &str) -> Entry {
        Entry { role: Role::Assistant, r#type: "text".to_owned(), content: sentence.to_owned() }
    }
}

/// What has been said, as the initial payload tells it, as far as the newest of it fits.
pub(super) fn conversation(
    kafka: &Kafka,
    actor: &Actor,
    chat: ChatId,
    most_bytes: usize,
) -> Result<Vec<Entry>> {
    Ok(messages(kafka, actor, chat, most_bytes)?.into_iter().map(Entry::of).collect())
}

/// The end of the active branch, oldest first, but for what a model is still writing, which is told when it is
/// all there. A message that does not fit is left out with all before it, so that there are no gaps.
fn messages(kafka: &Kafka, actor: &Actor, chat: ChatId, most_bytes: usize) -> Result<Vec<Message>> {
    let mut newest_first = Vec::new();
    let (mut left, mut place) = (most_bytes, Place::Start);
    'branch: loop {
        let request = PageRequest::Cursor { limit: Some(kafka.limits().page_max), place };
        let page = kafka.messages(actor).list(chat, &request)?;
        for message in page.items.into_iter().rev().filter(is_shown) {
            match left.checked_sub(message.content.len() + ENTRY_BYTES) {
                Some(rest) => left = rest,
                None => break 'branch,
            }
            newest_first.push(message);
        }
        match page.prev_cursor {
            Some(before) => place = Place::Before(before),
            None => break,
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

fn is_shown(message: &Message) -> bool {
    message.role != Role::Tool && message.status != MessageStatus::Streaming
}
