//! A model's wish to have a tool called.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call of a tool, as it stands in the [`parts`](crate::Message::parts) of an assistant's message with
/// the type `tool_call`. Nothing here runs tools: who does, stores the result as a message of the role
/// `tool` that names the call in its [`tool_call_id`](crate::Message::tool_call_id).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename = "tool_call")]
pub struct ToolCall {
    /// What its result is to name; unique in its message.
    pub id: String,
    /// The tool.
    pub name: String,
    /// A JSON object as text, `{}` where there is nothing to say. Of an incomplete call what came.
    pub arguments: String,
    /// Whether it must not be run: its name is missing, or its arguments are no JSON object, as when the
    /// answer was cut off. Such a call is shown to people and never sent to a model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

impl ToolCall {
    /// The calls among the parts of a message, in order. Parts that are none, or damaged, are passed over.
    pub(crate) fn of_parts(parts: &Value) -> Vec<ToolCall> {
        let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
        let calls = parts.iter().filter(|part| part["type"] == "tool_call");
        calls.filter_map(|part| ToolCall::deserialize(part).ok()).collect()
    }
}
