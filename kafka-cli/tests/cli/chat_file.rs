//! `kafka chat-file`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::{
    run::{fails, ids, json, kafka, printed, run, stderr, succeeded},
    terminal::Terminal,
};

const UNKNOWN: &str = "019ab3f2-5c1e-7d40-9b1a-2f6c8e0d4a71";

/// A directory with a chat, and its id.
fn place() -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let chat = ids(&directory, &["chats", "add", "Castle"]).remove(0);
    (directory, chat)
}

fn write(directory: &TempDir, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(directory.path().join(name), bytes).unwrap();
}

/// A text with versions in a chat, and its id.
fn text(directory: &TempDir, chat: &str, content: &str) -> String {
    write(directory, "notes.md", content);
    ids(directory, &["chat-file", "add", chat, "--text", "notes.md"]).remove(0)
}

/// A program that does this with the file `$1`.
fn editor(directory: &TempDir, script: &str) -> PathBuf {
    let path = directory.path().join("my editor");
    fs::write(&path, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// `kafka chat-file edit` with such an editor. What it keeps lies in the test's directory.
fn edit(directory: &TempDir, id: &str, script: &str) -> Command {
    let mut command = kafka(directory, &["chat-file", "edit", id]);
    let editor = format!("'{}'", editor(directory, script).display());
    command.env("EDITOR", editor).env("TMPDIR", directory.path()).env("PATH", "/usr/bin:/bin");
    command
}

/// Directories with edited texts that lie in the test's directory.
fn kept(directory: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
    let is_kept = |name: &str| name.starts_with("kafka-") && name != "kafka-data";
    entries.filter(|entry| is_kept(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

#[test]
fn files_are_added_listed_shown_and_deleted() {
    let (directory, chat) = place();
    write(&directory, "castle.based", "state {}\n");
    write(&directory, "map.png", [0, 1, 2]);
    let table = printed(&directory, &["chat-file", "add", &chat, "castle.based", "map.png"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "NAME", "KIND", "VERSION", "ADDED"]);
    assert_eq!(lines[1][1..], ["castle.based", "based", "1", "now"]);
    assert_eq!(lines[2][1..], ["map.png", "upload", "-", "now"]);
    let notes = text(&directory, &chat, "Dear\n");
    let listed = ids(&directory, &["chat-file", "list", &chat]);
    assert_eq!(listed, [lines[1][0], lines[2][0], &notes]);

    assert_eq!(printed(&directory, &["chat-file", "show", &listed[0]]), "state {}\n");
    let shown = printed(&directory, &["chat-file", "show", &listed[1]]);
    assert!(shown.contains("kind   upload\n") && shown.contains("bytes  kafka file get "), "{shown}");
    let file = shown.split("kafka file get ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(run(&directory, &["file", "get", file]).stdout, [0, 1, 2]);

    let deleted = printed(&directory, &["chat-file", "delete", &listed[0], &listed[1]]);
    assert_eq!(deleted, "Deleted 2 files of chats.\n");
    assert_eq!(ids(&directory, &["chat-file", "list", &chat]), [notes]);
}

#[test]
fn programs_get_the_api_s_fields() {
    let (directory, chat) = place();
    let id = text(&directory, &chat, "Dear\n");
    let listed = json(&directory, &["chat-file", "list", &chat]);
    let file = &listed["items"][0];
    assert_eq!((&file["id"], &file["chat_id"]), (&id.as_str().into(), &chat.as_str().into()));
    assert_eq!((&file["filename"], &file["kind"]), (&"notes.md".into(), &"text".into()));
    assert_eq!(file["latest_version"], 1);
    let shown = json(&directory, &["chat-file", "show", &id]);
    assert_eq!(shown["filename"], "notes.md");
    assert_eq!((&shown["newest"]["number"], &shown["newest"]["content"]), (&1.into(), &"Dear\n".into()));
    let versions = json(&directory, &["chat-file", "versions", &id]);
    assert_eq!(versions["items"][0]["chat_file_id"], id.as_str());
    assert_eq!(versions["items"][0]["content"], "Dear\n");
    assert!(versions["next_cursor"].is_null());
    assert_eq!(json(&directory, &["chat-file", "revert", &id, "1"])["number"], 2);
    let diff = json(&directory, &["chat-file", "diff", &id]);
    assert_eq!((&diff["from"], &diff["to"], &diff["diff"]), (&1.into(), &2.into(), &"".into()));
    assert_eq!(json(&directory, &["chat-file", "delete", &id])["deleted"][0], id.as_str());
}

#[test]
fn a_text_is_edited_and_taken_back() {
    let (directory, chat) = place();
    let id = text(&directory, &chat, "Dear\n");
    // The editor sees the text under its name, and nobody else sees it.
    let script = "test \"$(basename \"$1\")\" = notes.md\n\
                  test \"$(stat -c %a \"$(dirname \"$1\")\")\" = 700\n\
                  echo typing\nprintf 'Milena\\n' >> \"$1\"";
    let output = edit(&directory, &id, script).output().unwrap();
    assert_eq!(succeeded(&output), "Added version 2 of notes.md.\n");
    assert_eq!(stderr(&output), "typing\n");
    assert_eq!(printed(&directory, &["chat-file", "show", &id]), "Dear\nMilena\n");
    assert!(kept(&directory).is_empty());

    let reverted = printed(&directory, &["chat-file", "revert", &id, "1"]);
    assert_eq!(reverted, "Version 3 has the text of version 1 again.\n");
    assert_eq!(printed(&directory, &["chat-file", "show", &id]), "Dear\n");
    let table = printed(&directory, &["chat-file", "versions", &id]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NUMBER", "SIZE", "WRITTEN", "ID"]);
    assert_eq!(lines[2][..3], ["2", "12", "B"]);
    assert_eq!(ids(&directory, &["chat-file", "versions", &id]), ["1", "2", "3"]);
    for numbers in [&[][..], &["1"], &["1", "2"]] {
        printed(&directory, &[&["chat-file", "diff", &id], numbers].concat());
    }
}

#[test]
fn visual_goes_before_editor() {
    let (directory, chat) = place();
    let id = text(&directory, &chat, "Dear\n");
    let mut command = edit(&directory, &id, "exit 1");
    command.env("VISUAL", "sed -i s/Dear/Dearest/");
    assert_eq!(succeeded(&command.output().unwrap()), "Added version 2 of notes.md.\n");
    assert_eq!(printed(&directory, &["chat-file", "show", &id]), "Dearest\n");
}

#[test]
fn a_text_that_is_left_as_it_was_makes_no_version() {
    let (directory, chat) = place();
    let id = text(&directory, &chat, "Dear\n");
    let output = edit(&directory, &id, "touch \"$1\"").output().unwrap();
    assert_eq!(succeeded(&output), "The text is as it was; no version was added.\n");
    let output = edit(&directory, &id, "echo lost >> \"$1\"\nexit 3").output().unwrap();
    fails(&output, 2, &["my editor", "failed", "VISUAL or EDITOR"]);
    let output = edit(&directory, &id, "").env("EDITOR", "no-such-editor").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("The editor no-such-editor failed"), "{}", stderr(&output));
    assert_eq!(ids(&directory, &["chat-file", "versions", &id]), ["1"]);
    assert!(kept(&directory).is_empty());
}

/// The only text that was kept, which the error names.
fn kept_text(directory: &TempDir, output: &Output) -> Vec<u8> {
    let [place] = kept(directory).try_into().unwrap();
    let text = place.join("notes.md");
    assert!(stderr(output).contains(&format!("kept in {}", text.display())), "{}", stderr(output));
    let text = fs::read(text).unwrap();
    fs::remove_dir_all(place).unwrap();
    text
}

#[test]
fn a_text_that_cannot_be_stored_is_not_lost() {
    let (directory, chat) = place();
    let id = text(&directory, &chat, "Dear\n");
    let kafka = env!("CARGO_BIN_EXE_kafka");
    let meanwhile = format!("echo Felice >> \"$1\"\n'{kafka}' chat-file revert {id} 1 > /dev/null");
    let output = edit(&directory, &id, &meanwhile).output().unwrap();
    let diff = format!("`kafka chat-file diff {id} 1`");
    fails(&output, 5, &["Version 1 is not the newest any more", &diff, "kafka chat-file edit"]);
    assert_eq!(kept_text(&directory, &output), b"Dear\nFelice\n");
    assert_eq!(ids(&directory, &["chat-file", "versions", &id]), ["1", "2"]);

    let output = edit(&directory, &id, "printf '\\377' > \"$1\"").output().unwrap();
    fails(&output, 2, &["no text in UTF-8"]);
    assert_eq!(kept_text(&directory, &output), [0xFF]);
    let meanwhile = format!("echo Ottla >> \"$1\"\n'{kafka}' chat-file delete {id} > /dev/null");
    let output = edit(&directory, &id, &meanwhile).output().unwrap();
    fails(&output, 4, &[&id]);
    assert_eq!(kept_text(&directory, &output), b"Dear\nOttla\n");
}

#[test]
fn ctrl_c_is_the_editor_s() {
    let (directory, chat) = place();
    let id = text(&directory, &chat, "Dear\n");
    let script = "trap 'echo Greta >> \"$1\"; exit 0' INT\necho ready\nwhile :; do sleep 0.1; done";
    let editor = editor(&directory, script);
    let line = format!(
        "EDITOR=\"'{}'\" TMPDIR=. {} chat-file edit {id}",
        editor.display(),
        env!("CARGO_BIN_EXE_kafka")
    );
    let mut terminal = Terminal::start_line(&directory, &line);
    terminal.expect("ready");
    terminal.press("\u{3}");
    terminal.expect("Added version 2 of notes.md.");
    terminal.end();
    assert_eq!(printed(&directory, &["chat-file", "show", &id]), "Dear\nGreta\n");
}

#[test]
fn typical_mistakes_are_told() {
    let (directory, chat) = place();
    let id = text(&directory, &chat, "Dear\n");
    write(&directory, "map.png", [0xFF, 0]);
    fs::write(directory.path().join("long.md"), vec![b'x'; (1 << 20) + 1]).unwrap();
    let upload = ids(&directory, &["chat-file", "add", &chat, "map.png"]).remove(0);
    let table: [(&[&str], i32, &[&str]); 21] = [
        (&["list", UNKNOWN], 4, &[UNKNOWN, "Hint: `kafka chats list`"]),
        (&["add", UNKNOWN, "map.png"], 4, &[UNKNOWN]),
        (&["show", UNKNOWN], 4, &[UNKNOWN, "Hint: `kafka chat-file list CHAT`"]),
        (&["versions", UNKNOWN], 4, &[UNKNOWN]),
        (&["diff", UNKNOWN], 4, &[UNKNOWN]),
        (&["revert", UNKNOWN, "1"], 4, &[UNKNOWN]),
        (&["edit", UNKNOWN], 4, &[UNKNOWN]),
        (&["delete", &id, UNKNOWN], 4, &[UNKNOWN]),
        (&["diff", &id, "7"], 4, &["version 7", "Hint: `kafka chat-file versions ID`"]),
        (&["diff", &id, "1", "7"], 4, &["version 7"]),
        (&["revert", &id, "7"], 4, &["version 7"]),
        (&["show", "notes.md"], 2, &["an id looks like"]),
        (&["diff", &id, "old"], 2, &["[FROM]"]),
        (&["revert", &id], 2, &["<NUMBER>"]),
        (&["add", &chat, "none.md"], 2, &["none.md cannot be read"]),
        (&["add", &chat, "--text", "map.png"], 2, &["map.png was not added: it is no text in UTF-8"]),
        (&["add", &chat, "--text", "long.md"], 7, &["long.md was not added: it has more than 1048576"]),
        (&["add", &chat, "--text", "notes.md"], 5, &["notes.md was not added: ", "has a text named"]),
        (&["versions", &upload], 5, &["has no versions"]),
        (&["edit", &upload], 5, &["has no versions"]),
        (&["revert", &upload, "1"], 5, &["has no versions"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, &[&["chat-file"], arguments].concat()), code, parts);
    }
    assert_eq!(ids(&directory, &["chat-file", "list", &chat]), [id, upload]);
}

#[test]
fn what_a_text_holds_cannot_steer_a_terminal() {
    let (directory, chat) = place();
    let id = text(&directory, &chat, "\u{1b}]0;owned\u{7}\n");
    assert_eq!(printed(&directory, &["chat-file", "show", &id]), "\u{1b}]0;owned\u{7}\n");
    let mut terminal = Terminal::start(&directory, &format!("chat-file show {id}"));
    terminal.expect("\u{FFFD}]0;owned\u{FFFD}\r\n");
    terminal.expect("notes.md, version 1, ");
    assert_eq!(terminal.end().0, Some(0));
    let mut terminal = Terminal::start(&directory, &format!("chat-file diff {id}"));
    terminal.expect("Version 1 is compared with itself.");
    assert_eq!(terminal.end().0, Some(0));
}
