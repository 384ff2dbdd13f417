//! The Chat History Backend's own routes.

use serde_json::{Value, json};

use crate::{
    dialects::chat_history::{ShownChat, ShownMessage},
    openapi::{document::Operations, operation::Operation, samples::AT},
};

const NAME_CHARS: u32 = 255;

fn chat() -> Value {
    json!({"id": 1, "name": "The trial", "notebooks": ["law"], "created_at": AT, "updated_at": AT})
}

fn message() -> Value {
    json!({"id": 1, "chat_id": 1, "role": "user", "content": "Who is K.?", "created_at": AT, "updated_at": AT})
}

fn roles() -> Value {
    json!({"type": "string", "enum": ["user", "ai", "system"]})
}

/// A list: as a whole, or as a numbered page.
fn list(operation: &mut Operation, entry: Value, example: Value) {
    let number = |maximum: u32| json!({"type": "integer", "minimum": 1, "maximum": maximum});
    let count = || json!({"type": "integer"});
    operation
        .query("page", number(u32::MAX), "The page, from 1. Without it and `page_size` everything is given.")
        .query("page_size", number(100), "Entries of a page; 20 by default.")
        .gives_json(
            200,
            "Everything, or the page.",
            json!({
                "type": "object",
                "required": ["items", "total", "page", "page_size", "total_pages"],
                "properties": {
                    "items": {"type": "array", "items": entry}, "total": count(), "page": count(),
                    "page_size": count(), "total_pages": count(),
                },
            }),
            json!({"items": [example], "total": 1, "page": 1, "page_size": 1, "total_pages": 1}),
        )
        .refuses(&["request_invalid"]);
}

fn chat_fields() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": ["string", "null"], "maxLength": NAME_CHARS},
            "notebooks": {"type": "array", "maxItems": 100, "items": {"type": "string", "maxLength": NAME_CHARS}},
        },
    })
}

pub(super) fn describe(on: &mut Operations) {
    let chats = on.on("GET", "/api/chats").about("The one changed last first.");
    let entry = chats.schema::<ShownChat<'_>>();
    list(chats, entry, chat());
    on.on("POST", "/api/chats")
        .about("A name has at most 255 characters, a chat at most 100 notebooks.")
        .once()
        .takes_json(chat_fields(), json!({"name": "The trial", "notebooks": ["law"]}))
        .gives::<ShownChat<'_>>(201, "The chat.", chat())
        .refuses(&[
            "request_invalid",
            "text_too_long",
            "nul_in_text",
            "too_many_notebooks",
            "quota_exceeded",
        ]);
    let mut counted = chat();
    counted["messages_count"] = 2.into();
    on.on("GET", "/api/chats/{id}")
        .about("With the number of its messages.")
        .gives::<ShownChat<'_>>(200, "The chat.", counted)
        .refuses(&["request_invalid", "chat_not_found"]);
    let mut change = chat_fields();
    change["properties"]["notebooks"]["type"] = json!(["array", "null"]);
    on.on("PUT", "/api/chats/{id}")
        .about("What is absent stays, and notebooks that are `null`.")
        .takes_json(change, json!({"name": "The trial"}))
        .gives::<ShownChat<'_>>(200, "The chat as it is now.", chat())
        .refuses(&[
            "request_invalid",
            "chat_not_found",
            "text_too_long",
            "nul_in_text",
            "too_many_notebooks",
        ]);
    on.on("DELETE", "/api/chats/{id}")
        .about("Its messages go with it.")
        .gives_nothing(204, "The chat is gone.")
        .refuses(&["request_invalid", "chat_not_found"]);
    on.on("POST", "/api/messages")
        .about("The text has at most 1 MiB.")
        .once()
        .takes_json(
            json!({
                "type": "object",
                "required": ["chat_id", "role", "content"],
                "properties": {
                    "chat_id": {"type": ["integer", "string"]}, "role": roles(),
                    "content": {"type": "string", "minLength": 1},
                },
            }),
            json!({"chat_id": 1, "role": "user", "content": "Who is K.?"}),
        )
        .gives::<ShownMessage<'_>>(201, "The message.", message())
        .refuses(&["request_invalid", "chat_not_found", "text_too_long", "nul_in_text"]);
    let messages = on.on("GET", "/api/messages/chat/{id}").about("Those of the active branch, oldest first, without answers of which nothing came; pages count those, too.");
    messages.refuses(&["chat_not_found"]);
    let entry = messages.schema::<ShownMessage<'_>>();
    list(messages, entry, message());
    on.on("GET", "/api/messages/{id}")
        .about("What a tool said has the role `system`.")
        .gives::<ShownMessage<'_>>(200, "The message.", message())
        .refuses(&["request_invalid", "message_not_found"]);
    on.on("PUT", "/api/messages/{id}")
        .about("What is absent stays.")
        .takes_json(
            json!({
                "type": "object",
                "properties": {
                    "content": {"type": ["string", "null"], "minLength": 1},
                    "role": {"enum": ["user", "ai", "system", null]},
                },
            }),
            json!({"content": "Who is Josef K.?"}),
        )
        .gives::<ShownMessage<'_>>(200, "The message as it is now.", message())
        .refuses(&[
            "request_invalid",
            "message_not_found",
            "text_too_long",
            "nul_in_text",
            "message_streaming",
            "role_fixed",
            "role_refused",
        ]);
    on.on("DELETE", "/api/messages/{id}")
        .about("Those that follow it stay.")
        .gives_nothing(204, "The message is gone.")
        .refuses(&["request_invalid", "message_not_found"]);
}
