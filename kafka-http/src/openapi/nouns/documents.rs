//! Documents of chats and workspaces.

use kafka_core::{Document, Passage};
use serde_json::json;

use super::files::{form, form_sample, items};
use crate::openapi::{document::Operations, operation::Operation, samples};

fn upload(create: &mut Operation, not_found: &'static str) {
    create.schema::<Document>();
    create
        .about(
            "PDF, DOCX, XLSX, HTML, Markdown, CSV, plain text and source code of at most 20 MiB each. They are `pending` at \
             first, and read in the background; ask for one to see whether it is `completed`, or `failed` and why. Files are \
             stored one after the other: where one is refused, those before it stay and stand in the error's `items`.",
        )
        .once()
        .takes_form(form(), form_sample())
        .gives_json(201, "The documents.", items("Document"), json!({"items": [samples::document()]}))
        .refuses(&[
            not_found, "field_missing", "field_invalid", "file_too_large", "too_many_documents", "quota_exceeded",
        ]);
}

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/chats/{id}/documents")
        .about("Those of the chat itself.")
        .pages::<Document>(samples::document())
        .refuses(&["chat_not_found"]);
    on.on("GET", "/api/v1/workspaces/{id}/documents")
        .about("Every chat of the workspace is answered from them, besides its own.")
        .pages::<Document>(samples::document())
        .refuses(&["workspace_not_found"]);
    upload(on.on("POST", "/api/v1/chats/{id}/documents"), "chat_not_found");
    upload(on.on("POST", "/api/v1/workspaces/{id}/documents"), "workspace_not_found");
    on.on("GET", "/api/v1/documents/{id}")
        .about("Without its text.")
        .gives::<Document>(200, "The document.", samples::document())
        .refuses(&["document_not_found"]);
    let mut one = form();
    one["properties"]["files"]["maxItems"] = json!(1);
    on.on("PUT", "/api/v1/documents/{id}")
        .about(
            "The new document has an id of its own, is `pending` at first, and names the old one in `replaces`. Questions are \
             answered from the old one until the new one is `completed`; then the old one is deleted. If the new one is \
             `failed`, both stay. A document has one replacement at most: a later one takes the place of an earlier one. \
             It counts for no limit beside the old one.",
        )
        .takes_form(one, form_sample())
        .gives::<Document>(200, "The document that has these bytes under this name already, as it stands.", samples::document())
        .gives::<Document>(201, "The new document.", samples::document())
        .refuses(&["document_not_found", "field_missing", "field_invalid", "file_too_large"]);
    on.on("DELETE", "/api/v1/documents/{id}")
        .about("Its passages go with it. Answers that were made from them keep what they cited, marked as stale.")
        .gives_nothing(204, "The document is gone.")
        .refuses(&["document_not_found"]);
    let bytes = json!({"type": "integer", "minimum": 0});
    on.on("GET", "/api/v1/documents/{id}/passages")
        .about("At most 64 KiB. Places within a character are moved to its edges.")
        .query("start", bytes.clone(), "Where the passage begins, in bytes of the text; 0 by default.")
        .query("end", bytes, "Where it ends; absent the end of the text, or 64 KiB further.")
        .gives::<Passage>(200, "What it says there.", samples::passage())
        .refuses(&["document_not_found", "document_not_ready", "passage_out_of_range", "query_invalid"]);
}
