//! `kafka file`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use kafka_core::NewFile;
use tempfile::TempDir;

use crate::{
    home,
    run::{fails, ids, json, printed, run, stderr, stdout},
    terminal::Terminal,
};

const UNKNOWN: &str = "019ab3f2-5c1e-7d40-9b1a-2f6c8e0d4a71";

/// A directory with a workspace, and its id.
fn place() -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let workspace = ids(&directory, &["workspace", "add", "Castle"]).remove(0);
    (directory, workspace)
}

fn write(directory: &TempDir, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(directory.path().join(name), bytes).unwrap();
}

#[test]
fn files_are_added_listed_shown_renamed_and_deleted() {
    let (directory, workspace) = place();
    write(&directory, "survey.txt", "high");
    write(&directory, "map.png", vec![0; 2048]);
    let table = printed(&directory, &["file", "add", &workspace, "survey.txt", "map.png"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "NAME", "SIZE", "TYPE", "ADDED"]);
    assert_eq!(lines[1][1..4], ["survey.txt", "4", "B"]);
    assert_eq!(lines[2][1..4], ["map.png", "2", "KiB"]);
    let listed = ids(&directory, &["file", "list", &workspace]);
    assert_eq!(listed, [lines[1][0], lines[2][0]]);
    assert_eq!(printed(&directory, &["file", "list", &workspace]), table);

    let shown = printed(&directory, &["file", "show", &listed[0]]);
    assert!(shown.contains("size       4 B (4 bytes)\n"), "{shown}");
    assert!(shown.contains(&format!("workspace  {workspace}\n")), "{shown}");
    let renamed = printed(&directory, &["file", "rename", &listed[0], "../depth.txt"]);
    assert_eq!(renamed, format!("The file {} is called depth.txt now.\n", listed[0]));

    assert_eq!(printed(&directory, &["file", "delete", &listed[0], &listed[1]]), "Deleted 2 files.\n");
    assert!(ids(&directory, &["file", "list", &workspace]).is_empty());
}

#[test]
fn programs_get_the_api_s_fields() {
    let (directory, workspace) = place();
    write(&directory, "survey.txt", "high");
    let added = json(&directory, &["file", "add", &workspace, "survey.txt"]);
    let file = &added["items"][0];
    let id = file["id"].as_str().unwrap();
    assert_eq!(file["workspace_id"], workspace.as_str());
    assert_eq!(file["filename"], "survey.txt");
    assert_eq!(file["path"], format!("uploads/files/{id}_survey.txt"));
    assert_eq!(file["size_bytes"], 4);
    assert_eq!(file["sha256"].as_str().unwrap().len(), 64);
    let listed = json(&directory, &["file", "list", &workspace]);
    assert_eq!(listed["items"], added["items"]);
    assert!(listed["next_cursor"].is_null());
    // One file is shown with what it says, as its route `text` tells it.
    let mut shown = file.clone();
    (shown["text"], shown["note"]) = ("high".into(), serde_json::Value::Null);
    assert_eq!(json(&directory, &["file", "show", id]), shown);
    let renamed = json(&directory, &["file", "rename", id, "depth.txt"]);
    assert_eq!(renamed["filename"], "depth.txt");
    assert_eq!(json(&directory, &["file", "delete", id])["deleted"][0], id);
}

#[test]
fn bytes_come_back_as_they_were() {
    let (directory, workspace) = place();
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    write(&directory, "map.bin", &bytes);
    let id = ids(&directory, &["file", "add", &workspace, "map.bin"]).remove(0);
    assert_eq!(run(&directory, &["file", "get", &id]).stdout, bytes);

    let got = printed(&directory, &["file", "get", &id, "-o", "copy.bin"]);
    assert_eq!(got, "Wrote 781 KiB into copy.bin.\n");
    let copy = directory.path().join("copy.bin");
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o111, 0);

    fs::write(&copy, "mine").unwrap();
    fails(&run(&directory, &["file", "get", &id, "-o", "copy.bin"]), 5, &["copy.bin exists", "--force"]);
    assert_eq!(fs::read(&copy).unwrap(), b"mine");
    let got = json(&directory, &["file", "get", &id, "-o", "copy.bin", "--force"]);
    assert_eq!(got["id"], id.as_str());
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    // Nothing half written lies around.
    let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with(".kafka-")));
}

#[test]
fn bytes_are_not_written_where_they_do_harm() {
    let (directory, workspace) = place();
    write(&directory, "map.bin", [0, 27, 91, 50, 74]);
    write(&directory, "letter.txt", "Dear\u{1b}[2J\n");
    let added = ids(&directory, &["file", "add", &workspace, "map.bin", "letter.txt"]);
    let mut terminal = Terminal::start(&directory, &format!("file get {}", added[0]));
    terminal.expect("is no text");
    assert_eq!(terminal.end().0, Some(2));
    let mut terminal = Terminal::start(&directory, &format!("file get {}", added[1]));
    terminal.expect("Dear\u{FFFD}[2J\r\n");
    assert_eq!(terminal.end().0, Some(0));

    fs::create_dir(directory.path().join("cellar")).unwrap();
    let table: [(&[&str], i32, &[&str]); 5] = [
        (&["-o", "cellar", "--force"], 2, &["cellar is no file"]),
        (&["-o", "/dev/null", "--force"], 2, &["/dev/null is no file"]),
        (&["-o", "nowhere/copy.bin"], 1, &["nowhere/copy.bin cannot be written"]),
        (&["--json"], 2, &["-o PATH"]),
        (&["--force"], 2, &["--output"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, &[&["file", "get", &added[0]], arguments].concat()), code, parts);
    }
}

#[test]
fn typical_mistakes_are_told() {
    let (directory, workspace) = place();
    write(&directory, "survey.txt", "high");
    let table: [(&[&str], i32, &[&str]); 11] = [
        (&["file", "list", UNKNOWN], 4, &[UNKNOWN, "Hint: `kafka workspace list`"]),
        (&["file", "add", UNKNOWN, "survey.txt"], 4, &[UNKNOWN]),
        (&["file", "show", UNKNOWN], 4, &[UNKNOWN, "Hint: `kafka file list WORKSPACE`"]),
        (&["file", "get", UNKNOWN], 4, &[UNKNOWN]),
        (&["file", "rename", UNKNOWN, "x"], 4, &[UNKNOWN]),
        (&["file", "delete", UNKNOWN], 4, &[UNKNOWN]),
        (&["file", "show", "survey.txt"], 2, &["an id looks like"]),
        (&["file", "add", &workspace], 2, &["<PATH>"]),
        (&["file", "add", &workspace, "survey.txt", "none.txt"], 2, &["none.txt cannot be read"]),
        (&["file", "add", &workspace, "survey.txt", "."], 2, &[". cannot be read", "directory"]),
        (&["file", "list"], 2, &["<WORKSPACE>"]),
    ];
    for (arguments, code, parts) in table {
        fails(&run(&directory, arguments), code, parts);
    }
    // One path of several was wrong, so nothing was added.
    assert!(ids(&directory, &["file", "list", &workspace]).is_empty());
}

#[test]
fn what_was_added_before_a_failure_is_told() {
    let (directory, workspace) = place();
    write(&directory, "survey.txt", "high");
    let large = fs::File::create(directory.path().join("large.bin")).unwrap();
    large.set_len((20 << 20) + 1).unwrap();
    let output = run(&directory, &["file", "add", &workspace, "survey.txt", "large.bin", "-q"]);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    assert!(stderr(&output).contains("large.bin was not added: "), "{}", stderr(&output));
    let added: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(ids(&directory, &["file", "list", &workspace]), added);
}

#[test]
fn a_long_file_shows_how_far_it_is_and_only_on_a_terminal() {
    let (directory, workspace) = place();
    write(&directory, "long.bin", vec![7; 4 << 20]);
    let mut terminal = Terminal::start(&directory, &format!("file add {workspace} long.bin"));
    terminal.expect(" %  long.bin");
    // It has gone before the result is shown.
    terminal.expect("\r\u{1b}[K");
    terminal.expect("long.bin  4 MiB");
    assert_eq!(terminal.end().0, Some(0));
    assert_eq!(stderr(&run(&directory, &["file", "add", &workspace, "long.bin"])), "");
}

#[test]
fn what_a_name_holds_cannot_steer_a_terminal() {
    let (directory, workspace) = place();
    let kafka = home::opened(&directory);
    let source = NewFile { source_url: Some("\u{1b}]0;owned\u{7}".into()), ..NewFile::named("a.txt") };
    let file =
        kafka.files(&kafka.operator()).upload(workspace.parse().unwrap(), source, &mut &b"x"[..]).unwrap();
    kafka.close();
    let shown = printed(&directory, &["file", "show", &file.id.to_string()]);
    assert!(shown.contains("from       \u{FFFD}]0;owned\u{FFFD}\n"), "{shown:?}");
    // The library takes control characters out of names, so here only the error may hold one.
    let output = run(&directory, &["file", "add", &workspace, "\u{1b}[2J"]);
    fails(&output, 2, &["\u{FFFD}[2J cannot be read"]);
}
