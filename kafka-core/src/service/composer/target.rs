//! Which file is changed.

use crate::{
    base::{
        actor::Scope,
        error::{Error, ErrorKind, Result},
        id::ChatId,
    },
    entity::chat_file::ChatFile,
    repo::{
        chat_file_versions::{self, Stored},
        chat_files,
    },
    storage::Conn,
};

/// A file with versions, and the newest of them.
pub(super) struct Target {
    pub(super) file: ChatFile,
    pub(super) newest: Stored,
}

/// The one of this name.
pub(super) fn named(conn: &Conn<'_>, chat: ChatId, name: &str) -> Result<Target> {
    find(conn, chat, name)?.ok_or_else(|| {
        let sentence = format!(
            "The chat has no file {name} with versions; name one that it has, or none for the one that was changed \
             last."
        );
        Error::new(ErrorKind::NotFound, "chat_file_not_found", sentence)
    })
}

/// The one of this name, if there is one.
pub(super) fn find(conn: &Conn<'_>, chat: ChatId, name: &str) -> Result<Option<Target>> {
    let Some(file) = chat_files::named(conn, chat, name)? else { return Ok(None) };
    let newest = chat_file_versions::newest(conn, file.id)?;
    Ok(newest.map(|newest| Target { file, newest }))
}

/// The one that was changed last.
pub(super) fn changed_last(conn: &Conn<'_>, chat: ChatId) -> Result<Target> {
    let newest = chat_file_versions::changed_last(conn, chat)?;
    let file = newest.as_ref().map(|newest| chat_files::find(conn, Scope::Operator, newest.chat_file_id));
    let found = file.transpose()?.flatten().zip(newest);
    found.map(|(file, newest)| Target { file, newest }).ok_or_else(|| {
        let sentence =
            "The prompt asks for a change, but the chat has no file with versions; ask for a new file first.";
        Error::new(ErrorKind::NotFound, "no_file_to_edit", sentence)
    })
}

/// The one that was looked at before, as it is now.
pub(super) fn again(conn: &Conn<'_>, file: &ChatFile) -> Result<Target> {
    let there = chat_files::find(conn, Scope::Operator, file.id)?;
    let target = there.zip(chat_file_versions::newest(conn, file.id)?);
    target.map(|(file, newest)| Target { file, newest }).ok_or_else(|| gone(&file.filename))
}

/// That a file is not there any more.
pub(super) fn gone(name: &str) -> Error {
    let sentence = format!("The file {name} was deleted while the model worked on it.");
    Error::new(ErrorKind::Conflict, "file_gone", sentence)
}

/// Whether the chat has bytes of this name that were uploaded as they are.
pub(super) fn is_upload(conn: &Conn<'_>, chat: ChatId, name: &str) -> Result<bool> {
    Ok(chat_files::located(conn, chat)?.iter().any(|located| located.file.filename == name))
}
