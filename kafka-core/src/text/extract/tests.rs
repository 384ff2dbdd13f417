use std::io::{Cursor, Write as _};

use encoding_rs::Encoding;
use proptest::prelude::*;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;

fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, part) in parts {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(part.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn docx(body: &str) -> Vec<u8> {
    archive(&[
        ("[Content_Types].xml", "<Types/>"),
        (
            "word/styles.xml",
            r#"<w:styles><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style></w:styles>"#,
        ),
        (
            "word/document.xml",
            &format!("<?xml version=\"1.0\"?><w:document><w:body>{body}</w:body></w:document>"),
        ),
    ])
}

fn xlsx(rows: &str) -> Vec<u8> {
    archive(&[
        ("[Content_Types].xml", "<Types/>"),
        (
            "xl/workbook.xml",
            r#"<workbook><sheets><sheet name="Tools &amp; more" sheetId="1" r:id="rId7"/><sheet name="Chart" r:id="x"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="rId7" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>name</t></si><si><r><t>ha</t></r><r><t>cksaw</t></r><rPh><t>x</t></rPh></si></sst>",
        ),
        (
            "xl/styles.xml",
            r#"<styleSheet><numFmts><numFmt numFmtId="170" formatCode="dd\-mm"/><numFmt numFmtId="171" formatCode="0&quot; days&quot;"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs></styleSheet>"#,
        ),
        ("xl/worksheets/sheet1.xml", &format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")),
    ])
}

fn text(name: &str, bytes: &[u8]) -> String {
    extract(name, bytes).unwrap().text
}

fn code(name: &str, bytes: &[u8]) -> &'static str {
    extract(name, bytes).unwrap_err().code
}

fn utf16(text: &str, of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(of).collect()
}

#[test]
fn a_document_is_known_by_its_bytes() {
    let far = [&[b' '; HEAD_BYTES - 4], &b"%PDF-1.7"[..]].concat();
    for (bytes, format) in [
        (&b"%PDF-1.4\n"[..], Some(Format::Pdf)),
        (b"From: K.\n\n%PDF-2.0", Some(Format::Pdf)),
        (b"\xff\xfe\x8d\x00%PDF-1.3\r", Some(Format::Pdf)),
        (b"# Formats\n%PDF-1.7 begins one, and %PDF-2.0 too", None),
        ("Größe: %PDF-1.7\n".as_bytes(), None),
        (b"%PDF", None),
        (b"report.pdf", None),
        (b"", None),
        (&far, None),
        (&docx(""), Some(Format::Office)),
        (&archive(&[("notes.txt", "x")]), None),
        (b"PK\x03\x04", None),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Some(Format::OldOffice)),
    ] {
        assert_eq!(Format::of(bytes), format, "{bytes:?}");
    }
}

#[test]
fn a_text_is_of_the_kind_that_its_name_says() {
    for (name, kind) in [
        ("a.md", TextKind::Markdown),
        ("a.txt", TextKind::Plain),
        ("README", TextKind::Plain),
        ("a.rs", TextKind::Code),
        ("a.json", TextKind::Code),
        ("a.csv", TextKind::Table),
        ("a.tsv", TextKind::Table),
        ("a.html", TextKind::Markdown),
    ] {
        let extracted = Extracted { text: "a\nb".to_owned(), kind };
        let bytes: &[u8] = if name == "a.html" { b"a<br>b" } else { b"a\r\nb" };
        assert_eq!(extract(name, bytes), Ok(extracted), "{name}");
    }
}

#[test]
fn characters_are_those_that_the_bytes_stand_for() {
    for (label, said) in [
        ("utf-8", "Größe, naïve — “words” 東京"),
        ("windows-1252", "Die Größe der Straße hängt vom Gelände ab – sagte “jemand” für 5 €."),
        ("windows-1252", "Le garçon a mangé l’été dernier, à côté de la forêt; ça coûte très cher."),
        ("windows-1250", "Zażółć gęślą jaźń, a potem idź do łóżka: książka leży na półce, więc weź ją."),
        ("windows-1251", "Прилив приходит дважды в день, и вода поднимается на два метра."),
        ("koi8-r", "Прилив приходит дважды в день, и вода поднимается на два метра."),
        ("shift_jis", "潮の満ち引きは、月の引力によって一日に二回おこります。"),
        ("euc-jp", "潮の満ち引きは、月の引力によって一日に二回おこります。"),
        ("euc-kr", "밀물과 썰물은 하루에 두 번씩 일어난다. 달이 바다를 끌어당긴다."),
        ("gbk", "潮水每天涨落两次，这是因为月亮吸引着地球上的海水。"),
    ] {
        let (bytes, ..) = Encoding::for_label(label.as_bytes()).unwrap().encode(said);
        assert_eq!(text("a.txt", &bytes), said, "{label}");
    }
    assert_eq!(text("a.txt", &utf16("Grüße\n", u16::to_le_bytes)), "Grüße\n");
    assert_eq!(text("a.txt", &utf16("Grüße\n", u16::to_be_bytes)), "Grüße\n");
    for (name, bytes, said) in [
        // What the first 64 KiB do not show.
        ("a.txt", [&[b' '; 100_000][..], b"a caf\xe9teria"].concat(), "a caféteria"),
        // Of a damaged text the rest is read.
        ("a.txt", ["ä".repeat(1000).as_bytes(), b"\xff!"].concat(), "ä\u{fffd}!"),
        ("a.txt", [&[b'a'; 1000][..], b"\x81!"].concat(), "a\u{fffd}!"),
        ("a.txt", b"Gr\xc3\xb6\xc3\x9fe, caf\xc3".to_vec(), "Größe, caf\u{fffd}"),
        ("a.txt", b"\xff\xfeG\0r\0\xfc\0n\0.".to_vec(), "Grün\u{fffd}"),
        // Zeros are of a disk, or of UTF-16.
        ("a.log", b"Hello, castle!\0\nCome.\n".to_vec(), "Hello, castle!\nCome."),
        (
            "a.txt",
            utf16("潮の満ち引きは、月の力によっておこります。\n", u16::to_be_bytes),
            "潮の満ち引きは、月の力によっておこります。",
        ),
        (
            "a.txt",
            utf16("Вода поднимается на два метра.\n", u16::to_le_bytes),
            "Вода поднимается на два метра.",
        ),
        // What a page declares is not always so.
        ("a.html", b"<meta charset=utf-8>caf\xe9".to_vec(), "café"),
    ] {
        let found = text(name, &bytes);
        assert!(found.trim().ends_with(said), "{said}: {:?}", &found[found.len().saturating_sub(60)..]);
    }
    let declared = "<meta charset=\"windows-1253\"><p>Καλημέρα";
    let (bytes, ..) = encoding_rs::WINDOWS_1253.encode(declared);
    assert_eq!(text("a.html", &bytes), "Καλημέρα");
}

#[test]
fn what_is_no_text_is_refused_with_a_code_and_a_sentence() {
    let truncated = docx("<w:p><w:r><w:t>x</w:t></w:r></w:p>");
    let old = |mark: &str| -> Vec<u8> {
        let mark = mark.encode_utf16().flat_map(u16::to_le_bytes);
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".iter().copied().chain(mark).collect()
    };
    for (name, bytes, code) in [
        ("a.txt", &b""[..], "empty"),
        ("a.txt", b" \n\t", "no_text"),
        ("a.html", b"<script>f()</script>", "no_text"),
        ("a.docx", &docx(""), "no_text"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not_text"),
        ("a.md", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0", "not_text"),
        ("a.txt", b"\x01\x02\x03\x04\x05 binary \x06\x07", "not_text"),
        ("a.txt", b"\x81\x8d\x8f\x90 \x9d and more", "unknown_charset"),
        ("a.html", b"<meta charset=utf-8>\x81\x8d\x8f\x90 \x9d and", "unknown_charset"),
        ("a.csv", b"\x8f\x01\x90\x02\x9d\x03\x81 program", "not_text"),
        ("a.csv", b"\x8f\x91\x90\x92\0\xff\x94\x95", "not_text"),
        ("a.xlsx", &xlsx(""), "no_text"),
        ("a.pdf", b"<html>an error of a server", "wrong_extension"),
        ("a.docx", b"%!PS", "wrong_extension"),
        ("a.xlsx", &archive(&[("a.txt", "")]), "wrong_extension"),
        ("a.docx", &truncated[..truncated.len() - 30], "damaged"),
        ("a.docx", &docx("<w:p>"), "damaged"),
        ("a.docx", &archive(&[("[Content_Types].xml", ""), ("ppt/presentation.xml", "")]), "unsupported"),
        ("a.docx", &old("EncryptedPackage"), "encrypted"),
        ("a.doc", &old("WordDocument"), "old_format"),
        ("a.pdf", b"%PDF-1.7", "damaged"),
    ] {
        let error = extract(name, bytes).unwrap_err();
        assert_eq!(error.code, code, "{name}, {bytes:?}");
        assert!(error.sentence.ends_with('.') && error.to_string() == error.sentence);
    }
    // A document is read whatever it is called.
    assert_eq!(text("a.pdf", &docx("<w:p><w:r><w:t>Words</w:t></w:r></w:p>")), "Words");
}

#[test]
fn a_document_that_unpacks_to_very_much_is_refused() {
    let bomb = docx(&" ".repeat(100 << 20));
    assert!(bomb.len() < 1 << 20);
    assert_eq!(code("a.docx", &bomb), "too_large");
}

#[test]
fn a_document_of_words_becomes_markdown() {
    let said = |text: &str| format!("<w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r>");
    let body = [
        "<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr>",
        &said("The "),
        &said("castle &amp; its &#x6b;eeper"),
        "</w:p><w:p><w:pPr><w:pStyle w:val=\"berschrift2\"/></w:pPr>",
        &said("Rooms"),
        "</w:p><w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r>",
        &said("One"),
        "<w:r><w:br/></w:r>",
        &said("# two"),
        "</w:p><mc:AlternateContent><mc:Choice><w:p>",
        &said("Box"),
        "</w:p></mc:Choice><mc:Fallback><w:p>",
        &said("Box"),
        "</w:p></mc:Fallback></mc:AlternateContent><w:p><w:pPr><w:numPr/></w:pPr>",
        &said("first"),
        "</w:p><w:tbl><w:tr><w:tc><w:p>",
        &said("name"),
        "</w:p></w:tc><w:tc><w:p>",
        &said("a|b"),
        "</w:p></w:tc></w:tr><w:tr><w:tc><w:p>",
        &said("saw"),
        "</w:p><w:p>",
        &said("new"),
        "</w:p></w:tc></w:tr></w:tbl><w:p>",
        &said("End"),
        "</w:p>",
    ]
    .concat();
    let expected = "# The castle & its keeper\n\n## Rooms\n\nOne\n\\# two\n\nBox\n\n- first\n\n\
                    | name | a\\|b |\n|---|---|\n| saw new |\n\nEnd";
    assert_eq!(text("a.docx", &docx(&body)), expected);
}

#[test]
fn a_workbook_becomes_a_table_a_sheet() {
    let rows = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>made</t></is></c></row>
        <row r="2"/><row r="3"><c r="A3" t="s"><v>1</v></c><c r="B3" s="3"><v>45000</v></c><c r="C3" s="1"><v>45000</v></c>
        <c r="D3" s="2"><v>45000.5</v></c><c t="b"><v>1</v></c><c t="s"><v>99</v></c><c r="ZZZ3"><v>7</v></c></row>"#;
    let expected = "# Tools & more\n\n| name |  | made |\n|---|---|---|\n\
                    | hacksaw | 45000 | 2023-03-15 | 2023-03-15T12:00:00 | TRUE |";
    assert_eq!(text("a.xlsx", &xlsx(rows)), expected);
}

#[test]
fn a_page_says_what_is_seen_of_it() {
    for (page, expected) in [
        ("<title>Salt</title><p>One <b>wo</b>rd", "# Salt\n\nOne word"),
        ("<title>Salt</title><h1>Mine</h1>x", "# Mine\n\nx"),
        ("a<p>b<p>c<br>d<hr>e", "a\n\nb\n\nc\nd\n\ne"),
        ("<h2>A &amp; B&nbsp;&eacute;</h2><ul><li>x<li><p>y</p></ul>z", "## A & B é\n\n- x\n\n- y\n\nz"),
        ("<h3></h3><p>after", "after"),
        ("<style>p{}</style><script>'<p>'</script><svg><text>x</text></svg>a<!-- b -->c", "ac"),
        (
            "<table><tr><th>a<th>b<tr><td>1|<td><p>2</p><p>3</p></table>after",
            "| a | b |\n|---|---|\n| 1\\| | 2 3 |\n\nafter",
        ),
        ("<pre>\n  x\n    y ```\n</pre>z", "````\n  x\n    y ```\n````\n\nz"),
        ("<p># no heading", "\\# no heading"),
        ("<p>open <b", "open"),
        ("<script>'<!--'</script>after", "after"),
        ("<script>never closed", ""),
        ("a\0b", "ab"),
    ] {
        assert_eq!(html::text(page, 1000), expected, "{page}");
    }
    assert!(html::text(&"<p>word".repeat(1000), 50).len() < 60);
}

/// None of them is deeper than a list: there are no trees.
#[test]
fn depth_costs_nothing() {
    let depth = 100_000;
    assert_eq!(text("a.html", format!("{}x", "<div>".repeat(depth)).as_bytes()), "x");
    assert_eq!(text("a.html", format!("{}x", "<table><tr><td>".repeat(depth)).as_bytes()), "| x |\n|---|");
    let body = format!("{}<w:t>x</w:t>{}", "<w:tbl>".repeat(depth), "</w:tbl>".repeat(depth));
    assert_eq!(text("a.docx", &docx(&body)), "x");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_have_a_text_or_a_reason(bytes: Vec<u8>, name in "a\\.(txt|html|md|csv|rs|docx|xlsx)") {
        match extract(&name, &bytes) {
            Ok(extracted) => prop_assert!(!extracted.text.trim().is_empty() && !extracted.text.contains('\0')),
            Err(error) => prop_assert!(!error.code.is_empty()),
        }
    }

    /// The readers of archives and XML are also protected by a process of their own; they had better not need it.
    #[test]
    fn changed_documents_have_a_text_or_a_reason(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), is_sheet: bool,
    ) {
        let mut bytes = if is_sheet {
            xlsx("<row><c t=\"s\"><v>0</v></c></row>")
        } else {
            docx("<w:p><w:r><w:t>Words</w:t></w:r></w:p>")
        };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = extract("a.docx", &bytes);
    }

    #[test]
    fn any_page_becomes_text(page in "(</?(p|h1|table|tr|td|pre|li|script|title|svg)>|[a-z#|` \n&;<\"]{0,9}|\\PC){0,40}") {
        let said = html::text(&page, 10_000);
        prop_assert_eq!(said.trim(), &said);
    }
}

#[test]
fn what_has_to_be_read_is_told_by_what_it_is() {
    let of_word = docx("<w:p/>");
    for (name, bytes, needs) in [
        ("a.pdf", &b"%PDF-1.7\n"[..], true),
        ("a.txt", b"%PDF-1.7\n", true),
        ("a.pdf", b"no PDF", false),
        ("a.docx", &of_word, true),
        ("a", &of_word, true),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", false),
        ("a.html", b"\xef\xbb\xbf \n<!DocType HTML>", true),
        ("a.htm", b"<html lang=\"en\">", true),
        ("a.txt", b"<html>", false),
        ("a.html", b"<div>{{ name }}</div>", false),
        ("a.html", b"", false),
        ("a.md", b"# A", false),
        ("a.based", b"loop:", false),
    ] {
        assert_eq!(needs_reading(name, bytes), needs, "{name}: {bytes:?}");
    }
}
