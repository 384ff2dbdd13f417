//! PDFs: what they say is shown at every door and sent to models, and what they are made of harms nobody.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use kafka_core::{Config, Extractor, FileText, Kafka, NewFile, NewWorkspace, testing::ScriptedEndpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    chat_documents,
    support::{
        api::{Api, id},
        form::Form,
        model,
        pdf::{encrypted_pdf, pdf, pdf_bomb, wordless_pdf},
        process::{Binary, RunningServer},
        websocket::Socket,
    },
};

const LETTER: &str = "Dear K.,\nthe castle is closed on Mondays.";

/// An installation in this process, whose documents the product's own program reads.
struct Library {
    kafka: Kafka,
    workspace: kafka_core::WorkspaceId,
    _directory: TempDir,
}

impl Library {
    fn open(change: impl FnOnce(&mut Config)) -> Library {
        let directory = TempDir::new().unwrap();
        let mut config = Config::file(directory.path().join("kafka.db"));
        let program = Binary::kafka().path().to_owned();
        config.extractor = Some(Extractor { program, args: vec!["extract".into()] });
        change(&mut config);
        let kafka = Kafka::open(config).unwrap();
        let new = NewWorkspace { name: "w".into(), owner_id: None };
        let workspace = kafka.workspaces(&kafka.operator()).create(new).unwrap().id;
        Library { kafka, workspace, _directory: directory }
    }

    fn text(&self, mut bytes: &[u8]) -> FileText {
        let operator = self.kafka.operator();
        let files = self.kafka.files(&operator);
        let file = files.upload(self.workspace, NewFile::named("a.pdf"), &mut bytes).unwrap();
        files.text(file.id).unwrap()
    }
}

#[test]
fn a_pdf_has_a_text_or_a_reason_why_it_has_none() {
    let library = Library::open(|_| {});
    let encrypted = "The PDF is encrypted; take its password away and upload it again.";
    let damaged =
        "The PDF is damaged, or has a form that is not understood here; save it anew and upload it again.";
    let pages = pdf(&[LETTER, "Yours, Kl\u{e4}mm"]);
    // What stands in a document before its header, and what an interrupted download lacks.
    let with_more = [b"From: the castle\n\n", &*pdf(&["Come."])].concat();
    for (name, bytes, text, note) in [
        (
            "two pages",
            pages.clone(),
            Some("Dear K.,\nthe castle is closed on Mondays.\n\nYours, Klämm"),
            None,
        ),
        ("bytes before it", with_more, Some("Come."), None),
        ("encrypted", encrypted_pdf(), None, Some(encrypted)),
        (
            "wordless",
            wordless_pdf(),
            None,
            Some(
                "The PDF has no text; its pages may be pictures, such as scans, whose letters must be recognized first.",
            ),
        ),
        ("a header only", b"%PDF-1.7\n".to_vec(), None, Some(damaged)),
        ("its beginning", pages[..200].to_vec(), None, Some(damaged)),
        ("noise", [b"%PDF-1.7\n", &*vec![0xa5; 5000]].concat(), None, Some(damaged)),
    ] {
        let found = library.text(&bytes);
        assert_eq!((found.text.as_deref(), found.note.as_deref()), (text, note), "{name}");
    }
}

/// A document that the fuzz targets start from, without the byte that says what it is called.
fn office_file(name: &str) -> Vec<u8> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka-core/fuzz/corpus/documents");
    fs::read(corpus.join(name)).unwrap().split_off(1)
}

#[test]
fn an_office_file_has_a_text_or_a_reason_why_it_has_none() {
    let library = Library::open(|_| {});
    let (letter, rooms) = (office_file("letter.docx"), office_file("rooms.xlsx"));
    let old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 ".to_vec();
    let sealed = [&*old, &*b"EncryptedPackage".map(|letter| [letter, 0]).concat()].concat();
    for (name, bytes, text, note) in [
        (
            "words",
            letter.clone(),
            Some(
                "# Dear K.\n\nThe castle is closed on Mondays.\n\n| day | open |\n|---|---|\n| Monday | no |\n\n\
                 - Yours, Klamm & Co",
            ),
            None,
        ),
        (
            "cells",
            rooms,
            Some("# Rooms\n\n| room |  | since |\n|---|---|---|\n| tower |  | 2023-03-15 |"),
            None,
        ),
        (
            "its beginning",
            letter[..letter.len() - 40].to_vec(),
            None,
            Some("The document is damaged; open it in the program that it was made with, and save it anew."),
        ),
        (
            "sealed",
            sealed,
            None,
            Some("The document is encrypted; take its password away and upload it again."),
        ),
        (
            "old",
            old,
            None,
            Some("The document has the form of Office before 2007; save it as DOCX or XLSX and upload that."),
        ),
    ] {
        let found = library.text(&bytes);
        assert_eq!((found.text.as_deref(), found.note.as_deref()), (text, note), "{name}");
    }
}

/// The first thing that a reader does is to give up what it does not need.
#[test]
fn a_reader_may_take_little_and_open_nothing() {
    for binary in Binary::both() {
        let mut command = Command::new(binary.path());
        command.arg("extract").env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut reader = command.spawn().unwrap();
        let mut input = reader.stdin.take().unwrap();
        // More than a pipe holds, so that it has begun to read when this is written.
        let document = [&*pdf(&[LETTER]), &vec![b' '; 1 << 20]].concat();
        input.write_all(&document).unwrap();
        let limits = fs::read_to_string(format!("/proc/{}/limits", reader.id())).unwrap();
        let limit = |name: &str| {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
            let words: Vec<_> = line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect();
            words
        };
        assert_eq!(limit("Max address space"), ["805306368"; 2]);
        assert_eq!(limit("Max cpu time"), ["10"; 2]);
        assert_eq!(limit("Max file size"), ["0"; 2]);
        assert_eq!(limit("Max core file size"), ["0"; 2]);
        assert_eq!(limit("Max open files"), ["3"; 2]);
        drop(input);
        let output = reader.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), LETTER);
    }
}

/// A server with a workspace and a chat in it, and what its front end would know.
struct House {
    data: TempDir,
    server: RunningServer,
    api: Api,
    user: String,
    workspace: String,
    chat: String,
}

impl House {
    fn open(binary: &Binary) -> House {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(binary, data.path(), &[]);
        let api = Api::of(&server);
        let account = api.expect(200, "POST", "/auth/login", Some(&json!({"email": "josef@example.org"})));
        let [user, workspace] = ["/user_id", "/workspaces/0/id"]
            .map(|at| account.pointer(at).unwrap().as_str().unwrap().to_owned());
        let form = Form::default().field("user_id", &user).field("workspace_id", &workspace);
        let chat = form.field("chat_name", "The trial").ok(&api, "POST", "/chat/new");
        let chat = chat["chat_id"].as_str().unwrap().to_owned();
        House { data, server, api, user, workspace, chat }
    }

    fn upload(&self, is_chat: bool, url: Option<&str>, name: &str, bytes: &[u8]) -> Value {
        let target = if is_chat { &self.chat } else { &self.workspace };
        let mut form = Form::default().field("target_id", target).field("is_chat", &is_chat.to_string());
        if let Some(url) = url {
            form = form.field("s3_urls", url);
        }
        form.file(name, bytes).ok(&self.api, "POST", "/file/upload")["files"][0].clone()
    }
}

#[test]
fn what_a_pdf_says_is_shown_at_every_door_and_sent_to_models() {
    for binary in Binary::both() {
        let house = House::open(&binary);
        let letter = pdf(&[LETTER]);
        for is_chat in [true, false] {
            let shown = house.upload(is_chat, Some(""), "letter.pdf", &letter);
            assert_eq!((&shown["type"], &shown["content"]), (&json!("pdf"), &json!(LETTER)));
        }
        let sealed = house.upload(true, Some(""), "sealed.pdf", &encrypted_pdf());
        assert_eq!(sealed["content"], Value::Null);

        let (mut socket, opening) = Socket::open(house.server.address(), &house.chat);
        assert_eq!(opening["chat_files"][0]["content"], LETTER);
        assert_eq!(opening["chat_files_text"][0]["content"], LETTER);
        assert_eq!(opening["chat_files_text"][1]["content"], "");

        let files = house.api.get(&format!("/api/v1/workspaces/{}/files", house.workspace));
        let path = format!("/api/v1/files/{}/text", id(&files["items"][0]));
        assert_eq!(house.api.get(&path), json!({"text": LETTER, "note": null}));
        let path = format!("/api/v1/files/{}/text", sealed["id"].as_str().unwrap());
        let says = house.api.get(&path);
        assert_eq!(says["text"], Value::Null);
        assert!(says["note"].as_str().unwrap().contains("encrypted"), "{says}");

        let documents = house.api.get(&format!("/api/v1/chats/{}/documents", house.chat));
        for document in documents["items"].as_array().unwrap() {
            chat_documents::read(&house.api, &id(document));
        }
        let endpoint = ScriptedEndpoint::start(|_| model::plain("On Mondays."));
        let form = Form::default().field("user_id", &house.user).field("name", "m").field("ak", "sk-josef");
        form.field("base_url", &endpoint.base_url()).ok(&house.api, "POST", "/models/new");
        socket.say(&json!({"action": "new_message", "prompt": "When is it closed?", "model": "m"}));
        assert_eq!(socket.next_text(), "On Mondays.");
        // To find out what is wanted, and to answer.
        assert_eq!(endpoint.requests().len(), 2);
        let as_passage = format!("[1] letter.pdf\n{LETTER}\n");
        for (request, text) in endpoint
            .requests()
            .iter()
            .zip([format!("--- begin of letter.pdf ---\n{LETTER}\n--- end"), as_passage])
        {
            let request = request.json();
            let context = request["messages"][0]["content"].as_str().unwrap();
            assert!(context.contains(&text), "{context}");
            assert!(context.contains("--- begin of sealed.pdf ---\n(The PDF is encrypted;"), "{context}");
        }
    }
}

#[test]
fn the_command_line_shows_what_a_pdf_says() {
    let data = TempDir::new().unwrap();
    let kafka = Binary::kafka();
    let run = |args: &[&str]| {
        let output = kafka.command(data.path()).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    fs::write(data.path().join("letter.pdf"), pdf(&[LETTER])).unwrap();
    fs::write(data.path().join("sealed.pdf"), encrypted_pdf()).unwrap();
    let workspace = run(&["workspace", "add", "Letters", "-q"]);
    run(&["chat", "Hello"]);
    let chat = run(&["chats", "list", "-q"]);
    for (add, noun) in
        [(["file", "add", workspace.trim()], "file"), (["chat-file", "add", chat.trim()], "chat-file")]
    {
        let added = run(&[&add[..], &["letter.pdf", "sealed.pdf", "-q"]].concat());
        let [letter, sealed] = added.lines().collect::<Vec<_>>().try_into().unwrap();
        assert!(run(&[noun, "show", letter]).contains(&format!("{} characters", LETTER.len())), "{noun}");
        let shown: Value = serde_json::from_str(&run(&[noun, "show", letter, "--json"])).unwrap();
        assert_eq!((&shown["text"], &shown["note"]), (&json!(LETTER), &Value::Null), "{noun}");
        assert!(run(&[noun, "show", sealed]).contains("The PDF is encrypted"), "{noun}");
    }
}

#[test]
fn where_an_upload_came_from_is_shown_again_after_a_reload() {
    let house = House::open(&Binary::kafka_http());
    let url = "https://bucket.example.com/a%20b.pdf?x=1";
    let shown = house.upload(true, Some(url), "a.txt", b"one");
    assert_eq!(shown["url"], url);
    // Without an address, or in a workspace, the server's own leads to the bytes.
    let own = house.upload(true, Some(""), "b.txt", b"two");
    let near = house.upload(false, Some(url), "c.txt", b"three");
    for (file, bytes) in [(&own, "two"), (&near, "three")] {
        let got = house.api.send("GET", file["url"].as_str().unwrap(), &[], None);
        assert_eq!((got.status, got.body), (200, bytes.as_bytes().to_vec()));
    }
    let House { data, server, api, chat, .. } = house;
    server.terminate();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let (_, opening) = Socket::open(server.address(), &chat);
    let urls: Vec<_> = opening["chat_files"].as_array().unwrap().iter().map(|file| &file["url"]).collect();
    assert_eq!(urls, [&json!(url), &own["url"]]);
    drop(api);

    // One that is too long is refused before a file is stored.
    let api = Api::of(&server);
    let form = Form::default().field("target_id", &chat).field("is_chat", "true").field("s3_urls", url);
    let form = form.field("s3_urls", &"x".repeat(3000)).file("d.txt", b"four").file("e.txt", b"five");
    assert_eq!(form.send(&api, "POST", "/file/upload", &[]).status, 422);
    let (_, opening) = Socket::open(server.address(), &chat);
    assert_eq!(opening["chat_files"].as_array().unwrap().len(), 2);
}

mod slow {
    use std::{os::unix::process::ExitStatusExt as _, thread};

    use super::*;

    /// A little generator (xorshift), so that each run sees the same mutants.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }
    }

    /// What comes of two hundred variants of a document: how many texts, and how many reasons. One whose beginning is
    /// damaged is no document any more, and has neither.
    fn of_damaged(whole: &[u8], signs: &[u8]) -> (usize, usize) {
        let library = Library::open(|_| {});
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let (mut texts, mut reasons) = (0, 0);
        for number in 0..200 {
            let mut mutant = whole.to_vec();
            for _ in 0..=chance.below(12) {
                let at = 8 + chance.below(mutant.len() - 8);
                match chance.below(4) {
                    0 => mutant[at] ^= 1 << chance.below(8),
                    1 => mutant[at] = signs[chance.below(signs.len())],
                    2 => drop(mutant.splice(at..at, b"99999999999".iter().copied())),
                    _ => mutant.truncate(at.max(100)),
                }
            }
            match library.text(&mutant) {
                FileText { text: Some(_), .. } => texts += 1,
                FileText { note: Some(note), .. } => {
                    assert!(!note.contains("not been read yet"), "mutant {number}: {note}");
                    reasons += 1;
                }
                FileText { text: None, note: None } => {}
            }
        }
        (texts, reasons)
    }

    #[test]
    fn two_hundred_damaged_pdfs_end_with_a_text_or_a_reason() {
        let whole = pdf(&[LETTER, "Yours, Klamm", "P.S. Come alone."]);
        let (texts, reasons) = of_damaged(&whole, b"<>[]()/0 R");
        assert!(texts > 20 && reasons > 20, "{texts} texts, {reasons} reasons");
    }

    /// An archive has checks of its own, so that few of them are read.
    #[test]
    fn two_hundred_damaged_office_files_end_with_a_text_or_a_reason() {
        let (texts, reasons) = of_damaged(&office_file("letter.docx"), b"PK\x01\x02\xff\0");
        assert!(texts + reasons > 100 && reasons > 20, "{texts} texts, {reasons} reasons");
    }

    #[test]
    fn ten_thousand_pages_are_read_or_there_is_a_reason() {
        let library = Library::open(|_| {});
        let found = library.text(&pdf(&vec!["Come."; 10_000]));
        let reason = "Its text could not be read";
        assert!(
            found.text.is_some_and(|text| text.matches("Come.").count() == 10_000)
                || found.note.is_some_and(|note| note.starts_with(reason))
        );
    }

    #[test]
    fn a_document_that_grows_without_end_is_stopped_and_the_server_does_not_notice() {
        let house = House::open(&Binary::kafka_http());
        let bombs = [pdf_bomb(1024, 1), pdf_bomb(60, 1)];
        assert!(bombs.iter().all(|bomb| bomb.len() < 8 << 20));
        for bomb in bombs {
            let shown = house.upload(true, Some(""), "bomb.pdf", &bomb);
            assert_eq!(shown["content"], Value::Null);
        }
        let letter = house.upload(true, Some(""), "letter.pdf", &pdf(&[LETTER]));
        assert_eq!(letter["content"], LETTER);
        let status = fs::read_to_string(format!("/proc/{}/status", house.server.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 100_000, "{peak} kB");
        let log = house.server.terminate();
        assert!(log.status.success() && !log.stderr.contains("panicked"), "{log:?}");
    }

    /// Each page is small enough for its limit, and there are many.
    #[test]
    fn a_reader_ends_when_its_processor_time_is_used_up() {
        let bomb = pdf_bomb(1, 20_000);
        let mut command = Command::new(Binary::kafka().path());
        command.arg("extract").env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut reader = command.spawn().unwrap();
        let mut input = reader.stdin.take().unwrap();
        thread::spawn(move || input.write_all(&bomb));
        let status = reader.wait().unwrap();
        // SIGXCPU, or SIGKILL where the hard limit comes first.
        assert!(matches!(status.signal(), Some(24 | 9)), "{status:?}");
    }
}
