//! Files that are documents as well: which are, that both come and go together, and that a model is given what they say once.

use std::time::Duration;

use kafka_core::{
    Actor, AnswerRequest, Change, Chat, ComposeRequest, Document, DocumentPlace, ErrorKind, FilePatch,
    NewChat, NewFile, NewToken, NewWorkspace, PageRequest, ProcessingStatus, Upload,
    testing::{ScriptedAnswer, ScriptedCall},
};

use crate::{
    retrieval::{add, filler, told},
    stage::{In, Stage, sent},
    tokens::scopes,
};

const PATIENCE: Duration = Duration::from_secs(60);
const SAID: &str = "The horn is sounded in fog.";

fn page(said: &str) -> String {
    format!("<!DOCTYPE html><html><body><p>{said}</p></body></html>")
}

fn upload(stage: &Stage, actor: &Actor, place: DocumentPlace, name: &str, text: &str) -> Upload {
    stage.kafka.files(actor).uploads().upload(place, NewFile::named(name), &mut text.as_bytes()).unwrap()
}

/// A page in a chat that is read.
fn read(stage: &Stage, place: DocumentPlace, said: &str) -> (Upload, Document) {
    let upload = upload(stage, &stage.operator, place, "horn.html", &page(said));
    let document = upload.document.as_ref().unwrap().id;
    let document = stage.kafka.documents(&stage.operator).wait(document, PATIENCE, |_| ()).unwrap();
    assert_eq!(document.processing_status, ProcessingStatus::Completed, "{document:?}");
    (upload, document)
}

fn documents(stage: &Stage, place: DocumentPlace) -> Vec<Document> {
    stage.kafka.documents(&stage.operator).list(place, &PageRequest::first(200)).unwrap().items
}

/// What the model was given in its last call.
fn given(stage: &Stage) -> String {
    let calls = stage.provider.calls();
    sent(calls.last().unwrap()).iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_only_reading_gives_the_text_of_is_a_document_of_the_same_file() {
    let stage = Stage::new(In::File);
    let chat = stage.chat();
    let workspace = stage.kafka.workspaces(&stage.operator).create(NewWorkspace::default()).unwrap();
    for place in [DocumentPlace::Chat(chat.id), DocumentPlace::Workspace(workspace.id)] {
        let Upload { file, chat_file, document } =
            upload(&stage, &stage.operator, place, "horn.html", &page(SAID));
        assert_eq!(
            chat_file.map(|of_chat| of_chat.file_id),
            match place {
                DocumentPlace::Chat(_) => Some(Some(file.id)),
                DocumentPlace::Workspace(_) => None,
            }
        );
        let document = document.unwrap();
        assert_eq!((document.file_id, document.filename.as_str()), (Some(file.id), "horn.html"));
        assert_eq!(documents(&stage, place).len(), 1);
        for name in ["horn.md", "horn.based", "horn.py"] {
            assert_eq!(upload(&stage, &stage.operator, place, name, "loop").document, None, "{name}");
        }
        assert_eq!(documents(&stage, place).len(), 1);
    }
}

#[test]
fn a_model_is_given_it_once_and_cites_it() {
    let stage = Stage::new(In::File);
    let chat = stage.chat();
    let (_, document) = read(&stage, DocumentPlace::Chat(chat.id), SAID);
    add(&stage, DocumentPlace::Chat(chat.id), "lamp.txt", "The lamp is lit at dusk, but never in fog.");
    // Words of it, words of another document, and words of none.
    for question in ["When is the horn sounded?", "When is the lamp lit in fog?", "What does it cost?"] {
        let answer = stage.ask(&chat, AnswerRequest::text(question));
        let given = given(&stage);
        assert_eq!(given.matches(SAID).count(), 1, "{question}: {given}");
        assert!(given.contains("--- begin of horn.html ---\n(It is one of the documents: "), "{given}");
        assert!(told(&stage).contains(&format!("[1] horn.html\n{SAID}\n")), "{given}");
        let cited = &answer.sources[0].source;
        assert_eq!((cited.document_id, cited.start, cited.end), (document.id, 0, SAID.len() as u64));
    }
    assert!(given(&stage).contains("lamp is lit"), "others are given as before");
}

#[test]
fn the_composer_is_given_it_once_at_each_step() {
    let say = |call: &ScriptedCall| match sent(call)[0].1.contains("genNewFile") {
        true => ScriptedAnswer::of(&[r#"{"genNewFile": true, "plain_response": false}"#]),
        false => ScriptedAnswer::of(&[r#"{"type": "based", "filename": "a.txt", "text": "horn"}"#]),
    };
    let stage = Stage::with(In::File, say, |_| {});
    let chat = stage.chat();
    read(&stage, DocumentPlace::Chat(chat.id), SAID);
    let request = ComposeRequest::text("Write of the horn.");
    stage.kafka.composer(&stage.operator).start(chat.id, request).unwrap().wait().unwrap();
    let calls = stage.provider.calls();
    let of_step = |step: usize| sent(&calls[step])[0].1;
    // To say what is wanted it has files alone; what it writes is made from documents, too.
    assert!(of_step(0).contains("--- begin of horn.html ---\n<!DOCTYPE html>"), "{}", of_step(0));
    assert!(
        of_step(1).contains("--- begin of horn.html ---\n(It is one of the documents: "),
        "{}",
        of_step(1)
    );
    assert_eq!([0, 1].map(|step| of_step(step).matches(SAID).count()), [1, 1]);
}

#[test]
fn who_may_read_no_documents_is_given_the_file() {
    let stage = Stage::new(In::File);
    let [_, owner] = ["admin", "owner"].map(|name| stage.user(name));
    let chat = stage.chat_of(&owner);
    let place = DocumentPlace::Chat(chat.id);
    let id = upload(&stage, &owner, place, "horn.html", &page(SAID)).document.unwrap().id;
    stage.kafka.documents(&owner).wait(id, PATIENCE, |_| ()).unwrap();
    let key = NewToken { name: "k".into(), scopes: scopes(&["chats:write"]), expires_at: None };
    let key = stage.kafka.authenticate(&stage.kafka.tokens(&owner).create(key).unwrap().token).unwrap();
    let asked = AnswerRequest::text("When is the horn sounded?");
    let answer = stage.kafka.completions(&key).start(chat.id, asked).unwrap().wait().unwrap();
    assert_eq!(answer.sources, []);
    assert!(given(&stage).contains(&format!("--- begin of horn.html ---\n{}\n--- end", page(SAID))));
}

#[test]
fn a_long_one_is_told_by_its_passages() {
    let script = |_: &ScriptedCall| ScriptedAnswer::of(&["In fog."]);
    // There would be room for all of it.
    let stage = Stage::with(In::File, script, |config| config.limits.context_tokens = 100_000);
    let chat = stage.chat();
    let long = filler("lamps") + SAID + &filler("boats").repeat(8);
    let (_, document) = read(&stage, DocumentPlace::Chat(chat.id), &long.replace('\n', "<p>"));
    assert!(document.tokens_used > 2000, "{document:?}");
    stage.ask(&chat, AnswerRequest::text("When is the horn sounded?"));
    let given = given(&stage);
    assert_eq!(
        (given.matches(SAID).count(), given.contains("Line 39 speaks of boats")),
        (1, false),
        "{given}"
    );
}

#[test]
fn a_file_of_the_workspace_is_given_once_in_the_chats_that_have_it() {
    let stage = Stage::new(In::File);
    let workspace = stage.kafka.workspaces(&stage.operator).create(NewWorkspace::default()).unwrap();
    let place = DocumentPlace::Workspace(workspace.id);
    let (Upload { file, .. }, document) = read(&stage, place, SAID);
    let new = NewChat { workspace_id: Some(workspace.id), ..NewChat::default() };
    let chat = stage.kafka.chats(&stage.operator).create(new).unwrap();
    let of_chat = stage.kafka.chat_files(&stage.operator).link(chat.id, file.id).unwrap();
    let ask = || {
        let answer = stage.ask(&chat, AnswerRequest::text("When is the horn sounded?"));
        assert_eq!(given(&stage).matches(SAID).count(), 1, "{}", given(&stage));
        answer.sources[0].source.document_id
    };
    assert_eq!(ask(), document.id);
    // Taken out of the chat, it is still the workspace's.
    stage.kafka.chat_files(&stage.operator).delete(of_chat.id).unwrap();
    assert_eq!((ask(), documents(&stage, place)), (document.id, vec![document]));
}

/// The document of a chat that cites it, and what deletes the file.
fn cited(stage: &Stage) -> (Chat, Upload, kafka_core::MessageId) {
    let chat = stage.chat();
    let (upload, _) = read(stage, DocumentPlace::Chat(chat.id), SAID);
    let answer = stage.ask(&chat, AnswerRequest::text("When is the horn sounded?"));
    (chat, upload, answer.message.id)
}

#[test]
fn it_goes_and_is_renamed_with_the_file() {
    let stage = Stage::new(In::File);
    let kafka = &stage.kafka;
    let delete_of_chat = |Upload { chat_file, .. }: &Upload| {
        kafka.chat_files(&stage.operator).delete(chat_file.as_ref().unwrap().id).unwrap();
    };
    let delete_of_workspace =
        |Upload { file, .. }: &Upload| kafka.files(&stage.operator).delete(file.id).unwrap();
    for delete in [&delete_of_chat as &dyn Fn(&Upload), &delete_of_workspace] {
        let (chat, upload, answer) = cited(&stage);
        let place = DocumentPlace::Chat(chat.id);
        let patch = FilePatch { filename: Some("fog.html".into()) };
        kafka.files(&stage.operator).update(upload.file.id, patch).unwrap();
        assert_eq!(documents(&stage, place)[0].filename, "fog.html");
        delete(&upload);
        assert_eq!(documents(&stage, place), []);
        let files = kafka.chat_files(&stage.operator).list(chat.id, &PageRequest::first(200)).unwrap();
        assert_eq!(files.items, []);
        let error = kafka.files(&stage.operator).get(upload.file.id).unwrap_err();
        assert_eq!(error.code(), "file_not_found");
        let message = kafka.messages(&stage.operator).get(answer).unwrap();
        assert!(message.sources.unwrap()[0].stale);
    }
    // The other way the file stays, and is given as it is again.
    let (chat, upload, _) = cited(&stage);
    kafka.documents(&stage.operator).delete(upload.document.unwrap().id).unwrap();
    stage.ask(&chat, AnswerRequest::text("When is the horn sounded?"));
    assert_eq!((given(&stage).matches(SAID).count(), told(&stage)), (1, String::new()));
}

#[test]
fn what_replaces_it_takes_the_files_place_too() {
    let stage = Stage::new(In::File);
    let chat = stage.chat();
    let place = DocumentPlace::Chat(chat.id);
    let (upload, document) = read(&stage, place, SAID);
    let documents = stage.kafka.documents(&stage.operator);
    let new = documents.replace(document.id, NewFile::named("new.html"), &mut page("Never.").as_bytes());
    let new = documents.wait(new.unwrap().id, PATIENCE, |_| ()).unwrap();
    let files = stage.kafka.chat_files(&stage.operator);
    let shown = files.get(upload.chat_file.unwrap().id).unwrap();
    assert_eq!((shown.file_id, shown.filename.as_str()), (new.file_id, "new.html"));
    stage.ask(&chat, AnswerRequest::text("When is the horn sounded?"));
    let given = given(&stage);
    assert_eq!([SAID, "Never."].map(|text| given.matches(text).count()), [0, 1], "{given}");
    assert_eq!(stage.kafka.files(&stage.operator).get(upload.file.id).unwrap_err().code(), "file_not_found");
    files.delete(shown.id).unwrap();
    assert_eq!(self::documents(&stage, place), []);
}

#[test]
fn all_of_an_upload_is_stored_or_nothing() {
    let stage = Stage::with(In::File, |_| unreachable!(), |config| config.limits.documents_per_chat = 2);
    let chat = stage.chat();
    let place = DocumentPlace::Chat(chat.id);
    let uploads = stage.kafka.files(&stage.operator).uploads();
    let staged = |names: &[&str]| {
        let files = stage.kafka.files(&stage.operator);
        let stage = |name: &&str| files.stage(NewFile::named(*name), &mut page(SAID).as_bytes()).unwrap();
        names.iter().map(stage).collect::<Vec<_>>()
    };
    let error = uploads.put_all(place, staged(&["a.html", "b.html", "c.html"])).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::TooLarge, "too_many_documents"));
    let files =
        || stage.kafka.chat_files(&stage.operator).list(chat.id, &PageRequest::first(200)).unwrap().items;
    assert_eq!((files(), documents(&stage, place)), (vec![], vec![]));
    let stored = uploads.put_all(place, staged(&["a.html", "b.html", "c.txt"])).unwrap();
    let made: Vec<_> = stored.iter().map(|upload| upload.document.is_some()).collect();
    assert_eq!((made, files().len()), (vec![true, true, false], 3));
}

#[test]
fn who_may_make_no_documents_stores_files_as_before() {
    let stage = Stage::new(In::File);
    let [_, owner, other] = ["admin", "owner", "other"].map(|name| stage.user(name));
    let chat = stage.chat_of(&owner);
    let place = DocumentPlace::Chat(chat.id);
    let key = |text: &[&str]| {
        let new = NewToken { name: text.join(" "), scopes: scopes(text), expires_at: None };
        stage.kafka.authenticate(&stage.kafka.tokens(&owner).create(new).unwrap().token).unwrap()
    };
    let as_files = upload(&stage, &key(&["chats:write", "files:write"]), place, "a.html", &page(SAID));
    assert_eq!((as_files.document, documents(&stage, place)), (None, vec![]));
    let all = key(&["chats:write", "files:write", "documents:write"]);
    assert!(upload(&stage, &all, place, "b.html", &page(SAID)).document.is_some());
    let refused = |actor: &Actor| {
        let uploads = stage.kafka.files(actor).uploads();
        uploads.upload(place, NewFile::named("c.html"), &mut page(SAID).as_bytes()).unwrap_err()
    };
    assert_eq!(refused(&other).code(), "chat_not_found");
    assert_eq!(refused(&key(&["chats:read", "files:write", "documents:write"])).code(), "scope_missing");
}

#[test]
fn who_follows_a_chat_is_told_of_documents_but_not_of_files_that_are_some() {
    let stage = Stage::new(In::File);
    let chat = stage.chat();
    let place = DocumentPlace::Chat(chat.id);
    let documents = stage.kafka.documents(&stage.operator);
    let mut changes = stage.kafka.events(&stage.operator).subscribe(chat.id).unwrap();
    let mut next = || changes.next_within(PATIENCE).unwrap().unwrap();
    let horn = documents.upload(place, NewFile::named("horn.txt"), &mut SAID.as_bytes()).unwrap();
    let Change::Document(come) = next() else { panic!("something else was told") };
    assert_eq!(come.id, horn.id);
    let done = documents.wait(horn.id, PATIENCE, |_| ()).unwrap();
    assert_eq!(next(), Change::DocumentRead(Box::new(done)));
    documents.delete(horn.id).unwrap();
    assert_eq!(next(), Change::DocumentDeleted { chat_id: chat.id, id: horn.id });
    let failed = documents.upload(place, NewFile::named("x.bin"), &mut &b"\0\x01"[..]).unwrap();
    let failed = documents.wait(failed.id, PATIENCE, |_| ()).unwrap();
    assert!(matches!(next(), Change::Document(_)));
    assert_eq!(next(), Change::DocumentRead(Box::new(failed)));

    let (upload, _) = read(&stage, place, SAID);
    let of_chat = upload.chat_file.unwrap();
    assert_eq!(next(), Change::ChatFile(Box::new(of_chat.clone())));
    stage.kafka.chat_files(&stage.operator).delete(of_chat.id).unwrap();
    assert_eq!(next(), Change::ChatFileDeleted { chat_id: chat.id, id: of_chat.id });
    assert_eq!(changes.next_within(Duration::ZERO).unwrap(), None);
}

#[test]
fn who_may_read_no_documents_hears_of_none() {
    let stage = Stage::new(In::File);
    let [_, owner] = ["admin", "owner"].map(|name| stage.user(name));
    let chat = stage.chat_of(&owner);
    let key = NewToken { name: "k".into(), scopes: scopes(&["chats:read"]), expires_at: None };
    let key = stage.kafka.authenticate(&stage.kafka.tokens(&owner).create(key).unwrap().token).unwrap();
    let mut changes = stage.kafka.events(&key).subscribe(chat.id).unwrap();
    let documents = stage.kafka.documents(&owner);
    let horn = NewFile::named("horn.txt");
    let horn = documents.upload(DocumentPlace::Chat(chat.id), horn, &mut SAID.as_bytes()).unwrap();
    documents.wait(horn.id, PATIENCE, |_| ()).unwrap();
    documents.delete(horn.id).unwrap();
    assert_eq!(changes.next_within(Duration::ZERO).unwrap(), None);
}
