//! Open Chat's own routes: a conversation has a model that answers by default, a question is stored by one request and
//! its answer streamed by a second one.

use std::time::Duration;

use kafka_core::{
    Actor, AnswerRequest, Chat, ChatId, ChatPatch, Error, EventStream, IdempotencyKey, LinearChat, Message,
    MessageId, MessageStatus, NewChat, NewMessage, Next, PageRequest, Place, Response, ResponseStatus, Role,
    Timestamp, TurnEvent,
};
use serde::Serialize;
use serde_json::{Value, json};
use tiny_http::Method;

use super::{fastapi, is_said, pydantic::Fields, whole};
use crate::{
    error::{Failure, Problem},
    reply,
    request::Call,
    server::Reply,
    sse,
};

/// Messages that are read at a time where the last question is looked for; mostly it is the last or the one before.
const LOOKED_AT: u32 = 10;

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Conversation<'a> {
    id: ChatId,
    default_model: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// In lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_count: Option<u64>,
}

impl<'a> Conversation<'a> {
    /// Where the chat names no model, `default` is the one that would answer now: what clients show has a name.
    fn of(chat: &'a Chat, default: &'a str) -> Conversation<'a> {
        Conversation {
            id: chat.id,
            default_model: chat.default_model.as_deref().unwrap_or(default),
            created_at: chat.created_at,
            updated_at: chat.updated_at,
            message_count: None,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ConversationMessage))]
pub(crate) struct ShownMessage<'a> {
    id: kafka_core::MessageId,
    role: Role,
    content: &'a str,
    model: Option<&'a str>,
    timestamp: Timestamp,
}

impl ShownMessage<'_> {
    fn of(message: &Message) -> ShownMessage<'_> {
        ShownMessage {
            id: message.id,
            role: message.role,
            content: &message.content,
            model: message.model.as_deref(),
            timestamp: message.created_at,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = OfferedModels))]
pub(crate) struct ShownModels<'a> {
    models: Vec<ShownModel<'a>>,
    cached: bool,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = OfferedModel))]
struct ShownModel<'a> {
    id: &'a str,
    name: &'a str,
}

/// An outcome about one conversation.
fn of_one<T>(outcome: Result<T, impl Into<Failure>>) -> Result<T, Failure> {
    fastapi::unknown(outcome, "chat_not_found", || "Conversation not found".to_owned())
}

/// The conversation in the path. What is no id names nothing.
fn id(call: &Call<'_, '_>) -> Result<ChatId, Failure> {
    let segment = call.segments.first().map(String::as_str).unwrap_or_default();
    of_one(segment.parse::<ChatId>().map_err(|_| Error::not_found("chat_not_found", "chat", segment)))
}

pub(crate) fn models(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let offered = call.kafka().models(&actor).offered()?;
    let models = offered.names.iter().map(|name| ShownModel { id: name, name }).collect();
    reply::ok(&ShownModels { models, cached: offered.is_cached })
}

/// The name that was asked for, or where it is blank that of the model that would answer now.
fn named(call: &Call<'_, '_>, actor: &Actor, asked: Option<String>) -> Result<String, Failure> {
    match asked.filter(|name| !name.trim().is_empty()) {
        Some(name) => Ok(name),
        None => Ok(call.kafka().models(actor).default_name()?),
    }
}

/// One conversation.
fn shown(call: &Call<'_, '_>, actor: &Actor, chat: &Chat) -> Result<Reply, Failure> {
    let name = named(call, actor, chat.default_model.clone())?;
    reply::ok(&Conversation::of(chat, &name))
}

pub(crate) fn conversations(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let default = named(call, &actor, None)?;
    let walk = call.kafka().linear(&actor).chats()?;
    let encode = move |found: &LinearChat, bytes: &mut Vec<u8>| {
        let message_count = Some(found.message_count);
        serde_json::to_writer(
            bytes,
            &Conversation { message_count, ..Conversation::of(&found.chat, &default) },
        )
    };
    whole::reply(call, walk, r#"{"conversations":["#.to_owned(), |_| true, encode, |_| "]}".to_owned())
}

pub(crate) fn new_conversation(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (object, key) = fastapi::object_once(call)?;
    let mut fields = Fields::of(&object);
    let asked = fields.optional_text("default_model", 0, usize::MAX).flatten();
    fields.end()?;
    let new = NewChat { default_model: Some(named(call, &actor, asked)?), ..NewChat::default() };
    shown(call, &actor, &call.kafka().chats(&actor).idempotent(key).create(new)?)
}

pub(crate) fn conversation(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = id(call)?;
    shown(call, &actor, &of_one(call.kafka().chats(&actor).get(id))?)
}

pub(crate) fn change_conversation(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = id(call)?;
    let object = fastapi::object(call)?;
    let mut fields = Fields::of(&object);
    let asked = Some(fields.text("default_model", 0));
    fields.end()?;
    let default_model = Some(named(call, &actor, asked)?);
    let patch = ChatPatch { default_model: Some(default_model), ..ChatPatch::default() };
    shown(call, &actor, &of_one(call.kafka().chats(&actor).update(id, patch))?)
}

pub(crate) fn delete_conversation(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = id(call)?;
    of_one(call.kafka().chats(&actor).delete(id))?;
    reply::ok(&json!({"status": "deleted", "conversation_id": id}))
}

pub(crate) fn messages(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = id(call)?;
    let walk = of_one(call.kafka().linear(&actor).messages(id))?;
    let encode =
        |message: &Message, bytes: &mut Vec<u8>| serde_json::to_writer(bytes, &ShownMessage::of(message));
    let head = format!(r#"{{"conversation_id":"{id}","messages":["#);
    whole::reply(call, walk, head, is_said, encode, |_| "]}".to_owned())
}

pub(crate) fn new_message(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = id(call)?;
    let (object, key) = fastapi::object_once(call)?;
    let mut fields = Fields::of(&object);
    let content = fields.text("message", 1);
    let model = fields.optional_text("model", 0, usize::MAX).flatten().filter(|name| !name.is_empty());
    fields.end()?;
    let new = NewMessage { model, ..NewMessage::text(Role::User, content) };
    let made = call.kafka().messages(&actor).idempotent(key).create(id, new);
    reply::ok(&ShownMessage::of(&of_one(fastapi::of_field(made, "content", "message"))?))
}

/// Answers the last question of the conversation. Browsers ask again when a stream has ended, and draw pages twice: who
/// comes again is told the answer that there is, and the model is asked once.
pub(crate) fn stream(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let chat = id(call)?;
    let Asked { question, answer, last } = asked(call, &actor, chat)?;
    if *call.request.method() == Method::Head {
        let nothing = |_| Ok(Next::<String>::Over);
        return Ok(sse::reply_in(nothing, call.router.heartbeat, call.router.log, call.request.id()));
    }
    let kafka = call.kafka();
    match answer {
        Some(Message { response: Some(response), .. }) => {
            return Ok(tell(call, kafka.responses(&actor).events(response.id, 0)?));
        }
        Some(written) => {
            let told = data(&json!({"content": written.content})) + &done(written.id);
            return Ok(events(told));
        }
        None => {}
    }
    let request = AnswerRequest {
        model: call.query("model").or(question.model),
        parent_id: Some(Some(question.id)),
        ..AnswerRequest::default()
    };
    let attempt = last.to_string();
    let key = IdempotencyKey::new("GET", call.request.path().trim_end_matches('/'), &attempt, b"")?;
    let key = (!actor.is_anonymous()).then_some(key);
    let started = kafka.completions(&actor).idempotent(key).start(chat, request);
    if let Err(error) = &started
        && error.code() == "model_not_found"
    {
        // What no model can answer is told where clients listen.
        return Ok(events(failed(error.message())));
    }
    Ok(tell(call, of_one(started)?.into_events()))
}

/// The last question of a conversation.
struct Asked {
    question: Message,
    /// The last answer behind it: one that is being written, one that a model gave, or one that was stored as it is, by
    /// another door or as the copy of a fork. One that failed is none.
    answer: Option<Message>,
    /// The last message of all.
    last: MessageId,
}

fn asked(call: &Call<'_, '_>, actor: &Actor, chat: ChatId) -> Result<Asked, Failure> {
    let (mut answer, mut last, mut place) = (None, None, Place::Start);
    loop {
        let request = PageRequest::Cursor { limit: Some(LOOKED_AT), place };
        let page = of_one(call.kafka().messages(actor).list(chat, &request))?;
        for message in page.items.into_iter().rev() {
            let last = *last.get_or_insert(message.id);
            match (message.role, message.status) {
                (Role::User | Role::Tool, _) => return Ok(Asked { question: message, answer, last }),
                (Role::Assistant, MessageStatus::Streaming | MessageStatus::Complete) => {
                    answer = answer.or(Some(message));
                }
                (Role::Assistant | Role::System, _) => {}
            }
        }
        match page.prev_cursor {
            Some(cursor) => place = Place::Before(cursor),
            None if last.is_none() => {
                return Err(Problem::new(400, "conversation_empty", "No messages in conversation").into());
            }
            None => {
                let detail = "The conversation has no question; send one first";
                return Err(Problem::new(400, "nothing_to_answer", detail).into());
            }
        }
    }
}

/// The events of an answer in Open Chat's words.
fn tell(call: &Call<'_, '_>, mut events: EventStream) -> Reply {
    let next = move |patience: Duration| {
        Ok(match events.next_within(patience)? {
            Next::Event(event) => Next::Event(match event.decode() {
                Ok(TurnEvent::Delta(text)) => data(&json!({"content": text})),
                Ok(TurnEvent::Finished(response)) => ended(&response),
                Ok(_) => String::new(),
                Err(error) => return Err(reply::unwritable(error)),
            }),
            Next::Nothing => Next::Nothing,
            Next::Over => Next::Over,
        })
    };
    sse::reply_in(next, call.router.heartbeat, call.router.log, call.request.id())
}

fn ended(response: &Response) -> String {
    match (response.status, &response.error) {
        (ResponseStatus::Completed, _) => done(response.message_id),
        (_, Some(error)) => failed(&error.detail),
        (ResponseStatus::Cancelled, None) => failed("The answer was cancelled."),
        (_, None) => failed("The answer was cut off; what came is kept."),
    }
}

fn done(message: MessageId) -> String {
    data(&json!({"done": true, "message_id": message}))
}

fn failed(sentence: &str) -> String {
    data(&json!({"error": sentence}))
}

/// A stream of which all is known.
fn events(told: String) -> Reply {
    Reply::bytes(200, sse::MEDIA_TYPE, told.into_bytes()).with_header("Cache-Control", "no-cache")
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}
