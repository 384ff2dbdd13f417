//! What a client does with the files of its chat.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kafka_core::{
    ChatFile, DocumentPlace, Error, ErrorKind, Message, NewFile, NewMessage, PageRequest, Place, Response,
    Result, Role, Upload, VersionId,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    file_lists::{self, shown_id},
    frame,
    session::Session,
};

/// The fields of the actions `upload_file` and `upload_document`.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct UploadFile {
    #[serde(default)]
    filename: Option<String>,
    /// In base64.
    #[serde(default)]
    file_data: Option<String>,
}

/// The fields of the action `delete_file`.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct DeleteFile {
    #[serde(default)]
    file_id: Option<String>,
}

/// The fields of the action `revert_version`.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct RevertVersion {
    #[serde(default)]
    version_id: Option<String>,
    #[serde(default)]
    filename: Option<String>,
}

/// Why nothing was done.
pub(super) enum Refusal {
    /// What was asked cannot be meant.
    Sentence(String),
    /// The library refused or failed.
    Core(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Core(error)
    }
}

pub(super) fn refused(sentence: impl Into<String>) -> Refusal {
    Refusal::Sentence(sentence.into())
}

impl UploadFile {
    /// The name and the bytes.
    pub(super) fn read(&self) -> Result<(&str, Vec<u8>), Refusal> {
        let name = self.filename.as_deref().filter(|name| !name.is_empty());
        let data = self.file_data.as_deref().filter(|data| !data.is_empty());
        let Some((name, data)) = name.zip(data) else {
            return Err(refused("Missing filename or file_data."));
        };
        let bytes = BASE64_STANDARD.decode(data).map_err(|error| {
            let reason = error.to_string();
            refused(format!("The file_data of {name} is not base64: {}.", reason.trim_end_matches('.')))
        })?;
        Ok((name, bytes))
    }
}

impl Session {
    /// Puts a file into the chat, and its workspace, and answers with the message that tells of it.
    pub(super) fn upload_file(self: &Arc<Session>, upload: &UploadFile) -> Result<String, Refusal> {
        let (name, bytes) = upload.read()?;
        let (uploads, place) = (self.kafka().files(self.actor()).uploads(), DocumentPlace::Chat(self.chat()));
        let Upload { file, document, .. } = uploads.upload(place, NewFile::named(name), &mut &*bytes)?;
        let content = json!({"file_id": file.id, "filename": file.filename, "path": file.path}).to_string();
        self.note(Role::User, content.clone())?;
        let message = json!({"role": "user", "type": "file", "content": content});
        let document_id = document.map(|document| document.id);
        Ok(json!({"action": "file_uploaded", "message": message, "document_id": document_id}).to_string())
    }

    /// Takes a file out of the chat; see [`ChatFiles::delete`](kafka_core::ChatFiles::delete).
    pub(super) fn delete_file(self: &Arc<Session>, delete: &DeleteFile) -> Result<String, Refusal> {
        let id = delete.file_id.as_deref().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| refused("Missing file_id for delete_file."))?;
        let file = self
            .files()?
            .into_iter()
            .find(|file| shown_id(file) == id || file.id.to_string() == id)
            .ok_or_else(|| refused(format!("No file found for file_id={id} in this chat.")))?;
        self.kafka().chat_files(self.actor()).delete(file.id)?;
        let content = format!("{} was deleted.", file.filename);
        self.note(Role::System, content.clone())?;
        let message = json!({"role": "system", "type": "file", "content": content, "deleted_file_id": id});
        Ok(json!({"action": "file_deleted", "message": message}).to_string())
    }

    /// Makes an older version of a file its newest.
    pub(super) fn revert_version(self: &Arc<Session>, revert: &RevertVersion) -> Result<String, Refusal> {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        let Some((version, filename)) = given(&revert.version_id).zip(given(&revert.filename)) else {
            return Err(refused("Missing version_id or filename for revert_version."));
        };
        let unknown =
            || refused(format!("No version found for version_id={version} of {filename} in this chat."));
        let files = self.kafka().chat_files(self.actor());
        let id: VersionId = version.parse().map_err(|_| unknown())?;
        let (file, number) = files.find_version(id).map_err(|error| match error.kind() {
            ErrorKind::NotFound => unknown(),
            _ => error.into(),
        })?;
        let file = files.get(file)?;
        if file.chat_id != self.chat() || file.filename != filename {
            return Err(unknown());
        }
        let now = files.revert(file.id, number)?;
        let notice = format!("{filename} is as it was in version {number} again.");
        let stored =
            json!({"based_filename": filename, "based_content": now.content, "revert_notice": notice});
        self.note(Role::Assistant, stored.to_string())?;
        let based = file_lists::based(files.contents(self.chat())?);
        let content = json!({"based_filename": filename, "based_content": now.content, "message": notice});
        let message = json!({"role": "assistant", "type": "file", "content": content});
        let reply = json!({"action": "revert_complete", "message": message, "chat_files_based": based});
        Ok(reply.to_string())
    }

    /// The files of the chat, without what they say.
    fn files(&self) -> Result<Vec<ChatFile>> {
        let mut files = Vec::new();
        let mut place = Place::Start;
        loop {
            let request = PageRequest::Cursor { limit: Some(self.kafka().limits().page_max), place };
            let page = self.kafka().chat_files(self.actor()).list(self.chat(), &request)?;
            files.extend(page.items);
            match page.next_cursor {
                Some(after) => place = Place::After(after),
                None => return Ok(files),
            }
        }
    }

    /// Tells of a file that was composed here.
    pub(super) fn show_composed(&self, response: &Response, file: &ChatFile, is_new: bool) {
        match self.kafka().messages(self.actor()).get(response.message_id) {
            Ok(message) => {
                let new_id = is_new.then(|| shown_id(file));
                self.outbox.text(frame::composed(new_id, &message.content));
            }
            Err(error) => self.explain(&error),
        }
    }

    /// Stores what the conversation tells of a file.
    fn note(self: &Arc<Session>, role: Role, content: String) -> Result<Message> {
        let new = NewMessage { kind: Some("file".to_owned()), ..NewMessage::text(role, content) };
        self.store_own(new)
    }
}
