//! What can be done with documents: files that are read, searched and answered from.

mod replacement;

use std::{
    io::Read,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    blob_sweep::BlobSweep,
    chats, embedding,
    feed::Feed,
    files::{self, StagedFile},
    ingest::{self, Ingesting},
    listing::{ByCreation, TimeKey},
    once::{IdempotencyKey, Once, once},
    removal, workspaces,
};
use crate::{
    base::{
        actor::{Actor, Scope},
        day::Day,
        error::{Error, ErrorKind, Result},
        id::{ChatId, DocumentId, UserId, WorkspaceId},
        page::{Page, PageRequest},
        permission::{Area, Permission},
    },
    entity::{
        document::{Document, DocumentPlace, Passage, ProcessingStatus},
        file::{File, NewFile},
    },
    repo::{self, deleted_documents, document_texts, documents, jobs},
    service::{installation::Installation, quotas::Quotas},
    storage::{Conn, NodeKind, Tx, blob::Staged},
};
pub(super) use replacement::take_place;

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Documents);
/// What it needs for changing something.
pub(super) const WRITE: Permission = Permission::write(Area::Documents);
/// Most bytes of a passage that are shown at once.
const PASSAGE_BYTES: u64 = 64 << 10;
/// How often it is looked whether a document is read.
const LOOK: Duration = Duration::from_millis(20);

/// Documents, as one actor may use them. Made by [`Kafka::documents`](crate::Kafka::documents).
#[derive(Debug)]
pub struct Documents<'k> {
    installation: &'k Installation,
    actor: Actor,
    once: Option<Once>,
}

pub(crate) fn not_found(id: DocumentId) -> Error {
    Error::not_found("document_not_found", "document", id)
}

impl<'k> Documents<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Documents<'k> {
        Documents { installation, actor: *actor, once: None }
    }

    /// Makes [`upload`](Documents::upload) take effect once for this key, if there is one; the bytes belong to
    /// what the key stands for.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> Documents<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }

    /// Uploads a file as a document: of a chat, or of a workspace, whose chats then share it. Its bytes are on the disk
    /// when this returns, in bounded memory; it is read afterwards, by this or another process that stays, whatever
    /// becomes of this one. Equal bytes are read once. Once it is completed, its words find it; where there is an
    /// [endpoint](crate::Config::embedding), its vectors are made after that, and [`Document::embedding_model`] tells
    /// when it has them. What they cannot be made of, because the endpoint gives none for it, or because plans are enforced
    /// and they would cost more than the owner has left of the day, is found by its words alone, and
    /// [`Document::error_message`] says so.
    ///
    /// # Errors
    /// `NotFound` for a chat or workspace that one may not write to; `TooLarge` beyond
    /// [`Limits::file_bytes`](crate::Limits::file_bytes), and for more than
    /// [`Limits::documents_per_chat`](crate::Limits::documents_per_chat); `QuotaExceeded` when plans are enforced and
    /// that of the chat's or workspace's owner has no room; `Invalid` (`file_unreadable`) when `bytes` fails.
    pub fn upload(&self, place: DocumentPlace, new: NewFile, bytes: &mut dyn Read) -> Result<Document> {
        let scope = self.actor.scope(WRITE)?;
        self.installation.storage().read_one(|conn| workspace_of(conn, scope, place))?;
        self.put(place, files::stage(self.installation, new, bytes)?)
    }

    /// Makes a document of a file whose bytes were [taken](crate::Files::stage).
    ///
    /// # Errors
    /// Those of [`upload`](Documents::upload), but for what reading the bytes fails of.
    fn put(&self, place: DocumentPlace, staged: StagedFile) -> Result<Document> {
        let scope = self.actor.scope(WRITE)?;
        let coming = Coming::new(self.installation, &self.actor, place, staged);
        let room = Room::of(self.installation);
        let key = self.once.as_ref().map(|once| once.with_bytes(&coming.file.sha256));
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                let workspace_id = workspace_of(tx, scope, place)?;
                room.admit(tx, place)?;
                coming.store(tx, workspace_id)
            })
        })
    }

    /// One document.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: DocumentId) -> Result<Document> {
        let scope = self.actor.scope(READ)?;
        let found = self.installation.storage().read_one_anywhere(|conn| documents::find(conn, scope, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// Documents of a chat, or those that all chats of a workspace share, oldest first.
    ///
    /// # Errors
    /// `NotFound` for the chat or workspace; `Invalid` for a page out of range or a cursor that no page gave.
    pub fn list(&self, place: DocumentPlace, request: &PageRequest) -> Result<Page<Document>> {
        let scope = self.actor.scope(READ)?;
        self.installation.storage().read_anywhere(|conn| {
            match place {
                DocumentPlace::Chat(id) => {
                    repo::chats::find(conn, scope, id)?.ok_or_else(|| chats::not_found(id)).map(drop)?;
                }
                DocumentPlace::Workspace(id) => {
                    repo::workspaces::find(conn, scope, id)?
                        .ok_or_else(|| workspaces::not_found(id))
                        .map(drop)?;
                }
            }
            let list = ByCreation {
                after: &|key, room| documents::list(conn, scope, place, key, room),
                before: &|key, room| documents::list_back(conn, scope, place, key, room),
                numbered: &|room, offset| {
                    let items = documents::list_numbered(conn, scope, place, room, offset)?;
                    Ok((items, documents::count(conn, scope, place)?))
                },
                cursor: &|document: &Document| TimeKey::cursor(document.created_at, document.id),
            };
            list.page(self.installation.limits(), request)
        })
    }

    /// What a document says between two places of its text, in bytes. A place inside a character is moved to the
    /// character's beginning. Without an end it is 64 KiB from the start, or as much as there is.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` (`document_not_ready`) for one that is not completed; `Invalid`
    /// (`passage_out_of_range`) for places that the text does not have, and for more than 64 KiB.
    pub fn passage(&self, id: DocumentId, start: u64, end: Option<u64>) -> Result<Passage> {
        let scope = self.actor.scope(READ)?;
        self.installation.storage().read_anywhere(|conn| {
            let document = documents::find(conn, scope, id)?.ok_or_else(|| not_found(id))?;
            if document.processing_status != ProcessingStatus::Completed {
                let sentence = match document.processing_status {
                    ProcessingStatus::Failed => format!(
                        "The document {id} could not be read and has no text to show; delete it, and upload it again \
                         in a form that can be read. {}",
                        document.error_message.unwrap_or_default()
                    ),
                    status => format!(
                        "The document {id} is {status} and has no text to show; wait until it is completed."
                    ),
                };
                return Err(Error::new(ErrorKind::Conflict, "document_not_ready", sentence));
            }
            let length = document_texts::length(conn, id)?;
            let end = end.unwrap_or_else(|| start.saturating_add(PASSAGE_BYTES).min(length));
            if start > end || end > length || end - start > PASSAGE_BYTES {
                let message =
                    format!("give start and end from 0 to {length}, at most {PASSAGE_BYTES} bytes apart");
                return Err(Error::invalid("passage_out_of_range", "end", message));
            }
            let (start, text) = document_texts::between(conn, id, start, end)?;
            let end = start + text.len() as u64;
            Ok(Passage { document_id: id, filename: document.filename, start, end, text })
        })
    }

    /// Deletes a document. What cites it says so from then on, messages behind the first 500 that may soon after; its file
    /// goes unless something else has it. Its passages are removed by a process that stays, a command's own before it returns;
    /// nobody sees them any more.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete(&self, id: DocumentId) -> Result<()> {
        let scope = self.actor.scope(WRITE)?;
        let removal = Removal::of(self.installation);
        self.installation.storage().write(move |tx| {
            let found = documents::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            removal.remove(tx, &found)
        })?;
        removal::after_deletion(self.installation)
    }

    /// Waits until a document is completed or failed, or so long. Where no process that stays serves the database, this
    /// one reads what waits, and makes vectors of what it has read. `watch` is called now and then with how the document stands.
    ///
    /// # Errors
    /// `NotFound`; those of reading and writing.
    pub fn wait(
        &self,
        id: DocumentId,
        patience: Duration,
        mut watch: impl FnMut(&Document),
    ) -> Result<Document> {
        let began = Instant::now();
        loop {
            let document = self.get(id)?;
            watch(&document);
            let is_over =
                matches!(document.processing_status, ProcessingStatus::Completed | ProcessingStatus::Failed);
            if is_over || began.elapsed() >= patience {
                return Ok(document);
            }
            if self.is_alone()? {
                ingest::work_off(self.installation)?;
                embedding::background::work_off(self.installation);
            }
            thread::sleep(LOOK);
        }
    }

    /// Whether no process that stays serves the database, so that nobody else reads what waits.
    fn is_alone(&self) -> Result<bool> {
        let nodes = self.installation.storage().live_nodes()?;
        Ok(nodes.iter().all(|node| node.kind == NodeKind::Cli))
    }
}

/// How many documents there may be in one place.
#[derive(Clone, Copy)]
pub(super) struct Room {
    quotas: Quotas,
    most: u32,
}

impl Room {
    pub(super) fn of(installation: &Installation) -> Room {
        Room { quotas: installation.quotas(), most: installation.limits().documents_per_chat }
    }

    /// Refuses one more document where there is no room for it.
    pub(super) fn admit(self, tx: &Tx<'_>, place: DocumentPlace) -> Result<()> {
        let there = documents::how_many(tx, place)?;
        self.quotas.admit_document(tx, place, there)?;
        if there < u64::from(self.most) {
            return Ok(());
        }
        let sentence = format!("There are {} documents, which is the most; delete one first.", self.most);
        Err(Error::new(ErrorKind::TooLarge, "too_many_documents", sentence))
    }
}

/// A document whose bytes were taken, with what it takes to store it.
pub(super) struct Coming {
    document: Document,
    place: DocumentPlace,
    file: File,
    staged: Arc<Staged>,
    uploader: Option<UserId>,
    feed: Feed,
    ingesting: Ingesting,
}

impl Coming {
    pub(super) fn new(
        installation: &Installation,
        actor: &Actor,
        place: DocumentPlace,
        StagedFile { file, staged }: StagedFile,
    ) -> Coming {
        let document = Document {
            id: installation.new_id(),
            file_id: Some(file.id),
            chat_id: of_chat(place),
            workspace_id: of_workspace(place),
            filename: file.filename.clone(),
            processing_status: ProcessingStatus::Pending,
            error_message: None,
            tokens_used: 0,
            chunk_count: 0,
            embedding_model: None,
            replaces: None,
            created_at: file.created_at,
        };
        let (feed, ingesting) = (installation.feed().clone(), installation.ingesting().clone());
        Coming { document, place, file, staged, uploader: actor.user_id(), feed, ingesting }
    }

    /// Stores it with its file, which lies in this workspace, and has it read.
    fn store(&self, tx: &Tx<'_>, workspace_id: Option<WorkspaceId>) -> Result<Document> {
        let file = File { workspace_id, ..self.file.clone() };
        self.staged.place(tx)?;
        repo::files::insert(tx, &file, self.uploader, true)?;
        self.feed.file(tx, file.id);
        self.store_beside_file(tx)
    }

    /// Stores it where its file is stored already, and has it read.
    pub(super) fn store_beside_file(&self, tx: &Tx<'_>) -> Result<Document> {
        let Coming { document, place, .. } = self;
        documents::insert(tx, document, self.uploader)?;
        jobs::add(tx, ingest::KIND, &document.id.to_string(), document.created_at)?;
        repo::usage_daily::count_document(tx, *place, Day::of(document.created_at))?;
        self.feed.document(tx, document)?;
        let ingesting = self.ingesting.clone();
        tx.after_commit(move || ingesting.nudge());
        Ok(document.clone())
    }
}

/// What it takes to remove a document.
#[derive(Clone)]
pub(super) struct Removal {
    feed: Feed,
    sweep: BlobSweep,
}

impl Removal {
    pub(super) fn of(installation: &Installation) -> Removal {
        Removal { feed: installation.feed().clone(), sweep: installation.blob_sweep().clone() }
    }

    /// Removes it, and its file unless something else has that; what cites it says so from then on.
    fn remove(&self, tx: &Tx<'_>, document: &Document) -> Result<()> {
        self.feed.document_deleted(tx, document);
        self.remove_untold(tx, document)
    }

    /// The same for one that goes with something else, which is told.
    pub(super) fn remove_untold(&self, tx: &Tx<'_>, document: &Document) -> Result<()> {
        deleted_documents::mark(tx, document.id, removal::CITING)?;
        if let Some(file) = document.file_id
            && let Some(File { workspace_id, .. }) = repo::files::find(tx, Scope::Operator, file)?
            && repo::files::delete_unused(tx, file)? > 0
        {
            self.feed.file_deleted(tx, file, workspace_id)?;
            self.sweep.ask(tx);
        }
        Ok(())
    }
}

fn of_chat(place: DocumentPlace) -> Option<ChatId> {
    match place {
        DocumentPlace::Chat(id) => Some(id),
        DocumentPlace::Workspace(_) => None,
    }
}

fn of_workspace(place: DocumentPlace) -> Option<WorkspaceId> {
    match place {
        DocumentPlace::Chat(_) => None,
        DocumentPlace::Workspace(id) => Some(id),
    }
}

/// The workspace that a document's file lies in, if documents may be put into this place.
fn workspace_of(conn: &Conn<'_>, scope: Scope, place: DocumentPlace) -> Result<Option<WorkspaceId>> {
    match place {
        DocumentPlace::Chat(id) => {
            let chat = repo::chats::find_for_writing(conn, scope, id)?;
            Ok(chat.ok_or_else(|| chats::not_found(id))?.workspace_id)
        }
        DocumentPlace::Workspace(id) => match repo::workspaces::is_fillable(conn, scope, id)? {
            true => Ok(Some(id)),
            false => Err(workspaces::not_found(id)),
        },
    }
}
