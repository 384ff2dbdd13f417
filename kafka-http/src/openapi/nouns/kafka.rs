//! The Kafka system's own routes.

use serde_json::{Value, json};

use super::files;
use crate::openapi::{
    document::Operations,
    operation::{or_empty, uuid},
    samples,
};

fn text() -> Value {
    json!({"type": "string"})
}

/// An object in which each of these fields stands.
fn object(properties: Value) -> Value {
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(|fields| fields.keys()).collect();
    json!({"type": "object", "required": names, "properties": properties})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// A form in which each of these fields stands.
fn form(properties: Value) -> Value {
    object(properties)
}

/// The same with files.
fn form_with_files(properties: Value) -> Value {
    let mut form = object(properties);
    form["properties"]["files"] = files::form()["properties"]["files"].clone();
    form
}

fn workspace() -> Value {
    let file = object(json!({"id": uuid(), "filename": text()}));
    let chat = object(json!({
        "id": uuid(), "name": text(), "last_updated": {"type": "string", "format": "date-time"},
        "num_versions": {"type": "integer"},
    }));
    object(json!({"id": uuid(), "name": text(), "files": list(file), "chats": list(chat)}))
}

fn model() -> Value {
    let owner = json!({"type": ["string", "null"], "format": "uuid"});
    object(json!({"id": uuid(), "name": text(), "base_url": text(), "user_id": owner}))
}

fn model_sample() -> Value {
    json!({"id": samples::ID, "name": "gpt", "base_url": "https://api.example.org/v1", "user_id": samples::ID})
}

fn chat() -> Value {
    let at = json!({"type": "string", "format": "date-time"});
    object(json!({"chat_id": uuid(), "name": {"type": ["string", "null"]}, "last_updated": at}))
}

fn chat_sample() -> Value {
    json!({"chat_id": samples::ID, "name": "The trial", "last_updated": samples::AT})
}

fn login(on: &mut Operations, path: &'static str) {
    let mut shown = object(json!({
        "user_id": uuid(), "email": text(), "id": uuid(), "name": {"type": ["string", "null"]},
        "is_active": {"type": "boolean"}, "workspaces": list(workspace()), "models": list(model()),
    }));
    shown["properties"]["token"] = json!({"type": "string", "description": "In password mode: a session."});
    let request = json!({
        "type": "object",
        "required": ["email"],
        "properties": {"email": text(), "password": text()},
    });
    on.on("POST", path)
        .about(
            "In open mode an address that nobody has becomes an account; in password mode `password` must be given, and \
             `token` comes back. An account without a workspace gets one.",
        )
        .takes_json(request, json!({"email": "k@example.org", "password": "the castle"}))
        .gives_json(
            200,
            "The account with its workspaces, files, chats and models.",
            shown,
            json!({
                "user_id": samples::ID, "email": "k@example.org", "id": samples::ID, "name": "Josef K.",
                "is_active": true, "workspaces": [], "models": [model_sample()],
            }),
        )
        .refuses(&[
            "request_invalid", "password_missing", "login_failed", "login_throttled", "credential_malformed",
            "token_invalid", "scope_missing", "text_too_long", "nul_in_text", "email_invalid", "username_invalid",
        ]);
}

/// A route that deletes and says so.
fn deletes(on: &mut Operations, path: &'static str, about: &'static str, code: &'static str) {
    on.on("DELETE", path)
        .about(about)
        .gives_json(
            200,
            "It is gone.",
            object(json!({"detail": text()})),
            json!({"detail": "It was deleted."}),
        )
        .refuses(&[code]);
}

pub(super) fn describe(on: &mut Operations) {
    login(on, "/auth");
    login(on, "/auth/login");
    on.on("POST", "/workspace/new")
        .about("`files` may be repeated; each has at most 20 MiB. Some become documents as well, as by `/file/upload`.")
        .takes_form(
            form_with_files(json!({"owner_id": uuid(), "name": text()})),
            json!({"owner_id": samples::ID, "name": "Castle", "files": ["Hello"]}),
        )
        .gives_json(
            200,
            "The workspace.",
            object(json!({
                "workspace_id": uuid(),
                "files": list(object(json!({"file_id": uuid(), "filename": text()}))),
                "workspace": workspace(),
            })),
            json!({
                "workspace_id": samples::ID, "files": [],
                "workspace": {"id": samples::ID, "name": "Castle", "files": [], "chats": []},
            }),
        )
        .refuses(&[
            "request_invalid",
            "user_not_found",
            "owner_not_yours",
            "text_too_long",
            "nul_in_text",
            "file_too_large",
            "too_many_documents",
            "quota_exceeded",
        ]);
    on.on("PATCH", "/workspace/rename")
        .about("The name has at most 255 characters.")
        .takes_form(
            form(json!({"workspace_id": uuid(), "new_name": text()})),
            json!({"workspace_id": samples::ID, "new_name": "Castle"}),
        )
        .gives_json(
            200,
            "The new name.",
            object(json!({"workspace_id": uuid(), "new_name": text()})),
            json!({"workspace_id": samples::ID, "new_name": "Castle"}),
        )
        .refuses(&["request_invalid", "workspace_not_found", "text_too_long", "nul_in_text"]);
    deletes(on, "/workspace/delete/{id}", "Its chats and files go with it.", "workspace_not_found");
    let mut new_chat = form(json!({"user_id": uuid(), "workspace_id": uuid(), "chat_name": text()}));
    new_chat["properties"]["selected_file_ids"] = list(or_empty(uuid()));
    on.on("POST", "/chat/new")
        .about("`selected_file_ids` may be repeated: files of the workspace that the chat shall have.")
        .takes_form(
            new_chat,
            json!({"user_id": samples::ID, "workspace_id": samples::ID, "chat_name": "The trial"}),
        )
        .gives_json(200, "The chat.", chat(), chat_sample())
        .refuses(&[
            "request_invalid",
            "workspace_not_found",
            "user_not_found",
            "file_not_found",
            "owner_not_yours",
            "text_too_long",
            "nul_in_text",
            "too_many_files",
            "quota_exceeded",
        ]);
    on.on("PATCH", "/chat/rename")
        .about("The name has at most 255 characters.")
        .takes_form(
            form(json!({"chat_id": uuid(), "new_name": text()})),
            json!({"chat_id": samples::ID, "new_name": "The trial"}),
        )
        .gives_json(200, "The chat with its new name.", chat(), chat_sample())
        .refuses(&["request_invalid", "chat_not_found", "text_too_long", "nul_in_text"]);
    deletes(on, "/chat/{id}", "Its messages and files go with it.", "chat_not_found");
    let mut upload = form_with_files(json!({"target_id": uuid(), "is_chat": {"type": "boolean"}}));
    upload["required"] = json!(["target_id", "is_chat", "files"]);
    upload["properties"]["s3_urls"] = list(json!({"type": "string", "maxLength": 2048}));
    let shown = object(json!({
        "id": uuid(), "name": text(), "content": {"type": ["string", "null"]}, "language": {"type": ["string", "null"]},
        "type": text(), "url": text(),
    }));
    on.on("POST", "/file/upload")
        .about(
            "Into the chat `target_id` where `is_chat` is true, else into the workspace. A file has at most 20 MiB. Whoever \
             names `s3_urls`, one for each file, gets objects in place of ids; they are stored and never fetched. PDFs, office files \
             and HTML are documents of that chat or workspace as well, if the credential may make some: `document_ids` has \
             their ids, in the order of the files, and null for a file that is none. All files are stored, or none.",
        )
        .takes_form(upload, json!({"target_id": samples::ID, "is_chat": true, "files": ["Hello"]}))
        .gives_json(
            200,
            "The files.",
            object(json!({
                "files": list(json!({"anyOf": [uuid(), shown]})),
                "document_ids": list(json!({"type": ["string", "null"], "format": "uuid"})),
            })),
            json!({"files": [samples::ID], "document_ids": [null]}),
        )
        .refuses(&[
            "request_invalid", "no_files", "chat_not_found", "workspace_not_found", "file_not_found",
            "text_too_long", "nul_in_text", "file_too_large", "too_many_files", "filename_taken", "file_not_text",
            "too_many_documents", "quota_exceeded",
        ]);
    on.on("PATCH", "/file/rename")
        .about(
            "Any text has a name in it: its last component, without control characters, at most 255 bytes.",
        )
        .takes_form(
            form(json!({"file_id": uuid(), "new_name": text()})),
            json!({"file_id": samples::ID, "new_name": "a.txt"}),
        )
        .gives_json(
            200,
            "The new name and path.",
            object(json!({"file_id": uuid(), "new_filename": text(), "new_path": text()})),
            json!({"file_id": samples::ID, "new_filename": "a.txt", "new_path": "uploads/files/a.txt"}),
        )
        .refuses(&["request_invalid", "file_not_found"]);
    let about = "Its bytes go when nothing else has them, and the document that it is as well goes with it.";
    deletes(on, "/file/delete/{id}", about, "file_not_found");
    files::gives_content(
        on.on("GET", "/uploads/files/{path}")
            .about("`path` is `<id>_<filename>`, of which the id counts.")
            .path(
                "path",
                json!({"type": "string", "pattern": "^[0-9a-f-]{36}_[A-Za-z0-9._-]{1,99}$"}),
                json!(format!("{}_a.txt", samples::ID)),
            ),
    );
    on.on("POST", "/models/new")
        .about("`ak` is the endpoint's key, which never comes out.")
        .takes_form(
            form(json!({"user_id": uuid(), "name": text(), "ak": text(), "base_url": text()})),
            json!({
                "user_id": samples::ID, "name": "gpt", "ak": "the endpoint's key",
                "base_url": "https://api.example.org/v1",
            }),
        )
        .gives_json(200, "The model.", model(), model_sample())
        .refuses(&[
            "request_invalid",
            "user_not_found",
            "owner_not_yours",
            "name_empty",
            "name_reserved",
            "text_too_long",
            "nul_in_text",
            "base_url_refused",
            "model_exists",
        ]);
    deletes(on, "/models/delete/{id}", "Answers that it gave keep its name.", "model_not_found");
}
