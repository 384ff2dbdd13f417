//! Open Chat's own routes.

use serde_json::{Value, json};

use crate::{
    dialects::open_chat::{Conversation, ShownMessage, ShownModels},
    openapi::{document::Operations, operation::uuid, samples},
};

fn conversation() -> Value {
    json!({"id": samples::ID, "default_model": "echo", "created_at": samples::AT, "updated_at": samples::AT})
}

fn listed() -> Value {
    let mut listed = conversation();
    listed["message_count"] = 2.into();
    listed
}

fn message() -> Value {
    json!({
        "id": samples::ID, "role": "user", "content": "Who is K.?", "model": null, "timestamp": samples::AT,
    })
}

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/models")
        .about("Lists of gateways are kept for a while; `cached` says whether this one was.")
        .gives::<ShownModels<'_>>(
            200,
            "The models.",
            json!({"models": [{"id": "echo", "name": "echo"}], "cached": false}),
        );
    let list = on.on("GET", "/conversations").about("The one changed last first.");
    let entry = list.schema::<Conversation<'_>>();
    list.gives_json(
        200,
        "All of them.",
        json!({
            "type": "object",
            "required": ["conversations"],
            "properties": {"conversations": {"type": "array", "items": entry}},
        }),
        json!({"conversations": [listed()]}),
    );
    on.on("POST", "/conversations")
        .about("Without a model the one that would answer now. A name has at most 255 characters.")
        .once()
        .takes_json(
            json!({
                "type": "object",
                "properties": {"default_model": {"type": ["string", "null"], "maxLength": 255}},
            }),
            json!({"default_model": "echo"}),
        )
        .gives::<Conversation<'_>>(200, "The conversation.", conversation())
        .refuses(&["request_invalid", "text_too_long", "nul_in_text", "quota_exceeded"]);
    on.on("GET", "/conversations/{id}")
        .about("Without its messages.")
        .gives::<Conversation<'_>>(200, "The conversation.", conversation())
        .refuses(&["chat_not_found"]);
    on.on("PATCH", "/conversations/{id}")
        .about("A name has at most 255 characters; it is resolved when the model is to answer. A blank one stands for the model \
             that would answer now.",
        )
        .takes_json(
            json!({
                "type": "object",
                "required": ["default_model"],
                "properties": {"default_model": {"type": "string", "maxLength": 255}},
            }),
            json!({"default_model": "echo"}),
        )
        .gives::<Conversation<'_>>(200, "The conversation as it is now.", conversation())
        .refuses(&["request_invalid", "chat_not_found", "text_too_long", "nul_in_text"]);
    on.on("DELETE", "/conversations/{id}")
        .about("Its messages go with it.")
        .gives_json(
            200,
            "It is gone.",
            json!({
                "type": "object",
                "required": ["status", "conversation_id"],
                "properties": {"status": {"const": "deleted"}, "conversation_id": uuid()},
            }),
            json!({"status": "deleted", "conversation_id": samples::ID}),
        )
        .refuses(&["chat_not_found"]);
    let list = on
        .on("GET", "/conversations/{id}/messages")
        .about("Those of the active branch, oldest first, without answers of which nothing came.");
    let entry = list.schema::<ShownMessage<'_>>();
    list.gives_json(
        200,
        "All of them.",
        json!({
            "type": "object",
            "required": ["conversation_id", "messages"],
            "properties": {"conversation_id": uuid(), "messages": {"type": "array", "items": entry}},
        }),
        json!({"conversation_id": samples::ID, "messages": [message()]}),
    )
    .refuses(&["chat_not_found"]);
    on.on("POST", "/conversations/{id}/messages")
        .about("The text has at most 1 MiB. `GET …/stream` has it answered.")
        .once()
        .takes_json(
            json!({
                "type": "object",
                "required": ["message"],
                "properties": {
                    "message": {"type": "string", "minLength": 1},
                    "model": {"type": ["string", "null"], "maxLength": 255},
                },
            }),
            json!({"message": "Who is K.?"}),
        )
        .gives::<ShownMessage<'_>>(200, "The message.", message())
        .refuses(&["request_invalid", "chat_not_found", "text_too_long", "nul_in_text"]);
    on.on("GET", "/conversations/{id}/stream")
        .about(
            "Events without names: `{\"content\"}` for each piece, and at the end `{\"done\",\"message_id\"}` or `{\"error\"}`. The \
             last question is answered. One that was answered is told its answer again; one that failed is asked again.",
        )
        .query("model", json!({"type": "string"}), "The model that is to answer, in place of the question's.")
        .gives_events(
            "The answer.",
            &format!(
                "data: {}\n\ndata: {}\n\n",
                json!({"content": "Echo: Who is K.?"}),
                json!({"done": true, "message_id": samples::ID}),
            ),
        )
        .refuses(&[
            "chat_not_found", "conversation_empty", "text_too_long", "nul_in_text", "parent_not_a_question", "chat_busy",
            "owner_busy", "quota_exceeded",
            "base_url_refused", "provider_unknown",
        ])
        .refuses_with(400, "nothing_to_answer");
}
