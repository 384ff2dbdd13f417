//! The Chat History Backend's own routes: rows have whole numbers for ids, a chat is one line of messages, and a list
//! without a page is given as a whole.

use kafka_core::{Chat, ChatPatch, LinearChat, Message, MessagePatch, NewChat, NewMessage, Role, Timestamp};
use serde::Serialize;

use super::{
    fastapi, is_said,
    pydantic::{self, Fields},
    whole,
};
use crate::{error::Failure, reply, request::Call, server::Reply};

/// What the roles are called that clients know.
const ROLES: [(&str, Role); 3] = [("user", Role::User), ("ai", Role::Assistant), ("system", Role::System)];
/// Longest name of a chat, in characters.
const NAME_CHARS: usize = 255;

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ChatHistoryChat))]
pub(crate) struct ShownChat<'a> {
    id: i64,
    name: Option<&'a str>,
    notebooks: &'a [String],
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Of one chat alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_count: Option<u64>,
}

impl ShownChat<'_> {
    fn of(chat: &Chat) -> ShownChat<'_> {
        ShownChat {
            id: chat.number,
            name: chat.title.as_deref(),
            notebooks: &chat.notebooks,
            created_at: chat.created_at,
            updated_at: chat.updated_at,
            messages_count: None,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ChatHistoryMessage))]
pub(crate) struct ShownMessage<'a> {
    id: i64,
    chat_id: i64,
    role: &'static str,
    content: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl ShownMessage<'_> {
    fn of(message: &Message, chat: i64) -> ShownMessage<'_> {
        ShownMessage {
            id: message.number,
            chat_id: chat,
            role: match message.role {
                Role::User => "user",
                Role::Assistant => "ai",
                // Clients have no word for what a tool said.
                Role::System | Role::Tool => "system",
            },
            content: &message.content,
            created_at: message.created_at,
            updated_at: message.updated_at,
        }
    }
}

/// An outcome about the chat with this number.
fn of_chat<T>(outcome: Result<T, impl Into<Failure>>, number: i64) -> Result<T, Failure> {
    fastapi::unknown(outcome, "chat_not_found", || format!("Chat with id {number} not found"))
}

/// An outcome about the message with this number.
fn of_message<T>(outcome: kafka_core::Result<T>, number: i64) -> Result<T, Failure> {
    fastapi::unknown(outcome, "message_not_found", || format!("Message with id {number} not found"))
}

/// How a list begins.
const HEAD: &str = r#"{"items":["#;

/// How a list goes on after its entries, of which it gave so many: the page that it is of `total`, or all as one page.
fn tail_of(page: Option<(u32, u32)>, total: u64) -> impl FnOnce(u64) -> String + Send + 'static {
    move |given| {
        let (total, page, page_size) = match page {
            Some((page, page_size)) => (total, page, u64::from(page_size)),
            None => (given, 1, given.max(1)),
        };
        let pages = total.div_ceil(page_size);
        format!(r#"],"total":{total},"page":{page},"page_size":{page_size},"total_pages":{pages}}}"#)
    }
}

pub(crate) fn chats(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let page = pydantic::page(call)?;
    let linear = call.kafka().linear(&actor);
    let walk = match page {
        Some((page, page_size)) => linear.page_of_chats(page, page_size)?,
        None => linear.chats()?,
    };
    let tail = tail_of(page, walk.total());
    let encode =
        |found: &LinearChat, bytes: &mut Vec<u8>| serde_json::to_writer(bytes, &ShownChat::of(&found.chat));
    whole::reply(call, walk, HEAD.to_owned(), |_| true, encode, tail)
}

pub(crate) fn new_chat(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    // Who has no account could do nothing with its number.
    if actor.is_anonymous() {
        call.kafka().account_of(&actor)?;
    }
    let (object, key) = fastapi::object_once(call)?;
    let mut fields = Fields::of(&object);
    let title = fields.optional_text("name", 0, NAME_CHARS).flatten();
    let notebooks = fields.optional_texts("notebooks").unwrap_or_default();
    fields.end()?;
    let new = NewChat { title, notebooks, ..NewChat::default() };
    let made = call.kafka().chats(&actor).idempotent(key).create(new);
    reply::created(&ShownChat::of(&fastapi::of_field(made, "title", "name")?))
}

pub(crate) fn chat(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let number = pydantic::number(call, "chat_id")?;
    let found = of_chat(call.kafka().linear(&actor).chat(number), number)?;
    let messages_count = Some(found.message_count);
    reply::ok(&ShownChat { messages_count, ..ShownChat::of(&found.chat) })
}

pub(crate) fn change_chat(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let number = pydantic::number(call, "chat_id")?;
    let mut object = fastapi::object(call)?;
    object.retain(|name, value| name != "notebooks" || !value.is_null());
    let mut fields = Fields::of(&object);
    let title = fields.optional_text("name", 0, NAME_CHARS);
    let notebooks = fields.optional_texts("notebooks");
    fields.end()?;
    let patch = ChatPatch { title, notebooks, ..ChatPatch::default() };
    let id = of_chat(call.kafka().linear(&actor).chat_id(number), number)?;
    let changed = call.kafka().chats(&actor).update(id, patch);
    let changed = of_chat(fastapi::of_field(changed, "title", "name"), number)?;
    reply::ok(&ShownChat::of(&changed))
}

pub(crate) fn delete_chat(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let number = pydantic::number(call, "chat_id")?;
    let id = of_chat(call.kafka().linear(&actor).chat_id(number), number)?;
    of_chat(call.kafka().chats(&actor).delete(id), number)?;
    Ok(reply::no_content())
}

pub(crate) fn new_message(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (object, key) = fastapi::object_once(call)?;
    let mut fields = Fields::of(&object);
    let number = fields.integer("chat_id");
    let role = fields.word("role", &ROLES).unwrap_or(Role::User);
    let content = fields.text("content", 1);
    fields.end()?;
    let chat = of_chat(call.kafka().linear(&actor).chat_id(number), number)?;
    let made = call.kafka().messages(&actor).idempotent(key).create(chat, NewMessage::text(role, content));
    reply::created(&ShownMessage::of(&of_chat(made, number)?, number))
}

pub(crate) fn messages(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let number = pydantic::number(call, "chat_id")?;
    let page = pydantic::page(call)?;
    let linear = call.kafka().linear(&actor);
    let walk = match page {
        Some((page, page_size)) => linear.page_of(number, page, page_size),
        None => linear.messages_of(number),
    };
    let walk = of_chat(walk, number)?;
    let tail = tail_of(page, walk.total());
    let encode = move |message: &Message, bytes: &mut Vec<u8>| {
        serde_json::to_writer(bytes, &ShownMessage::of(message, number))
    };
    whole::reply(call, walk, HEAD.to_owned(), is_said, encode, tail)
}

pub(crate) fn message(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let number = pydantic::number(call, "message_id")?;
    let (chat, message) = of_message(call.kafka().linear(&actor).message(number), number)?;
    reply::ok(&ShownMessage::of(&message, chat))
}

pub(crate) fn change_message(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let number = pydantic::number(call, "message_id")?;
    let object = fastapi::object(call)?;
    let mut fields = Fields::of(&object);
    let content = fields.optional_text("content", 1, usize::MAX).flatten();
    let role = fields.optional_word("role", &ROLES);
    fields.end()?;
    let (chat, message) = of_message(call.kafka().linear(&actor).message(number), number)?;
    let changed = call.kafka().messages(&actor).update(message.id, MessagePatch { content, role });
    reply::ok(&ShownMessage::of(&of_message(changed, number)?, chat))
}

pub(crate) fn delete_message(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let number = pydantic::number(call, "message_id")?;
    let id = of_message(call.kafka().linear(&actor).message_id(number), number)?;
    of_message(call.kafka().messages(&actor).delete(id), number)?;
    Ok(reply::no_content())
}
