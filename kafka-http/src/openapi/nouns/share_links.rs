//! Links by which a chat can be read, and what they show.

use kafka_core::{NewShareLink, ShareLink, SharedChat, SharedMessage};
use serde_json::json;

use crate::openapi::{document::Operations, operation::reference, samples};

pub(super) fn describe(on: &mut Operations) {
    let list = on.on("GET", "/api/v1/chats/{id}/share");
    list.schema::<ShareLink>();
    list.about("Those that work, without their tokens. A chat has at most 20.")
        .gives_json(
            200,
            "The links.",
            json!({
                "type": "object",
                "required": ["items"],
                "properties": {"items": {"type": "array", "items": reference("ShareLink")}},
            }),
            json!({"items": [samples::share_link()]}),
        )
        .refuses(&["chat_not_found"]);
    on.on("POST", "/api/v1/chats/{id}/share")
        .about(
            "Whoever has the link reads the active branch, without an account, until it expires or is revoked. Without \
             `expires_at` and `expires_in`, which is in seconds, it does not expire. The token cannot be shown again.",
        )
        .takes::<NewShareLink>(json!({"expires_in": 604_800}))
        .gives_json(
            201,
            "The link, with its token and the page that shows the chat.",
            json!({
                "allOf": [reference("ShareLink")],
                "type": "object",
                "required": ["token", "url"],
                "properties": {"token": {"type": "string", "format": "password"}, "url": {"type": "string"}},
            }),
            samples::issued_share_link(),
        )
        .refuses(&[
            "chat_not_found", "expiry_past", "expiry_out_of_range", "expiry_twice", "too_many_share_links",
            "idempotency_unsupported",
        ]);
    on.on("DELETE", "/api/v1/chats/{id}/share")
        .about("They stop working at once.")
        .gives_nothing(204, "No link leads to the chat any more.")
        .refuses(&["chat_not_found"]);
    on.on("DELETE", "/api/v1/share-links/{id}")
        .about("It stops working at once.")
        .gives_nothing(204, "The link is gone.")
        .refuses(&["share_link_not_found"]);
    on.on("GET", "/share")
        .about("It takes the token from behind the `#` of its address, which browsers send to nobody.")
        .gives_as(200, "The page.", "text/html", json!({"schema": {"type": "string"}}));
    on.on("GET", "/api/v1/shared")
        .about("The credential is the token of the link; no other opens anything here.")
        .gives::<SharedChat>(200, "The chat.", samples::shared_chat())
        .refuses(&["credential_missing", "credential_malformed", "share_link_not_found"]);
    on.on("GET", "/api/v1/shared/messages")
        .about("The active branch, without instructions, results of tools and ids. Pages are those of a chat's messages.")
        .pages::<SharedMessage>(samples::shared_message())
        .refuses(&["credential_missing", "credential_malformed", "share_link_not_found"]);
}
