//! Texts that are written in chats, and their versions.

use std::{thread, time::Duration};

use kafka_core::{
    Change, ChatFile, ChatFileKind, ErrorKind, IdempotencyKey, NewChatFile, NewFile, NewVersion, PageRequest,
    Place, testing::ScriptedAnswer,
};

use crate::stage::{In, Stage};

fn write(stage: &Stage, name: &str, content: &str) -> ChatFile {
    let new = NewChatFile { filename: name.into(), content: content.into() };
    stage.kafka.chat_files(&stage.operator).create(stage.chat().id, new).unwrap()
}

#[test]
fn a_text_is_written_changed_and_reverted() {
    let stage = Stage::new(In::File);
    let files = stage.kafka.chat_files(&stage.operator);
    let file = write(&stage, "plan.based", "loop:\n");
    assert_eq!((file.kind, file.latest_version, file.file_id), (ChatFileKind::Based, Some(1), None));
    assert_eq!(write(&stage, "notes/plan.txt", "x").kind, ChatFileKind::Text);

    let second = files.add_version(file.id, NewVersion::text("loop:\n\tx\n")).unwrap();
    assert_eq!((second.number, &*second.diff), (2, ""));
    let edit = NewVersion { diff: Some("@@ -2 +2,2 @@\n-\tx\n+\ty\n+\tz\n".into()), ..NewVersion::default() };
    assert_eq!(files.add_version(file.id, edit).unwrap().content, "loop:\n\ty\n\tz\n");
    let back = files.revert(file.id, 1).unwrap();
    assert_eq!((back.number, &*back.content), (4, "loop:\n"));
    assert_eq!(files.get(file.id).unwrap().latest_version, Some(4));
    assert_eq!(files.newest_version(file.id).unwrap(), back);

    let first = files.version(file.id, 1).unwrap();
    assert_eq!((&*first.content, &*first.diff), ("loop:\n", ""), "it equals the newest");
    assert_eq!(files.version(file.id, 2).unwrap().diff, "@@ -2 +1,0 @@\n-\tx\n");
    assert!(files.diff(file.id, 1, 2).unwrap().contains("\n+\tx\n"));
    for number in [0, 5, u64::MAX] {
        assert_eq!(files.version(file.id, number).unwrap_err().code(), "version_not_found");
        assert_eq!(files.revert(file.id, number).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(files.diff(file.id, 1, number).unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(files.find_version(back.id).unwrap(), (file.id, 4));
    files.delete(file.id).unwrap();
    assert_eq!(files.find_version(back.id).unwrap_err().code(), "version_not_found");
}

#[test]
fn versions_are_told_apart_by_the_millisecond_and_read_in_pages() {
    let stage = Stage::new(In::File);
    let files = stage.kafka.chat_files(&stage.operator);
    let file = write(&stage, "a.txt", "1");
    for number in 2..=5 {
        files.add_version(file.id, NewVersion::text(number.to_string())).unwrap();
    }
    let whole = files.versions(file.id, &PageRequest::default()).unwrap().items;
    let contents = |items: &[kafka_core::Version]| {
        items.iter().map(|version| version.content.clone()).collect::<Vec<_>>().join("")
    };
    assert_eq!(contents(&whole), "12345");
    assert!(whole.is_sorted_by(|a, b| a.timestamp < b.timestamp), "though the clock stands still");
    let first = files.versions(file.id, &PageRequest::first(2)).unwrap();
    let after = Place::After(first.next_cursor.unwrap());
    let next = files.versions(file.id, &PageRequest::Cursor { limit: Some(2), place: after }).unwrap();
    assert_eq!((&*contents(&first.items), &*contents(&next.items)), ("12", "34"));
    let before = Place::Before(next.prev_cursor.unwrap());
    let back = files.versions(file.id, &PageRequest::Cursor { limit: Some(2), place: before }).unwrap();
    assert_eq!(contents(&back.items), "12");
    let page = files.versions(file.id, &PageRequest::Numbered { page: 2, page_size: 3 }).unwrap();
    assert_eq!((&*contents(&page.items), page.numbers.unwrap().total), ("45", 5));
}

#[test]
fn of_those_who_change_one_version_at_the_same_time_one_is_stored() {
    let stage = Stage::new(In::File);
    let file = write(&stage, "a.txt", "1");
    let change = |text: String| {
        let new = NewVersion { base: Some(1), ..NewVersion::text(text) };
        stage.kafka.chat_files(&stage.operator).add_version(file.id, new)
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || change(n.to_string()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (stored, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(stored.len(), 1);
    for error in refused.into_iter().map(Result::unwrap_err) {
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "version_stale"));
        assert_eq!(error.current(), Some(2));
    }
}

#[test]
fn an_edit_that_does_not_fit_changes_nothing() {
    let stage = Stage::new(In::File);
    let files = stage.kafka.chat_files(&stage.operator);
    let file = write(&stage, "a.txt", "one\ntwo\n");
    let table = [
        (Some("@@ -1 +1 @@\n-three\n+four\n"), None, "diff_refused"),
        (Some("hello"), None, "diff_refused"),
        (Some("x"), Some("y"), "version_ambiguous"),
        (None, None, "version_ambiguous"),
        (None, Some("a\0b"), "nul_in_text"),
    ];
    for (diff, content, code) in table {
        let new = NewVersion {
            diff: diff.map(str::to_owned),
            content: content.map(str::to_owned),
            ..NewVersion::default()
        };
        let error = files.add_version(file.id, new).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, code));
        assert!(!error.message().ends_with(".."), "{error}");
    }
    assert_eq!(files.get(file.id).unwrap().latest_version, Some(1));
}

#[test]
fn an_uploaded_based_file_is_its_own_first_version() {
    let stage = Stage::new(In::File);
    let (chat, files) = (stage.chat(), stage.kafka.chat_files(&stage.operator));
    let upload = |name: &str, mut bytes: &[u8]| files.upload(chat.id, NewFile::named(name), &mut bytes);
    let file = upload("hand.based", b"\xef\xbb\xbfloop:\n").unwrap();
    assert_eq!((file.kind, file.latest_version), (ChatFileKind::Based, Some(1)));
    assert_eq!(files.newest_version(file.id).unwrap().content, "loop:\n");
    assert_eq!(upload("other.based", b"\xff\x00").unwrap_err().code(), "file_not_text");
    assert_eq!(upload("hand.based", b"again").unwrap_err().code(), "filename_taken");
    let new = NewChatFile { filename: "hand.based".into(), content: "again".into() };
    assert_eq!(files.create(chat.id, new).unwrap_err().kind(), ErrorKind::Conflict);
    // Names of what is kept as it is may repeat.
    let plain = upload("a.txt", b"a").unwrap();
    upload("a.txt", b"a").unwrap();
    let refused = files.add_version(plain.id, NewVersion::text("b")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "file_without_versions"));
}

#[test]
fn the_limits_of_texts_and_files_are_kept() {
    let stage = Stage::with(
        In::Memory,
        |_| ScriptedAnswer::of(&["x"]),
        |config| {
            config.limits.version_bytes = 4;
            config.limits.files_per_chat = 2;
        },
    );
    let (chat, files) = (stage.chat(), stage.kafka.chat_files(&stage.operator));
    let write = |name: &str, content: &str| {
        files.create(chat.id, NewChatFile { filename: name.into(), content: content.into() })
    };
    let file = write("a", "1234").unwrap();
    let long = [
        write("b", "12345").unwrap_err(),
        files.add_version(file.id, NewVersion::text("12345")).unwrap_err(),
        files.upload(chat.id, NewFile::named("b.based"), &mut &b"12345"[..]).unwrap_err(),
    ];
    for error in long {
        assert_eq!((error.kind(), error.code()), (ErrorKind::TooLarge, "text_too_long"));
    }
    write("b", "1").unwrap();
    assert_eq!(write("c", "1").unwrap_err().code(), "too_many_files");
}

#[test]
fn a_version_with_a_key_is_added_once() {
    let stage = Stage::new(In::File);
    let file = write(&stage, "a.txt", "1");
    let add = || {
        let key = IdempotencyKey::new("POST", "/versions", "k", b"2").unwrap();
        stage.kafka.chat_files(&stage.operator).idempotent(key).add_version(file.id, NewVersion::text("2"))
    };
    assert_eq!(add().unwrap(), add().unwrap());
}

#[test]
fn who_follows_a_chat_is_told_of_its_files() {
    let stage = Stage::new(In::File);
    let (chat, files) = (stage.chat(), stage.kafka.chat_files(&stage.operator));
    let mut changes = stage.kafka.events(&stage.operator).subscribe(chat.id).unwrap();
    let mut next = || changes.next_within(Duration::from_secs(20)).unwrap().unwrap();
    let new = NewChatFile { filename: "a.txt".into(), content: "1".into() };
    let file = files.create(chat.id, new).unwrap();
    assert_eq!(next(), Change::ChatFile(Box::new(file.clone())));
    files.add_version(file.id, NewVersion::text("2")).unwrap();
    let Change::ChatFile(changed) = next() else { panic!("something else was told") };
    assert_eq!(changed.latest_version, Some(2));
    files.delete(file.id).unwrap();
    assert_eq!(next(), Change::ChatFileDeleted { chat_id: chat.id, id: file.id });
}

/// What is read and told at once of a chat stays small however much was written there.
#[test]
fn of_many_long_versions_a_chat_tells_the_newest() {
    let stage = Stage::new(In::Memory);
    let text = |number: u8| char::from(b'a' + number).to_string().repeat(1 << 20);
    let file = write(&stage, "long.based", &text(0));
    let files = stage.kafka.chat_files(&stage.operator);
    for number in 1..20 {
        files.add_version(file.id, NewVersion::text(text(number))).unwrap();
    }
    let other = NewChatFile { filename: "other.based".into(), content: text(20) };
    files.create(file.chat_id, other).unwrap();
    let contents = files.contents(file.chat_id).unwrap();
    assert_eq!(
        contents.iter().map(|it| it.text.clone()).collect::<Vec<_>>(),
        [19, 20].map(|it| Some(text(it)))
    );
    let versions = &contents[0].versions;
    assert!(versions.iter().map(|version| version.number).eq(1..=20), "each is named");
    let (diffs, texts) = versions
        .iter()
        .fold((0, 0), |(diffs, texts), version| (diffs + version.diff.len(), texts + version.content.len()));
    assert!((6 << 20..=11 << 20).contains(&diffs), "{diffs}");
    assert!((14 << 20..=16 << 20).contains(&texts), "{texts}");
    assert!(!versions[18].diff.is_empty() && versions[0].diff.is_empty());
    // By itself each is there.
    let first = files.version(file.id, 1).unwrap();
    assert_eq!((first.content, first.diff.len() > 2 << 20), (text(0), true));
}
