//! Office files: archives whose parts are XML.

use std::io::{Cursor, Read as _};

use zip::{ZipArchive, result::ZipError};

use super::{
    charset,
    error::{BLANK, DAMAGED, ENCRYPTED, ExtractError, OLD_FORMAT, TOO_LARGE, UNSUPPORTED},
    sheet, word,
};

/// Most bytes that the parts of an archive may unpack to together. Long books are a few megabytes, tables of a million cells
/// some fifty.
const PART_BYTES: u64 = 64 << 20;

/// What one says, as Markdown.
pub(super) fn text(document: &[u8], enough_bytes: usize) -> Result<String, ExtractError> {
    let mut parts = Parts::of(document)?;
    let text = if parts.has(word::MAIN) {
        word::text(&mut parts, enough_bytes)?
    } else if parts.has(sheet::MAIN) {
        sheet::text(&mut parts, enough_bytes)?
    } else {
        return Err(UNSUPPORTED);
    };
    if text.is_empty() { Err(BLANK) } else { Ok(text) }
}

/// Why a document of the old form is not read. Those with a password have it whatever they hold.
pub(super) fn reason(document: &[u8]) -> ExtractError {
    let mark: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    if document.windows(mark.len()).any(|window| window == mark) { ENCRYPTED } else { OLD_FORMAT }
}

/// The parts of an archive by their names. Nothing of it reaches a disk.
pub(super) struct Parts<'d> {
    archive: ZipArchive<Cursor<&'d [u8]>>,
    left: u64,
}

impl<'d> Parts<'d> {
    fn of(document: &'d [u8]) -> Result<Parts<'d>, ExtractError> {
        let archive = ZipArchive::new(Cursor::new(document)).map_err(|_| DAMAGED)?;
        Ok(Parts { archive, left: PART_BYTES })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.archive.index_for_name(name).is_some()
    }

    /// A part that has to be there.
    pub(super) fn part(&mut self, name: &str) -> Result<String, ExtractError> {
        let part = self.archive.by_name(name).map_err(|error| match error {
            ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => ENCRYPTED,
            _ => DAMAGED,
        })?;
        let mut bytes = Vec::new();
        // What a header says of the length may be a lie.
        part.take(self.left + 1).read_to_end(&mut bytes).map_err(|_| DAMAGED)?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(TOO_LARGE)?;
        charset::decode(&bytes, true).map_err(|_| DAMAGED)
    }

    /// A part that may be missing.
    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, ExtractError> {
        self.has(name).then(|| self.part(name)).transpose()
    }
}
