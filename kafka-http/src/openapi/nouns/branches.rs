//! Where conversations branch.

use kafka_core::{BranchPoint, Chat, NewFork};
use serde_json::json;

use crate::openapi::{document::Operations, samples};

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/chats/{id}/branches")
        .about("Empty for most chats. Without a cursor the last ones, still oldest first; `before` goes back, `after` forward.")
        .pages::<BranchPoint>(samples::branch_point())
        .refuses(&["chat_not_found"]);
    on.on("POST", "/api/v1/messages/{id}/activate")
        .about(
            "Of several branches that the message stands on, the one that was written to last. To have the conversation end in \
             the message itself, PATCH the chat's `active_leaf_id`.",
        )
        .gives::<Chat>(200, "The chat as it is now.", samples::chat())
        .refuses(&["message_not_found", "branch_too_long"]);
    on.on("POST", "/api/v1/chats/{id}/fork")
        .about(
            "With copies of the messages up to `message_id`, absent the end of the active branch, and of all files with their \
             versions. Copies of answers have no `response`, and count as used by nobody. Documents stay with the chat that they \
             were given to. At most 10,000 messages are copied.",
        )
        .once()
        .takes::<NewFork>(json!({"title": "The trial, otherwise"}))
        .gives::<Chat>(201, "The fork.", samples::chat())
        .refuses(&[
            "chat_not_found", "message_unknown", "branch_too_long", "message_streaming", "text_too_long", "nul_in_text", "owner_not_yours",
            "user_not_found", "quota_exceeded",
        ]);
}
