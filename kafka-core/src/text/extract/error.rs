//! Why there is no text.

use std::fmt;

/// Why a file has no text, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtractError {
    /// A word that stays the same from release to release: `empty`, `not_text`, `unknown_charset`, `wrong_extension`,
    /// `encrypted`, `damaged`, `no_text`, `too_large`, `old_format`, `unsupported` or `not_read`.
    pub code: &'static str,
    /// One sentence that says what is wrong, and what to do about it where something can be done.
    pub sentence: &'static str,
}

impl fmt::Display for ExtractError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.sentence)
    }
}

impl std::error::Error for ExtractError {}

const fn error(code: &'static str, sentence: &'static str) -> ExtractError {
    ExtractError { code, sentence }
}

pub(super) const EMPTY: ExtractError = error("empty", "The file is empty; upload it again.");
pub(super) const NOT_TEXT: ExtractError = error(
    "not_text",
    "The file is no text, and of no format that is read here; upload a PDF, DOCX, XLSX or a text.",
);
pub(super) const UNKNOWN_CHARSET: ExtractError = error(
    "unknown_charset",
    "The characters of the file are not known here; save it as UTF-8 and upload it again.",
);
pub(super) const WRONG_EXTENSION: ExtractError = error(
    "wrong_extension",
    "The file is not of the format that its name says; save it anew and upload it again.",
);
pub(super) const BLANK: ExtractError = error("no_text", "The file has no text; upload one that has some.");
#[cfg(not(feature = "extraction"))]
pub(super) const NOT_READ: ExtractError =
    error("not_read", "Documents of this format are not read here; upload their text.");

#[cfg(feature = "extraction")]
pub(super) const UNSUPPORTED: ExtractError = error(
    "unsupported",
    "The file is no document of a format that is known here; save it as PDF, DOCX or XLSX and upload that.",
);
#[cfg(feature = "extraction")]
pub(super) const ENCRYPTED_PDF: ExtractError =
    error("encrypted", "The PDF is encrypted; take its password away and upload it again.");
#[cfg(feature = "extraction")]
pub(super) const DAMAGED_PDF: ExtractError = error(
    "damaged",
    "The PDF is damaged, or has a form that is not understood here; save it anew and upload it again.",
);
#[cfg(feature = "extraction")]
pub(super) const WORDLESS_PDF: ExtractError = error(
    "no_text",
    "The PDF has no text; its pages may be pictures, such as scans, whose letters must be recognized first.",
);
#[cfg(feature = "extraction")]
pub(super) const ENCRYPTED: ExtractError =
    error("encrypted", "The document is encrypted; take its password away and upload it again.");
#[cfg(feature = "extraction")]
pub(super) const OLD_FORMAT: ExtractError = error(
    "old_format",
    "The document has the form of Office before 2007; save it as DOCX or XLSX and upload that.",
);
#[cfg(feature = "extraction")]
pub(super) const DAMAGED: ExtractError = error(
    "damaged",
    "The document is damaged; open it in the program that it was made with, and save it anew.",
);
#[cfg(feature = "extraction")]
pub(super) const TOO_LARGE: ExtractError =
    error("too_large", "The document unpacks to more than is read here; divide it into smaller ones.");
