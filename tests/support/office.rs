//! Office files that tests make themselves (ECMA-376): archives of XML.

use std::io::{Cursor, Write as _};

use zip::{ZipWriter, write::SimpleFileOptions};

/// An archive of these parts.
pub(crate) fn archive<N: AsRef<str>, P: AsRef<[u8]>>(parts: impl IntoIterator<Item = (N, P)>) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, part) in parts {
        archive.start_file(name.as_ref(), SimpleFileOptions::default()).unwrap();
        archive.write_all(part.as_ref()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A document of a word processor with this body.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    docx_of(&format!("<w:document><w:body>{body}</w:body></w:document>"))
}

/// One with this part for its text.
pub(crate) fn docx_of(document: &str) -> Vec<u8> {
    archive([("[Content_Types].xml", "<Types/>"), ("word/document.xml", document)])
}

/// A paragraph that says this.
pub(crate) fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>")
}

/// What a cell of a workbook says that names the first of the texts that cells share.
pub(crate) const SHARED: &str = "The castle has many rooms, and each of them has a door and a window.";

/// A workbook of so many sheets with these rows.
pub(crate) fn xlsx(sheets: usize, rows: &str) -> Vec<u8> {
    let each = |of: fn(usize) -> String| (1..=sheets).map(of).collect::<String>();
    let workbook = each(|number| format!("<sheet name=\"S{number}\" r:id=\"r{number}\"/>"));
    let relations =
        each(|number| format!("<Relationship Id=\"r{number}\" Target=\"worksheets/s{number}.xml\"/>"));
    let parts = [
        ("[Content_Types].xml".to_owned(), "<Types/>".to_owned()),
        ("xl/workbook.xml".to_owned(), format!("<workbook><sheets>{workbook}</sheets></workbook>")),
        ("xl/sharedStrings.xml".to_owned(), format!("<sst><si><t>{SHARED}</t></si></sst>")),
        ("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{relations}</Relationships>")),
    ];
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let sheets = (1..=sheets).map(|number| (format!("xl/worksheets/s{number}.xml"), sheet.clone()));
    archive(parts.into_iter().chain(sheets))
}

/// A row with one cell that says this.
pub(crate) fn row(text: &str) -> String {
    format!("<row><c t=\"inlineStr\"><is><t>{text}</t></is></c></row>")
}

/// The same archive with each part marked as encrypted.
pub(crate) fn locked(mut archive: Vec<u8>) -> Vec<u8> {
    for (mark, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let places: Vec<usize> =
            archive.windows(4).enumerate().filter(|(_, word)| word == mark).map(|(at, _)| at).collect();
        places.into_iter().for_each(|at| archive[at + flags] |= 1);
    }
    archive
}

/// What Office makes of a document with a password, or wrote before 2007: a container with streams of these names.
pub(crate) fn container(streams: &[&str]) -> Vec<u8> {
    let mut bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    bytes.resize(1536, 0);
    for stream in streams {
        bytes.extend(stream.encode_utf16().flat_map(u16::to_le_bytes));
        bytes.resize(bytes.len().next_multiple_of(128), 0);
    }
    bytes
}
