//! What can be done with the files of chats.

use std::{io::Read, sync::Arc};

use super::{
    chats,
    documents::Removal,
    files::{self, StagedFile},
    input,
    listing::{ByCreation, TimeKey},
    once::{IdempotencyKey, Once, once},
    versions::Draft,
};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, ErrorKind, Result},
        id::{ChatFileId, ChatId, FileId, UserId},
        limits::Limits,
        page::{Page, PageRequest},
        permission::{Area, Permission},
        time::Timestamp,
    },
    entity::{
        chat::Chat,
        chat_file::{ChatFile, ChatFileKind, NewChatFile},
        file::{self, File, NewFile, clean_filename},
    },
    repo::{self, chat_files},
    service::{feed::Feed, installation::Installation},
    storage::{
        Tx,
        blob::{ReadSeek, Staged},
    },
};

/// What a credential needs for reading here.
pub(super) const READ: Permission = Permission::read(Area::Chats);
/// What it needs for changing something.
pub(super) const WRITE: Permission = Permission::write(Area::Chats);

/// Files of chats, as one actor may use them. Made by [`Kafka::chat_files`](crate::Kafka::chat_files).
#[derive(Debug)]
pub struct ChatFiles<'k> {
    pub(super) installation: &'k Installation,
    pub(super) actor: Actor,
    pub(super) once: Option<Once>,
}

pub(crate) fn not_found(id: ChatFileId) -> Error {
    Error::not_found("chat_file_not_found", "file of a chat", id)
}

impl<'k> ChatFiles<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> ChatFiles<'k> {
        ChatFiles { installation, actor: *actor, once: None }
    }

    /// Makes what adds a file or a version take effect once for this key, if there is one; the bytes of an
    /// upload belong to what the key stands for.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> ChatFiles<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }

    /// Uploads a file into a chat, and into the workspace that the chat lies in. Its bytes are read to their
    /// end, in bounded memory. One whose name ends in `.based` is a text with versions, of which this is the
    /// first.
    ///
    /// # Errors
    /// `NotFound` for the chat; `TooLarge` beyond [`Limits::file_bytes`](crate::Limits::file_bytes), and for
    /// more than [`Limits::files_per_chat`](crate::Limits::files_per_chat); `Invalid` when `bytes` fails
    /// (`file_unreadable`), and for a `.based` file that is no text (`file_not_text`); `Conflict`
    /// (`filename_taken`) for a `.based` file whose name the chat has.
    pub fn upload(&self, chat: ChatId, new: NewFile, bytes: &mut dyn Read) -> Result<ChatFile> {
        self.writable(chat)?;
        self.put(chat, files::stage(self.installation, new, bytes)?)
    }

    /// Puts a file into a chat whose bytes were [taken](crate::Files::stage).
    ///
    /// # Errors
    /// Those of [`upload`](ChatFiles::upload), but for what reading the bytes fails of.
    pub fn put(&self, chat: ChatId, staged: StagedFile) -> Result<ChatFile> {
        let scope = self.actor.scope(WRITE)?;
        let key = self.once.as_ref().map(|once| once.with_bytes(&staged.file.sha256));
        let arrival = self.arrival(&self.writable(chat)?, staged)?;
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                writable(tx, scope, chat)?;
                arrival.store(tx)
            })
        })
    }

    /// Puts a file that lies in the chat's workspace into the chat, too.
    ///
    /// # Errors
    /// `NotFound` for the chat, and for a file that is not in the workspace of the chat; `Conflict`
    /// (`file_in_chat`) when the chat has it, (`filename_taken`) as for [`upload`](ChatFiles::upload);
    /// `TooLarge` and `Invalid` as there.
    pub fn link(&self, chat: ChatId, file: FileId) -> Result<ChatFile> {
        let scope = self.actor.scope(WRITE)?;
        // Whoever may write to the chat may read what lies around it, but not by a key that is for chats only.
        self.actor.require(Permission::read(Area::Files))?;
        let storage = self.installation.storage();
        let found = storage.read_one(|conn| repo::files::find(conn, scope, file))?;
        let found = found.ok_or_else(|| files::not_found(file))?;
        let text = first_text(self.installation.limits(), &found, || storage.blobs().open(&found.sha256))?;
        let (arrival, key) = (Arrival::new(self, chat, found, None, text), self.once.clone());
        storage.write(move |tx| {
            once(tx, key.as_ref(), || {
                let chat = writable(tx, scope, chat)?;
                let is_near = repo::files::find(tx, scope, file)?.is_some_and(|file| {
                    file.workspace_id.is_some() && file.workspace_id == chat.workspace_id
                });
                if !is_near {
                    return Err(files::not_found(file));
                }
                if chat_files::of_file(tx, chat.id, file)?.is_some() {
                    let sentence = format!("The chat has the file {file} already; use it as it is.");
                    return Err(Error::new(ErrorKind::Conflict, "file_in_chat", sentence));
                }
                arrival.store(tx)
            })
        })
    }

    /// Writes a text into a chat as a new file with versions, of which this is the first.
    ///
    /// # Errors
    /// `NotFound` for the chat; `Conflict` (`filename_taken`) when a text of the chat has the name;
    /// `TooLarge` for a text over [`Limits::version_bytes`](crate::Limits::version_bytes), and for more than
    /// [`Limits::files_per_chat`](crate::Limits::files_per_chat); `Invalid` (`nul_in_text`).
    pub fn create(&self, chat: ChatId, new: NewChatFile) -> Result<ChatFile> {
        let scope = self.actor.scope(WRITE)?;
        input::bytes("content", &new.content, self.installation.limits().version_bytes)?;
        let (arrival, key) = (Arrival::written(self, chat, new), self.once.clone());
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                writable(tx, scope, chat)?;
                arrival.store(tx)
            })
        })
    }

    /// One file of a chat.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: ChatFileId) -> Result<ChatFile> {
        let scope = self.actor.scope(READ)?;
        let found =
            self.installation.storage().read_one_anywhere(|conn| chat_files::find(conn, scope, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// Files of a chat, the one that came first first.
    ///
    /// # Errors
    /// `NotFound` for the chat; `Invalid` for a page out of range or a cursor that no page gave.
    pub fn list(&self, chat: ChatId, request: &PageRequest) -> Result<Page<ChatFile>> {
        let scope = self.actor.scope(READ)?;
        self.installation.storage().read_anywhere(|conn| {
            if repo::chats::find(conn, scope, chat)?.is_none() {
                return Err(chats::not_found(chat));
            }
            let list = ByCreation {
                after: &|key, room| chat_files::list(conn, scope, chat, key, room),
                before: &|key, room| chat_files::list_back(conn, scope, chat, key, room),
                numbered: &|room, offset| {
                    let items = chat_files::list_numbered(conn, scope, chat, room, offset)?;
                    Ok((items, chat_files::count(conn, scope, chat)?))
                },
                cursor: &|file: &ChatFile| TimeKey::cursor(file.created_at, file.id),
            };
            list.page(self.installation.limits(), request)
        })
    }

    /// Takes a file out of a chat, with its versions, and with the document of the chat that it is, if it is one. What was
    /// uploaded into chats goes with the last one that has it; what was put into the workspace stays there.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete(&self, id: ChatFileId) -> Result<()> {
        let scope = self.actor.scope(WRITE)?;
        let (feed, sweep) = (self.installation.feed().clone(), self.installation.blob_sweep().clone());
        let removal = Removal::of(self.installation);
        self.installation.storage().write(move |tx| {
            let found = chat_files::find_for_writing(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            feed.chat_file_deleted(tx, found.chat_id, id);
            if let Some(file) = found.file_id {
                for id in repo::documents::of_file(tx, file)? {
                    let document = repo::documents::find(tx, Scope::Operator, id)?;
                    if let Some(document) = document.filter(|it| it.chat_id == Some(found.chat_id)) {
                        removal.remove_untold(tx, &document)?;
                    }
                }
            }
            chat_files::delete(tx, id)?;
            if let Some(file) = found.file_id
                && let Some(File { workspace_id, .. }) = repo::files::find(tx, Scope::Operator, file)?
                && repo::files::delete_unused(tx, file)? > 0
            {
                feed.file_deleted(tx, file, workspace_id)?;
                sweep.ask(tx);
            }
            Ok(())
        })
    }
}

impl ChatFiles<'_> {
    /// What an upload into a chat will be.
    pub(super) fn arrival(&self, chat: &Chat, staged: StagedFile) -> Result<Arrival> {
        let StagedFile { file, staged } = staged;
        let file = File { workspace_id: chat.workspace_id, ..file };
        let text = first_text(self.installation.limits(), &file, || staged.open())?;
        Ok(Arrival::new(self, chat.id, file, Some(staged), text))
    }

    pub(super) fn writable(&self, chat: ChatId) -> Result<Chat> {
        let scope = self.actor.scope(WRITE)?;
        let found =
            self.installation.storage().read_one(|conn| repo::chats::find_for_writing(conn, scope, chat))?;
        found.ok_or_else(|| chats::not_found(chat))
    }
}

/// The chat, if it may be written to.
pub(super) fn writable(tx: &Tx<'_>, scope: Scope, chat: ChatId) -> Result<Chat> {
    repo::chats::find_for_writing(tx, scope, chat)?.ok_or_else(|| chats::not_found(chat))
}

fn kind_of(filename: &str) -> Option<ChatFileKind> {
    filename.ends_with(".based").then_some(ChatFileKind::Based)
}

/// The text of the first version, for a file that is one with versions.
fn first_text(
    limits: &Limits,
    file: &File,
    open: impl FnOnce() -> Result<Box<dyn ReadSeek>>,
) -> Result<Option<String>> {
    if kind_of(&file.filename).is_none() {
        return Ok(None);
    }
    if file.size_bytes > limits.version_bytes as u64 {
        let sentence = format!(
            "The text {} has {} bytes; at most {} are kept as a version.",
            file.filename, file.size_bytes, limits.version_bytes
        );
        return Err(Error::new(ErrorKind::TooLarge, "text_too_long", sentence));
    }
    let text = files::text_of(&mut open()?)?;
    text.map(Some).ok_or_else(|| Error::invalid("file_not_text", "file", "give it as text in UTF-8"))
}

/// A file on its way into a chat.
pub(super) struct Arrival {
    file: ChatFile,
    /// With its bytes, if it is new; without, if it lies in the workspace.
    upload: Option<(File, Arc<Staged>)>,
    first: Option<Draft>,
    most: u32,
    uploader: Option<UserId>,
    feed: Feed,
}

impl Arrival {
    fn new(
        of: &ChatFiles<'_>,
        chat: ChatId,
        file: File,
        staged: Option<Arc<Staged>>,
        text: Option<String>,
    ) -> Arrival {
        let kind = kind_of(&file.filename).unwrap_or(ChatFileKind::Upload);
        let text = text.map(|text| Draft::new(of.installation, text, None));
        let mut arrival = Arrival::named(of.installation, chat, file.filename.clone(), kind, text);
        arrival.uploader = of.actor.user_id();
        arrival.file.file_id = Some(file.id);
        arrival.file.path.clone_from(&file.path);
        arrival.upload = staged.map(|staged| (file, staged));
        arrival
    }

    fn written(of: &ChatFiles<'_>, chat: ChatId, new: NewChatFile) -> Arrival {
        let first = Draft::new(of.installation, new.content, None);
        Arrival::of_text(of.installation, chat, clean_filename(&new.filename), first)
    }

    /// A text that is written in the chat.
    pub(super) fn of_text(
        installation: &Installation,
        chat: ChatId,
        filename: String,
        first: Draft,
    ) -> Arrival {
        let kind = kind_of(&filename).unwrap_or(ChatFileKind::Text);
        Arrival::named(installation, chat, filename, kind, Some(first))
    }

    fn named(
        installation: &Installation,
        chat: ChatId,
        filename: String,
        kind: ChatFileKind,
        first: Option<Draft>,
    ) -> Arrival {
        let (id, created_at): (ChatFileId, Timestamp) = (installation.new_id(), installation.now());
        let file = ChatFile {
            id,
            chat_id: chat,
            file_id: None,
            path: file::path(id, &filename),
            filename,
            kind,
            latest_version: first.as_ref().map(|_| 1),
            created_at,
        };
        Arrival {
            file,
            upload: None,
            first,
            most: installation.limits().files_per_chat,
            uploader: None,
            feed: installation.feed().clone(),
        }
    }

    pub(super) fn store(&self, tx: &Tx<'_>) -> Result<ChatFile> {
        let ChatFile { id, chat_id, filename, created_at, .. } = &self.file;
        if chat_files::how_many(tx, *chat_id)? >= u64::from(self.most) {
            let sentence = format!("The chat has {} files, which is the most; delete one first.", self.most);
            return Err(Error::new(ErrorKind::TooLarge, "too_many_files", sentence));
        }
        if self.first.is_some() && chat_files::named(tx, *chat_id, filename)?.is_some() {
            let sentence =
                format!("The chat has a text named {filename}; add a version to it, or take another name.");
            return Err(Error::new(ErrorKind::Conflict, "filename_taken", sentence));
        }
        if let Some((file, staged)) = &self.upload {
            staged.place(tx)?;
            repo::files::insert(tx, file, self.uploader, true)?;
            self.feed.file(tx, file.id);
        }
        chat_files::insert(tx, &self.file)?;
        if let Some(draft) = &self.first {
            draft.append(tx, *id, None, *created_at)?;
        }
        self.feed.chat_file(tx, *chat_id, *id);
        Ok(self.file.clone())
    }
}
