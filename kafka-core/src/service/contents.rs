//! What the files of a chat say, all at once: for clients that show a chat, and for models that answer in it.

use std::io::Read as _;

use super::{
    chat_files::{ChatFiles, READ},
    chats, extraction, files, versions,
};
use crate::{
    base::{
        actor::Scope,
        cancel::CancelToken,
        error::Result,
        id::{ChatFileId, ChatId},
        shares::Whose,
    },
    entity::{
        chat_file::{ChatFile, ChatFileContent, Version},
        file::FileText,
    },
    repo::{
        self,
        chat_file_versions::{self, Stored},
        chat_files::{self, Located},
        chunks::Asked,
    },
    service::installation::Installation,
    storage::{Conn, blob::Blobs},
    text::file_kind::FileKind,
};

/// Bytes of text that a client is shown of the files of one chat at once.
const SHOWN_BYTES: u64 = 8 << 20;
/// Characters of versions that are read for it.
const READ_CHARACTERS: i64 = 16 << 20;
/// What a model is told of a file whose text it has elsewhere.
const AMONG_DOCUMENTS: &str = "It is one of the documents: what it says stands among their passages.";
/// Why a text with versions does not stand where all are.
const NO_ROOM: &str =
    "The texts of this chat are too long to stand here together; ask for this one by itself.";

impl ChatFiles<'_> {
    /// All files of a chat with their texts and versions, oldest file first. Beyond 8 MiB of text in all,
    /// uploads come without theirs. Of versions the newest of each file have their texts, then the youngest of the
    /// others, as far as 16 Mi characters go, and from the newest on their diffs, as far as 8 MiB go; older ones have
    /// neither.
    ///
    /// Costs three statements, and a file to open for each upload. Documents that nobody has read yet are read
    /// first, for [`Limits::extraction_ms`](crate::Limits::extraction_ms) at most.
    ///
    /// # Errors
    /// `NotFound` for the chat.
    pub fn contents(&self, chat: ChatId) -> Result<Vec<ChatFileContent>> {
        let scope = self.actor.scope(READ)?;
        let storage = self.installation.storage();
        let (located, versions) = storage.read(|conn| {
            repo::chats::find(conn, scope, chat)?.ok_or_else(|| chats::not_found(chat))?;
            let versions = chat_file_versions::of_chat(conn, chat, READ_CHARACTERS)?;
            Ok((chat_files::located(conn, chat)?, versions))
        })?;
        prepare(self.installation, &located, Whose::actor(&self.actor), &CancelToken::new());
        let (mut left, mut left_for_diffs, mut contents) = (SHOWN_BYTES, SHOWN_BYTES, Vec::new());
        let mut stored = versions.into_iter().peekable();
        for Located { file, bytes, source_url } in located {
            let mut own = Vec::new();
            while let Some(version) = stored.next_if(|(version, _)| version.chat_file_id == file.id) {
                own.push(version);
            }
            let FileText { text, note } = match own.last() {
                Some((newest, true)) => FileText { text: Some(newest.content.clone()), note: None },
                Some((_, false)) => FileText { text: None, note: Some(NO_ROOM.to_owned()) },
                None => upload_text(storage.blobs(), &file.filename, bytes, &mut left),
            };
            let updated_at = own.last().map_or(file.created_at, |(newest, _)| newest.timestamp);
            let versions = with_diffs(own, text.as_deref(), &mut left_for_diffs);
            contents.push(ChatFileContent { file, source_url, text, note, updated_at, versions });
        }
        Ok(contents)
    }

    /// What one file of a chat says now: the text of its newest version, or what was uploaded.
    ///
    /// # Errors
    /// `NotFound`; those of [`Files::text`](crate::Files::text).
    pub fn text(&self, id: ChatFileId) -> Result<FileText> {
        let file = self.get(id)?;
        match file.file_id {
            Some(upload) if file.latest_version.is_none() => {
                let found = self.installation.storage().read(|conn| {
                    // Whoever may see the chat may see what it has.
                    repo::files::find(conn, Scope::Operator, upload)
                })?;
                let text = |file| files::text(self.installation, &file, Whose::actor(&self.actor));
                found.map_or_else(|| Ok(FileText::default()), text)
            }
            _ => Ok(FileText { text: Some(self.newest_version(id)?.content), note: None }),
        }
    }
}

/// Versions of a file, oldest first, with what makes the newest text of each: from the newest on, as long as bytes are
/// left.
fn with_diffs(own: Vec<(Stored, bool)>, newest: Option<&str>, left: &mut u64) -> Vec<Version> {
    let shown = own.into_iter().rev().map(|(stored, has_text)| match newest {
        Some(newest) if has_text && *left > 0 => {
            let version = versions::shown(stored, newest);
            *left = left.saturating_sub(version.diff.len() as u64);
            version
        }
        _ => versions::without_diff(stored),
    });
    let mut versions: Vec<_> = shown.collect();
    versions.reverse();
    versions
}

/// Has the documents among a chat's files read, if that was not done before.
pub(super) fn prepare_chat(
    installation: &Installation,
    chat: ChatId,
    whose: Whose,
    cancel: &CancelToken,
) -> Result<()> {
    let located = installation.storage().read_one(|conn| chat_files::located(conn, chat))?;
    prepare(installation, &located, whose, cancel);
    Ok(())
}

/// The file that came last first, as it matters most.
fn prepare(installation: &Installation, located: &[Located], whose: Whose, cancel: &CancelToken) {
    let uploads = located.iter().rev().filter(|located| located.file.latest_version.is_none());
    let hashes = uploads.filter_map(|located| Some(&*located.bytes.as_ref()?.0));
    installation.extraction().prepare(installation.storage().blobs(), hashes, whose, cancel);
}

/// The names and texts of a chat's files, for a model; at most so many bytes. Where the bytes do not
/// suffice the files named in `first` have them, then those that came last, and of a document there is the
/// beginning. One may be left out. What `documents` knows is told from those, and has no text here.
pub(super) fn for_model(
    conn: &Conn<'_>,
    blobs: &Blobs,
    chat: ChatId,
    mut left: u64,
    first: &[String],
    except: Option<ChatFileId>,
    documents: Option<Asked>,
) -> Result<Vec<(String, FileText)>> {
    let mut located = chat_files::located(conn, chat)?;
    located.retain(|located| Some(located.file.id) != except);
    if located.is_empty() {
        return Ok(Vec::new());
    }
    let documents = documents.map(|asked| asked.files(conn)).transpose()?.unwrap_or_default();
    let is_document =
        |file: &ChatFile| documents.iter().any(|document| Some(document.file_id) == file.file_id);
    let mut texts: Vec<_> =
        located.iter().map(|Located { file, .. }| (file.filename.clone(), FileText::default())).collect();
    let is_first = |located: &Located| first.contains(&located.file.filename);
    let newest_first = || located.iter().enumerate().rev();
    let (before, after) =
        (newest_first().filter(|(_, it)| is_first(it)), newest_first().filter(|(_, it)| !is_first(it)));
    for (at, Located { file, bytes, .. }) in before.chain(after) {
        // One at a time: all texts of a chat may be more than the memory there is.
        texts[at].1 = match file.latest_version {
            Some(_) => chat_file_versions::newest_text(conn, file.id, left)?
                .map_or_else(FileText::default, |content| take(content, &mut left)),
            None if is_document(file) => FileText { text: None, note: Some(AMONG_DOCUMENTS.to_owned()) },
            None => upload_text(blobs, &file.filename, bytes.clone(), &mut left),
        };
    }
    Ok(texts)
}

/// The text, if as many bytes are left.
fn take(text: String, left: &mut u64) -> FileText {
    let rest = left.checked_sub(text.len() as u64);
    *left = rest.unwrap_or(*left);
    FileText { text: rest.map(|_| text), note: None }
}

/// What a document says, as far as bytes are left.
fn take_beginning(document: FileText, left: &mut u64) -> FileText {
    let FileText { text: Some(mut text), mut note } = document else { return document };
    let room = usize::try_from(*left).unwrap_or(usize::MAX);
    if text.len() > room {
        text.truncate(text.floor_char_boundary(room));
        note = Some("Only the beginning of its text has room here.".to_owned());
    }
    *left -= text.len() as u64;
    FileText { text: Some(text).filter(|text| !text.is_empty()), note }
}

/// The text of uploaded bytes, if they have one and as many are left. What cannot be read has none: the rest
/// of the chat is worth showing all the same.
fn upload_text(blobs: &Blobs, filename: &str, bytes: Option<(String, u64)>, left: &mut u64) -> FileText {
    let Some((sha256, size)) = bytes else { return FileText::default() };
    if let Some(document) = extraction::kept(blobs, &sha256) {
        return take_beginning(document, left);
    }
    if size > *left || FileKind::of(filename).kind == "image" {
        return FileText::default();
    }
    let Ok(mut bytes) = blobs.open(&sha256) else { return FileText::default() };
    // What a document consists of is no text, also where it could be shown.
    if extraction::is_document(&mut bytes) {
        return FileText::default();
    }
    let text = files::text_of(&mut bytes.take(size)).ok().flatten();
    text.map_or_else(FileText::default, |text| take(text, left))
}
