//! Searching.

use kafka_core::{Hits, SearchRequest};
use serde_json::json;

use crate::openapi::{document::Operations, samples};

pub(super) fn describe(on: &mut Operations) {
    on.on("POST", "/api/v1/search")
        .about(
            "`mode` `hybrid`, the default, takes plain language; `text` wants all words and has operators: `\"phrases\"`, \
             `begin*`, `-not`. A query has at most 1000 characters, a page at most 100 hits.",
        )
        .takes::<SearchRequest>(json!({"query": "K.", "in": ["messages"], "limit": 20}))
        .gives::<Hits>(200, "What was found.", json!({"items": [samples::hit()], "next_cursor": null}))
        .refuses(&[
            "query_too_long", "text_too_long", "nul_in_text", "limit_out_of_range", "cursor_invalid",
            "vectors_missing", "sort_refused",
        ]);
}
