//! What examples show: one installation with an account, a chat, an answer and a file.

use serde_json::{Value, json};

pub(super) const ID: &str = "0197d1a0-4c3f-7e21-9d5b-6f0a1b2c3d4e";
const PARENT: &str = "0197d1a0-4c3e-7b10-8a4c-5e9f0a1b2c3d";
const OWNER: &str = "0197d19f-0b2a-7c43-b1d2-e3f405162738";
pub(super) const AT: &str = "2026-11-30T09:00:00.000Z";
/// A week later.
pub(super) const LATER: &str = "2026-12-07T09:00:00.000Z";

pub(super) fn user() -> Value {
    json!({
        "id": OWNER, "email": "k@example.org", "username": "k", "full_name": "Josef K.", "is_active": true,
        "is_admin": false, "plan": "default", "total_tokens_used": 1200, "created_at": AT, "updated_at": AT,
    })
}

pub(super) fn login() -> Value {
    json!({"user": user(), "token": "a token that is shown once", "expires_at": LATER})
}

pub(super) fn token() -> Value {
    json!({
        "id": ID, "name": "backup script", "scopes": ["chats:read"], "expires_at": null, "last_used_at": null,
        "created_at": AT,
    })
}

pub(super) fn issued_token() -> Value {
    let mut issued = token();
    issued["token"] = "a token that is shown once".into();
    issued
}

pub(super) fn workspace() -> Value {
    json!({"id": ID, "name": "Castle", "owner_id": OWNER, "created_at": AT, "updated_at": AT})
}

pub(super) fn file() -> Value {
    json!({
        "id": ID, "workspace_id": PARENT, "filename": "report.md", "path": format!("uploads/files/{ID}_report.md"),
        "media_type": "text/markdown", "size_bytes": 5,
        "sha256": "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969", "created_at": AT,
    })
}

pub(super) fn chat() -> Value {
    json!({
        "id": ID, "title": "The trial", "description": null, "notebooks": [], "default_model": "echo",
        "user_id": OWNER, "workspace_id": null, "active_leaf_id": null, "message_count": 0, "total_tokens": 0,
        "tags": [], "archived_at": null, "pinned_at": null, "created_at": AT, "updated_at": AT,
    })
}

pub(super) fn branch_point() -> Value {
    json!({"parent_id": PARENT, "message_ids": [OWNER, ID], "active_id": ID})
}

pub(super) fn share_link() -> Value {
    json!({"id": ID, "chat_id": PARENT, "expires_at": LATER, "created_at": AT})
}

pub(super) fn issued_share_link() -> Value {
    let mut issued = share_link();
    issued["token"] = "a token that is shown once".into();
    issued["url"] = "/share#a token that is shown once".into();
    issued
}

pub(super) fn shared_chat() -> Value {
    json!({"title": "The trial", "created_at": AT, "updated_at": AT})
}

pub(super) fn shared_message() -> Value {
    json!({
        "role": "user", "type": "text", "content": "Who is K.?", "model": null, "status": "complete", "created_at": AT,
    })
}

pub(super) fn document() -> Value {
    json!({
        "id": ID, "file_id": OWNER, "chat_id": PARENT, "filename": "report.pdf", "processing_status": "completed",
        "error_message": null, "tokens_used": 1200, "chunk_count": 3, "embedding_model": null, "replaces": null,
        "created_at": AT,
    })
}

pub(super) fn passage() -> Value {
    json!({"document_id": ID, "filename": "report.pdf", "start": 0, "end": 27, "text": "K. was arrested one morning"})
}

pub(super) fn message() -> Value {
    json!({
        "id": ID, "chat_id": PARENT, "seq": 1, "parent_id": null, "role": "user", "type": "text",
        "content": "Who is K.?", "parts": null, "tool_call_id": null, "model": null, "status": "complete",
        "token_count": null, "sources": null, "response": null, "created_at": AT, "updated_at": AT,
    })
}

pub(super) fn answer_message() -> Value {
    let mut message = message();
    message["id"] = PARENT.into();
    message["seq"] = 2.into();
    message["parent_id"] = ID.into();
    message["role"] = "assistant".into();
    message["content"] = "Echo: Who is K.?".into();
    message["model"] = "echo".into();
    message["response"] = response();
    message
}

pub(super) fn response() -> Value {
    json!({
        "id": ID, "message_id": PARENT, "chat_id": PARENT, "status": "completed", "model_used": "echo",
        "provider": "echo", "finish_reason": "stop", "tokens_prompt": 4, "tokens_completion": 5, "tokens_total": 9,
        "usage_estimated": false, "first_token_ms": 1, "completion_time_ms": 2, "error": null, "attempts": null,
        "created_at": AT,
    })
}

pub(super) fn chat_file() -> Value {
    json!({
        "id": ID, "chat_id": PARENT, "filename": "notes.txt", "path": format!("uploads/files/{ID}_notes.txt"),
        "kind": "text", "latest_version": 1, "created_at": AT,
    })
}

pub(super) fn version() -> Value {
    json!({"id": ID, "chat_file_id": PARENT, "number": 1, "timestamp": AT, "content": "one\n", "diff": ""})
}

pub(super) fn model() -> Value {
    json!({
        "id": ID, "name": "gpt", "upstream_model": "gpt-5-mini", "provider": "openai",
        "base_url": "https://api.example.org/v1", "has_api_key": true, "is_gateway": false,
        "params": {"temperature": 0.2}, "is_default": false, "created_at": AT,
    })
}

pub(super) fn hit() -> Value {
    json!({
        "kind": "message", "score": 3.5, "snippet": "Who is \u{2}K.\u{3}?", "chat_id": PARENT, "title": "The trial",
        "message_id": ID, "role": "user", "document_id": null, "filename": null, "start": null, "end": null,
        "text": null, "created_at": AT,
    })
}

pub(super) fn plan() -> Value {
    json!({
        "id": ID, "name": "default", "token_limit_daily": null, "document_limit": null, "chat_limit": null,
        "created_at": AT, "updated_at": AT,
    })
}
