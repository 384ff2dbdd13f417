//! Files that come by doors of systems that know no documents. What has a text that only reading gives, a PDF, say, is a
//! document as well, so that answers find and cite what it says; both are one file, and are stored in one commit.

use std::{io::Read, sync::Arc};

use super::{
    chat_files::{self, Arrival, ChatFiles, writable},
    documents::{self, Coming, Room},
    feed::Feed,
    files::{self, StagedFile},
    workspaces,
};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::Result,
        id::UserId,
    },
    entity::{
        chat::Chat,
        chat_file::ChatFile,
        document::{Document, DocumentPlace},
        file::{File, NewFile},
    },
    repo,
    service::installation::Installation,
    storage::{Tx, blob::Staged},
    text::extract::{HEAD_BYTES, needs_reading},
};

/// Uploads, as one actor may make them. Made by [`Files::uploads`](crate::Files::uploads).
#[derive(Debug)]
pub struct Uploads<'k> {
    installation: &'k Installation,
    actor: Actor,
}

/// What an upload has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The file, which lies in the workspace, or in that of the chat.
    pub file: File,
    /// What the chat has of it; none for an upload into a workspace.
    pub chat_file: Option<ChatFile>,
    /// The document that it is as well: of the chat, or of the workspace. None for a file that is given to models as it
    /// is, and for whoever may make no documents.
    pub document: Option<Document>,
}

impl<'k> Uploads<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Uploads<'k> {
        Uploads { installation, actor: *actor }
    }

    /// Puts a file into a chat and its workspace, or into a workspace. PDFs, office files and pages of the web become
    /// documents as well, if the credential may make some; a credential for files alone goes on as before there were any.
    ///
    /// # Errors
    /// Those of [`ChatFiles::upload`](crate::ChatFiles::upload) or [`Files::upload`](crate::Files::upload), and for what
    /// is a document those of [`Documents::upload`](crate::Documents::upload); nothing is stored then.
    pub fn upload(&self, place: DocumentPlace, new: NewFile, bytes: &mut dyn Read) -> Result<Upload> {
        let to = self.target(place)?;
        let arriving = self.arriving(&to, files::stage(self.installation, new, bytes)?)?;
        self.installation.storage().write(move |tx| arriving.store(tx))
    }

    /// Puts files there whose bytes were [taken](crate::Files::stage): all of them, or none.
    ///
    /// # Errors
    /// Those of [`upload`](Uploads::upload), but for what reading the bytes fails of.
    pub fn put_all(&self, place: DocumentPlace, staged: Vec<StagedFile>) -> Result<Vec<Upload>> {
        let to = self.target(place)?;
        let arriving: Vec<_> =
            staged.into_iter().map(|staged| self.arriving(&to, staged)).collect::<Result<_>>()?;
        self.installation.storage().write(move |tx| arriving.iter().map(|one| one.store(tx)).collect())
    }

    fn target(&self, place: DocumentPlace) -> Result<Target> {
        match place {
            DocumentPlace::Chat(id) => {
                let scope = self.actor.scope(chat_files::WRITE)?;
                let chat = ChatFiles::new(self.installation, &self.actor).writable(id)?;
                Ok(Target { place, scope, chat: Some(chat) })
            }
            DocumentPlace::Workspace(_) => {
                Ok(Target { place, scope: self.actor.scope(files::WRITE)?, chat: None })
            }
        }
    }

    fn arriving(&self, to: &Target, staged: StagedFile) -> Result<Arriving> {
        let makes_documents = self.actor.require(documents::WRITE).is_ok();
        let document = match makes_documents && is_document(&staged)? {
            true => Some(Coming::new(self.installation, &self.actor, to.place, staged.clone())),
            false => None,
        };
        let StagedFile { file, staged: bytes } = staged.clone();
        let arrival = match &to.chat {
            Some(chat) => Some(ChatFiles::new(self.installation, &self.actor).arrival(chat, staged)?),
            None => None,
        };
        Ok(Arriving {
            place: to.place,
            scope: to.scope,
            file,
            bytes,
            arrival,
            document,
            room: Room::of(self.installation),
            uploader: self.actor.user_id(),
            feed: self.installation.feed().clone(),
        })
    }
}

fn is_document(staged: &StagedFile) -> Result<bool> {
    let mut head = Vec::new();
    // What cannot be read now is a file like others.
    let read = staged.staged.open()?.take(HEAD_BYTES as u64).read_to_end(&mut head);
    Ok(read.is_ok() && needs_reading(&staged.file.filename, &head))
}

/// Where uploads go.
struct Target {
    place: DocumentPlace,
    scope: Scope,
    chat: Option<Chat>,
}

/// An upload on its way.
struct Arriving {
    place: DocumentPlace,
    scope: Scope,
    file: File,
    bytes: Arc<Staged>,
    /// For a chat.
    arrival: Option<Arrival>,
    document: Option<Coming>,
    room: Room,
    uploader: Option<UserId>,
    feed: Feed,
}

impl Arriving {
    fn store(&self, tx: &Tx<'_>) -> Result<Upload> {
        let workspace_id = match self.place {
            DocumentPlace::Chat(id) => writable(tx, self.scope, id)?.workspace_id,
            DocumentPlace::Workspace(id) if repo::workspaces::is_fillable(tx, self.scope, id)? => Some(id),
            DocumentPlace::Workspace(id) => return Err(workspaces::not_found(id)),
        };
        if self.document.is_some() {
            self.room.admit(tx, self.place)?;
        }
        let file = File { workspace_id, ..self.file.clone() };
        let chat_file = match &self.arrival {
            Some(arrival) => Some(arrival.store(tx)?),
            None => {
                self.bytes.place(tx)?;
                repo::files::insert(tx, &file, self.uploader, false)?;
                self.feed.file(tx, file.id);
                None
            }
        };
        let document = self.document.as_ref().map(|document| document.store_beside_file(tx)).transpose()?;
        Ok(Upload { file, chat_file, document })
    }
}
