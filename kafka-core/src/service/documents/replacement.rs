//! Replacing a document: the new one is a document of its own, read behind the upload as every other, and takes the
//! place of the old one with the commit that completes it. Until then the old one answers, and if the new one cannot be
//! read, it stays.

use std::io::Read;

use super::{Coming, Documents, Removal, WRITE, not_found, workspace_of};
use crate::{
    base::{actor::Scope, error::Result, id::DocumentId},
    entity::{
        document::{Document, DocumentPlace, ProcessingStatus},
        file::{File, NewFile},
    },
    repo::{self, document_replacements, documents},
    service::{
        self,
        files::{self, StagedFile},
    },
    storage::{Conn, Tx},
};

impl Documents<'_> {
    /// Replaces a document by a file. The new document is another one, with an id of its own: it waits to be read, its
    /// [`replaces`](Document::replaces) names the old one, which is found and answered from until then, and when it is
    /// completed the old one goes in the same commit; what cites that says so from then on. If the new one fails, both
    /// stay.
    ///
    /// A document has one replacement at most. Whatever was on its way before goes, also when that is what is replaced
    /// here. The same bytes under the same name are no replacement: the document that has them, and has not failed, is
    /// given back as it stands.
    ///
    /// # Errors
    /// `NotFound` for a document that one may not change; `TooLarge` beyond
    /// [`Limits::file_bytes`](crate::Limits::file_bytes); `Invalid` (`file_unreadable`) when `bytes` fails.
    pub fn replace(&self, id: DocumentId, new: NewFile, bytes: &mut dyn Read) -> Result<Document> {
        self.put_replacement(id, self.stage_replacement(id, new, bytes)?)
    }

    /// Takes the bytes of a file that is to replace a document, by [`put_replacement`](Documents::put_replacement).
    ///
    /// # Errors
    /// Those of [`replace`](Documents::replace).
    pub fn stage_replacement(
        &self,
        id: DocumentId,
        new: NewFile,
        bytes: &mut dyn Read,
    ) -> Result<StagedFile> {
        self.place_of(id)?;
        files::stage(self.installation, new, bytes)
    }

    /// Replaces a document by a file whose bytes were [taken](Documents::stage_replacement).
    ///
    /// # Errors
    /// `NotFound` for a document that one may not change.
    pub fn put_replacement(&self, id: DocumentId, staged: StagedFile) -> Result<Document> {
        let (scope, place) = (self.actor.scope(WRITE)?, self.place_of(id)?);
        let coming = Coming::new(self.installation, &self.actor, place, staged);
        let removal = Removal::of(self.installation);
        let new = self.installation.storage().write(move |tx| {
            let named = documents::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            let workspace_id = workspace_of(tx, scope, place)?;
            let old = match named.replaces {
                Some(old) => find(tx, old)?,
                None => named,
            };
            let before = document_replacements::of(tx, old.id)?.map(|id| find(tx, id)).transpose()?;
            if let Some(before) = before {
                if is_same(tx, &before, &coming.file)? {
                    return Ok(before);
                }
                removal.remove(tx, &before)?;
            }
            if is_same(tx, &old, &coming.file)? {
                return Ok(old);
            }
            let new = coming.store(tx, workspace_id)?;
            document_replacements::insert(tx, new.id, old.id)?;
            Ok(Document { replaces: Some(old.id), ..new })
        })?;
        service::removal::after_deletion(self.installation)?;
        Ok(new)
    }

    /// Where a document is that may be changed.
    fn place_of(&self, id: DocumentId) -> Result<DocumentPlace> {
        let scope = self.actor.scope(WRITE)?;
        let found =
            self.installation.storage().read_one(|conn| documents::find_for_writing(conn, scope, id))?;
        let Document { chat_id, workspace_id, .. } = found.ok_or_else(|| not_found(id))?;
        let place = chat_id.map(DocumentPlace::Chat).or(workspace_id.map(DocumentPlace::Workspace));
        place.ok_or_else(|| not_found(id))
    }
}

/// Has a document that is completed take the place of the one that it replaces, if there is one.
pub(in crate::service) fn take_place(tx: &Tx<'_>, id: DocumentId, removal: &Removal) -> Result<()> {
    let new = find(tx, id)?;
    let Some(old) = new.replaces.map(|old| find(tx, old)).transpose()? else { return Ok(()) };
    // A file of chats that the old one was as well is the new one from now on: nobody is given both.
    if let (Some(was), Some(file)) = (old.file_id, new.file_id)
        && let Some(file) = repo::files::find(tx, Scope::Operator, file)?
    {
        repo::chat_files::take_over(tx, was, &file, (new.chat_id, new.workspace_id))?;
    }
    removal.remove(tx, &old)
}

/// One that belongs to a document that was admitted.
fn find(conn: &Conn<'_>, id: DocumentId) -> Result<Document> {
    documents::find(conn, Scope::Operator, id)?.ok_or_else(|| not_found(id))
}

/// Whether a document is, or will be, read from these bytes under this name, which says how they are read.
fn is_same(conn: &Conn<'_>, document: &Document, file: &File) -> Result<bool> {
    if document.processing_status == ProcessingStatus::Failed || document.filename != file.filename {
        return Ok(false);
    }
    let Some(of) = document.file_id else { return Ok(false) };
    let found = repo::files::find(conn, Scope::Operator, of)?;
    Ok(found.is_some_and(|found| found.sha256 == file.sha256))
}
