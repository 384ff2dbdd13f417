//! What the files of a chat say, all at once: for clients that show a chat, and for models that answer in it.

use std::{collections::HashMap, io::Read as _};

use super::{
    chat_files::{ChatFiles, READ},
    chats, files, versions,
};
use crate::{
    base::{
        error::Result,
        id::{ChatFileId, ChatId},
    },
    entity::chat_file::ChatFileContent,
    repo::{
        self,
        chat_file_versions::{self, Stored},
        chat_files::{self, Located},
    },
    storage::{Conn, blob::Blobs},
    text::file_kind::FileKind,
};

/// Bytes of text that a client is shown of the files of one chat at once.
const SHOWN_BYTES: u64 = 8 << 20;

impl ChatFiles<'_> {
    /// All files of a chat with their texts and versions, oldest file first. Beyond 8 MiB of text in all,
    /// uploads come without theirs.
    ///
    /// Costs three statements, and a file to open for each upload that is text.
    ///
    /// # Errors
    /// `NotFound` for the chat.
    pub fn contents(&self, chat: ChatId) -> Result<Vec<ChatFileContent>> {
        let scope = self.actor.scope(READ)?;
        let storage = self.installation.storage();
        storage.read(|conn| {
            repo::chats::find(conn, scope, chat)?.ok_or_else(|| chats::not_found(chat))?;
            let mut left = SHOWN_BYTES;
            let mut stored = chat_file_versions::of_chat(conn, chat)?.into_iter().peekable();
            let mut contents = Vec::new();
            for Located { file, bytes } in chat_files::located(conn, chat)? {
                let mut own = Vec::new();
                while let Some(version) = stored.next_if(|version| version.chat_file_id == file.id) {
                    own.push(version);
                }
                let text = match own.last() {
                    Some(newest) => Some(newest.content.clone()),
                    None => upload_text(storage.blobs(), &file.filename, bytes, &mut left),
                };
                let updated_at = own.last().map_or(file.created_at, |newest| newest.timestamp);
                let newest = text.as_deref().unwrap_or_default();
                let versions = own.into_iter().map(|stored| versions::shown(stored, newest)).collect();
                contents.push(ChatFileContent { file, text, updated_at, versions });
            }
            Ok(contents)
        })
    }
}

/// The names and texts of a chat's files, for a model; at most so many bytes. Where the bytes do not
/// suffice the files named in `first` have them, then those that came last. One may
/// be left out.
pub(super) fn for_model(
    conn: &Conn<'_>,
    blobs: &Blobs,
    chat: ChatId,
    mut left: u64,
    first: &[String],
    except: Option<ChatFileId>,
) -> Result<Vec<(String, Option<String>)>> {
    let mut located = chat_files::located(conn, chat)?;
    located.retain(|located| Some(located.file.id) != except);
    if located.is_empty() {
        return Ok(Vec::new());
    }
    let written = chat_file_versions::newest_of_chat(conn, chat)?;
    let mut written: HashMap<_, _> =
        written.into_iter().map(|Stored { chat_file_id, content, .. }| (chat_file_id, content)).collect();
    let mut texts: Vec<_> =
        located.iter().map(|Located { file, .. }| (file.filename.clone(), None)).collect();
    let is_first = |located: &Located| first.contains(&located.file.filename);
    let newest_first = || located.iter().enumerate().rev();
    let (before, after) =
        (newest_first().filter(|(_, it)| is_first(it)), newest_first().filter(|(_, it)| !is_first(it)));
    for (at, Located { file, bytes }) in before.chain(after) {
        texts[at].1 = match written.remove(&file.id) {
            Some(content) => take(content, &mut left),
            None => upload_text(blobs, &file.filename, bytes.clone(), &mut left),
        };
    }
    Ok(texts)
}

/// The text, if as many bytes are left.
fn take(text: String, left: &mut u64) -> Option<String> {
    *left = left.checked_sub(text.len() as u64)?;
    Some(text)
}

/// The text of uploaded bytes, if they are that and as many are left. What cannot be read has none: the rest
/// of the chat is worth showing all the same.
fn upload_text(
    blobs: &Blobs,
    filename: &str,
    bytes: Option<(String, u64)>,
    left: &mut u64,
) -> Option<String> {
    let (sha256, size) = bytes?;
    if size > *left || FileKind::of(filename).kind == "image" {
        return None;
    }
    let mut bytes = blobs.open(&sha256).ok()?.take(size);
    take(files::text_of(&mut bytes).ok()??, left)
}
