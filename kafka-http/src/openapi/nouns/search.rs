//! Searching.

use kafka_core::{Hits, SearchRequest};
use serde_json::json;

use crate::openapi::{document::Operations, samples};

pub(super) fn describe(on: &mut Operations) {
    on.on("POST", "/api/v1/search")
        .about(
            "`mode` `hybrid`, the default, takes plain language; `text` wants all words and has operators: `\"phrases\"`, \
             `begin*`, `-not`. A query has at most 1000 characters, of which the first 32 parts count; a page has at most 100 \
             hits. Of a text the first 16,000 words are searched. The `best` are ranked among the newest 500 texts that hold \
             everything, in plain language also among the newest 100 for each word, and end there; the `newest` are all there \
             are. `begin*` waits for its turn as `GET /api/v1/chats` with `q` does.",
        )
        .takes::<SearchRequest>(json!({"query": "K.", "in": ["messages"], "limit": 20}))
        .gives::<Hits>(200, "What was found.", json!({"items": [samples::hit()], "next_cursor": null}))
        .refuses(&[
            "query_too_long", "text_too_long", "nul_in_text", "limit_out_of_range", "cursor_invalid",
            "vectors_missing", "sort_refused", "search_waits", "quota_exceeded",
        ]);
}
