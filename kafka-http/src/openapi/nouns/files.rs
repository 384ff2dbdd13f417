//! Files of workspaces.

use kafka_core::{File, FilePatch, FileText};
use serde_json::{Value, json};

use crate::openapi::{document::Operations, operation::Operation, operation::reference, samples};

/// A form with files.
pub(super) fn form() -> Value {
    json!({
        "type": "object",
        "required": ["files"],
        "properties": {"files": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
        }},
    })
}

/// One with a file.
pub(super) fn form_sample() -> Value {
    json!({"files": ["Hello"]})
}

/// `{"items"}` of what was stored.
pub(super) fn items(schema: &str) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "items": reference(schema)}},
    })
}

/// The bytes of a file.
pub(super) fn gives_content(operation: &mut Operation) {
    let bytes = || json!({"schema": {"contentMediaType": "application/octet-stream"}});
    operation
        .header(
            "Range",
            json!({"type": "string"}),
            "One range of bytes, for example `bytes=0-99`; what is not understood means all.",
        )
        .gives_as(200, "The bytes, as an attachment; `ETag` is their SHA-256.", "*/*", bytes())
        .gives_as(206, "The part of them that was asked for.", "*/*", bytes())
        .gives_nothing(304, "`If-None-Match` names them: nothing to send.")
        .refuses(&["file_not_found", "range_not_satisfiable"]);
}

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/workspaces/{id}/files")
        .about("Without their bytes.")
        .pages::<File>(samples::file())
        .refuses(&["workspace_not_found"]);
    let create = on.on("POST", "/api/v1/workspaces/{id}/files");
    create.schema::<File>();
    create
        .about(
            "A file has at most 20 MiB. Of a name the last component is kept, without control characters, at most 255 bytes; \
             none is refused. Files are stored one after the other: where one is refused, those before it stay and stand in \
             the error's `items`.",
        )
        .once()
        .takes_form(form(), form_sample())
        .gives_json(201, "The files.", items("File"), json!({"items": [samples::file()]}))
        .refuses(&["workspace_not_found", "field_missing", "field_invalid", "file_too_large"]);
    on.on("GET", "/api/v1/files/{id}")
        .about("Without its bytes.")
        .gives::<File>(200, "The file.", samples::file())
        .refuses(&["file_not_found"]);
    on.on("PATCH", "/api/v1/files/{id}")
        .about(
            "Any text has a name in it: its last component, without control characters, at most 255 bytes.",
        )
        .takes::<FilePatch>(json!({"filename": "report.md"}))
        .gives::<File>(200, "The file as it is now.", samples::file())
        .refuses(&["file_not_found"]);
    on.on("DELETE", "/api/v1/files/{id}")
        .about("Its bytes go when nothing else has them.")
        .gives_nothing(204, "The file is gone.")
        .refuses(&["file_not_found"]);
    gives_content(
        on.on("GET", "/api/v1/files/{id}/content")
            .about("Never as something that a browser opens by itself: `Content-Disposition: attachment`, `nosniff`, a sandbox."),
    );
    on.on("GET", "/api/v1/files/{id}/text")
        .about("Texts in UTF-8, UTF-16 or Windows-1252, and PDFs, of which the first 4 MiB of text are kept. May take 20 s for a new PDF.")
        .gives::<FileText>(200, "Its text, or why there is none.", json!({"text": "Hello", "note": null}))
        .refuses(&["file_not_found"]);
}
