//! The body of a chat completion request.

use serde_json::{Map, Value, json};

use crate::{
    entity::tool_call::ToolCall,
    provider::api::{CallOptions, Prompt, PromptMessage},
};

/// The request body for a streamed answer, with or without asking for usage, which some endpoints refuse.
pub(crate) fn body(prompt: &Prompt, options: &CallOptions, with_usage: bool) -> Vec<u8> {
    let params = &options.params;
    // The extra fields come first: none of them may replace what the call itself says.
    let mut body: Map<String, Value> = params.extra.clone().into_iter().collect();
    body.insert("model".into(), options.model.clone().into());
    body.insert("messages".into(), prompt.messages.iter().map(message).collect());
    body.insert("stream".into(), true.into());
    if with_usage {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    } else {
        body.remove("stream_options");
    }
    let optional = [
        ("temperature", params.temperature.map(Value::from)),
        ("top_p", params.top_p.map(Value::from)),
        ("max_tokens", params.max_tokens.map(Value::from)),
        ("stop", params.stop.clone().map(Value::from)),
        ("seed", params.seed.map(Value::from)),
        ("response_format", params.response_format.clone()),
    ];
    body.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(body).to_string().into_bytes()
}

fn message(message: &PromptMessage) -> Value {
    let mut fields = object(message.provider_data.as_ref());
    let of_calls = fields.remove("tool_calls").unwrap_or_default();
    fields.insert("role".into(), message.role.clone().into());
    fields.insert("content".into(), message.content.clone().into());
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| tool_call(call, &of_calls[&call.id]));
        fields.insert("tool_calls".into(), calls.collect());
        if message.content.is_empty() {
            // Some endpoints refuse an empty text, even here.
            fields.insert("content".into(), Value::Null);
        }
    }
    if let Some(id) = &message.tool_call_id {
        fields.insert("tool_call_id".into(), id.clone().into());
    }
    Value::Object(fields)
}

fn tool_call(call: &ToolCall, opaque: &Value) -> Value {
    let mut fields = object(Some(opaque));
    fields.insert("id".into(), call.id.clone().into());
    fields.insert("type".into(), "function".into());
    fields.insert("function".into(), json!({"name": call.name, "arguments": call.arguments}));
    Value::Object(fields)
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::cancel::CancelToken,
        entity::params::{Params, TimeoutSeconds, Timeouts},
    };

    fn sent(params: Params, with_usage: bool) -> Value {
        let options = CallOptions {
            model: "m".into(),
            base_url: "http://localhost".into(),
            api_key: None,
            params,
            network: crate::provider::network::Network::default(),
            timeouts: Timeouts::default(),
            cancel: CancelToken::new(),
        };
        let message = |role: &str, content: &str, provider_data| PromptMessage {
            provider_data,
            ..PromptMessage::text(role, content)
        };
        let prompt = Prompt {
            messages: vec![
                message("user", "q", None),
                message(
                    "assistant",
                    "a",
                    Some(json!({"reasoning_details": [1], "role": "x", "content": "y"})),
                ),
            ],
        };
        serde_json::from_slice(&body(&prompt, &options, with_usage)).unwrap()
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        let expected = json!({
            "model": "m",
            "stream": true,
            "stream_options": {"include_usage": true},
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "a", "reasoning_details": [1]},
            ],
        });
        assert_eq!(sent(Params::default(), true), expected);
    }

    #[test]
    fn every_parameter_reaches_the_endpoint_and_extra_ones_replace_nothing() {
        let extra = [
            ("top_k", json!(4)),
            ("model", json!("other")),
            ("stream", json!(false)),
            ("stream_options", json!({})),
        ];
        let params = Params {
            temperature: Some(0.5),
            top_p: Some(0.9),
            max_tokens: Some(7),
            stop: Some(vec!["END".into()]),
            seed: Some(-3),
            response_format: Some(json!({"type": "json_object"})),
            context_tokens: Some(100),
            timeouts: Some(TimeoutSeconds::default()),
            extra: extra.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let mut body = sent(params, false);
        body.as_object_mut().unwrap().remove("messages");
        let expected = json!({
            "model": "m", "stream": true, "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": ["END"],
            "seed": -3, "response_format": {"type": "json_object"}, "top_k": 4,
        });
        assert_eq!(body, expected);
    }
}
