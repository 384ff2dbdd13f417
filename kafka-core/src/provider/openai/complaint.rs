//! Error objects in the shapes that endpoints give them.

use serde_json::Value;

/// What an endpoint says is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// Its own words, unbounded and unchecked.
    pub(crate) text: String,
    /// An HTTP status, where it gives one.
    pub(crate) status: Option<u16>,
    /// Its type and code in one text.
    class: String,
}

impl Complaint {
    /// A complaint without any class.
    pub(crate) fn text(text: impl Into<String>) -> Complaint {
        Complaint { text: text.into(), ..Complaint::default() }
    }

    /// The error that a chunk or a body carries, if it does.
    pub(crate) fn of(value: &Value) -> Option<Complaint> {
        let value = if value.is_array() { &value[0] } else { value };
        match &value["error"] {
            Value::Null if is_error(value) => {
                let inner = &value["response"]["error"];
                Some(Complaint::read(if inner.is_null() { value } else { inner }))
            }
            Value::Null | Value::Bool(false) => None,
            Value::String(text) if text.is_empty() => None,
            Value::Object(fields) if fields.is_empty() => None,
            error => Some(Complaint::read(error)),
        }
    }

    /// What stands in the body of a failed request, in any shape.
    pub(crate) fn in_body(body: &str) -> Complaint {
        let text = body.trim();
        if text.starts_with('<') {
            return Complaint::text("a web page instead of an answer of the API");
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Complaint::of(&value).unwrap_or_else(|| Complaint::read(&value)),
            Err(_) => Complaint::text(text),
        }
    }

    /// What stands in an event named `error`.
    pub(crate) fn in_event(data: &str) -> Complaint {
        match serde_json::from_str::<Value>(data) {
            Ok(value) => Complaint::of(&value).unwrap_or_else(|| Complaint::read(&value)),
            Err(_) => Complaint::text(data),
        }
    }

    /// Whether asking again cannot help.
    pub(crate) fn is_permanent(&self) -> bool {
        const PERMANENT: [&str; 10] = [
            "invalid",
            "authentication",
            "permission",
            "not_found",
            "insufficient_quota",
            "context_length",
            "content_filter",
            "unsupported",
            "billing",
            "payment",
        ];
        let is_client_error = matches!(self.status, Some(400..=407 | 410..=424 | 426..=428 | 430..=499));
        let class = self.class.to_ascii_lowercase();
        is_client_error || PERMANENT.iter().any(|word| class.contains(word))
    }

    /// Whether what is refused is to be asked for usage in a stream.
    pub(crate) fn is_about_usage(&self) -> bool {
        self.text.contains("stream_options") || self.text.contains("include_usage")
    }

    fn read(error: &Value) -> Complaint {
        let fields = ["message", "msg", "detail", "error", "title", "code", "type"];
        let text = match error {
            Value::String(text) => text.clone(),
            _ => fields.iter().find_map(|name| sentence(&error[*name])).unwrap_or_else(|| error.to_string()),
        };
        let status = ["code", "status", "status_code"].iter().find_map(|name| http_status(&error[*name]));
        let class = ["type", "code", "status"].map(|name| error[name].as_str().unwrap_or_default()).join(" ");
        Complaint { text, status, class }
    }
}

fn is_error(value: &Value) -> bool {
    let is = |name: &str, word: &str| value[name].as_str() == Some(word);
    is("object", "error") || is("type", "error") || is("type", "response.failed")
}

/// A text, or a list of problems with the place of each, as frameworks that check input give them.
fn sentence(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(problems) if !problems.is_empty() => {
            let problem = |problem: &Value| match (&problem["loc"], problem["msg"].as_str()) {
                (Value::Array(place), Some(text)) => {
                    let place: Vec<String> =
                        place.iter().map(|part| part.to_string().replace('"', "")).collect();
                    format!("{}: {text}", place.join("."))
                }
                _ => problem.to_string(),
            };
            Some(problems.iter().map(problem).collect::<Vec<_>>().join(", "))
        }
        Value::Object(_) => Some(Complaint::read(value).text),
        _ => None,
    }
}

fn http_status(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_in_every_shape() {
        let cases = [
            (r#"{"error":{"message":"m","type":"t","code":null}}"#, Some(("m", None))),
            (r#"{"error":{"message":"m","code":503}}"#, Some(("m", Some(503)))),
            (r#"{"error":{"message":"m","code":"429"}}"#, Some(("m", Some(429)))),
            (r#"{"error":{"code":"overloaded"}}"#, Some(("overloaded", None))),
            (r#"{"error":"text"}"#, Some(("text", None))),
            (r#"[{"error":{"message":"m","code":400}}]"#, Some(("m", Some(400)))),
            (r#"{"object":"error","message":"m","code":404}"#, Some(("m", Some(404)))),
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, Some(("m", None))),
            (
                r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}"#,
                Some(("m", None)),
            ),
            (r#"{"error":null,"choices":[]}"#, None),
            (r#"{"error":{}}"#, None),
            (r#"{"error":"","choices":[]}"#, None),
            (r#"{"choices":[]}"#, None),
            ("[]", None),
            ("3", None),
        ];
        for (json, expected) in cases {
            let found = Complaint::of(&serde_json::from_str(json).unwrap());
            let found = found.as_ref().map(|complaint| (complaint.text.as_str(), complaint.status));
            assert_eq!(found, expected, "{json}");
        }
    }

    #[test]
    fn bodies_of_failed_requests_are_put_into_words() {
        let cases = [
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (r#"{"detail":[{"loc":["body","stream_options"],"msg":"extra"}]}"#, "body.stream_options: extra"),
            (r#"{"message":"m"}"#, "m"),
            ("  plain words \n", "plain words"),
            ("<!DOCTYPE html><title>502</title>", "a web page instead of an answer of the API"),
            ("", ""),
        ];
        for (body, text) in cases {
            assert_eq!(Complaint::in_body(body).text, text, "{body}");
        }
    }

    #[test]
    fn only_what_may_pass_is_worth_another_try() {
        let permanent = |json: &str| Complaint::in_event(json).is_permanent();
        for json in [
            r#"{"error":{"message":"m","code":401}}"#,
            r#"{"error":{"message":"m","type":"invalid_request_error"}}"#,
            r#"{"error":{"message":"m","code":"insufficient_quota"}}"#,
            r#"{"error":{"message":"m","code":400,"status":"INVALID_ARGUMENT"}}"#,
        ] {
            assert!(permanent(json), "{json}");
        }
        for json in [
            r#"{"error":{"message":"m","code":429}}"#,
            r#"{"error":{"message":"m","code":"502"}}"#,
            r#"{"error":{"message":"m","type":"overloaded_error"}}"#,
            r#"{"error":"text"}"#,
            "text",
        ] {
            assert!(!permanent(json), "{json}");
        }
    }
}
