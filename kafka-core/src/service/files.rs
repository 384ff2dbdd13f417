//! What can be done with files.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

use super::{
    extraction, input,
    listing::{ByCreation, TimeKey},
    once::{IdempotencyKey, Once, once},
    removal,
    uploads::Uploads,
    workspaces,
};
use crate::{
    base::{
        actor::Actor,
        cancel::CancelToken,
        error::{Error, ErrorKind, Result},
        id::{FileId, WorkspaceId},
        page::{Page, PageRequest},
        permission::{Area, Permission},
        shares::Whose,
    },
    entity::file::{self, File, FilePatch, FileText, NewFile, clean_filename},
    repo::{self, files},
    service::installation::Installation,
    storage::blob::{ReadSeek, Staged},
    text::{decode::decode_text, file_kind::FileKind},
};

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Files);
/// What it needs for changing something.
pub(super) const WRITE: Permission = Permission::write(Area::Files);
/// Longest address that a file is said to come from, in characters: what browsers take.
const SOURCE_URL_CHARS: usize = 2048;

/// Files, as one actor may use them. Made by [`Kafka::files`](crate::Kafka::files).
#[derive(Debug)]
pub struct Files<'k> {
    installation: &'k Installation,
    actor: Actor,
    once: Option<Once>,
}

/// Bytes that were taken and belong nowhere yet. Dropped, they are forgotten.
#[derive(Clone)]
pub struct StagedFile {
    pub(super) file: File,
    pub(super) staged: Arc<Staged>,
}

/// A file's bytes, to be read from any place in them.
pub struct FileContent {
    /// What is being read.
    pub file: File,
    bytes: Box<dyn ReadSeek>,
}

pub(crate) fn not_found(id: FileId) -> Error {
    Error::not_found("file_not_found", "file", id)
}

impl<'k> Files<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Files<'k> {
        Files { installation, actor: *actor, once: None }
    }

    /// Makes [`upload`](Files::upload) take effect once for this key, if there is one; the bytes belong to
    /// what the key stands for.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> Files<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }

    /// Uploads into workspaces and chats that become documents as well, where only reading gives their text.
    #[must_use]
    pub fn uploads(&self) -> Uploads<'k> {
        Uploads::new(self.installation, &self.actor)
    }

    /// Takes the bytes of a file that is to be put somewhere: into a workspace with [`put`](Files::put), or into
    /// a chat with [`ChatFiles::put`](crate::ChatFiles::put). They are read to their end, in bounded memory.
    ///
    /// # Errors
    /// `Forbidden` for a credential that may put files nowhere; `TooLarge` (`file_too_large`) beyond
    /// [`Limits::file_bytes`](crate::Limits::file_bytes); `Invalid` (`file_unreadable`) when `bytes` fails.
    pub fn stage(&self, new: NewFile, bytes: &mut dyn Read) -> Result<StagedFile> {
        self.actor.require(WRITE)?;
        stage(self.installation, new, bytes)
    }

    /// Puts a file into a workspace whose bytes were [taken](Files::stage).
    ///
    /// # Errors
    /// `NotFound` for a workspace that one may not put files into.
    pub fn put(&self, workspace: WorkspaceId, staged: StagedFile) -> Result<File> {
        let scope = self.actor.scope(WRITE)?;
        let StagedFile { file, staged } = staged;
        let file = File { workspace_id: Some(workspace), ..file };
        let (uploader, feed) = (self.actor.user_id(), self.installation.feed().clone());
        let key = self.once.as_ref().map(|once| once.with_bytes(&file.sha256));
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                if !repo::workspaces::is_fillable(tx, scope, workspace)? {
                    return Err(workspaces::not_found(workspace));
                }
                staged.place(tx)?;
                files::insert(tx, &file, uploader, false)?;
                feed.file(tx, file.id);
                Ok(file.clone())
            })
        })
    }

    /// Puts a file into a workspace. Its bytes are read to their end, in bounded memory; they are on the disk
    /// when this returns.
    ///
    /// # Errors
    /// `NotFound` for a workspace that one may not put files into; `TooLarge` (`file_too_large`) beyond
    /// [`Limits::file_bytes`](crate::Limits::file_bytes); `Invalid` (`file_unreadable`) when `bytes` fails.
    pub fn upload(&self, workspace: WorkspaceId, new: NewFile, bytes: &mut dyn Read) -> Result<File> {
        let scope = self.actor.scope(WRITE)?;
        self.installation.storage().read(|conn| {
            match repo::workspaces::is_fillable(conn, scope, workspace)? {
                true => Ok(()),
                false => Err(workspaces::not_found(workspace)),
            }
        })?;
        self.put(workspace, self.stage(new, bytes)?)
    }

    /// One file.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: FileId) -> Result<File> {
        let scope = self.actor.scope(READ)?;
        let found = self.installation.storage().read_one_anywhere(|conn| files::find(conn, scope, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// Files of a workspace, oldest first.
    ///
    /// # Errors
    /// `NotFound` for the workspace; `Invalid` for a page out of range or a cursor that no page gave.
    pub fn list(&self, workspace: WorkspaceId, request: &PageRequest) -> Result<Page<File>> {
        let scope = self.actor.scope(READ)?;
        self.installation.storage().read_anywhere(|conn| {
            if repo::workspaces::find(conn, scope, workspace)?.is_none() {
                return Err(workspaces::not_found(workspace));
            }
            let list = ByCreation {
                after: &|key, room| files::list(conn, scope, workspace, key, room),
                before: &|key, room| files::list_back(conn, scope, workspace, key, room),
                numbered: &|room, offset| {
                    let items = files::list_numbered(conn, scope, workspace, room, offset)?;
                    Ok((items, files::count(conn, scope, workspace)?))
                },
                cursor: &|file: &File| TimeKey::cursor(file.created_at, file.id),
            };
            list.page(self.installation.limits(), request)
        })
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` (`blob_missing`) when the bytes are gone.
    pub fn open(&self, id: FileId) -> Result<FileContent> {
        let file = self.get(id)?;
        let bytes = self.installation.storage().blobs().open(&file.sha256)?;
        Ok(FileContent { file, bytes })
    }

    /// What a file says: its text, if it is one of at most
    /// [`Limits::version_bytes`](crate::Limits::version_bytes), or that of a document, of which PDF, DOCX and XLSX are known. One
    /// that nobody has read yet is read first, for [`Limits::extraction_ms`](crate::Limits::extraction_ms) at most.
    ///
    /// # Errors
    /// Those of [`open`](Files::open).
    pub fn text(&self, id: FileId) -> Result<FileText> {
        text(self.installation, &self.get(id)?, Whose::actor(&self.actor))
    }

    /// Renames a file, also in the chats that have it; those that wrote versions of it keep their name.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn update(&self, id: FileId, patch: FilePatch) -> Result<File> {
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            let mut file = files::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            let Some(filename) = patch.filename.as_deref().map(clean_filename) else { return Ok(file) };
            file.path = file::path(id, &filename);
            file.media_type = FileKind::of(&filename).media_type.to_owned();
            file.filename = filename;
            files::rename(tx, scope, &file, now)?;
            repo::chat_files::rename_of_file(tx, id, &file.filename, &file.path, now)?;
            repo::documents::rename_of_file(tx, id, &file.filename, now)?;
            feed.file(tx, id);
            Ok(file)
        })
    }

    /// Deletes a file, also from the chats that have it, with the versions that they wrote of it, and as a document.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete(&self, id: FileId) -> Result<()> {
        let scope = self.actor.scope(WRITE)?;
        let (feed, sweep) = (self.installation.feed().clone(), self.installation.blob_sweep().clone());
        self.installation.storage().write(move |tx| {
            let file = files::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            for (chat, chat_file) in repo::chat_files::chats_of_file(tx, id)? {
                feed.chat_file_deleted(tx, chat, chat_file);
            }
            feed.file_deleted(tx, id, file.workspace_id)?;
            files::delete(tx, scope, id)?;
            // Not before: whoever writes to a document's chat may delete its file.
            for document in repo::documents::of_file(tx, id)? {
                repo::deleted_documents::mark(tx, document, removal::CITING)?;
            }
            sweep.ask(tx);
            Ok(())
        })?;
        removal::after_deletion(self.installation)
    }
}

/// Takes the bytes of a new file, and makes the row that it will have.
pub(super) fn stage(installation: &Installation, new: NewFile, bytes: &mut dyn Read) -> Result<StagedFile> {
    let limits = installation.limits();
    if let Some(url) = &new.source_url {
        input::characters("source_url", url, SOURCE_URL_CHARS)?;
    }
    let id: FileId = installation.new_id();
    let filename = clean_filename(&new.filename);
    let staged = installation.storage().blobs().stage(id.0, bytes, limits.file_bytes)?;
    let file = File {
        id,
        workspace_id: None,
        path: file::path(id, &filename),
        media_type: FileKind::of(&filename).media_type.to_owned(),
        filename,
        size_bytes: staged.size_bytes,
        sha256: staged.sha256.clone(),
        source_url: new.source_url,
        created_at: installation.now(),
    };
    Ok(StagedFile { file, staged: Arc::new(staged) })
}

impl StagedFile {
    /// Where the client has it from, as [`NewFile::source_url`] says it, where that is known later than the bytes.
    ///
    /// # Errors
    /// `Invalid` for more than 2048 characters.
    pub fn with_source_url(mut self, url: String) -> Result<StagedFile> {
        input::characters("source_url", &url, SOURCE_URL_CHARS)?;
        self.file.source_url = Some(url);
        Ok(self)
    }

    /// What the file will be, but for where it lies.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl fmt::Debug for StagedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagedFile").field("file", &self.file).finish_non_exhaustive()
    }
}

impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileContent").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Read for FileContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl Seek for FileContent {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// What a file that was admitted says.
pub(super) fn text(installation: &Installation, file: &File, whose: Whose) -> Result<FileText> {
    let blobs = installation.storage().blobs();
    let mut bytes = blobs.open(&file.sha256)?;
    if extraction::is_document(&mut bytes) {
        installation.extraction().prepare(blobs, [&*file.sha256], whose, &CancelToken::new());
        return Ok(
            extraction::kept(blobs, &file.sha256).unwrap_or_else(|| installation.extraction().unread())
        );
    }
    match file.size_bytes <= installation.limits().version_bytes as u64 {
        true => Ok(FileText { text: text_of(&mut bytes)?, note: None }),
        false => Ok(FileText::default()),
    }
}

/// The text of a file with these bytes, if it is one.
pub(super) fn text_of(bytes: &mut dyn Read) -> Result<Option<String>> {
    let mut all = Vec::new();
    bytes.read_to_end(&mut all).map_err(|fault| {
        let sentence = "The bytes of a file cannot be read; check the disk.";
        Error::new(ErrorKind::Storage, "blob_unreadable", sentence).with_source(fault)
    })?;
    Ok(decode_text(&all))
}
