//! The text of PDFs.

use lopdf::{Document, Error, LoadOptions};

/// Most bytes that one stream of a document may decompress to. Contents of pages that are longer are drawings.
const STREAM_BYTES: usize = 64 << 20;

/// The text of its pages, each after an empty line.
pub(super) fn text(document: &[u8], enough_bytes: usize) -> Result<String, &'static str> {
    // One whose password is empty, as where only printing is forbidden, is opened.
    let options = LoadOptions::with_max_decompressed_size(STREAM_BYTES);
    let document = Document::load_mem_with_options(document, options).map_err(|error| reason(&error))?;
    if document.is_encrypted() && document.encryption_state.is_none() {
        return Err(ENCRYPTED);
    }
    let (mut text, mut is_damaged) = (String::new(), false);
    let pages = document.get_pages();
    for number in pages.keys() {
        if text.len() >= enough_bytes {
            break;
        }
        let mut page = String::new();
        for chunk in document.extract_text_chunks_with_limit(&[*number], STREAM_BYTES) {
            match chunk {
                Ok(chunk) => page.push_str(&chunk),
                Err(_) => is_damaged = true,
            }
        }
        add(&mut text, &page);
    }
    match text.is_empty() {
        true if is_damaged || pages.is_empty() => Err(DAMAGED),
        true => Err("The PDF has no text; its pages may be pictures, such as scans."),
        false => Ok(text),
    }
}

const ENCRYPTED: &str = "The PDF is encrypted; take its password away and upload it again.";
const DAMAGED: &str = "The PDF is damaged, or has a form that is not understood here.";

fn reason(error: &Error) -> &'static str {
    match error {
        Error::InvalidPassword | Error::Decryption(_) => ENCRYPTED,
        _ => DAMAGED,
    }
}

/// Adds the lines of a page, without the blanks at their ends and without U+0000, which no text has.
fn add(text: &mut String, page: &str) {
    let lines = page.lines().map(|line| line.trim_end().replace('\0', ""));
    let page = lines.collect::<Vec<_>>().join("\n");
    let page = page.trim_matches('\n');
    if page.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(page);
}
