//! The text of files: of texts in their many forms, and of documents that are no text themselves. Formats of documents are
//! complicated and come from strangers, so what reads them runs in a process of its own; see
//! [`Extractor`](crate::Extractor).

mod charset;
mod error;
mod html;
mod markup;
#[cfg(feature = "extraction")]
mod office;
#[cfg(feature = "extraction")]
mod pdf;
#[cfg(feature = "extraction")]
mod sheet;
mod tags;
#[cfg(feature = "extraction")]
mod word;
#[cfg(feature = "extraction")]
mod xml;

pub use error::ExtractError;

use super::file_kind::FileKind;

/// Which generation of texts this program makes. It is raised when one of a document becomes another, so that
/// those that were kept are made anew.
pub(crate) const GENERATION: u32 = 3;
/// As much of a file tells whether it is a document.
pub(crate) const HEAD_BYTES: usize = 1024;
/// Most bytes of text that [`extract`] gives.
const MOST_BYTES: usize = 64 << 20;

/// How a text is made, which tells where to cut it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Headings, lists, tables and code are marked.
    Markdown,
    /// Paragraphs with empty lines between them.
    Plain,
    /// The source of a program, or data in such a form.
    Code,
    /// Rows of cells that a sign separates; the first row names the columns.
    Table,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// Its text, with `\n` between lines and without U+0000.
    pub text: String,
    /// How the text is made: pages of the web and office files become Markdown, PDFs plain text.
    pub kind: TextKind,
}

/// What a file is that has text but is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Pdf,
    /// An archive of XML, as Word, Excel and others have written since 2007.
    Office,
    /// What they wrote before, and write still when there is a password.
    OldOffice,
}

impl Format {
    /// What its text is.
    pub(crate) fn kind(self) -> TextKind {
        if self == Format::Pdf { TextKind::Plain } else { TextKind::Markdown }
    }

    /// By the first [`HEAD_BYTES`]: names are not to be trusted.
    pub(crate) fn of(head: &[u8]) -> Option<Format> {
        let head = &head[..head.len().min(HEAD_BYTES)];
        if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            return Some(Format::OldOffice);
        }
        // The name of an archive's first file, behind the 30 bytes that tell of it.
        if let Some(first) = head.strip_prefix(b"PK\x03\x04").and_then(|rest| rest.get(26..)) {
            let parts =
                [&b"[Content_Types].xml"[..], b"_rels/", b"docProps/", b"word/", b"xl/", b"customXml/"];
            return parts.iter().any(|part| first.starts_with(part)).then_some(Format::Office);
        }
        is_pdf(head).then_some(Format::Pdf)
    }
}

/// Whether a file with this name and these first bytes has a text that only reading it gives: a PDF, an office file, or a
/// page of the web. What is a part of a page, such as a template, is source.
pub(crate) fn needs_reading(name: &str, head: &[u8]) -> bool {
    match Format::of(head) {
        // Nothing reads what was written before 2007.
        Some(format) => format != Format::OldOffice,
        None => FileKind::of(name).media_type == "text/html" && begins_page(head),
    }
}

fn begins_page(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |tag: &[u8]| head.get(..tag.len()).is_some_and(|first| first.eq_ignore_ascii_case(tag));
    begins(b"<!doctype html") || begins(b"<html")
}

/// Mail and other programs put something before the header, and readers look for it (ISO 32000-1 annex H). A text may
/// speak of it, too.
fn is_pdf(head: &[u8]) -> bool {
    let Some(at) = head.windows(5).position(|word| word == b"%PDF-") else { return false };
    let is_text = str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    let begins_line = at == 0 || matches!(head[at - 1], b'\n' | b'\r');
    let version = head[at + 5..].split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
    let is_version = matches!(version.trim_ascii_end(), [b'1' | b'2', b'.', b'0'..=b'9']);
    at == 0 || !is_text || begins_line && is_version
}

/// What a file of this name says.
///
/// PDF, DOCX and XLSX are told by their bytes and need the feature `extraction`. They may be made to take much time and
/// memory, and what reads them may panic: have them read by a process of its own whose time and memory are limited, as an
/// [`Extractor`](crate::Extractor) is. Anything else takes time and memory in proportion to its length: HTML, Markdown, CSV
/// and TSV, source code and plain text, by the name's extension; in UTF-8, UTF-16, what a page declares, or what the bytes
/// are most likely to be.
///
/// # Errors
/// A code and a sentence that say why there is no text.
pub fn extract(name: &str, bytes: &[u8]) -> Result<Extracted, ExtractError> {
    if bytes.is_empty() {
        return Err(error::EMPTY);
    }
    let media_type = FileKind::of(name).media_type;
    if let Some(format) = Format::of(bytes) {
        return document(format, bytes, MOST_BYTES).map(|text| Extracted { text, kind: format.kind() });
    }
    if media_type == "application/pdf" || media_type.starts_with("application/vnd.openxmlformats") {
        return Err(error::WRONG_EXTENSION);
    }
    let is_page = media_type == "text/html";
    let text = charset::decode(bytes, is_page || media_type == "application/xml")?;
    let (text, kind) = match media_type {
        "text/html" => (html::text(&text, MOST_BYTES), TextKind::Markdown),
        "text/markdown" => (text, TextKind::Markdown),
        "text/csv" | "text/tab-separated-values" => (text, TextKind::Table),
        _ if FileKind::of(name).kind == "code" => (text, TextKind::Code),
        _ => (text, TextKind::Plain),
    };
    if text.trim().is_empty() { Err(error::BLANK) } else { Ok(Extracted { text, kind }) }
}

/// The text of a document, of which PDF, DOCX and XLSX are known: page by page, without pictures. May be longer than
/// `enough_bytes` by that of one page; what comes behind is not looked at.
///
/// A document may be made to take much time and memory, and what reads it may panic: this is meant for a process
/// of its own whose time and memory are limited. `kafka-http` has such a one.
///
/// # Errors
/// A code, and a sentence for people that says why there is no text.
#[cfg(feature = "extraction")]
pub fn extract_text(bytes: &[u8], enough_bytes: usize) -> Result<String, ExtractError> {
    let format = Format::of(bytes).ok_or(error::UNSUPPORTED)?;
    document(format, bytes, enough_bytes)
}

#[cfg(feature = "extraction")]
fn document(format: Format, bytes: &[u8], enough_bytes: usize) -> Result<String, ExtractError> {
    match format {
        Format::Pdf => pdf::text(bytes, enough_bytes),
        Format::Office => office::text(bytes, enough_bytes),
        Format::OldOffice => Err(office::reason(bytes)),
    }
}

#[cfg(not(feature = "extraction"))]
fn document(_: Format, _: &[u8], _: usize) -> Result<String, ExtractError> {
    Err(error::NOT_READ)
}

#[cfg(test)]
mod tests;
