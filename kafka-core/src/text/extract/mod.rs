//! The text of documents that are no text themselves. Formats are complicated and come from strangers, so what
//! reads them runs in a process of its own; see [`Extractor`](crate::Extractor).

#[cfg(feature = "extraction")]
mod pdf;

/// Which generation of texts this program makes. It is raised when one of a document becomes another, so that
/// those that were kept are made anew.
pub(crate) const GENERATION: u32 = 1;
/// As much of a file tells whether it is a document.
pub(crate) const HEAD_BYTES: usize = 1024;

/// What a file is that has text but is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Pdf,
}

impl Format {
    /// By the first [`HEAD_BYTES`]: names are not to be trusted.
    pub(crate) fn of(head: &[u8]) -> Option<Format> {
        let head = &head[..head.len().min(HEAD_BYTES)];
        // Mail and other programs put something before the header, and readers look for it (ISO 32000-1 annex H).
        head.windows(5).any(|word| word == b"%PDF-").then_some(Format::Pdf)
    }
}

/// The text of a document, of which PDF is known: page by page, without pictures. May be longer than
/// `enough_bytes` by that of one page; what comes behind is not looked at.
///
/// A document may be made to take much time and memory, and what reads it may panic: this is meant for a process
/// of its own whose time and memory are limited. `kafka-http` has such a one.
///
/// # Errors
/// A sentence for people that says why there is no text.
#[cfg(feature = "extraction")]
pub fn extract_text(document: &[u8], enough_bytes: usize) -> Result<String, String> {
    match Format::of(document) {
        Some(Format::Pdf) => pdf::text(document, enough_bytes).map_err(str::to_owned),
        None => Err("The file is no document of a format that is known here.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_known_by_its_bytes() {
        let far = [&[b' '; HEAD_BYTES - 4], &b"%PDF-1.7"[..]].concat();
        for (bytes, format) in [
            (&b"%PDF-1.4\n"[..], Some(Format::Pdf)),
            (b"From: K.\n\n%PDF-2.0", Some(Format::Pdf)),
            (b"%PDF", None),
            (b"report.pdf", None),
            (b"", None),
            (&far, None),
        ] {
            assert_eq!(Format::of(bytes), format, "{bytes:?}");
        }
    }
}
