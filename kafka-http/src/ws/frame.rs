//! What is said over a socket, in both directions.

use kafka_core::{Message, ResponseId, ResponseStatus};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    files::{DeleteFile, RevertVersion, UploadFile},
    opening::Entry,
};

/// What a client says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// A text for the chat's model.
    Prompt(String),
    /// A prompt with wishes.
    NewMessage(NewMessage),
    /// To stop one answer, or all that this connection asked for.
    Cancel(Option<ResponseId>),
    /// To put a file into the chat.
    UploadFile(UploadFile),
    /// To take one out of it.
    DeleteFile(DeleteFile),
    /// To go back to an older version of one.
    RevertVersion(RevertVersion),
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
        Some(name @ "new_message") => {
            read(name, object, |message: NewMessage| match message.wants_composer() {
                true => Said::Refused(NO_COMPOSER.to_owned()),
                false => Said::NewMessage(message),
            })
        }
        Some(name @ "cancel") => read(name, object, |Cancel { response_id }| Said::Cancel(response_id)),
        Some(name @ "upload_file") => read(name, object, Said::UploadFile),
        Some(name @ "delete_file") => read(name, object, Said::DeleteFile),
        Some(name @ "revert_version") => read(name, object, Said::RevertVersion),
        Some("follow") => Said::Follow,
        Some(action) => Said::Refused(format!("Unknown action: {action}")),
        None => Said::Refused(format!("Unknown action: {action}")),
    }
}

/// The fields of an action, or what is wrong with them.
fn read<T: DeserializeOwned>(action: &str, object: Value, said: impl FnOnce(T) -> Said) -> Said {
    serde_json::from_value(object)
        .map_or_else(|error| Said::Refused(format!("The action {action} is not well formed: {error}.")), said)
}

/// What whoever asks for a file to be written is told.
const NO_COMPOSER: &str = "Composing files is not possible yet; nothing was stored. Ask in chat mode.";

impl NewMessage {
    fn wants_composer(&self) -> bool {
        self.is_chat_or_composer == Some(true)
    }
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
            r#"{"action": "upload_file", "filename": 5}"#,
            r#"{"action": "delete_file", "file_id": {}}"#,
            r#"{"action": "revert_version", "version_id": []}"#,
        ] {
            assert!(refused(text).contains("not well formed"), "{text}");
        }
        let composer = r#"{"action": "new_message", "prompt": "a", "is_chat_or_composer": true}"#;
        assert_eq!(refused(composer), NO_COMPOSER);
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
