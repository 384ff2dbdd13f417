//! The chat as it stands: the first frame, and what the frames that tell of an error repeat of it.

use std::collections::HashSet;

use kafka_core::{
    Actor, ChatId, Kafka, Message, MessageId, MessageStatus, Page, PageRequest, Place, Result, Role,
    WorkspaceId,
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
    fitting(kafka, actor, chat, most_bytes, page(kafka, actor, chat, Place::Start)?)
}

/// The same of a branch as it was when it ended in a message. None when that is not on the active branch any more, or
/// not among the newest messages of it.
pub(super) fn branch(
    kafka: &Kafka,
    actor: &Actor,
    chat: ChatId,
    leaf: MessageId,
    most_bytes: usize,
) -> Result<Option<Vec<Message>>> {
    let mut newest = page(kafka, actor, chat, Place::Start)?;
    let Some(at) = newest.items.iter().position(|message| message.id == leaf) else { return Ok(None) };
    newest.items.truncate(at + 1);
    fitting(kafka, actor, chat, most_bytes, newest).map(Some)
}

fn page(kafka: &Kafka, actor: &Actor, chat: ChatId, place: Place) -> Result<Page<Message>> {
    let request = PageRequest::Cursor { limit: Some(kafka.limits().page_max), place };
    kafka.messages(actor).list(chat, &request)
}

/// What fits of a page and those before it.
fn fitting(
    kafka: &Kafka,
    actor: &Actor,
    chat: ChatId,
    most_bytes: usize,
    mut newest: Page<Message>,
) -> Result<Vec<Message>> {
    let (mut newest_first, mut left) = (Vec::new(), most_bytes);
    'branch: loop {
        for message in newest.items.into_iter().rev().filter(is_shown) {
            match left.checked_sub(message.content.len() + ENTRY_BYTES) {
                Some(rest) => left = rest,
                None => break 'branch,
            }
            newest_first.push(message);
        }
        match newest.prev_cursor {
            Some(before) => newest = page(kafka, actor, chat, Place::Before(before))?,
            None => break,
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

fn is_shown(message: &Message) -> bool {
    message.role != Role::Tool && message.status != MessageStatus::Streaming
}
