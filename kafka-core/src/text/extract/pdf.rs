//! The text of PDFs.

use lopdf::{Document, Error, LoadOptions, Object, ObjectId, dictionary, xref::XrefRecovery};

use super::error::{DAMAGED_PDF, ENCRYPTED_PDF, ExtractError, WORDLESS_PDF};

/// Most bytes that one stream of a document may decompress to. Contents of pages that are longer are drawings.
const STREAM_BYTES: usize = 64 << 20;

/// The text of its pages, each after an empty line.
pub(super) fn text(document: &[u8], enough_bytes: usize) -> Result<String, ExtractError> {
    // One whose password is empty, as where only printing is forbidden, is opened.
    let options = LoadOptions::with_max_decompressed_size(STREAM_BYTES);
    let mut document = Document::load_mem_with_options(document, options).map_err(|error| reason(&error))?;
    if document.trailer.has(b"Encrypt") && document.encryption_state.is_none() {
        return Err(ENCRYPTED_PDF);
    }
    let (mut text, mut is_damaged) = (String::new(), document.xref_recovery.is_some());
    let pages: Vec<ObjectId> = document.page_iter().collect();
    // A part of a document is not taken for the whole.
    if is_cut_off(&document, &pages) {
        return Err(DAMAGED_PDF);
    }
    let tree = document.new_object_id();
    if let Ok(catalog) = document.catalog_mut() {
        catalog.set("Pages", tree);
    }
    for page in &pages {
        if text.len() >= enough_bytes {
            break;
        }
        show_alone(&mut document, tree, *page);
        let mut page = String::new();
        for chunk in document.extract_text_chunks_with_limit(&[1], STREAM_BYTES) {
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

/// Whether its end is missing, where the list of its objects is: what could be found of them refers to others.
fn is_cut_off(document: &Document, pages: &[ObjectId]) -> bool {
    let is_there = |id: &ObjectId| document.objects.contains_key(id);
    document.xref_recovery == Some(XrefRecovery::Reconstructed)
        && pages.iter().any(|page| !is_there(page) || !document.get_page_contents(*page).iter().all(is_there))
}

/// Puts another tree of pages into a document, with one page: whoever asks for the text of a page walks through all of
/// them first.
fn show_alone(document: &mut Document, tree: ObjectId, page: ObjectId) {
    let kids = vec![Object::Reference(page)];
    document.set_object(tree, dictionary! { "Type" => "Pages", "Count" => 1, "Kids" => kids });
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
    use lopdf::{Dictionary, EncryptionState, EncryptionVersion, Permissions, Stream};

    use super::*;

    /// A document with these contents of pages.
    fn document(contents: &[&str]) -> Document {
        let mut document = Document::with_version("1.5");
        // It stands at the beginning, where most programs have it.
        let root = document.new_object_id();
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
        document.set_object(root, dictionary! { "Type" => "Catalog", "Pages" => pages });
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

    #[test]
    fn of_one_that_is_cut_off_no_part_is_taken_for_the_whole() {
        let said = "BT /F1 12 Tf (Word) Tj ET";
        let whole = saved(document(&[said; 20]));
        for part in 1..20 {
            match text(&whole[..whole.len() * part / 20], 1000) {
                // Only the list of objects is missing: all of them are there.
                Ok(text) => assert_eq!(text.matches("Word").count(), 20, "{part}"),
                Err(error) => assert_eq!(error, DAMAGED_PDF, "{part}"),
            }
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
