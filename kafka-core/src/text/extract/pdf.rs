//! The text of PDFs.

use lopdf::{Document, Error, LoadOptions};

use super::error::{DAMAGED_PDF, ENCRYPTED_PDF, ExtractError, WORDLESS_PDF};

/// Most bytes that one stream of a document may decompress to. Contents of pages that are longer are drawings.
const STREAM_BYTES: usize = 64 << 20;

/// The text of its pages, each after an empty line.
pub(super) fn text(document: &[u8], enough_bytes: usize) -> Result<String, ExtractError> {
    // One whose password is empty, as where only printing is forbidden, is opened.
    let options = LoadOptions::with_max_decompressed_size(STREAM_BYTES);
    let document = Document::load_mem_with_options(document, options).map_err(|error| reason(&error))?;
    if document.trailer.has(b"Encrypt") && document.encryption_state.is_none() {
        return Err(ENCRYPTED_PDF);
    }
    let (mut text, mut is_damaged) = (String::new(), document.xref_recovery.is_some());
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
        true if is_damaged || pages.is_empty() => Err(DAMAGED_PDF),
        true => Err(WORDLESS_PDF),
        false => Ok(text),
    }
}

fn reason(error: &Error) -> ExtractError {
    match error {
        Error::InvalidPassword | Error::Decryption(_) => ENCRYPTED_PDF,
        _ => DAMAGED_PDF,
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

#[cfg(test)]
mod tests {
    use lopdf::{Dictionary, EncryptionState, EncryptionVersion, Object, Permissions, Stream, dictionary};

    use super::*;

    /// A document with these contents of pages.
    fn document(contents: &[&str]) -> Document {
        let mut document = Document::with_version("1.5");
        let (pages, font) = (
            document.new_object_id(),
            dictionary! {
                "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
            },
        );
        let font = document.add_object(font);
        let kids: Vec<Object> = contents
            .iter()
            .map(|content| {
                let content =
                    document.add_object(Stream::new(Dictionary::new(), content.as_bytes().to_vec()));
                let resources = dictionary! { "Font" => dictionary! { "F1" => font } };
                let page = dictionary! {
                    "Type" => "Page", "Parent" => pages, "Contents" => content, "Resources" => resources,
                };
                document.add_object(page).into()
            })
            .collect();
        let tree = dictionary! { "Type" => "Pages", "Count" => kids.len() as i64, "Kids" => kids };
        document.set_object(pages, tree);
        let root = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
        document.trailer.set("Root", root);
        let id = Object::string_literal(b"0123456789abcdef".to_vec());
        document.trailer.set("ID", vec![id.clone(), id]);
        document
    }

    fn saved(mut document: Document) -> Vec<u8> {
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn pages_are_read_until_there_is_enough() {
        let pages =
            ["BT /F1 12 Tf (One) Tj ET", "", "BT /F1 12 Tf (Two) Tj ET", "BT /F1 12 Tf (Three) Tj ET"];
        let document = saved(document(&pages));
        for (enough, expected) in [(1000, "One\n\nTwo\n\nThree"), (4, "One\n\nTwo"), (1, "One")] {
            assert_eq!(text(&document, enough).as_deref(), Ok(expected));
        }
    }

    /// Many documents are encrypted only so that readers forbid to print them.
    #[test]
    fn an_encrypted_document_is_read_if_it_opens_without_a_password() {
        for (password, expected) in [("", Ok("One")), ("secret", Err(ENCRYPTED_PDF))] {
            let mut document = document(&["BT /F1 12 Tf (One) Tj ET"]);
            let version = EncryptionVersion::V2 {
                document: &document,
                owner_password: "owner",
                user_password: password,
                key_length: 128,
                permissions: Permissions::all(),
            };
            let state = EncryptionState::try_from(version).unwrap();
            document.encrypt(&state).unwrap();
            assert_eq!(text(&saved(document), 1000), expected.map(str::to_owned), "{password:?}");
        }
    }

    #[test]
    fn lines_lose_what_no_text_has() {
        let mut text = String::from("One");
        add(&mut text, "\n\0 \n");
        add(&mut text, "\n  Two\0 \nThree \n\n");
        assert_eq!(text, "One\n\n  Two\nThree");
    }
}
