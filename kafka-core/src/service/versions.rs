//! What can be done with the versions of a chat's file. They are only ever added.

use super::{
    chat_files::{self, ChatFiles, READ, WRITE},
    input, listing,
    once::once,
};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        id::{ChatFileId, MessageId, VersionId},
        page::{Cursor, Page, PageRequest, Place},
        time::Timestamp,
    },
    crypto::digest::sha256_hex,
    entity::chat_file::{NewVersion, Version},
    repo::chat_file_versions::{self, Stored},
    service::installation::Installation,
    storage::{Conn, Tx},
    text::{
        diff::{readable_diff, unified_diff},
        patch::apply_patch,
    },
};

/// A version that has no number yet.
#[derive(Clone)]
pub(super) struct Draft {
    id: VersionId,
    content: String,
    message_id: Option<MessageId>,
}

impl Draft {
    pub(super) fn new(installation: &Installation, content: String, message_id: Option<MessageId>) -> Draft {
        Draft { id: installation.new_id(), content, message_id }
    }

    /// Adds it behind the newest.
    pub(super) fn append(
        &self,
        tx: &Tx<'_>,
        file: ChatFileId,
        newest: Option<&Stored>,
        now: Timestamp,
    ) -> Result<Version> {
        let stored = Stored {
            id: self.id,
            chat_file_id: file,
            number: newest.map_or(0, |newest| newest.number) + 1,
            // Clients sort by it.
            timestamp: newest.map_or(now, |newest| now.max(newest.timestamp.plus_ms(1))),
            content: self.content.clone(),
        };
        chat_file_versions::insert(tx, &stored, &sha256_hex(self.content.as_bytes()), self.message_id)?;
        Ok(shown(stored, &self.content))
    }
}

/// With what makes the newest text of it.
pub(super) fn shown(stored: Stored, newest: &str) -> Version {
    let Stored { id, chat_file_id, number, timestamp, content } = stored;
    let diff = unified_diff(&content, newest);
    Version { id, chat_file_id, number, timestamp, content, diff }
}

/// Without it.
pub(super) fn without_diff(stored: Stored) -> Version {
    let Stored { id, chat_file_id, number, timestamp, content } = stored;
    Version { id, chat_file_id, number, timestamp, content, diff: String::new() }
}

fn not_found(number: u64) -> Error {
    Error::not_found("version_not_found", "version", number)
}

fn newest(conn: &Conn<'_>, id: ChatFileId) -> Result<Stored> {
    chat_file_versions::newest(conn, id)?.ok_or_else(|| {
        let sentence =
            "The file was uploaded as it is and has no versions; only texts that are written in a chat have.";
        Error::new(ErrorKind::Conflict, "file_without_versions", sentence)
    })
}

fn numbered(conn: &Conn<'_>, id: ChatFileId, number: u64) -> Result<Stored> {
    let found = match i64::try_from(number) {
        Ok(number) => chat_file_versions::numbered(conn, id, number)?,
        Err(_) => None,
    };
    found.ok_or_else(|| not_found(number))
}

impl ChatFiles<'_> {
    /// Versions of a file, oldest first.
    ///
    /// # Errors
    /// `NotFound` for the file; `Conflict` (`file_without_versions`) for one that was uploaded as it is;
    /// `Invalid` for a page out of range or a cursor that no page gave.
    pub fn versions(&self, id: ChatFileId, request: &PageRequest) -> Result<Page<Version>> {
        let cursor = |version: &Stored| Cursor::of(&[&version.number]);
        let number_of = |cursor: &Cursor| {
            let [number] = cursor.keys()?;
            cursor.key::<i64>(number)
        };
        self.read(id, |conn| {
            let newest = newest(conn, id)?;
            let limits = self.installation.limits();
            let page = match request {
                PageRequest::Numbered { page, page_size } => {
                    // Numbers have no gaps, so the offset is a number, and the newest's is the total.
                    let (room, offset) = listing::numbered_room(limits, *page, *page_size)?;
                    let stretch = chat_file_versions::after(conn, id, offset, room)?;
                    listing::numbered(stretch, room, newest.number, *page)?
                }
                PageRequest::Cursor { limit, place } => {
                    let room = listing::room(limits, *limit)?;
                    match place {
                        Place::Start => {
                            listing::forward(chat_file_versions::after(conn, id, 0, room)?, true, cursor)
                        }
                        Place::After(after) => {
                            let stretch = chat_file_versions::after(conn, id, number_of(after)?, room)?;
                            listing::forward(stretch, false, cursor)
                        }
                        Place::Before(before) => {
                            let stretch = chat_file_versions::before(conn, id, number_of(before)?, room)?;
                            listing::backward(stretch, false, cursor)
                        }
                    }
                }
            };
            Ok(page.map(|stored| shown(stored, &newest.content)))
        })
    }

    /// One version of a file.
    ///
    /// # Errors
    /// `NotFound` for the file and for the version.
    pub fn version(&self, id: ChatFileId, number: u64) -> Result<Version> {
        self.read(id, |conn| {
            let stored = numbered(conn, id, number)?;
            Ok(shown(stored, &newest(conn, id)?.content))
        })
    }

    /// The newest version of a file.
    ///
    /// # Errors
    /// `NotFound` for the file; `Conflict` (`file_without_versions`) for one that was uploaded as it is.
    pub fn newest_version(&self, id: ChatFileId) -> Result<Version> {
        self.read(id, |conn| {
            let newest = newest(conn, id)?;
            let content = newest.content.clone();
            Ok(shown(newest, &content))
        })
    }

    /// Which file a version is of, and its number there.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn find_version(&self, id: VersionId) -> Result<(ChatFileId, u64)> {
        let unknown = || Error::not_found("version_not_found", "version", id);
        let found = self.installation.storage().read_one(|conn| chat_file_versions::file_of(conn, id))?;
        let (file, number) = found.ok_or_else(unknown)?;
        // What belongs to others is not told from what does not exist.
        self.get(file)
            .map_err(|error| if error.kind() == ErrorKind::NotFound { unknown() } else { error })?;
        Ok((file, number))
    }

    /// Adds a version: a whole text, or an edit that is applied to its base.
    ///
    /// # Errors
    /// `NotFound` for the file; `Conflict` when the base is not the newest any more (`version_stale`, with the
    /// [number that is](Error::current)), and for a file without versions (`file_without_versions`);
    /// `Invalid` for a diff that does not fit (`diff_refused`), which says where, and when there is not exactly
    /// one of text and diff; `TooLarge` beyond [`Limits::version_bytes`](crate::Limits::version_bytes).
    pub fn add_version(&self, id: ChatFileId, new: NewVersion) -> Result<Version> {
        let most = self.installation.limits().version_bytes;
        if new.content.is_some() == new.diff.is_some() {
            return Err(Error::invalid("version_ambiguous", "content", "give either content or diff"));
        }
        new.content.iter().try_for_each(|content| input::bytes("content", content, most))?;
        new.diff.iter().try_for_each(|diff| input::bytes("diff", diff, 2 * most))?;
        let draft = Draft::new(self.installation, String::new(), new.message_id);
        self.append(id, move |_, newest| {
            if let Some(base) = new.base
                && base != newest.number
            {
                return Err(stale(base, newest.number));
            }
            let content = match (&new.content, &new.diff) {
                (Some(content), _) => content.clone(),
                (None, diff) => {
                    let diff = diff.as_deref().unwrap_or_default();
                    let content = apply_patch(&newest.content, diff)
                        .map_err(|misfit| Error::invalid("diff_refused", "diff", misfit.to_string()))?;
                    input::bytes("content", &content, most)?;
                    content
                }
            };
            Ok(Draft { content, ..draft.clone() })
        })
    }

    /// Adds a version that has the text of an older one.
    ///
    /// # Errors
    /// `NotFound` for the file and for the version.
    pub fn revert(&self, id: ChatFileId, number: u64) -> Result<Version> {
        let draft = Draft::new(self.installation, String::new(), None);
        self.append(id, move |tx, _| {
            let Stored { content, .. } = numbered(tx, id, number)?;
            Ok(Draft { content, ..draft.clone() })
        })
    }

    /// The unified diff with three lines of context that makes one version of another; empty for equal texts.
    ///
    /// # Errors
    /// `NotFound` for the file and for the versions.
    pub fn diff(&self, id: ChatFileId, from: u64, to: u64) -> Result<String> {
        self.read(id, |conn| {
            let (old, new) = (numbered(conn, id, from)?, numbered(conn, id, to)?);
            let [old_name, new_name] = [from, to].map(|number| format!("version {number}"));
            Ok(readable_diff(&old.content, &new.content, &old_name, &new_name))
        })
    }

    /// Reads about a file that the actor may see.
    fn read<T>(&self, id: ChatFileId, work: impl Fn(&Conn<'_>) -> Result<T>) -> Result<T> {
        let scope = self.actor.scope(READ)?;
        self.installation.storage().read_anywhere(|conn| {
            crate::repo::chat_files::find(conn, scope, id)?.ok_or_else(|| chat_files::not_found(id))?;
            work(conn)
        })
    }

    /// Adds the version that `draft` makes of the newest one.
    fn append(
        &self,
        id: ChatFileId,
        draft: impl Fn(&Tx<'_>, &Stored) -> Result<Draft> + Send + 'static,
    ) -> Result<Version> {
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let (key, feed) = (self.once.clone(), self.installation.feed().clone());
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                let file = crate::repo::chat_files::find_for_writing(tx, scope, id)?
                    .ok_or_else(|| chat_files::not_found(id))?;
                let newest = newest(tx, id)?;
                let version = draft(tx, &newest)?.append(tx, id, Some(&newest), now)?;
                crate::repo::chats::touch(tx, file.chat_id, 0, now)?;
                feed.chat_file(tx, file.chat_id, id);
                Ok(version)
            })
        })
    }
}

fn stale(base: u64, current: u64) -> Error {
    let sentence = format!(
        "Version {base} is not the newest any more: that is {current}. Make the change on version {current}."
    );
    Error::new(ErrorKind::Conflict, "version_stale", sentence).with_current(current)
}
