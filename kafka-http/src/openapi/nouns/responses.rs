//! Answers of models.

use kafka_core::{AnswerRequest, ChatFile, Message, Response, Ticket};
use serde_json::{Value, json};

use crate::{
    openapi::{document::Operations, operation::reference, samples},
    routes::responses::Delivery,
};

const EVENTS: &str = "id: 1\nevent: response.started\ndata: {\"response\":{\"status\":\"streaming\"}}\n\nid: 2\nevent: \
    message.delta\ndata: {\"text\":\"Hello\"}\n\nid: 3\nevent: response.completed\ndata: {\"response\":{\"status\":\
    \"completed\"}}\n\n";

/// The events of an answer: the word after `event:`, and what stands after `data:`.
fn event() -> Value {
    let of = |events: &[&str], field: &str, data: Value| {
        json!({
            "type": "object",
            "required": ["event", "data"],
            "properties": {
                "event": {"enum": events},
                "data": {"type": "object", "required": [field], "properties": {field: data}},
            },
        })
    };
    let text = || json!({"type": "string"});
    let count = || json!({"type": ["integer", "null"]});
    let ends = ["response.completed", "response.failed", "response.cancelled", "response.interrupted"];
    let usage = json!({
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"enum": ["usage"]},
            "data": {
                "type": "object",
                "required": ["tokens_prompt", "tokens_completion", "tokens_total", "usage_estimated"],
                "properties": {
                    "tokens_prompt": count(), "tokens_completion": count(), "tokens_total": count(),
                    "usage_estimated": {"type": "boolean"},
                },
            },
        },
    });
    json!({
        "description": "An event of an answer: the word after `event:` and what stands after `data:`.",
        "oneOf": [
            of(&["response.started"], "response", reference("Response")),
            of(&["message.delta", "message.reasoning"], "text", text()),
            of(&["stage"], "name", text()),
            of(&["file.created", "file.version"], "chat_file", reference("ChatFile")),
            usage,
            of(&ends, "response", reference("Response")),
        ],
    })
}

fn answered() -> Value {
    json!({
        "type": "object",
        "required": ["user_message", "message", "response", "sources"],
        "properties": {
            "user_message": reference("Message"),
            "message": reference("Message"),
            "response": reference("Response"),
            "sources": {"type": "array", "items": {"type": "object"}, "description": "Empty without documents."},
        },
    })
}

pub(super) fn describe(on: &mut Operations) {
    let create = on.on("POST", "/api/v1/chats/{id}/responses");
    let request = json!({"allOf": [create.schema::<AnswerRequest>(), create.schema::<Delivery>()]});
    create.schema::<Message>();
    create
        .about(
            "With `content` a user's message is stored and answered, without it the message `parent_id` is answered again. The \
             model is that of the request, of the chat, of its owner, of the installation, or `echo`. Answers of one chat come \
             one after the other; 16 may wait. What a model says is stored before it is shown, and goes on whatever becomes \
             of the caller. With `stream` the answer comes as events (`AnswerEvent`); then failures of the model are \
             told by `response.failed`. In one piece only a failed answer is an error, with `response_id` and \
             `user_message_id`.",
        )
        .once()
        .takes_json(request, json!({"content": "Who is K.?", "model": "echo"}))
        .gives_json(
            201,
            "The answer, complete or cut off; see its `status`.",
            answered(),
            json!({
                "user_message": samples::message(), "message": samples::answer_message(),
                "response": samples::response(), "sources": [],
            }),
        )
        .gives_events("The events, to the end of the answer; a comment each 15 s.", EVENTS)
        .named("AnswerEvent", event())
        .refuses(&[
            "bad_json", "field_invalid", "chat_not_found", "model_not_found", "content_empty", "text_too_long",
            "nul_in_text", "parent_unknown", "branch_too_long", "parent_not_a_question", "nothing_to_answer",
            "mode_unknown", "params_out_of_range", "chat_busy", "owner_busy", "quota_exceeded", "no_file_to_edit",
            "chat_file_not_found",
            "context_too_small", "file_gone", "edit_conflict", "base_url_refused", "provider_unknown",
            "provider_bad_answer", "provider_failed", "provider_key_refused", "provider_rate_limited",
            "provider_refused", "provider_unreachable", "provider_timeout",
        ])
        .schema::<ChatFile>();
    on.on("GET", "/api/v1/responses/{id}")
        .about("Kept also of answers that failed, until their message is deleted.")
        .gives::<Response>(200, "The record.", samples::response())
        .refuses(&["response_not_found"]);
    on.on("GET", "/api/v1/responses/{id}/events")
        .about(
            "Numbered from 1 without a gap, the same bytes however often they are read, also after a restart; see \
             `AnswerEvent`. The body ends with the answer. Any number may follow. A `ticket` stands in for the credential.",
        )
        .query("after", json!({"type": "integer", "minimum": 0}), "The number of the last event that is known; 0 for all.")
        .query("ticket", json!({"type": "string"}), "What `POST …/ticket` gave, for clients that cannot send a header.")
        .header("Last-Event-ID", json!({"type": "string", "pattern": "^[0-9]{1,15}$"}), "The same as `after`, and newer.")
        .gives_events("The events, to the end of the answer; a comment each 15 s.", EVENTS)
        .refuses(&["response_not_found", "after_out_of_range", "last_event_id_invalid", "query_invalid", "ticket_invalid"]);
    on.on("POST", "/api/v1/responses/{id}/cancel")
        .about("The model is stopped and what came is kept. An answer that had ended stays as it is.")
        .gives_json(
            200,
            "The record as it is now.",
            json!({"type": "object", "required": ["response"], "properties": {"response": reference("Response")}}),
            json!({"response": samples::response()}),
        )
        .refuses(&["response_not_found"]);
    on.on("POST", "/api/v1/responses/{id}/ticket")
        .about("For `EventSource`, which cannot send a header. It is good for this answer alone, for 60 s.")
        .gives::<Ticket>(
            201,
            "The ticket.",
            json!({"ticket": "a ticket that is shown once", "expires_at": samples::AT}),
        )
        .refuses(&["response_not_found"]);
    on.on("GET", "/ws/{chat_id}")
        .about(
            "A handshake of version 13. The credential may also stand in `?token=`, or in the subprotocols `kafka.v1` and \
             `bearer.<token>`. The first frame is the chat as it stands; the README tells of those that follow. Frames of over \
             16 MiB, and clients that read too slowly, end the connection.",
        )
        .query("token", json!({"type": "string"}), "A bearer token, for clients that cannot send a header.")
        .gives_nothing(101, "The connection is a WebSocket.")
        .refuses(&["bad_handshake", "bad_upgrade", "chat_not_found"]);
}
