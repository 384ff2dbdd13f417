//! What a document says.

use std::io::Read as _;

use crate::{
    base::{cancel::CancelToken, error::Result, shares::Whose},
    entity::file::FileText,
    repo::documents::ToRead,
    service::{extraction, installation::Installation},
    text::extract::{Extracted, Format, TextKind, extract},
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

/// Reads texts in their many forms here, and documents of formats that are complicated in a process of its own.
pub(super) fn read(installation: &Installation, document: &ToRead, cancel: &CancelToken) -> Result<Outcome> {
    let Some((sha256, size)) = &document.bytes else {
        return Ok(Outcome::Refused("Its file is gone.".to_owned()));
    };
    let blobs = installation.storage().blobs();
    let Ok(mut bytes) = blobs.open(sha256) else {
        return Ok(Outcome::Refused("The bytes of its file are gone; upload it again.".to_owned()));
    };
    let Some(format) = extraction::format_of(&mut bytes) else {
        let mut all = Vec::new();
        if bytes.take(*size).read_to_end(&mut all).is_err() {
            return Ok(Outcome::Unknown);
        }
        return Ok(match extract(&document.filename, &all) {
            Ok(extracted) => cut(extracted, installation.limits().extracted_bytes),
            Err(error) => Outcome::Refused(error.sentence.to_owned()),
        });
    };
    if let Some(sentence) = installation.extraction().refusal() {
        return Ok(Outcome::Refused(sentence.to_owned()));
    }
    let kind = if format == Format::Pdf { TextKind::Plain } else { TextKind::Markdown };
    installation.extraction().prepare(blobs, [&**sha256], Whose::Owner(document.owner), cancel);
    Ok(match extraction::kept(blobs, sha256) {
        Some(FileText { text: Some(text), note }) => Outcome::Text { text, kind, note },
        Some(FileText { text: None, note }) => Outcome::Refused(note.unwrap_or_default()),
        None => Outcome::Unknown,
    })
}

/// A text, or its beginning.
fn cut(Extracted { mut text, kind }: Extracted, most: usize) -> Outcome {
    let mut note = None;
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        note = Some(format!("Of its text this is the beginning, {} bytes.", text.len()));
    }
    Outcome::Text { text, kind, note }
}
