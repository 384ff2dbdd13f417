//! The texts of documents, made by a program that is not to be trusted. Here it is a shell script.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use kafka_core::{
    Actor, AnswerRequest, Chat, ChatFile, ChatFileKind, ComposeRequest, Config, Extractor, File, FileText,
    NewChatFile, NewFile, NewMessage, NewWorkspace, Registration, ResponseStatus, Role, Schema,
    testing::ScriptedAnswer,
};
use rustix::process::{Pid, test_kill_process};

use crate::stage::{In, Stage, sent};

/// What a document begins with.
const PDF: &str = "%PDF-1.7\n";
/// How long a test waits for another thread or process.
const PATIENCE: Duration = Duration::from_secs(60);

/// An installation whose documents this script reads. `$0` is the directory of the installation.
fn reading(script: &str, change: impl FnOnce(&mut Config)) -> Stage {
    reading_in(In::File, script, change)
}

fn reading_in(place: In, script: &str, change: impl FnOnce(&mut Config)) -> Stage {
    Stage::with(
        place,
        |_| ScriptedAnswer::of(&["Well."]),
        |config| {
            let directory = match &config.database {
                kafka_core::Database::File(path) => path.parent().unwrap().to_owned(),
                kafka_core::Database::Memory => PathBuf::new(),
                #[cfg(feature = "postgres")]
                kafka_core::Database::Postgres { blobs, .. } => blobs.parent().unwrap().to_owned(),
            };
            config.extractor = Some(shell(script, &directory));
            change(config);
        },
    )
}

fn shell(script: &str, directory: &Path) -> Extractor {
    let args = ["-c".into(), script.into(), directory.as_os_str().to_owned()];
    Extractor { program: "/bin/sh".into(), args: args.into() }
}

fn upload(stage: &Stage, name: &str, bytes: &str) -> File {
    let workspaces = stage.kafka.workspaces(&stage.operator);
    let workspace = workspaces.create(NewWorkspace { name: "w".into(), owner_id: None }).unwrap();
    let mut bytes = bytes.as_bytes();
    stage.kafka.files(&stage.operator).upload(workspace.id, NewFile::named(name), &mut bytes).unwrap()
}

fn upload_to(stage: &Stage, chat: &Chat, name: &str, bytes: &str) -> ChatFile {
    let mut bytes = bytes.as_bytes();
    stage.kafka.chat_files(&stage.operator).upload(chat.id, NewFile::named(name), &mut bytes).unwrap()
}

fn text(stage: &Stage, file: &File) -> FileText {
    stage.kafka.files(&stage.operator).text(file.id).unwrap()
}

fn says(text: &str) -> FileText {
    FileText { text: Some(text.into()), note: None }
}

/// Waits for what another thread or process does.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "it has not come");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The process that a script has named in `pid`.
fn named(stage: &Stage) -> Pid {
    let path = stage.directory().join("pid");
    wait_for(|| {
        let number = fs::read_to_string(&path).ok()?.strip_suffix('\n')?.parse().ok()?;
        Pid::from_raw(number)
    })
}

#[test]
fn a_document_is_read_once_whatever_it_is_called() {
    for place in [In::Memory, In::File] {
        let directory = tempfile::TempDir::new().unwrap();
        let script = format!("echo x >> '{}'; head -c 6; cat", directory.path().join("runs").display());
        let stage = reading_in(place, &script, |_| {});
        let runs = || fs::read_to_string(directory.path().join("runs")).unwrap_or_default().lines().count();
        let document = upload(&stage, "a.pdf", "%PDF-1.7 Dear K.");
        assert_eq!(runs(), 0, "nobody has asked yet");
        for _ in 0..2 {
            assert_eq!(text(&stage, &document), says("%PDF-1.7 Dear K."));
        }
        assert_eq!(text(&stage, &upload(&stage, "b.txt", "%PDF-1.7 Dear K.")), says("%PDF-1.7 Dear K."));
        assert_eq!(runs(), 1);
        // Names make no document.
        assert_eq!(text(&stage, &upload(&stage, "c.pdf", "No document.")), says("No document."));
        assert_eq!(text(&stage, &upload(&stage, "d.pdf", "\u{0}")), FileText::default());
        assert_eq!(runs(), 1);
        if place == In::File {
            let beside = stage.beside();
            let found = beside.files(&beside.operator()).text(document.id).unwrap();
            assert_eq!((found, runs()), (says("%PDF-1.7 Dear K."), 1), "kept for others, too");
        }
    }
}

#[test]
fn whatever_the_program_does_there_is_a_text_or_a_reason() {
    let failed = "Its text could not be read: it may be damaged, or take more time or memory than a file may; save it anew, or \
         divide it.";
    for (script, expected) in [
        ("printf 'a\\0b\\377c'", (Some("a\u{FFFD}b\u{FFFD}c"), None)),
        ("printf '' ", (Some(""), None)),
        ("exec 0<&-; echo early; exit 0", (Some("early\n"), None)),
        ("echo 'It is encrypted.'; exit 3", (None, Some("It is encrypted."))),
        ("exit 3", (None, Some(failed))),
        ("echo half; exit 1", (None, Some(failed))),
        ("echo half; kill -SEGV $$", (None, Some(failed))),
        ("echo half; kill -KILL $$", (None, Some(failed))),
    ] {
        let stage = reading(&format!("echo x >> \"$0/runs\"; {script}"), |_| {});
        // More than a pipe holds, of which most programs here read nothing.
        let document = upload(&stage, "a.pdf", &format!("{PDF}{}", "x".repeat(1 << 20)));
        for _ in 0..2 {
            let FileText { text, note } = text(&stage, &document);
            assert_eq!((text.as_deref(), note.as_deref()), expected, "{script}");
        }
        let runs = fs::read_to_string(stage.directory().join("runs")).unwrap();
        assert_eq!(runs.lines().count(), 1, "what is known is kept: {script}");
    }
}

#[test]
fn what_was_not_found_out_is_tried_again() {
    let stage = reading("", |config| {
        config.extractor =
            Some(Extractor { program: config_directory(config).join("missing"), args: Vec::new() })
    });
    let document = upload(&stage, "a.pdf", PDF);
    let unread = text(&stage, &document);
    assert_eq!(unread.note.as_deref(), Some("Its text has not been read yet; ask again in a moment."));
    let script = "#!/bin/sh\ncat\n";
    let program = stage.directory().join("missing");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(text(&stage, &document), says(PDF));

    let without = Stage::new(In::File);
    let unread = text(&without, &upload(&without, "a.pdf", PDF));
    assert_eq!(unread.note.as_deref(), Some("Documents are not read here."));
}

fn config_directory(config: &Config) -> PathBuf {
    match &config.database {
        kafka_core::Database::File(path) => path.parent().unwrap().to_owned(),
        kafka_core::Database::Memory => panic!("it lies in a file"),
        #[cfg(feature = "postgres")]
        kafka_core::Database::Postgres { blobs, .. } => blobs.parent().unwrap().to_owned(),
    }
}

#[test]
fn a_program_that_never_ends_is_killed() {
    // It closes its output and goes on, ignores what it is asked for, or has another hold its output.
    for hang in
        ["exec sleep 600", "exec sleep 600 >&-", "trap '' TERM INT HUP; exec sleep 600", "sleep 30 & wait"]
    {
        let stage =
            reading(&format!("echo $$ > \"$0/pid\"; {hang}"), |config| config.limits.extraction_ms = 300);
        let document = upload(&stage, "a.pdf", PDF);
        let began = Instant::now();
        let found = text(&stage, &document);
        let note =
            "Its text could not be read within the time that a file may take; divide it into smaller ones.";
        assert_eq!((found.text, found.note.as_deref()), (None, Some(note)), "{hang}");
        assert!(began.elapsed() < Duration::from_secs(20), "{hang}: {:?}", began.elapsed());
        assert!(test_kill_process(named(&stage)).is_err(), "{hang}: it is gone, and waited for");
    }
}

#[test]
fn of_a_text_that_is_too_long_the_beginning_is_kept() {
    let stage = reading("while echo 'Dear Ä'; do :; done", |config| config.limits.extracted_bytes = 22);
    let found = text(&stage, &upload(&stage, "a.pdf", PDF));
    assert_eq!(found.text.as_deref(), Some("Dear Ä\nDear Ä\nDear "));
    assert_eq!(found.note.as_deref(), Some("Of its text this is the beginning, 21 bytes."));
}

#[test]
fn the_program_inherits_nothing() {
    let stage = reading("export -p; ls -l /proc/self/fd", |_| {});
    // This process has the database open. What it inherited itself is not of its making.
    let found = text(&stage, &upload(&stage, "a.pdf", PDF)).text.unwrap();
    assert!(found.contains(" 0 -> pipe:"), "{found}");
    assert!(!found.contains(&*stage.directory().to_string_lossy()), "{found}");
    let variables = found.lines().filter_map(|line| line.strip_prefix("export ")?.split('=').next());
    let foreign: Vec<_> = variables.filter(|name| !["OLDPWD", "PWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(foreign, [""; 0]);
}

#[test]
fn few_programs_run_at_once_and_none_twice_for_the_same_bytes() {
    // A directory is made by one only.
    let script = "mkdir \"$0/turn\" || echo x >> \"$0/crowd\"; echo x >> \"$0/runs\"; cat; sleep 0.05; rmdir \"$0/turn\"";
    let stage = reading(script, |config| config.limits.extractions = 1);
    let documents: Vec<_> = (0..3).map(|number| upload(&stage, "a.pdf", &format!("{PDF}{number}"))).collect();
    thread::scope(|scope| {
        for number in 0..9 {
            let (stage, document) = (&stage, &documents[number % 3]);
            scope.spawn(move || assert_eq!(text(stage, document), says(&format!("{PDF}{}", number % 3))));
        }
    });
    assert!(!stage.directory().join("crowd").exists());
    assert_eq!(fs::read_to_string(stage.directory().join("runs")).unwrap().lines().count(), 3);
}

/// Who has many documents that take long, such as were made to, keeps nobody else's from being read.
#[test]
fn one_owners_documents_leave_room_for_those_of_others() {
    let script = "said=$(cat); case \"$said\" in *slow*) mkdir \"$0/turn\" || echo x >> \"$0/crowd\"; echo $$ > \"$0/pid\"; \
        while [ ! -e \"$0/go\" ]; do sleep 0.01; done; rmdir \"$0/turn\";; esac; printf %s \"$said\"";
    let stage = reading(script, |config| {
        config.open = false;
        config.registration = Registration::Open;
        config.limits.extractions = 2;
    });
    let [many, one] = ["many", "one"].map(|name| stage.user(name));
    let put = |actor: &Actor, bytes: &str| {
        let workspace = NewWorkspace { name: "w".into(), owner_id: None };
        let workspace = stage.kafka.workspaces(actor).create(workspace).unwrap().id;
        stage.kafka.files(actor).upload(workspace, NewFile::named("a.pdf"), &mut bytes.as_bytes()).unwrap()
    };
    let slow = [0, 1, 2].map(|number| put(&many, &format!("{PDF}slow {number}")));
    let quick = [0, 1, 2].map(|number| format!("{PDF}quick {number}"));
    thread::scope(|scope| {
        for document in &slow {
            let (stage, many) = (&stage, &many);
            scope.spawn(move || stage.kafka.files(many).text(document.id).unwrap());
        }
        named(&stage);
        for text in &quick {
            let document = put(&one, text);
            assert_eq!(stage.kafka.files(&one).text(document.id).unwrap(), says(text));
        }
        fs::write(stage.directory().join("go"), "").unwrap();
    });
    assert!(!stage.directory().join("crowd").exists());
    for (number, document) in slow.iter().enumerate() {
        let text = stage.kafka.files(&many).text(document.id).unwrap();
        assert_eq!(text, says(&format!("{PDF}slow {number}")));
    }
}

#[test]
fn a_model_is_sent_what_documents_say() {
    let stage = reading("tail -n +2", |_| {});
    let chat = stage.chat();
    upload_to(&stage, &chat, "letter.pdf", &format!("{PDF}Dear K., come at once."));
    upload_to(&stage, &chat, "long.pdf", &format!("{PDF}{}", "word ".repeat(20_000)));
    let written = NewChatFile { filename: "notes.txt".into(), content: "Mind the door.".into() };
    stage.kafka.chat_files(&stage.operator).create(chat.id, written).unwrap();
    stage.ask(&chat, AnswerRequest::text("What is in the letter?"));
    let calls = stage.provider.calls();
    let (role, files) = sent(&calls[0])[0];
    assert_eq!(role, "system");
    // The newest have room, and of the long one there is the beginning.
    assert!(files.contains("--- begin of notes.txt ---\nMind the door.\n---"), "{files}");
    let of_long = files.split("--- begin of long.pdf ---\n").nth(1).unwrap();
    assert!(of_long.starts_with("word word word "), "{files}");
    assert!(
        of_long.contains("\n(Only the beginning of its text has room here.)\n--- end of long.pdf"),
        "{files}"
    );
    let other = stage.chat();
    upload_to(&stage, &other, "letter.pdf", &format!("{PDF}Dear K., come at once."));
    stage.ask(&other, AnswerRequest::text("What is in the letter?"));
    let calls = stage.provider.calls();
    let files = sent(&calls[1])[0].1;
    assert!(files.contains("--- begin of letter.pdf ---\nDear K., come at once.\n--- end"), "{files}");

    let refusing = reading("echo 'It is encrypted.'; exit 3", |_| {});
    let chat = refusing.chat();
    upload_to(&refusing, &chat, "letter.pdf", PDF);
    refusing.ask(&chat, AnswerRequest::text("What is in the letter?"));
    let calls = refusing.provider.calls();
    assert!(sent(&calls[0])[0].1.contains("--- begin of letter.pdf ---\n(It is encrypted.)\n--- end"));
}

#[test]
fn a_model_that_composes_is_shown_what_documents_say() {
    let stage = reading("tail -n +2", |_| {});
    let chat = stage.chat();
    upload_to(&stage, &chat, "letter.pdf", &format!("{PDF}Dear K., come at once."));
    let request = ComposeRequest::text("Answer the letter.");
    stage.kafka.composer(&stage.operator).start(chat.id, request).unwrap().wait().unwrap();
    let calls = stage.provider.calls();
    let (role, told) = sent(&calls[0])[0];
    assert_eq!(role, "system");
    assert!(told.contains("--- begin of letter.pdf ---\nDear K., come at once.\n--- end"), "{told}");
}

#[test]
fn nobody_waits_for_a_document_but_who_wants_its_text() {
    let stage = reading("echo $$ > \"$0/pid\"; while [ ! -e \"$0/go\" ]; do sleep 0.01; done; cat", |_| {});
    let chat = stage.chat();
    upload_to(&stage, &chat, "a.pdf", PDF);
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("And?")).unwrap();
    named(&stage);
    // The writer and the readers are free.
    let other = stage.chat();
    stage.kafka.messages(&stage.operator).create(other.id, NewMessage::text(Role::User, "Hello")).unwrap();
    assert_eq!(stage.branch(&other), ["Hello"]);
    assert!(stage.provider.calls().is_empty());
    fs::write(stage.directory().join("go"), "").unwrap();
    assert_eq!(turn.wait().unwrap().response.status, ResponseStatus::Completed);
    assert!(sent(&stage.provider.calls()[0])[0].1.contains(PDF));
}

#[test]
fn an_answer_that_is_cancelled_and_an_installation_that_is_closed_leave_no_program_behind() {
    for closes in [false, true] {
        let stage = reading("echo $$ > \"$0/pid\"; exec sleep 600", |_| {});
        let chat = stage.chat();
        upload_to(&stage, &chat, "a.pdf", PDF);
        let turn =
            stage.kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("And?")).unwrap();
        let pid = named(&stage);
        match closes {
            true => stage.kafka.close(),
            false => {
                stage.kafka.responses(&stage.operator).cancel(turn.id()).unwrap();
                assert_eq!(turn.wait().unwrap().response.status, ResponseStatus::Cancelled);
            }
        }
        assert!(test_kill_process(pid).is_err(), "closes: {closes}");
        assert!(stage.provider.calls().is_empty(), "closes: {closes}");
    }
}

#[test]
fn what_was_made_of_bytes_goes_with_them() {
    let stage = reading("cat", |_| {});
    let document = upload(&stage, "a.pdf", PDF);
    text(&stage, &document);
    let blobs = stage.blobs();
    let made = blobs.join("made").join(&document.sha256);
    let place = blobs.join(&document.sha256[..2]).join(&document.sha256);
    let grow_old = |path: &Path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3601)).unwrap();
    };
    let sweep = || Schema::open(&stage.config()).unwrap().remove_orphans().unwrap();
    grow_old(&made);
    sweep();
    assert!(made.exists(), "a file names the bytes");
    let report = Schema::open(&stage.config()).unwrap().files().unwrap();
    assert_eq!(report, kafka_core::FilesReport::default(), "it is no orphan");
    stage.kafka.files(&stage.operator).delete(document.id).unwrap();
    grow_old(&place);
    sweep();
    assert!(!place.exists() && !made.exists());
    // It came after they went.
    fs::write(&made, "{}").unwrap();
    grow_old(&made);
    sweep();
    assert!(!made.exists());
    assert_eq!(fs::read_dir(blobs.join("incoming")).unwrap().count(), 0);
}

/// What stands there may be of another release, or have been cut off by a power failure.
#[test]
fn what_cannot_be_understood_is_made_anew() {
    let stage = reading("cat", |_| {});
    let document = upload(&stage, "a.pdf", PDF);
    let made = stage.blobs().join("made");
    fs::create_dir_all(&made).unwrap();
    for stands in ["", "{\"generation\":1", "{\"generation\":0,\"text\":\"old\",\"note\":null}"] {
        fs::write(made.join(&document.sha256), stands).unwrap();
        assert_eq!(text(&stage, &document), says(PDF), "{stands}");
    }
}

#[test]
fn a_file_of_a_chat_says_what_its_newest_version_or_its_upload_does() {
    let stage = reading("tail -n +2", |_| {});
    let chat = stage.chat();
    let files = stage.kafka.chat_files(&stage.operator);
    let document = upload_to(&stage, &chat, "a.pdf", &format!("{PDF}Dear K."));
    let based = upload_to(&stage, &chat, "a.based", "loop:");
    assert_eq!((document.kind, based.kind), (ChatFileKind::Upload, ChatFileKind::Based));
    assert_eq!(files.text(document.id).unwrap(), says("Dear K."));
    assert_eq!(files.text(based.id).unwrap(), says("loop:"));
    let contents = files.contents(chat.id).unwrap();
    let texts: Vec<_> = contents.iter().map(|content| content.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["Dear K.", "loop:"]);
}
