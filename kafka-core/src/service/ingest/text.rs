//! What a document says.

use std::io::Read as _;

use crate::{
    base::{cancel::CancelToken, error::Result, shares::Whose},
    entity::file::FileText,
    repo::documents::ToRead,
    service::{extraction, files, installation::Installation},
    text::chunk::TextKind,
};

/// What came of reading it.
pub(super) enum Outcome {
    Text {
        text: String,
        kind: TextKind,
        /// What is missing of it.
        note: Option<String>,
    },
    /// It has none, for this reason.
    Refused(String),
    /// Nothing is known of it: there was no time, or no process.
    Unknown,
}

pub(super) fn read(installation: &Installation, document: &ToRead, cancel: &CancelToken) -> Result<Outcome> {
    let Some((sha256, size)) = &document.bytes else {
        return Ok(Outcome::Refused("Its file is gone.".to_owned()));
    };
    let blobs = installation.storage().blobs();
    let Ok(mut bytes) = blobs.open(sha256) else {
        return Ok(Outcome::Refused("The bytes of its file are gone; upload it again.".to_owned()));
    };
    if !extraction::is_document(&mut bytes) {
        let text = files::text_of(&mut bytes.take(*size))?;
        return Ok(
            text.map_or_else(|| Outcome::Refused(NO_TEXT.to_owned()), |text| plain(text, installation))
        );
    }
    let whose = Whose::Owner(document.owner);
    if let Some(sentence) = installation.extraction().refusal() {
        return Ok(Outcome::Refused(sentence.to_owned()));
    }
    installation.extraction().prepare(blobs, [&**sha256], whose, cancel);
    Ok(match extraction::kept(blobs, sha256) {
        Some(FileText { text: Some(text), note }) => Outcome::Text { text, kind: TextKind::Plain, note },
        Some(FileText { text: None, note }) => Outcome::Refused(note.unwrap_or_else(|| NO_TEXT.to_owned())),
        None => Outcome::Unknown,
    })
}

const NO_TEXT: &str = "The file is no text, and of no format that can be read here.";

/// A text as it is, or its beginning.
fn plain(mut text: String, installation: &Installation) -> Outcome {
    let most = installation.limits().extracted_bytes;
    let mut note = None;
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        note = Some(format!("Of its text this is the beginning, {} bytes.", text.len()));
    }
    Outcome::Text { text, kind: TextKind::Plain, note }
}
