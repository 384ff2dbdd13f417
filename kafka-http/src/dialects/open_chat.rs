//! Open Chat's own routes: a conversation has a model that answers by default, a question is stored by one request and
//! its answer streamed by a second one.

use std::time::Duration;

use kafka_core::{
    AnswerRequest, Chat, ChatId, ChatPatch, Error, EventStream, IdempotencyKey, LinearChat, Message,
    MessageStatus, NewChat, NewMessage, Next, PageRequest, Response, ResponseStatus, Role, Timestamp,
    TurnEvent,
};
use serde::Serialize;
use serde_json::{Value, json};
use tiny_http::Method;

use super::{fastapi, pydantic::Fields, whole};
use crate::{
    error::{Failure, Problem},
    reply,
    request::Call,
    server::Reply,
    sse,
};

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Conversation<'a> {
    id: ChatId,
    default_model: Option<&'a str>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// In lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_count: Option<u64>,
}

impl Conversation<'_> {
    fn of(chat: &Chat) -> Conversation<'_> {
        Conversation {
            id: chat.id,
            default_model: chat.default_model.as_deref(),
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

pub(crate) fn conversations(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let walk = call.kafka().linear(&actor).chats()?;
    let encode = |found: &LinearChat, bytes: &mut Vec<u8>| {
        let message_count = Some(found.message_count);
        serde_json::to_writer(bytes, &Conversation { message_count, ..Conversation::of(&found.chat) })
    };
    whole::reply(call, walk, r#"{"conversations":["#.to_owned(), encode, |_| "]}".to_owned())
}

/// Without a model, the one that would answer now: what clients show has a name.
pub(crate) fn new_conversation(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let (object, key) = fastapi::object_once(call)?;
    let mut fields = Fields::of(&object);
    let asked = fields.optional_text("default_model", 0, usize::MAX).flatten();
    fields.end()?;
    let default_model = match asked.filter(|name| !name.is_empty()) {
        Some(name) => name,
        None => call.kafka().models(&actor).default_name()?,
    };
    let new = NewChat { default_model: Some(default_model), ..NewChat::default() };
    reply::ok(&Conversation::of(&call.kafka().chats(&actor).idempotent(key).create(new)?))
}

pub(crate) fn conversation(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = id(call)?;
    reply::ok(&Conversation::of(&of_one(call.kafka().chats(&actor).get(id))?))
}

pub(crate) fn change_conversation(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let id = id(call)?;
    let object = fastapi::object(call)?;
    let mut fields = Fields::of(&object);
    let default_model = Some(fields.text("default_model", 0));
    fields.end()?;
    let patch = ChatPatch { default_model: Some(default_model), ..ChatPatch::default() };
    reply::ok(&Conversation::of(&of_one(call.kafka().chats(&actor).update(id, patch))?))
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
    whole::reply(call, walk, head, encode, |_| "]}".to_owned())
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

/// Answers the question at the end of the conversation. Browsers ask again when a stream has ended, and draw pages
/// twice: who comes again is told the answer that there is, and the model is asked once.
pub(crate) fn stream(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let chat = id(call)?;
    let kafka = call.kafka();
    let last = of_one(kafka.messages(&actor).list(chat, &PageRequest::first(1)))?.items.pop();
    let Some(last) = last else {
        return Err(Problem::new(400, "conversation_empty", "No messages in conversation").into());
    };
    if *call.request.method() == Method::Head {
        let nothing = |_| Ok(Next::<String>::Over);
        return Ok(sse::reply_in(nothing, call.router.heartbeat, call.router.log, call.request.id()));
    }
    let question = match (&last.response, last.status) {
        (Some(response), MessageStatus::Streaming | MessageStatus::Complete) => {
            return Ok(tell(call, kafka.responses(&actor).events(response.id, 0)?));
        }
        // One that failed is asked again.
        (Some(_), _) => last.parent_id.map(|id| kafka.messages(&actor).get(id)).transpose()?,
        (None, _) => Some(last.clone()),
    };
    let Some(question) = question.filter(|message| matches!(message.role, Role::User | Role::Tool)) else {
        let detail = "The last message is no question; send one first";
        return Err(Problem::new(400, "nothing_to_answer", detail).into());
    };
    let request = AnswerRequest {
        model: call.query("model").or(question.model),
        parent_id: Some(Some(question.id)),
        ..AnswerRequest::default()
    };
    let attempt = last.id.to_string();
    let key = IdempotencyKey::new("GET", call.request.path().trim_end_matches('/'), &attempt, b"")?;
    let key = (!actor.is_anonymous()).then_some(key);
    let started = kafka.completions(&actor).idempotent(key).start(chat, request);
    if let Err(error) = &started
        && error.code() == "model_not_found"
    {
        // What no model can answer is told where clients listen.
        let told = failed(error.message()).into_bytes();
        return Ok(Reply::bytes(200, sse::MEDIA_TYPE, told).with_header("Cache-Control", "no-cache"));
    }
    Ok(tell(call, of_one(started)?.into_events()))
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
        (ResponseStatus::Completed, _) => data(&json!({"done": true, "message_id": response.message_id})),
        (_, Some(error)) => failed(&error.detail),
        (ResponseStatus::Cancelled, None) => failed("The answer was cancelled."),
        (_, None) => failed("The answer was cut off; what came is kept."),
    }
}

fn failed(sentence: &str) -> String {
    data(&json!({"error": sentence}))
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}
