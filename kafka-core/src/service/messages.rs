//! What can be done with messages.

use serde_json::Value as Json;

use super::{
    branches, chats,
    completion::recover::Ender,
    input,
    listing::{self, FromEnd},
    once::{IdempotencyKey, Once, once},
    retrieval,
};
use crate::{
    base::{
        actor::{Actor, Scope},
        day::Day,
        error::{Error, ErrorKind, Result},
        id::{ChatId, MessageId},
        limits::Limits,
        page::{Page, PageRequest},
        permission::{Area, Permission},
        time::Timestamp,
    },
    entity::{
        document::SourceText,
        message::{Message, MessagePatch, MessageStatus, NewMessage, Role},
        response::ResponseStatus,
    },
    repo::{self, chats::Head, messages, usage_daily},
    service::{feed::Feed, installation::Installation},
    storage::Tx,
};

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Chats);
/// What it needs for changing something.
const WRITE: Permission = Permission::write(Area::Chats);

/// Messages, as one actor may use them. Made by [`Kafka::messages`](crate::Kafka::messages).
#[derive(Debug)]
pub struct Messages<'k> {
    installation: &'k Installation,
    actor: Actor,
    once: Option<Once>,
}

pub(crate) fn not_found(id: MessageId) -> Error {
    Error::not_found("message_not_found", "message", id)
}

impl<'k> Messages<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Messages<'k> {
        Messages { installation, actor: *actor, once: None }
    }

    /// Makes [`create`](Messages::create) take effect once for this key, if there is one.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> Messages<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }

    /// Stores a message without answering it. It becomes the end of the active branch.
    ///
    /// # Errors
    /// `NotFound` for the chat; `Invalid` for an empty text, a parent that is not in the chat, or a
    /// `tool_call_id` of anything but a tool's result; `TooLarge` for a text over [`Limits::message_bytes`](crate::Limits).
    pub fn create(&self, chat: ChatId, new: NewMessage) -> Result<Message> {
        let limits = self.installation.limits();
        check_content(limits, &new)?;
        input::optional_name(limits, "model", new.model.as_ref())?;
        input::optional_name(limits, "type", new.kind.as_ref())?;
        let (actor, now) = (self.actor, self.installation.now());
        let id = self.installation.new_id();
        let (key, feed) = (self.once.clone(), self.installation.feed().clone());
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                let head = repo::chats::head_for_writing(tx, actor.scope(WRITE)?, chat)?
                    .ok_or_else(|| chats::not_found(chat))?;
                let parent_id = place_under(tx, &feed, chat, &head, new.parent_id)?;
                let row = messages::NewRow {
                    id,
                    chat_id: chat,
                    seq: head.last_seq + 1,
                    parent_id,
                    user_id: actor.user_id(),
                    role: new.role,
                    kind: new.kind.as_deref().unwrap_or("text"),
                    content: &new.content,
                    parts: new.parts.as_ref(),
                    tool_call_id: new.tool_call_id.as_deref(),
                    model: new.model.as_deref(),
                    status: MessageStatus::Complete,
                    created_at: now,
                };
                feed.message(tx, chat, id);
                let message = store(tx, &row)?;
                usage_daily::count_message(tx, chat, Day::of(now))?;
                Ok(message)
            })
        })
    }

    /// One message.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: MessageId) -> Result<Message> {
        let scope = self.actor.scope(READ)?;
        let found = self.installation.storage().read_one_anywhere(|conn| messages::find(conn, scope, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// The passages of documents that an answer was made from, with what they say; without it for a credential that may
    /// not read documents.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn sources(&self, id: MessageId) -> Result<Vec<SourceText>> {
        let scope = self.actor.scope(READ)?;
        self.installation.storage().read_anywhere(|conn| {
            let message = messages::find(conn, scope, id)?.ok_or_else(|| not_found(id))?;
            retrieval::texts(conn, &self.actor, &message)
        })
    }

    /// Messages of the active branch, oldest first. Without a cursor the page is the *last* one.
    ///
    /// # Errors
    /// `NotFound` for the chat; `Invalid` for a page out of range, a cursor that no page gave, or a numbered
    /// page whose texts go beyond [`Limits::page_bytes`](crate::Limits); pages by cursor end there.
    pub fn list(&self, chat: ChatId, request: &PageRequest) -> Result<Page<Message>> {
        let page = page_of_branch(self.installation, self.actor.scope(READ)?, chat, request)?;
        if page.items.is_empty() {
            // An empty page says nothing about the chat, so only then is it worth a query.
            chats::Chats::new(self.installation, &self.actor).get(chat)?;
        }
        Ok(page)
    }

    /// Changes a message's text in place. An edit that keeps the old text is a new message with the old
    /// one's parent.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while an answer is being written into it, and (`role_fixed`) for another role of an
    /// answer or a tool's result; `Invalid` or `TooLarge` for the text, `Invalid` for the role `tool`.
    pub fn update(&self, id: MessageId, patch: MessagePatch) -> Result<Message> {
        if let Some(content) = &patch.content {
            input::message(self.installation.limits(), content)?;
        }
        if patch.role == Some(Role::Tool) {
            let message = "only the result of a call has the role tool; give system, user or assistant";
            return Err(Error::invalid("role_refused", "role", message));
        }
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            let mut message = messages::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            let role = patch.role.filter(|role| *role != message.role);
            if patch.content.is_none() && role.is_none() {
                return Ok(message);
            }
            if message.status == MessageStatus::Streaming {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "message_streaming",
                    format!(
                        "The message {id} is being written; wait until its answer has ended, or cancel it."
                    ),
                ));
            }
            if let Some(role) = role {
                // A model is sent calls and their results together, and usage was counted for answers.
                if message.response.is_some() || message.role == Role::Tool {
                    let sentence = format!(
                        "The role of the message {id} is that of an answer or of a tool's result, and stays."
                    );
                    return Err(Error::new(ErrorKind::Conflict, "role_fixed", sentence));
                }
                messages::update_role(tx, id, role, now)?;
                message.role = role;
            }
            if let Some(content) = &patch.content {
                messages::update_content(tx, id, content, now)?;
                message.content.clone_from(content);
                (message.parts, message.token_count, message.sources) = (None, None, None);
            }
            repo::chats::touch(tx, message.chat_id, 0, now)?;
            feed.message(tx, message.chat_id, id);
            message.updated_at = now;
            Ok(message)
        })
    }

    /// Deletes a message. What followed it then follows its parent; if the active branch ended in it,
    /// that ends in its parent. An answer that is being written into it ends.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete(&self, id: MessageId) -> Result<()> {
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let (live, feed) = (self.installation.live().clone(), self.installation.feed().clone());
        let ender = Ender::new(self.installation);
        self.installation.storage().write(move |tx| {
            let message = messages::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            let chat = message.chat_id;
            let head =
                repo::chats::head_for_writing(tx, scope, chat)?.ok_or_else(|| chats::not_found(chat))?;
            let leaf = if head.active_leaf_id == Some(id) { message.parent_id } else { head.active_leaf_id };
            let log = match &message.response {
                Some(response) if message.status == MessageStatus::Streaming => {
                    ender.end(tx, response.id, ResponseStatus::Cancelled)?
                }
                _ => None,
            };
            messages::delete(tx, id, message.parent_id)?;
            repo::chats::shrink(tx, chat, leaf, now)?;
            feed.message_deleted(tx, chat, id);
            if let Some(response) = message.response {
                let live = live.clone();
                tx.after_commit(move || live.abandon(response.id, log.as_deref()));
            }
            Ok(())
        })
    }
}

/// A page of a chat's active branch; empty where the scope sees no such chat.
pub(super) fn page_of_branch(
    installation: &Installation,
    scope: Scope,
    chat: ChatId,
    request: &PageRequest,
) -> Result<Page<Message>> {
    listing::read(installation.storage(), request, |conn| {
        let pages = FromEnd {
            after: &|seq, room| messages::branch_after(conn, scope, chat, seq, room),
            before: &|seq, room| messages::branch_before(conn, scope, chat, seq, room),
            numbered: &|room, offset| {
                let rows = messages::branch_numbered(conn, scope, chat, room, offset)?;
                Ok((rows, messages::branch_count(conn, scope, chat)?))
            },
            number: &|message| message.seq,
        };
        pages.page(installation.limits(), request)
    })
}

/// A message says something: in its text, or in its parts, or as the result of a tool that says nothing.
fn check_content(limits: &Limits, new: &NewMessage) -> Result<()> {
    let has_parts = match &new.parts {
        None => false,
        Some(Json::Array(parts)) => !parts.is_empty(),
        Some(_) => return Err(Error::invalid("parts_invalid", "parts", "give a JSON array or null")),
    };
    match &new.tool_call_id {
        Some(_) if new.role != Role::Tool => {
            return Err(Error::invalid(
                "tool_call_id_misplaced",
                "tool_call_id",
                "only a message of the role tool is the result of a call; leave it out",
            ));
        }
        Some(id) => input::bytes("tool_call_id", id, limits.message_bytes)?,
        None => {}
    }
    if new.role == Role::Tool || has_parts {
        input::bytes("content", &new.content, limits.message_bytes)
    } else {
        input::message(limits, &new.content)
    }
}

/// The parent that a new message gets, whose branch is made the active one: what was asked for, or the
/// end of the active branch.
pub(crate) fn place_under(
    tx: &Tx<'_>,
    feed: &Feed,
    chat: ChatId,
    head: &Head,
    asked: Option<Option<MessageId>>,
) -> Result<Option<MessageId>> {
    let Some(parent) = asked else { return Ok(head.active_leaf_id) };
    if parent == head.active_leaf_id {
        return Ok(parent);
    }
    if let Some(parent) = parent
        && !messages::is_in_chat(tx, chat, parent)?
    {
        return Err(Error::invalid("parent_unknown", "parent_id", "name a message of this chat"));
    }
    branches::go_over(tx, feed, chat, head.active_leaf_id, parent)?;
    Ok(parent)
}

/// Stores a message as the end of the active branch.
pub(crate) fn store(tx: &Tx<'_>, row: &messages::NewRow<'_>) -> Result<Message> {
    let number = messages::insert(tx, row)?;
    repo::chats::advance(tx, row.chat_id, row.seq, row.id, row.created_at)?;
    Ok(as_stored(row, number, row.created_at))
}

fn as_stored(row: &messages::NewRow<'_>, number: i64, now: Timestamp) -> Message {
    Message {
        number,
        id: row.id,
        chat_id: row.chat_id,
        seq: row.seq,
        parent_id: row.parent_id,
        role: row.role,
        kind: row.kind.to_owned(),
        content: row.content.to_owned(),
        parts: row.parts.cloned(),
        tool_call_id: row.tool_call_id.map(str::to_owned),
        model: row.model.map(str::to_owned),
        status: row.status,
        token_count: None,
        sources: None,
        response: None,
        created_at: now,
        updated_at: now,
    }
}
