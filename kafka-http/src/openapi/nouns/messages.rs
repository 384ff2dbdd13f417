//! Messages.

use kafka_core::{Message, MessagePatch, NewMessage};
use serde_json::json;

use crate::openapi::{document::Operations, samples};

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/chats/{id}/messages")
        .about("Without a cursor the last ones, still oldest first; `before` goes back, `after` forward.")
        .pages::<Message>(samples::message())
        .refuses(&["chat_not_found"]);
    on.on("POST", "/api/v1/chats/{id}/messages")
        .about(
            "The text has at most 1 MiB. It is stored under `parent_id`, absent the end of the active branch, `null` a new \
             root, and is the end of the active branch from then on.",
        )
        .once()
        .takes::<NewMessage>(json!({"role": "user", "content": "Who is K.?"}))
        .gives::<Message>(201, "The message.", samples::message())
        .refuses(&[
            "chat_not_found", "content_empty", "text_too_long", "nul_in_text", "parent_unknown", "branch_too_long", "parts_invalid",
            "tool_call_id_misplaced",
        ]);
    on.on("GET", "/api/v1/messages/{id}")
        .about("An answer that is being written has what came so far.")
        .gives::<Message>(200, "The message.", samples::message())
        .refuses(&["message_not_found"]);
    on.on("PATCH", "/api/v1/messages/{id}")
        .about("To keep the old text, store a new message under the same `parent_id` instead.")
        .takes::<MessagePatch>(json!({"content": "Who is Josef K.?"}))
        .gives::<Message>(200, "The message as it is now.", samples::message())
        .refuses(&[
            "message_not_found",
            "content_empty",
            "text_too_long",
            "nul_in_text",
            "message_streaming",
            "role_fixed",
            "role_refused",
        ]);
    on.on("DELETE", "/api/v1/messages/{id}")
        .about("Those that follow it stay. Where it was the end of the active branch, the one before it is from then on.")
        .gives_nothing(204, "The message is gone.")
        .refuses(&["message_not_found"]);
}
