//! What is said over a socket, in both directions.

use kafka_core::{Message, ResponseId, ResponseStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::opening::Entry;

/// What a client says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// A text for the chat's model.
    Prompt(String),
    /// A prompt with wishes.
    NewMessage(NewMessage),
    /// To stop one answer, or all that this connection asked for.
    Cancel(Option<ResponseId>),
    /// To see the answers that others asked for as they come.
    Follow,
    /// Something that is not understood, and what is to be said about it.
    Refused(String),
}

/// The fields of the action `new_message`; others are ignored.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct NewMessage {
    /// The text.
    #[serde(default)]
    pub(super) prompt: String,
    /// The name of a model; none is the chat's.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// Whether the answer is wanted as it comes.
    #[serde(default)]
    pub(super) stream: Option<bool>,
    /// True asks the composer, false a plain answer.
    #[serde(default)]
    is_chat_or_composer: Option<bool>,
    #[serde(default)]
    is_first_prompt: Option<bool>,
}

#[derive(Deserialize)]
struct Cancel {
    #[serde(default)]
    response_id: Option<ResponseId>,
}

/// What a text frame means. Only a JSON object with an `action` is more than a prompt.
pub(super) fn understand(text: &str) -> Said {
    let object = match text.trim_start().starts_with('{') {
        true => serde_json::from_str::<Value>(text).ok(),
        false => None,
    };
    let Some(mut object) = object else { return Said::Prompt(text.to_owned()) };
    let Some(action) = object.get_mut("action").map(Value::take) else {
        return Said::Prompt(text.to_owned());
    };
    match action.as_str() {
        Some("new_message") => match serde_json::from_value::<NewMessage>(object) {
            Ok(message) if message.wants_composer() => later("Composing files"),
            Ok(message) => Said::NewMessage(message),
            Err(error) => ill_formed("new_message", &error),
        },
        Some("cancel") => match serde_json::from_value::<Cancel>(object) {
            Ok(Cancel { response_id }) => Said::Cancel(response_id),
            Err(error) => ill_formed("cancel", &error),
        },
        Some("follow") => Said::Follow,
        Some("upload_file" | "delete_file" | "revert_version") => later("Working with files"),
        Some(action) => Said::Refused(format!("Unknown action: {action}")),
        None => Said::Refused(format!("Unknown action: {action}")),
    }
}

impl NewMessage {
    /// A first prompt is for the composer, whatever the switch says.
    fn wants_composer(&self) -> bool {
        self.is_chat_or_composer == Some(true) || self.is_first_prompt == Some(true)
    }
}

fn later(what: &str) -> Said {
    Said::Refused(format!("{what} is not possible over this connection yet; nothing was stored."))
}

fn ill_formed(action: &str, error: &serde_json::Error) -> Said {
    Said::Refused(format!("The action {action} is not well formed: {error}."))
}

/// That there is nothing to talk in.
pub(super) fn error(sentence: &str) -> String {
    json!({"error": sentence}).to_string()
}

/// That something went wrong in a chat. Clients that show nothing but the conversation find the sentence
/// at its end, although it is not stored.
pub(super) fn error_in(mut conversation: Vec<Entry>, sentence: &str) -> String {
    conversation.push(Entry::explaining(sentence));
    json!({"error": sentence, "conversation": conversation}).to_string()
}

/// A piece of an answer.
pub(super) fn delta(response: ResponseId, seq: u64, text: &str) -> String {
    json!({"action": "delta", "response_id": response, "seq": seq, "text": text}).to_string()
}

/// That an answer ended without being whole. What there is of it comes next.
pub(super) fn end(response: ResponseId, status: ResponseStatus) -> String {
    json!({"action": "end", "response_id": response, "status": status}).to_string()
}

/// A message that someone else stored.
pub(super) fn message(message: &Message) -> String {
    let Message { role, kind, content, id, seq, status, .. } = message;
    let shown =
        json!({"role": role, "type": kind, "content": content, "id": id, "seq": seq, "status": status});
    json!({"action": "message", "message": shown}).to_string()
}

/// A whole answer. One that begins with a brace gets a blank before it, because clients take a frame
/// that begins with a brace for JSON.
pub(super) fn answer(text: String) -> String {
    if text.starts_with('{') { format!(" {text}") } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_an_object_with_an_action_is_more_than_a_prompt() {
        for text in
            ["hello", "", "{}", "null", "[1, 2]", "5", "\"action\"", "{\"broken", "{\"a\": 1}", "{\"action\""]
        {
            assert_eq!(understand(text), Said::Prompt(text.to_owned()));
        }
        let refused = |text: &str| match understand(text) {
            Said::Refused(sentence) => sentence,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(refused(r#"{"action": "dance"}"#), "Unknown action: dance");
        assert_eq!(refused(r#"{"action": null}"#), "Unknown action: null");
        for text in [
            r#"{"action": "new_message", "prompt": null}"#,
            r#"{"action": "new_message", "prompt": 5}"#,
            r#"{"action": "new_message", "prompt": "a", "stream": "yes"}"#,
            r#"{"action": "cancel", "response_id": "7"}"#,
        ] {
            assert!(refused(text).contains("not well formed"), "{text}");
        }
        for text in [
            r#"{"action": "upload_file", "filename": "a", "file_data": "YQ=="}"#,
            r#"{"action": "new_message", "prompt": "a", "is_chat_or_composer": true}"#,
            r#"{"action": "new_message", "prompt": "a", "is_first_prompt": true}"#,
        ] {
            assert!(refused(text).contains("not possible"), "{text}");
        }
        assert_eq!(understand(r#"{"action": "follow"}"#), Said::Follow);
        assert_eq!(understand(r#"{"action": "cancel"}"#), Said::Cancel(None));
    }

    proptest! {
        #[test]
        fn no_text_is_answered_with_a_panic(text: String) {
            let _ = understand(&text);
            let _ = understand(&format!("{{\"action\": {text}}}"));
        }
    }
}
