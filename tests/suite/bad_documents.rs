//! Documents that are bad, a row of a table each. What they are is read right where their bytes leave no doubt; else the
//! document fails with a sentence that a person understands. Those beside it go on, and of one that failed nothing is kept.

use std::{env, fs, time::Duration};

use encoding_rs::{SHIFT_JIS, WINDOWS_1252};
use kafka_core::{
    Config, DocumentId, DocumentPlace, Extractor, Kafka, NewChat, NewFile, ProcessingStatus, SearchArea,
    SearchRequest,
};
use tempfile::TempDir;

use crate::support::{
    office::{SHARED, archive, container, docx, docx_of, locked, paragraph, row, xlsx},
    pdf::{encrypted_pdf, pdf, pdf_bomb, wordless_pdf},
    process::Binary,
};

const PATIENCE: Duration = Duration::from_secs(120);

/// What has to become of a document: a text that holds this, or a sentence that does.
#[derive(Clone, Copy, Debug)]
enum End {
    Reads(&'static str),
    Fails(&'static str),
}

use End::{Fails, Reads};

/// What is wrong, what the document is called, its bytes, and what has to become of it.
type Case = (&'static str, &'static str, Vec<u8>, End);

const NO_TEXT: End = Fails("no text");
const NOT_READ: End = Fails("of no format that is read here; upload");
const WRONG_NAME: End = Fails("not of the format that its name says; save it anew");
const DAMAGED: End = Fails("is damaged");
const ENCRYPTED: End = Fails("is encrypted; take its password away");
const TOO_MUCH: End = Fails("unpacks to more than is read here; divide it");

/// Uploads them all into one chat, between two good ones, and holds what came of each against the table.
fn check(cases: Vec<Case>) {
    let directory = TempDir::new().unwrap();
    let database = directory.path().join("kafka.db");
    let mut config = Config::file(&database);
    let program = Binary::kafka().path().to_owned();
    config.extractor = Some(Extractor { program, args: vec!["extract".into()] });
    let kafka = Kafka::open(config).unwrap();
    let operator = kafka.operator();
    let chat = kafka.chats(&operator).create(NewChat::default()).unwrap();
    let documents = kafka.documents(&operator);
    let good = |bytes: &[u8]| ("good", "good.txt", bytes.to_vec(), Reads("lighthouse"));
    let cases: Vec<Case> =
        [good(b"The lighthouse.")].into_iter().chain(cases).chain([good(b"A lighthouse.")]).collect();
    let ids: Vec<DocumentId> = cases
        .iter()
        .map(|(_, name, bytes, _)| {
            let place = DocumentPlace::Chat(chat.id);
            documents.upload(place, NewFile::named(*name), &mut &bytes[..]).unwrap().id
        })
        .collect();
    let mut is_as_told = true;
    let mut completed = Vec::new();
    for ((what, name, _, end), id) in cases.iter().zip(&ids) {
        let document = documents.wait(*id, PATIENCE, |_| ()).unwrap();
        let said = match document.processing_status {
            ProcessingStatus::Completed => {
                completed.push(*id);
                documents.passage(*id, 0, None).unwrap().text
            }
            ProcessingStatus::Failed => document.error_message.clone().unwrap(),
            status => panic!("{what}, {name}: {status:?}"),
        };
        let is_right = match (end, document.processing_status) {
            (Reads(text), ProcessingStatus::Completed) => said.contains(text) && !said.contains('\0'),
            (Fails(why), ProcessingStatus::Failed) => said.contains(why) && is_sentence(&said),
            _ => false,
        };
        if !is_right {
            is_as_told = false;
            let shown: String = said.chars().take(200).collect();
            eprintln!("{what}, {name}: {end:?}, but {:?}: {shown:?}", document.processing_status);
        }
    }
    assert!(is_as_told, "see above");
    // Of those that failed nothing is kept but that they failed, and no work is left.
    let sql = rusqlite::Connection::open(&database).unwrap();
    let count = |statement: &str| sql.query_row(statement, [], |row| row.get::<_, i64>(0)).unwrap();
    let halves = "SELECT COUNT(*) FROM documents d WHERE d.processing_status <> 'completed' AND (\
        d.content_hash IS NOT NULL OR d.outline IS NOT NULL OR d.chunk_count > 0 OR d.tokens_used > 0 \
        OR EXISTS (SELECT 1 FROM document_texts t WHERE t.document_number = d.number) \
        OR EXISTS (SELECT 1 FROM chunks k WHERE k.document_number = d.number))";
    assert_eq!((count(halves), count("SELECT COUNT(*) FROM jobs")), (0, 0));
    let find = |word: &str| -> Vec<DocumentId> {
        let areas = Some(vec![SearchArea::Documents]);
        let request = SearchRequest { areas, limit: Some(100), ..SearchRequest::text(word) };
        let hits = kafka.search(&operator).find(&request).unwrap().items;
        hits.into_iter().map(|hit| hit.document_id.unwrap()).collect()
    };
    assert!(find("castle").iter().all(|id| completed.contains(id)), "what failed is not found");
    assert_eq!(find("lighthouse").len(), 2, "what stands beside it is");
}

/// Whether it is one sentence, without what only a program says.
fn is_sentence(said: &str) -> bool {
    let begins = said.starts_with(|sign: char| sign.is_uppercase());
    begins
        && said.ends_with('.')
        && !said.contains(". ")
        && !said.contains(['{', '_', '\n'])
        && said.len() < 250
}

/// The formats that are texts, and what one of them looks like.
const TEXTS: [(&str, &str); 5] = [
    ("a.txt", "The castle.\n\n@\n"),
    ("a.md", "# The castle\n\n@\n"),
    ("a.csv", "name;said\ncastle;@\n"),
    ("a.html", "<html><body><p>The castle.<p>@</body></html>"),
    ("a.py", "# The castle.\nsaid = '@'\n"),
];

const LATIN: &str = "Die Größe der Straße hängt vom Gelände ab, sagte Zoë für 5 Sous.";
const JAPANESE: &str = "潮の満ち引きは、月の引力によって一日に二回おこります。";

fn utf16(text: &str, of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(of).collect()
}

/// Bytes of no format, such as those of a compressed file.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// The first pages of a program: this one.
fn executable() -> Vec<u8> {
    let mut bytes = fs::read(env::current_exe().unwrap()).unwrap();
    bytes.truncate(64 << 10);
    bytes
}

fn picture() -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0", &*noise(4000)].concat()
}

mod slow {
    use super::*;

    #[test]
    fn texts_in_all_kinds_of_characters_are_read_right() {
        let mut cases: Vec<Case> = Vec::new();
        for (name, form) in TEXTS {
            let text = |said: &str| form.replace('@', said);
            let (latin, japanese) = (text(LATIN), text(JAPANESE));
            let mut add = |what, bytes, end| cases.push((what, name, bytes, end));
            add("UTF-8 with a mark", [b"\xef\xbb\xbf", latin.as_bytes()].concat(), Reads(LATIN));
            add("Windows-1252", WINDOWS_1252.encode(&latin).0.into_owned(), Reads(LATIN));
            add("Shift-JIS", SHIFT_JIS.encode(&japanese).0.into_owned(), Reads(JAPANESE));
            for of in [u16::to_le_bytes, u16::to_be_bytes] {
                add("UTF-16", utf16(&latin, of), Reads(LATIN));
                add("UTF-16 with a mark", utf16(&format!("\u{feff}{latin}"), of), Reads(LATIN));
                add("UTF-16", utf16(&text(&JAPANESE.repeat(3)), of), Reads(JAPANESE));
                add("UTF-16 with a mark", utf16(&format!("\u{feff}{japanese}"), of), Reads(JAPANESE));
            }
            add("cut off in a sign", [latin.as_bytes(), b"\xc3"].concat(), Reads(LATIN));
            add("zeros in it", [latin.as_bytes(), b"\0\0\0\n", latin.as_bytes()].concat(), Reads(LATIN));
            let much = latin.repeat(200);
            let half = much.floor_char_boundary(much.len() / 2);
            let broken = [&much.as_bytes()[..half], b"\xff", &much.as_bytes()[half..]].concat();
            add("one bad byte", broken, Reads(LATIN));
            let ascii = text(&"Words, and more words. ".repeat(1000));
            add("one bad byte in ASCII", [ascii.as_bytes(), b" \x81 end"].concat(), Reads("castle"));
            add(
                "Windows-1252 behind much ASCII",
                [ascii.as_bytes(), b" caf\xe9teria"].concat(),
                Reads("castle"),
            );
            add("nothing", Vec::new(), Fails("empty; upload it again"));
            add("a mark only", b"\xef\xbb\xbf".to_vec(), NO_TEXT);
            add("blanks", b" \r\n\t \n\x0c\n ".to_vec(), NO_TEXT);
            add("blanks in UTF-16", utf16("\u{feff} \r\n ", u16::to_le_bytes), NO_TEXT);
            add("characters of nobody", b"\x81\x8d\x8f\x90 \x9d castle".to_vec(), Fails("save it as UTF-8"));
        }
        let page = |charset: &str, said: &[u8]| {
            [b"<html><meta charset=", charset.as_bytes(), b"><p>The castle. ", said].concat()
        };
        let greek = encoding_rs::WINDOWS_1253.encode("Καλημέρα").0.into_owned();
        cases.extend([
            ("declared", "a.html", page("windows-1253", &greek), Reads("Καλημέρα")),
            (
                "declared in quotes",
                "a.html",
                page("\"Shift_JIS\"", &SHIFT_JIS.encode("東京").0),
                Reads("東京"),
            ),
            ("declared otherwise", "a.html", page("utf-8", b"Gr\xf6\xdfe"), Reads("Größe")),
            ("declared otherwise", "a.html", page("windows-1252", "Größe".as_bytes()), Reads("Größe")),
            ("declared as nothing known", "a.html", page("x-klingon", b"Gr\xf6\xdfe"), Reads("Größe")),
        ]);
        check(cases);
    }

    #[test]
    fn what_is_called_a_text_and_is_none_is_refused_and_what_speaks_of_a_pdf_is_read() {
        let mut cases: Vec<Case> = Vec::new();
        for (name, _) in TEXTS {
            cases.extend([
                ("a picture", name, picture(), NOT_READ),
                ("a program", name, executable(), NOT_READ),
                ("an archive", name, archive([("castle.txt", noise(2000))]), NOT_READ),
                ("a compressed file", name, [b"\x1f\x8b\x08\0", &*noise(3000)].concat(), NOT_READ),
                ("noise", name, noise(3000).into_iter().filter(|byte| *byte != 0).collect(), NOT_READ),
                ("zeros", name, vec![0; 3000], NOT_READ),
                (
                    "a text about PDF",
                    name,
                    b"The castle.\nA PDF begins with %PDF-1.7\n".to_vec(),
                    Reads("with %PDF-1.7"),
                ),
            ]);
        }
        for name in ["a.pdf", "a.docx", "a.xlsx"] {
            cases.extend([
                ("nothing", name, Vec::new(), Fails("empty; upload it again")),
                ("blanks", name, b" \n \n".to_vec(), WRONG_NAME),
                ("a text", name, b"The castle.".to_vec(), WRONG_NAME),
                ("a page", name, b"<!doctype html><title>404</title>castle".to_vec(), WRONG_NAME),
                ("a picture", name, picture(), WRONG_NAME),
                ("a program", name, executable(), WRONG_NAME),
                ("an archive", name, archive([("castle.txt", "castle")]), WRONG_NAME),
            ]);
        }
        // Nothing in a page or another text is expanded.
        let entities =
            "<!DOCTYPE x [<!ENTITY a \"bomb\"><!ENTITY b \"&a;&a;&a;&a;\">]><p>The castle. &b;&b;&b;</p>";
        cases.extend([
            ("entities", "a.html", entities.into(), Reads("castle. &b;&b;&b;")),
            ("entities", "a.xml", entities.into(), Reads("<!ENTITY a")),
            (
                "only what is not shown",
                "a.html",
                b"<style>castle</style><script>castle()</script>".to_vec(),
                NO_TEXT,
            ),
        ]);
        check(cases);
    }

    fn letter(said: &str) -> Vec<u8> {
        docx(&paragraph(said))
    }

    #[test]
    fn documents_are_read_whatever_they_are_called() {
        let mut cases: Vec<Case> = Vec::new();
        let forms = [
            ("a PDF", pdf(&["The castle of a PDF."]), Reads("castle of a PDF")),
            ("a DOCX", letter("The castle of a DOCX."), Reads("castle of a DOCX")),
            ("an XLSX", xlsx(1, &row("The castle of an XLSX.")), Reads("castle of an XLSX")),
        ];
        for (what, bytes, end) in forms {
            for name in
                ["a.pdf", "a.docx", "a.xlsx", "a.txt", "a.md", "a.csv", "a.html", "a.py", "a.png", "a"]
            {
                cases.push((what, name, bytes.clone(), end));
            }
        }
        let before = |bytes: &[u8]| [bytes, &*pdf(&["The castle."])].concat();
        cases.extend([
            ("mail before it", "a.pdf", before(b"From: K.\n\n"), Reads("castle")),
            ("bytes before it", "a.pdf", before(b"\0\x07a.pdf\xff\0"), Reads("castle")),
            (
                "slides",
                "a.docx",
                archive([("[Content_Types].xml", ""), ("ppt/castle.xml", "")]),
                Fails("save it as PDF, DOCX or XLSX"),
            ),
        ]);
        check(cases);
    }

    #[test]
    fn documents_that_are_cut_off_locked_or_empty_say_so() {
        let mut cases: Vec<Case> = Vec::new();
        let pages = ["The castle.", "It is closed.", "On Mondays."];
        let wholes = [
            ("a.pdf", pdf(&pages)),
            ("a.docx", letter(&"The castle is closed. ".repeat(50))),
            ("a.xlsx", xlsx(3, &row("The castle").repeat(20))),
        ];
        for (name, whole) in &wholes {
            for part in [20, 35, 50] {
                cases.push(("cut off", name, whole[..whole.len() * part / 100].to_vec(), DAMAGED));
            }
            if *name != "a.pdf" {
                cases.push(("its last bytes are missing", name, whole[..whole.len() - 5].to_vec(), DAMAGED));
            }
        }
        let mut worn = wholes[1].1.clone();
        let middle = worn.len() / 2;
        worn[middle..middle + 20].fill(b'x');
        let sealed = || container(&["Root Entry", "EncryptionInfo", "EncryptedPackage"]);
        cases.extend([
            ("worn in the middle", "a.docx", worn, DAMAGED),
            ("encrypted", "a.pdf", encrypted_pdf(), ENCRYPTED),
            ("encrypted", "a.docx", sealed(), ENCRYPTED),
            ("encrypted", "a.xlsx", sealed(), ENCRYPTED),
            ("locked", "a.docx", locked(letter("The castle.")), ENCRYPTED),
            ("locked", "a.xlsx", locked(xlsx(1, &row("The castle"))), ENCRYPTED),
            ("old", "a.doc", container(&["WordDocument"]), Fails("save it as DOCX or XLSX")),
            ("old", "a.xls", container(&["Workbook"]), Fails("save it as DOCX or XLSX")),
            ("no words", "a.pdf", wordless_pdf(), Fails("may be pictures")),
            ("blanks", "a.pdf", pdf(&["   ", " "]), Fails("may be pictures")),
            ("no words", "a.docx", docx(""), NO_TEXT),
            ("blanks", "a.docx", letter("  \n "), NO_TEXT),
            ("no cells", "a.xlsx", xlsx(3, ""), NO_TEXT),
            ("blanks", "a.xlsx", xlsx(3, &row("  ")), NO_TEXT),
        ]);
        check(cases);
    }

    #[test]
    fn documents_that_unpack_to_very_much_are_refused_and_their_neighbours_are_read() {
        let lines = format!(
            "<!DOCTYPE w:document [<!ENTITY a \"castle\">{}]><w:document><w:body>{}</w:body></w:document>",
            (0..9)
                .map(|n| format!("<!ENTITY b{n} \"{}\">", format!("&b{};", n + 1).repeat(10)))
                .collect::<String>(),
            paragraph("The castle. &b0;&b0; Done."),
        );
        let flat = " ".repeat(70 << 20);
        let parts = (0..20_000).map(|number| (format!("word/{number}.xml"), "castle"));
        let many = archive([("word/document.xml".to_owned(), "castle")].into_iter().chain(parts));
        let nested = (0..5).fold(letter("The castle."), |inner, _| {
            archive(
                [(&b"[Content_Types].xml"[..], &b"<Types/>"[..]), (b"word/document.xml", &inner)]
                    .map(|(name, part)| (str::from_utf8(name).unwrap(), part)),
            )
        });
        check(vec![
            ("one long part", "a.docx", docx(&flat), TOO_MUCH),
            ("one long part", "a.xlsx", xlsx(1, &flat), TOO_MUCH),
            ("many parts", "a.docx", many, NO_TEXT),
            ("archives in archives", "a.docx", nested, DAMAGED),
            ("entities", "a.docx", docx_of(&lines), Reads("The castle. Done.")),
            ("a stream that grows", "a.pdf", pdf_bomb(70, 1), DAMAGED),
        ]);
    }

    #[test]
    fn documents_of_very_many_pages_sheets_and_rows_are_read_as_far_as_there_is_room() {
        let pages = vec!["The castle has many rooms, and each has a door."; 10_000];
        let rows = "<row><c t=\"s\"><v>0</v></c></row>".repeat(1_000_000);
        check(vec![
            ("10,000 pages", "a.pdf", pdf(&pages), Reads("castle")),
            ("10,000 sheets", "a.xlsx", xlsx(10_000, &row("The castle")), Reads("# S2\n")),
            ("1,000,000 rows", "a.xlsx", xlsx(1, &rows), Reads(SHARED)),
            ("600,000 long rows", "a.xlsx", xlsx(1, &row(SHARED).repeat(600_000)), TOO_MUCH),
        ]);
    }
}
