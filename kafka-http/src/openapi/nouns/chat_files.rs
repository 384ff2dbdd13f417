//! Files of chats, and their versions.

use kafka_core::{ChatFile, NewChatFile, NewVersion, Version};
use serde_json::json;

use super::files;
use crate::{
    openapi::{document::Operations, samples},
    routes::chat_files::{Link, Revert},
};

pub(super) fn describe(on: &mut Operations) {
    on.on("GET", "/api/v1/chats/{id}/files")
        .about("Without what they say.")
        .pages::<ChatFile>(samples::chat_file())
        .refuses(&["chat_not_found"]);
    let create = on.on("POST", "/api/v1/chats/{id}/files");
    let (text, link) = (create.schema::<NewChatFile>(), create.schema::<Link>());
    let (file, items) = (create.schema::<ChatFile>(), files::items("ChatFile"));
    create
        .about(
            "Three ways: a form uploads files of at most 20 MiB, of which a `.based` text is version 1 of a text; \
             `{filename, content}` writes a text of at most 1 MiB; `{file_id}` takes a file of the chat's workspace. A chat \
             has at most 1000 files.",
        )
        .once()
        .takes_json(json!({"anyOf": [text, link]}), json!({"filename": "notes.txt", "content": "one\n"}))
        .takes_form(files::form(), files::form_sample())
        .gives_json(
            201,
            "The file; for a form `items` of files.",
            json!({"anyOf": [file, items]}),
            samples::chat_file(),
        )
        .refuses(&[
            "chat_not_found", "file_not_found", "bad_json", "field_missing", "field_invalid", "text_too_long",
            "nul_in_text", "file_too_large", "too_many_files", "file_in_chat", "filename_taken", "file_not_text",
        ]);
    on.on("GET", "/api/v1/chat-files/{id}")
        .about("Without what it says.")
        .gives::<ChatFile>(200, "The file.", samples::chat_file())
        .refuses(&["chat_file_not_found"]);
    on.on("DELETE", "/api/v1/chat-files/{id}")
        .about("A file of the workspace stays there.")
        .gives_nothing(204, "The file is gone from the chat.")
        .refuses(&["chat_file_not_found"]);
    on.on("GET", "/api/v1/chat-files/{id}/versions")
        .about("Each whole, and with the diff that makes the newest of it.")
        .pages::<Version>(samples::version())
        .refuses(&["chat_file_not_found"]);
    on.on("POST", "/api/v1/chat-files/{id}/versions")
        .about(
            "`content` is the whole text, at most 1 MiB; `diff` a unified diff that makes it of version `base`. A base that is \
             not the newest any more is refused, and `current` says which is.",
        )
        .once()
        .takes::<NewVersion>(json!({"content": "one\ntwo\n"}))
        .gives::<Version>(201, "The version.", samples::version())
        .refuses(&[
            "chat_file_not_found", "file_without_versions", "version_not_found", "version_stale",
            "version_ambiguous", "diff_refused", "text_too_long", "nul_in_text",
        ]);
    on.on("GET", "/api/v1/chat-files/{id}/versions/{n}")
        .about("Numbers count from 1 without a gap.")
        .gives::<Version>(200, "The version.", samples::version())
        .refuses(&["chat_file_not_found", "version_not_found"]);
    on.on("POST", "/api/v1/chat-files/{id}/revert")
        .about("Nothing is lost: the old text becomes the newest version.")
        .once()
        .takes::<Revert>(json!({"number": 1}))
        .gives::<Version>(201, "The new version.", samples::version())
        .refuses(&["chat_file_not_found", "file_without_versions", "version_not_found"]);
    let number = || json!({"type": "integer", "minimum": 1});
    on.on("GET", "/api/v1/chat-files/{id}/diff")
        .about("A unified diff with 3 lines of context.")
        .query_required("from", number(), "The number of a version.", json!(1))
        .query_required("to", number(), "The number of another.", json!(1))
        .gives_json(
            200,
            "The diff; empty between equal texts.",
            json!({"type": "object", "required": ["diff"], "properties": {"diff": {"type": "string"}}}),
            json!({"diff": "--- \n+++ \n@@ -1 +1,2 @@\n one\n+two\n"}),
        )
        .refuses(&["chat_file_not_found", "version_not_found", "query_invalid", "field_missing"]);
}
