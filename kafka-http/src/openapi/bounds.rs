//! The limits that fields keep, as the schemas say them. The numbers are those of [`Limits`], so they cannot differ.

use std::collections::BTreeMap;

use kafka_core::Limits;
use serde_json::{Value, json};

/// Fields of answers that may be absent.
pub(super) const MAY_BE_ABSENT: [(&str, &str); 5] = [
    ("ChatHistoryChat", "messages_count"),
    ("Conversation", "message_count"),
    ("Mistake", "ctx"),
    ("Problem", "errors"),
    ("ToolCall", "incomplete"),
];

/// Sets them, and says which have no place.
pub(super) fn set(schemas: &mut BTreeMap<String, Value>, limits: &Limits) -> Vec<String> {
    let mut complaints = Vec::new();
    for (schema, field, keyword, bound) in bounds(limits) {
        match schemas.get_mut(schema).and_then(|schema| schema["properties"].get_mut(field)) {
            Some(property) => property[keyword] = bound,
            None => complaints.push(format!("bounds.rs bounds {schema}.{field}, which is not there")),
        }
    }
    complaints
}

fn bounds(limits: &Limits) -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let name = json!(limits.name_chars);
    let mut bounds = vec![
        ("Registration", "email", "maxLength", json!(limits.email_chars)),
        ("Registration", "email", "format", json!("email")),
        ("Registration", "password", "minLength", json!(8)),
        ("Registration", "password", "maxLength", json!(72)),
        ("PasswordChange", "new_password", "minLength", json!(8)),
        ("PasswordChange", "new_password", "maxLength", json!(72)),
        ("UserPatch", "email", "maxLength", json!(limits.email_chars)),
        ("UserPatch", "email", "format", json!("email")),
        ("NewChat", "description", "maxLength", json!(limits.description_bytes)),
        ("NewChat", "notebooks", "maxItems", json!(limits.notebooks)),
        ("ChatPatch", "description", "maxLength", json!(limits.description_bytes)),
        ("ChatPatch", "notebooks", "maxItems", json!(limits.notebooks)),
        ("NewMessage", "content", "maxLength", json!(limits.message_bytes)),
        ("MessagePatch", "content", "minLength", json!(1)),
        ("MessagePatch", "content", "maxLength", json!(limits.message_bytes)),
        ("AnswerRequest", "content", "minLength", json!(1)),
        ("AnswerRequest", "content", "maxLength", json!(limits.message_bytes)),
        ("NewChatFile", "content", "maxLength", json!(limits.version_bytes)),
        ("NewVersion", "content", "maxLength", json!(limits.version_bytes)),
        ("NewVersion", "base", "minimum", json!(1)),
        ("Revert", "number", "minimum", json!(1)),
        ("NewToken", "name", "minLength", json!(1)),
        ("NewModel", "name", "minLength", json!(1)),
        ("NewModel", "base_url", "format", json!("uri")),
        ("ModelPatch", "name", "minLength", json!(1)),
        ("ModelPatch", "base_url", "format", json!("uri")),
        ("SearchRequest", "query", "maxLength", json!(limits.search_query_chars)),
        ("SearchRequest", "limit", "minimum", json!(1)),
        ("SearchRequest", "limit", "maximum", json!(limits.search_max)),
        ("Params", "temperature", "minimum", json!(0)),
        ("Params", "temperature", "maximum", json!(2)),
        ("Params", "top_p", "minimum", json!(0)),
        ("Params", "top_p", "maximum", json!(1)),
    ];
    let names = [
        ("Registration", "username"),
        ("Registration", "full_name"),
        ("UserPatch", "username"),
        ("UserPatch", "full_name"),
        ("NewChat", "title"),
        ("NewChat", "default_model"),
        ("ChatPatch", "title"),
        ("ChatPatch", "default_model"),
        ("NewMessage", "type"),
        ("NewMessage", "model"),
        ("NewToken", "name"),
        ("NewModel", "name"),
        ("NewModel", "upstream_model"),
        ("ModelPatch", "name"),
        ("ModelPatch", "upstream_model"),
        ("NewWorkspace", "name"),
        ("WorkspacePatch", "name"),
    ];
    bounds.extend(names.map(|(schema, field)| (schema, field, "maxLength", name.clone())));
    bounds
}
