//! Chats.

use kafka_core::{Chat, ChatPatch, NewChat};
use serde_json::json;

use crate::openapi::{document::Operations, operation::uuid, samples};

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/chats")
        .about("The filters join by AND. One search by title runs at a time; who waits over 1 s gets 503.")
        .query("workspace_id", uuid(), "Those of one workspace.")
        .query("archived", json!({"type": "boolean"}), "Archived ones only, or others only.")
        .query(
            "q",
            json!({"type": "string", "maxLength": 255}),
            "Those whose title contains this, whatever the case of ASCII letters.",
        )
        .pages::<Chat>(samples::chat())
        .refuses(&["text_too_long", "nul_in_text"]);
    on.on("POST", "/api/v1/chats")
        .about("Everything may be left out. `user_id` is for the local operator.")
        .once()
        .takes::<NewChat>(json!({"title": "The trial", "default_model": "echo"}))
        .gives::<Chat>(201, "The chat.", samples::chat())
        .refuses(&[
            "text_too_long",
            "nul_in_text",
            "too_many_notebooks",
            "workspace_not_found",
            "owner_not_yours",
            "user_not_found",
            "quota_exceeded",
        ]);
    on.on("GET", "/api/v1/chats/{id}")
        .about("One that belongs to someone else is not found.")
        .gives::<Chat>(200, "The chat.", samples::chat())
        .refuses(&["chat_not_found"]);
    on.on("PATCH", "/api/v1/chats/{id}")
        .about(
            "What is absent stays; `null` removes it. `active_leaf_id` makes another branch the active one.",
        )
        .takes::<ChatPatch>(json!({"title": "The trial", "pinned": true}))
        .gives::<Chat>(200, "The chat as it is now.", samples::chat())
        .refuses(&[
            "chat_not_found",
            "text_too_long",
            "nul_in_text",
            "too_many_notebooks",
            "active_leaf_unknown",
        ]);
    on.on("DELETE", "/api/v1/chats/{id}")
        .about("Its messages, answers and files go with it, and models that answer in it are stopped.")
        .gives_nothing(204, "The chat is gone.")
        .refuses(&["chat_not_found"]);
}
