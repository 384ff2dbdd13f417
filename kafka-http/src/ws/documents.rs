//! What a client does with the documents of its chat. Whoever uploads or deletes one is told of it by the change itself,
//! like everyone else in the chat, so that nobody hears what became of a document before hearing of the document.

use kafka_core::{DocumentPlace, NewFile};
use serde::Deserialize;

use super::{
    files::{Refusal, UploadFile, refused},
    session::Session,
};

/// The fields of the action `delete_document`.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct DeleteDocument {
    #[serde(default)]
    document_id: Option<String>,
}

impl Session {
    /// Uploads a document of the chat.
    pub(super) fn upload_document(&self, upload: &UploadFile) -> Result<Option<String>, Refusal> {
        let (name, bytes) = upload.read()?;
        let place = DocumentPlace::Chat(self.chat());
        self.kafka().documents(self.actor()).upload(place, NewFile::named(name), &mut &*bytes)?;
        Ok(None)
    }

    /// Deletes a document of the chat.
    pub(super) fn delete_document(&self, delete: &DeleteDocument) -> Result<Option<String>, Refusal> {
        let id = delete.document_id.as_deref().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| refused("Missing document_id for delete_document."))?;
        let unknown = || refused(format!("No document found for document_id={id} in this chat."));
        let (documents, known) = (self.kafka().documents(self.actor()), id.parse().map_err(|_| unknown())?);
        match documents.get(known) {
            Ok(document) if document.chat_id == Some(self.chat()) => documents.delete(known)?,
            Err(error) if error.code() != "document_not_found" => return Err(error.into()),
            _ => return Err(unknown()),
        }
        Ok(None)
    }
}
