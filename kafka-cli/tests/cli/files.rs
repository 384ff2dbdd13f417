//! Databases that cannot be used: one clear error, the right exit code, nothing harmed.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::run::{fails, printed, run};

/// A directory with a conversation in it, and the path of its database.
fn installation() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    printed(&directory, &["chat", "Hi"]);
    let file = directory.path().join("kafka-data/kafka.db");
    (directory, file)
}

/// Every sort of verb meets the same file.
const VERBS: [&[&str]; 4] = [&["chats", "list"], &["chat", "More"], &["model", "list"], &["migrate", "up"]];

fn all_fail(directory: &TempDir, code: i32, parts: &[&str]) {
    for verb in VERBS {
        fails(&run(directory, verb), code, parts);
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let (directory, file) = installation();
    for path in [file.clone(), beside(&file, "-wal"), beside(&file, "-shm")] {
        let _ = fs::remove_file(path);
    }
    let text = "Dear diary,\n".repeat(200);
    fs::write(&file, &text).unwrap();
    all_fail(&directory, 11, &[file.to_str().unwrap(), "not an SQLite database"]);
    assert_eq!(run(&directory, &["doctor"]).status.code(), Some(11));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_damaged_file_is_named() {
    let (directory, file) = installation();
    Connection::open(&file).unwrap().execute_batch("PRAGMA journal_mode = DELETE").unwrap();
    let mut open = fs::OpenOptions::new().write(true).open(&file).unwrap();
    // The root of the schema, behind a good header.
    open.seek(SeekFrom::Start(100)).unwrap();
    open.write_all(&[0xFF; 3000]).unwrap();
    drop(open);
    all_fail(&directory, 11, &["damaged"]);
    assert_eq!(run(&directory, &["doctor"]).status.code(), Some(11));
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[test]
fn a_read_only_file_is_named() {
    let (directory, file) = installation();
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    all_fail(&directory, 1, &[file.to_str().unwrap(), "cannot be written", "permissions"]);
}

#[test]
fn a_directory_in_place_of_the_file_is_named() {
    let directory = TempDir::new().unwrap();
    fs::create_dir_all(directory.path().join("kafka-data/kafka.db")).unwrap();
    all_fail(&directory, 1, &["is a directory"]);
}

#[test]
fn a_locked_file_is_waited_for_and_then_told() {
    let (directory, file) = installation();
    let other = Connection::open(file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    fails(&run(&directory, &["chats", "list"]), 10, &["locked", "Hint: try again"]);
    other.execute_batch("ROLLBACK").unwrap();
    printed(&directory, &["chats", "list"]);
}

#[test]
fn a_place_that_cannot_be_made_is_named() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let arguments = ["chats", "list", "--data-dir", "file/below"];
    fails(&run(&directory, &arguments), 1, &["file/below"]);
}
