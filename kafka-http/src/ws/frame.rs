//! What is said over a socket, in both directions.

use kafka_core::{Document, DocumentId, Message, MessageId, ResponseId, ResponseStatus};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    documents::DeleteDocument,
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
    /// To say something else in place of a message, which stays on its own branch, and have that answered.
    EditMessage(EditMessage),
    /// To have a question answered once more.
    Regenerate(Regenerate),
    /// To go over to the branch that a message stands on.
    ActivateBranch(MessageId),
    /// To stop one answer, or all that this connection asked for.
    Cancel(Option<ResponseId>),
    /// To put a file into the chat.
    UploadFile(UploadFile),
    /// To take one out of it.
    DeleteFile(DeleteFile),
    /// To go back to an older version of one.
    RevertVersion(RevertVersion),
    /// To put a document into the chat.
    UploadDocument(UploadFile),
    /// To take one out of it.
    DeleteDocument(DeleteDocument),
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
    /// True lets files be changed; false is for talk, in which only new ones are written.
    #[serde(default)]
    pub(super) is_chat_or_composer: Option<bool>,
    /// Whether it is the first prompt for a file.
    #[serde(default)]
    pub(super) is_first_prompt: Option<bool>,
    /// The file that is changed; none or "" is the one that was changed last.
    #[serde(default)]
    pub(super) selected_filename: Option<String>,
}

/// The fields of the action `edit_message`.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct EditMessage {
    /// The message, a user's.
    pub(super) message_id: MessageId,
    /// The new text.
    pub(super) prompt: String,
    /// The name of a model; none is the chat's.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// Whether the answer is wanted as it comes.
    #[serde(default)]
    pub(super) stream: Option<bool>,
}

/// The fields of the action `regenerate`.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct Regenerate {
    /// An answer, or a question; none is the last question.
    #[serde(default)]
    pub(super) message_id: Option<MessageId>,
    /// The name of a model; none is the chat's.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// Whether the answer is wanted as it comes.
    #[serde(default)]
    pub(super) stream: Option<bool>,
}

#[derive(Deserialize)]
struct ActivateBranch {
    message_id: MessageId,
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
        Some(name @ "new_message") => read(name, object, Said::NewMessage),
        Some(name @ "edit_message") => read(name, object, Said::EditMessage),
        Some(name @ "regenerate") => read(name, object, Said::Regenerate),
        Some(name @ "activate_branch") => {
            read(name, object, |ActivateBranch { message_id }| Said::ActivateBranch(message_id))
        }
        Some(name @ "cancel") => read(name, object, |Cancel { response_id }| Said::Cancel(response_id)),
        Some(name @ "upload_file") => read(name, object, Said::UploadFile),
        Some(name @ "delete_file") => read(name, object, Said::DeleteFile),
        Some(name @ "upload_document") => read(name, object, Said::UploadDocument),
        Some(name @ "delete_document") => read(name, object, Said::DeleteDocument),
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

impl NewMessage {
    /// Whether files may come of it. What is talk alone, and wanted as it comes, goes to the model as it is.
    pub(super) fn composes(&self) -> bool {
        let flags = [self.is_chat_or_composer, self.is_first_prompt];
        self.stream != Some(true) || flags.contains(&Some(true))
    }
}

/// That there is nothing to talk in.
pub(super) fn error(sentence: &str) -> String {
    json!({"error": sentence}).to_string()
}

/// That something went wrong in a chat. Clients that show nothing but the conversation find the sentence
/// at its end, although it is not stored. Of an answer that failed it stands there already.
pub(super) fn error_in(mut conversation: Vec<Entry>, sentence: &str) -> String {
    if !conversation.last().is_some_and(|last| last.says(sentence)) {
        conversation.push(Entry::explaining(sentence));
    }
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
    json!({"action": "message", "message": shown(message)}).to_string()
}

/// Another branch is the active one: what stands on it now, as far as the newest of it fits, up to the message that
/// it ends in. What is stored from then on is told as messages.
pub(super) fn branch(active_leaf_id: Option<MessageId>, conversation: &[Message]) -> String {
    let conversation: Vec<Value> = conversation.iter().map(shown).collect();
    json!({"action": "branch", "active_leaf_id": active_leaf_id, "conversation": conversation}).to_string()
}

fn shown(message: &Message) -> Value {
    let Message { role, kind, content, id, seq, status, parent_id, .. } = message;
    json!({
        "role": role, "type": kind, "content": content, "id": id, "seq": seq, "status": status, "parent_id": parent_id,
    })
}

/// A document, for the action that tells what has happened to it.
pub(super) fn document(action: &str, document: &Document) -> String {
    json!({"action": action, "document": document}).to_string()
}

/// That a document is gone.
pub(super) fn document_deleted(id: DocumentId) -> String {
    json!({"action": "document_deleted", "document_id": id}).to_string()
}

/// A stage of an answer that has begun.
pub(super) fn stage(response: ResponseId, seq: u64, name: &str) -> String {
    json!({"action": "stage", "response_id": response, "seq": seq, "name": name}).to_string()
}

/// A file that was composed, as the message of the conversation holds it. A new one is told with the id that
/// clients know it by, and in the forms of both generations.
pub(super) fn composed(new_id: Option<String>, stored: &str) -> String {
    let stored: Value = serde_json::from_str(stored).unwrap_or_default();
    let content =
        json!({"based_filename": stored["based_filename"], "based_content": stored["based_content"]});
    let block = json!({"role": "assistant", "type": "file", "content": content.to_string()});
    let message = json!({"role": "assistant", "type": "file", "content": content});
    match new_id {
        Some(id) => json!({
            "action": "agent_response", "type": "file", "id": id, "content": content, "message": message, "block": block,
        }),
        None => json!({"action": "agent_response", "message": message}),
    }
    .to_string()
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
            r#"{"action": "edit_message", "prompt": "which?"}"#,
            r#"{"action": "regenerate", "message_id": 7}"#,
            r#"{"action": "activate_branch"}"#,
        ] {
            assert!(refused(text).contains("not well formed"), "{text}");
        }
        for text in [
            r#"{"action": "upload_file", "filename": 5}"#,
            r#"{"action": "delete_file", "file_id": {}}"#,
            r#"{"action": "upload_document", "file_data": []}"#,
            r#"{"action": "delete_document", "document_id": 7}"#,
            r#"{"action": "revert_version", "version_id": []}"#,
        ] {
            assert!(refused(text).contains("not well formed"), "{text}");
        }
        let composes = |text: &str| match understand(text) {
            Said::NewMessage(new) => new.composes(),
            other => panic!("{text}: {other:?}"),
        };
        assert!(composes(r#"{"action": "new_message"}"#));
        assert!(composes(r#"{"action": "new_message", "stream": true, "is_chat_or_composer": true}"#));
        assert!(composes(r#"{"action": "new_message", "stream": true, "is_first_prompt": true}"#));
        assert!(!composes(r#"{"action": "new_message", "stream": true, "is_chat_or_composer": false}"#));
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
