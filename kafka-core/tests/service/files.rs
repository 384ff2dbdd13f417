//! Files: their bytes, where they lie, and when they go.

use std::{
    fs,
    io::{self, Read, Seek as _, SeekFrom},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use kafka_core::{
    Actor, Chat, ChatFileKind, ErrorKind, File, FilePatch, IdempotencyKey, NewChat, NewFile, NewWorkspace,
    PageRequest, Result, Schema, Workspace,
};

use crate::stage::{In, Stage};

fn workspace(stage: &Stage, actor: &Actor) -> Workspace {
    stage.kafka.workspaces(actor).create(NewWorkspace { name: "w".into(), owner_id: None }).unwrap()
}

fn chat_in(stage: &Stage, actor: &Actor, workspace: &Workspace) -> Chat {
    let new = NewChat { workspace_id: Some(workspace.id), ..NewChat::default() };
    stage.kafka.chats(actor).create(new).unwrap()
}

fn upload(stage: &Stage, workspace: &Workspace, name: &str, bytes: &[u8]) -> Result<File> {
    let mut bytes = bytes;
    stage.kafka.files(&stage.operator).upload(workspace.id, NewFile::named(name), &mut bytes)
}

/// Every file beside the database, without the directory they lie in.
fn blobs(stage: &Stage) -> Vec<PathBuf> {
    let Ok(shelves) = fs::read_dir(stage.blobs()) else { return Vec::new() };
    let shelves = shelves.map(|shelf| shelf.unwrap().path()).filter(|shelf| shelf.is_dir());
    shelves.flat_map(|shelf| fs::read_dir(shelf).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

fn grow_old(path: &PathBuf) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3601)).unwrap();
}

fn remove_orphans(stage: &Stage) {
    Schema::open(&stage.config()).unwrap().remove_orphans().unwrap();
}

#[test]
fn a_file_is_uploaded_read_renamed_and_deleted() {
    for place in [In::Memory, In::File] {
        let stage = Stage::new(place);
        let workspace = workspace(&stage, &stage.operator);
        let files = stage.kafka.files(&stage.operator);
        let file = upload(&stage, &workspace, "../tmp/castle.md", b"# The Castle\n").unwrap();
        assert_eq!((&*file.filename, &*file.media_type, file.size_bytes), ("castle.md", "text/markdown", 13));
        assert_eq!(file.path, format!("uploads/files/{}_castle.md", file.id));
        assert_eq!(files.get(file.id).unwrap(), file);
        assert_eq!(
            files.list(workspace.id, &PageRequest::default()).unwrap().items,
            std::slice::from_ref(&file)
        );

        let mut content = files.open(file.id).unwrap();
        let mut text = String::new();
        content.seek(SeekFrom::Start(2)).unwrap();
        content.read_to_string(&mut text).unwrap();
        assert_eq!(text, "The Castle\n");

        let renamed = files.update(file.id, FilePatch { filename: Some("a\0/x.csv".into()) }).unwrap();
        assert_eq!((&*renamed.filename, &*renamed.media_type), ("x.csv", "text/csv"));
        assert_eq!(renamed.path, format!("uploads/files/{}_x.csv", file.id));
        files.delete(file.id).unwrap();
        assert_eq!(files.get(file.id).unwrap_err().code(), "file_not_found");
        assert_eq!(files.delete(file.id).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn equal_bytes_are_kept_once_until_nobody_names_them() {
    let stage = Stage::new(In::File);
    let workspace = workspace(&stage, &stage.operator);
    let [one, two] = ["a", "b"].map(|name| upload(&stage, &workspace, name, b"same").unwrap());
    assert_eq!(blobs(&stage).len(), 1);
    grow_old(&blobs(&stage)[0]);
    stage.kafka.files(&stage.operator).delete(one.id).unwrap();
    remove_orphans(&stage);
    assert_eq!(blobs(&stage).len(), 1, "the other file names them");
    stage.kafka.files(&stage.operator).delete(two.id).unwrap();
    remove_orphans(&stage);
    assert_eq!(blobs(&stage).len(), 0);
}

#[test]
fn bytes_that_nobody_names_stay_for_an_hour() {
    let stage = Stage::new(In::File);
    let workspace = workspace(&stage, &stage.operator);
    let file = upload(&stage, &workspace, "a", b"x").unwrap();
    stage.kafka.files(&stage.operator).delete(file.id).unwrap();
    remove_orphans(&stage);
    assert_eq!(blobs(&stage).len(), 1);
    let schema = Schema::open(&stage.config()).unwrap();
    assert!(schema.files().unwrap().orphans.is_empty(), "young ones are not told");
    grow_old(&blobs(&stage)[0]);
    assert_eq!(schema.files().unwrap().orphans, [file.sha256]);
    remove_orphans(&stage);
    assert_eq!(blobs(&stage).len(), 0);
}

/// Runs work at the end of what it gives.
struct Meanwhile<'a, F: FnMut()>(&'a [u8], F);

impl<F: FnMut()> Read for Meanwhile<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        if count == 0 {
            (self.1)();
        }
        Ok(count)
    }
}

#[test]
fn an_upload_that_meets_a_removal_of_the_same_bytes_wins() {
    let stage = Stage::new(In::File);
    let workspace = workspace(&stage, &stage.operator);
    let first = upload(&stage, &workspace, "a", b"same").unwrap();
    stage.kafka.files(&stage.operator).delete(first.id).unwrap();
    grow_old(&blobs(&stage)[0]);
    let mut removed = false;
    let removal = || {
        remove_orphans(&stage);
        removed = true;
    };
    let files = stage.kafka.files(&stage.operator);
    let second = files.upload(workspace.id, NewFile::named("b"), &mut Meanwhile(b"same", removal)).unwrap();
    assert!(removed);
    let mut bytes = Vec::new();
    files.open(second.id).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"same");
    // What came anew is not as old as what it replaced.
    remove_orphans(&stage);
    assert!(files.open(second.id).is_ok());
}

struct CutOff;

impl Read for CutOff {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn an_upload_that_fails_leaves_nothing() {
    let stage = Stage::with(
        In::File,
        |_| kafka_core::testing::ScriptedAnswer::of(&["x"]),
        |config| config.limits.file_bytes = 4,
    );
    let workspace = workspace(&stage, &stage.operator);
    let files = stage.kafka.files(&stage.operator);
    let cut = files.upload(workspace.id, NewFile::named("a"), &mut b"ab".chain(CutOff)).unwrap_err();
    assert_eq!((cut.kind(), cut.code()), (ErrorKind::Invalid, "file_unreadable"));
    let large = upload(&stage, &workspace, "a", b"abcde").unwrap_err();
    assert_eq!((large.kind(), large.code()), (ErrorKind::TooLarge, "file_too_large"));
    assert!(blobs(&stage).is_empty());
    assert!(files.list(workspace.id, &PageRequest::default()).unwrap().items.is_empty());
    upload(&stage, &workspace, "a", b"abcd").unwrap();
    assert_eq!(upload(&stage, &workspace, "a", b"").unwrap().size_bytes, 0);
}

#[test]
fn bytes_that_are_gone_are_told() {
    let stage = Stage::new(In::File);
    let workspace = workspace(&stage, &stage.operator);
    let file = upload(&stage, &workspace, "a.txt", b"x").unwrap();
    fs::remove_file(&blobs(&stage)[0]).unwrap();
    let error = stage.kafka.files(&stage.operator).open(file.id).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "blob_missing"));
    let schema = Schema::open(&stage.config()).unwrap();
    assert_eq!(schema.files().unwrap().missing, [(file.id, "a.txt".to_owned())]);
}

#[test]
fn an_upload_with_a_key_takes_effect_once() {
    let stage = Stage::new(In::File);
    let workspace = workspace(&stage, &stage.operator);
    let upload = |mut bytes: &[u8]| {
        let key = IdempotencyKey::new("POST", "/files", "k", b"a").unwrap();
        let files = stage.kafka.files(&stage.operator).idempotent(key);
        files.upload(workspace.id, NewFile::named("a"), &mut bytes)
    };
    let first = upload(b"one").unwrap();
    assert_eq!(upload(b"one").unwrap(), first);
    assert_eq!(upload(b"two").unwrap_err().code(), "idempotency_mismatch");
    let files = stage.kafka.files(&stage.operator).list(workspace.id, &PageRequest::default()).unwrap();
    assert_eq!(files.items, [first]);
}

#[test]
fn what_came_with_chats_goes_with_the_last_one_that_has_it() {
    let stage = Stage::new(In::File);
    let workspace = workspace(&stage, &stage.operator);
    let [one, two] = [0, 1].map(|_| chat_in(&stage, &stage.operator, &workspace));
    let (files, chat_files) = (stage.kafka.files(&stage.operator), stage.kafka.chat_files(&stage.operator));
    let kept = upload(&stage, &workspace, "kept.txt", b"kept").unwrap();
    chat_files.link(one.id, kept.id).unwrap();
    let of_one = chat_files.upload(one.id, NewFile::named("one.txt"), &mut &b"one"[..]).unwrap();
    let shared = chat_files.upload(one.id, NewFile::named("both.txt"), &mut &b"both"[..]).unwrap();
    chat_files.link(two.id, shared.file_id.unwrap()).unwrap();
    let names = || {
        let files = files.list(workspace.id, &PageRequest::default()).unwrap().items;
        files.into_iter().map(|file| file.filename).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["kept.txt", "one.txt", "both.txt"]);
    stage.kafka.chats(&stage.operator).delete(one.id).unwrap();
    assert_eq!(names(), ["kept.txt", "both.txt"]);
    assert_eq!(chat_files.get(of_one.id).unwrap_err().code(), "chat_file_not_found");
    let left = chat_files.list(two.id, &PageRequest::default()).unwrap().items;
    chat_files.delete(left[0].id).unwrap();
    assert_eq!(names(), ["kept.txt"]);
}

#[test]
fn a_file_of_two_chats_goes_when_both_go_together() {
    let stage = Stage::new(In::File);
    let (boss, user) = (stage.user("boss"), stage.user("k"));
    let office = workspace(&stage, &boss);
    let editor = Some(kafka_core::MemberRole::Editor);
    stage.kafka.workspaces(&boss).share(office.id, user.user_id().unwrap(), editor).unwrap();
    let [one, two] = [0, 1].map(|_| chat_in(&stage, &user, &office));
    let chat_files = stage.kafka.chat_files(&user);
    let shared = chat_files.upload(one.id, NewFile::named("both.txt"), &mut &b"both"[..]).unwrap();
    chat_files.link(two.id, shared.file_id.unwrap()).unwrap();
    stage.kafka.users(&user).delete(user.user_id().unwrap()).unwrap();
    let left = stage.kafka.files(&boss).list(office.id, &PageRequest::default()).unwrap().items;
    assert_eq!(left, []);
}

#[test]
fn a_chat_without_a_workspace_has_files_that_only_it_shows() {
    let stage = Stage::new(In::File);
    let [user, other] = ["k", "other"].map(|name| stage.user(name));
    let chat = stage.chat_of(&user);
    let chat_files = stage.kafka.chat_files(&user);
    let file = chat_files.upload(chat.id, NewFile::named("a.png"), &mut &b"png"[..]).unwrap();
    assert_eq!((file.kind, file.latest_version), (ChatFileKind::Upload, None));
    let id = file.file_id.unwrap();
    assert_eq!(stage.kafka.files(&user).get(id).unwrap().workspace_id, None);
    assert_eq!(stage.kafka.files(&other).get(id).unwrap_err().code(), "file_not_found");
    let again = chat_files.link(stage.chat_of(&user).id, id).unwrap_err();
    assert_eq!(again.code(), "file_not_found", "it lies near no other chat");
    let renamed = stage.kafka.files(&user).update(id, FilePatch { filename: Some("b.png".into()) }).unwrap();
    assert_eq!(chat_files.get(file.id).unwrap().path, renamed.path);
    stage.kafka.files(&user).delete(id).unwrap();
    assert_eq!(chat_files.list(chat.id, &PageRequest::default()).unwrap().items, []);
}
