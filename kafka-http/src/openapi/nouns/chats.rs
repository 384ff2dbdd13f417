//! Chats.

use kafka_core::{Chat, ChatPatch, NewChat, TagCount};
use serde_json::json;

use crate::openapi::{
    document::Operations,
    operation::{reference, uuid},
    samples,
};

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/chats")
        .about("The filters join by AND. What has to look through many chats (`q`, far numbered pages, and within a workspace \
             `tag`, `pinned` and `archived`) is done for one caller at a time: who waits over 1 s gets 503 \
             `searches_at_capacity`, and of one account one waits.",
        )
        .query("workspace_id", uuid(), "Those of one workspace.")
        .query("archived", json!({"type": "boolean"}), "Archived ones only, or others only.")
        .query("pinned", json!({"type": "boolean"}), "Pinned ones only, or others only.")
        .query(
            "tag",
            json!({"type": "string", "maxLength": 64}),
            "Those with this tag, whatever the case of its letters.",
        )
        .query(
            "q",
            json!({"type": "string", "maxLength": 255}),
            "Those whose title contains this, whatever the case of ASCII letters.",
        )
        .pages::<Chat>(samples::chat())
        .refuses(&["text_too_long", "nul_in_text", "tag_empty", "search_waits"]);
    on.on("POST", "/api/v1/chats")
        .about("Everything may be left out. `user_id` is for the local operator.")
        .once()
        .takes::<NewChat>(json!({"title": "The trial", "default_model": "echo"}))
        .gives::<Chat>(201, "The chat.", samples::chat())
        .refuses(&[
            "text_too_long",
            "nul_in_text",
            "too_many_notebooks",
            "tag_empty",
            "too_many_tags",
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
            "tag_empty",
            "too_many_tags",
            "active_leaf_unknown",
            "branch_too_long",
        ]);
    on.on("DELETE", "/api/v1/chats/{id}")
        .about("Its messages, answers and files go with it, and models that answer in it are stopped.")
        .gives_nothing(204, "The chat is gone.")
        .refuses(&["chat_not_found"]);
    let format = json!({"type": "string", "enum": ["md", "json", "html"]});
    let text = |example: &str| json!({"schema": {"type": "string"}, "example": example});
    let exported = json!({
        "format": "kafka-chat", "version": 1, "exported_at": samples::AT, "chat": samples::chat(), "files": [],
        "messages": [samples::message()],
    });
    on.on("GET", "/api/v1/chats/{id}/export")
        .about(
            "Sent as an attachment, piece by piece, however long the chat is. Markdown and HTML hold the active branch, JSON all \
             messages as the API gives them.",
        )
        .query("format", format, "Markdown by default.")
        .gives_as(200, "The document.", "text/markdown", text("# The trial\n\n## user\n\n> Who is K.?\n"))
        .gives_as(200, "The document.", "text/html", text("<!doctype html>\n<title>The trial</title>\n"))
        .gives_json(200, "The document.", json!({"type": "object"}), exported)
        .refuses(&["chat_not_found", "query_invalid"]);
    let tags = on.on("GET", "/api/v1/tags");
    tags.schema::<TagCount>();
    tags.about(
        "Of all chats that the caller sees, archived ones among them: the first 1,000 by their letters. It waits for its turn \
         as `GET /api/v1/chats` with `q` does.",
    )
    .gives_json(
        200,
        "The tags.",
        json!({
            "type": "object",
            "required": ["items"],
            "properties": {"items": {"type": "array", "maxItems": 1000, "items": reference("TagCount")}},
        }),
        json!({"items": [{"tag": "work", "chats": 3}]}),
    )
    .refuses(&["search_waits"]);
}
