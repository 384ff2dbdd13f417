//! What was used, and what may be.

use kafka_core::{AccountUsage, Plan, UsageSummary};
use serde_json::json;

use super::files::items;
use crate::openapi::{document::Operations, operation::reference, samples};

pub(super) fn describe(on: &mut Operations) {
    let day = || json!({"type": "string", "format": "date"});
    on.on("GET", "/api/v1/usage")
        .about("Days are in UTC. Without `to` the period ends today, without `from` it has 30 days; 366 are the most.")
        .query("from", day(), "The first day.")
        .query("to", day(), "The last day.")
        .query("user_id", json!({"type": "string", "format": "uuid"}), "Whose, for administrators and the local operator.")
        .gives::<UsageSummary>(
            200,
            "What was used.",
            json!({
                "daily_token_count": 9, "doc_count": 0, "session_count": 1, "total_tokens_used": 9, "limits": null,
                "days": [{
                    "day": "2026-11-30", "tokens_prompt": 4, "tokens_completion": 5, "tokens_total": 9,
                    "messages_sent": 1, "documents_uploaded": 0, "chats_created": 1,
                }],
                "models": [{
                    "model": "echo", "responses": 1, "tokens_prompt": 4, "tokens_completion": 5, "tokens_total": 9,
                }],
            }),
        )
        .refuses(&["query_invalid", "period_invalid", "user_not_found"]);
    let accounts = on.on("GET", "/api/v1/admin/usage");
    accounts.schema::<AccountUsage>();
    accounts
        .about("For administrators, and the local operator. The first thousand; what belongs to nobody has no `user_id`.")
        .query("from", day(), "The first day.")
        .query("to", day(), "The last day.")
        .gives_json(
            200,
            "What each used.",
            items("AccountUsage"),
            json!({"items": [{
                "user_id": null, "email": null, "responses": 1, "tokens_prompt": 4, "tokens_completion": 5,
                "tokens_total": 9, "documents_uploaded": 0, "chats_created": 1,
            }]}),
        )
        .refuses(&["admin_required", "query_invalid", "period_invalid"]);
    let list = on.on("GET", "/api/v1/plans");
    list.schema::<Plan>();
    list.about("There are a handful; this is all of them.").gives_json(
        200,
        "The plans.",
        json!({
            "type": "object",
            "required": ["items", "next_cursor", "prev_cursor"],
            "properties": {
                "items": {"type": "array", "items": reference("Plan")},
                "next_cursor": {"type": "null"},
                "prev_cursor": {"type": "null"},
            },
        }),
        json!({"items": [samples::plan()], "next_cursor": null, "prev_cursor": null}),
    );
}
