//! Documents: how they are read, what becomes of those that cannot be, who sees them, and what they count.

use std::{
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    Actor, Chat, Config, Document, DocumentId, DocumentPlace, ErrorKind, IdempotencyKey, Kafka, MemberRole,
    NewChat, NewFile, NewPlan, NewWorkspace, NodeKind, PageRequest, Period, ProcessingStatus, Result,
    SearchArea, SearchRequest, Sizes, StandingPatch, testing::ScriptedAnswer,
};

use crate::stage::{In, Stage, unheard_of};

const PATIENCE: Duration = Duration::from_secs(60);

fn stage() -> Stage {
    Stage::new(In::File)
}

fn upload(kafka: &Kafka, actor: &Actor, chat: &Chat, name: &str, text: &[u8]) -> Result<Document> {
    kafka.documents(actor).upload(DocumentPlace::Chat(chat.id), NewFile::named(name), &mut &*text)
}

fn read(kafka: &Kafka, actor: &Actor, id: DocumentId) -> Document {
    kafka.documents(actor).wait(id, PATIENCE, |_| ()).unwrap()
}

/// As [`upload`], and waits until it is read.
fn add(stage: &Stage, chat: &Chat, name: &str, text: &str) -> Document {
    let document = upload(&stage.kafka, &stage.operator, chat, name, text.as_bytes()).unwrap();
    read(&stage.kafka, &stage.operator, document.id)
}

fn long_text() -> String {
    (0..400).map(|number| format!("Sentence number {number} of the castle, ä.\n\n")).collect()
}

fn count(stage: &Stage, table: &str) -> String {
    stage.value(&format!("SELECT COUNT(*) FROM {table}"), &[]).unwrap()
}

#[test]
fn any_span_of_a_long_text_can_be_shown() {
    let stage = stage();
    let chat = stage.chat();
    let sentences = |number| format!("\n Sätze über die Zahl {number}.\n\n\t\n");
    let text: String = (0..20_000).map(sentences).collect();
    let document = add(&stage, &chat, "long.txt", &text);
    let parts = stage.rows("SELECT start_byte, content FROM document_texts ORDER BY start_byte", &[]);
    assert!(parts.len() > 1, "{}", parts.len());
    let ends = parts.iter().map(|part| part[0].as_ref().unwrap().parse::<usize>().unwrap());
    let documents = stage.kafka.documents(&stage.operator);
    for at in ends.chain([300_001, text.len()]) {
        for (start, end) in
            [(at.saturating_sub(5000), at + 5000), (at, at + 1), (at.saturating_sub(1), at), (at, at)]
        {
            let (start, end) = (start.min(text.len()), end.min(text.len()));
            let shown = documents.passage(document.id, start as u64, Some(end as u64)).unwrap();
            let [start, end] = [start, end].map(|place| text.floor_char_boundary(place));
            assert_eq!((shown.start, shown.end), (start as u64, end as u64));
            assert_eq!(shown.text, text[start..end]);
        }
    }
    let error = documents.passage(document.id, 0, Some(text.len() as u64 + 1)).unwrap_err();
    assert_eq!(error.code(), "passage_out_of_range");
}

#[test]
fn a_document_is_read_and_shown() {
    let stage = stage();
    let chat = stage.chat();
    let text = long_text();
    let documents = stage.kafka.documents(&stage.operator);
    let pending = upload(&stage.kafka, &stage.operator, &chat, "a/castle.txt", text.as_bytes()).unwrap();
    assert_eq!(
        (pending.processing_status, pending.filename.as_str()),
        (ProcessingStatus::Pending, "castle.txt")
    );
    let document = read(&stage.kafka, &stage.operator, pending.id);
    assert_eq!((document.processing_status, &document.error_message), (ProcessingStatus::Completed, &None));
    assert!(document.chunk_count > 1 && document.tokens_used > 1000, "{document:?}");
    let listed = documents.list(DocumentPlace::Chat(chat.id), &PageRequest::default()).unwrap();
    assert_eq!(listed.items, std::slice::from_ref(&document));

    let at = text.find('ä').unwrap() as u64;
    for (start, end, expected) in [
        (0, Some(8), "Sentence"),
        (at, Some(at + 2), "ä"),
        (at + 1, Some(at + 2), "ä"),
        (at, Some(at + 1), ""),
        (0, None, text.as_str()),
        (text.len() as u64, None, ""),
    ] {
        assert_eq!(documents.passage(document.id, start, end).unwrap().text, expected, "{start} {end:?}");
    }
    for (start, end) in [(2, Some(1)), (0, Some(1 << 20)), (1 << 40, None)] {
        let error = documents.passage(document.id, start, end).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "passage_out_of_range"));
    }
    // Spans of passages are places in the text, one behind the other, and all of it is in one.
    let spans = stage.rows("SELECT start_byte, end_byte, content FROM chunks ORDER BY idx", &[]);
    let mut covered = 0;
    for span in &spans {
        let place = |column: usize| span[column].as_ref().unwrap().parse::<usize>().unwrap();
        assert_eq!(text.get(place(0)..place(1)), span[2].as_deref());
        assert!(text[covered.min(place(0))..place(0)].trim().is_empty(), "{covered} {span:?}");
        covered = place(1);
    }
    assert!(text[covered..].trim().is_empty());
    assert_eq!((count(&stage, "jobs"), spans.len() as u64), ("0".into(), document.chunk_count));

    documents.delete(document.id).unwrap();
    assert_eq!(documents.get(document.id).unwrap_err().code(), "document_not_found");
    let began = Instant::now();
    while ["documents", "chunks", "files"].map(|table| count(&stage, table)) != ["0", "0", "0"] {
        assert!(began.elapsed() < PATIENCE, "its rows are there");
        thread::yield_now();
    }
}

#[test]
fn what_cannot_be_read_says_why_and_leaves_nothing() {
    let stage = stage();
    let chat = stage.chat();
    for (bytes, reason) in [
        (&b"\0\xff binary"[..], "no text"),
        (b"", "empty"),
        (b" \n\n ", "no text"),
        (b"%PDF-1.4", "not read here"),
    ] {
        let document = upload(&stage.kafka, &stage.operator, &chat, "x", bytes).unwrap();
        let document = read(&stage.kafka, &stage.operator, document.id);
        assert_eq!(document.processing_status, ProcessingStatus::Failed);
        assert!(document.error_message.as_ref().unwrap().contains(reason), "{document:?}");
        let error = stage.kafka.documents(&stage.operator).passage(document.id, 0, None).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "document_not_ready"));
        let said = error.message();
        assert!(
            said.contains("upload it again") && said.contains(reason) && !said.contains("wait"),
            "{said}"
        );
    }
    assert_eq!(["chunks", "jobs"].map(|table| count(&stage, table)), ["0", "0"]);
    // One that broke its readers again and again is given up.
    let cli = stage.reopened(|config| config.kind = NodeKind::Cli);
    stage.kafka.close();
    let document = upload(&cli, &cli.operator(), &chat, "deadly.txt", b"text").unwrap();
    stage.rows("UPDATE jobs SET attempts = 5", &[]);
    let document = read(&cli, &cli.operator(), document.id);
    assert_eq!(document.processing_status, ProcessingStatus::Failed);
    assert!(document.error_message.unwrap().contains("5 times"));
    cli.close();
}

#[test]
fn a_text_that_is_too_long_is_read_as_far_as_it_may_be_and_says_so() {
    let stage = Stage::with(In::File, |_| unreachable!(), |config| config.limits.extracted_bytes = 1000);
    let document = add(&stage, &stage.chat(), "long.txt", &long_text());
    assert_eq!(document.processing_status, ProcessingStatus::Completed);
    assert!(document.error_message.unwrap().contains("beginning, "));
}

#[test]
fn passages_are_as_long_as_the_configuration_says() {
    let counts = [(0, 32), (128, 256), (256, 1024)].map(|(least_tokens, most_tokens)| {
        let sizes = Sizes { least_tokens, most_tokens };
        let stage = Stage::with(In::File, |_| ScriptedAnswer::of(&["Yes."]), |config| config.chunks = sizes);
        let document = add(&stage, &stage.chat(), "long.txt", &"One line of a long text.\n\n".repeat(200));
        let longest = stage.value("SELECT MAX(token_count) FROM chunks", &[]).unwrap();
        assert!((most_tokens / 2..=most_tokens).contains(&longest.parse().unwrap()), "{longest}");
        document.chunk_count
    });
    assert!(counts.is_sorted_by(|more, fewer| more > fewer), "{counts:?}");
    for (least_tokens, most_tokens) in [(0, 31), (0, 1025), (257, 256)] {
        let config = Config { chunks: Sizes { least_tokens, most_tokens }, ..Config::memory() };
        let error = Kafka::open(config).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "chunks_invalid"));
    }
}

#[test]
fn a_chat_takes_so_many_documents() {
    let stage = Stage::with(In::File, |_| unreachable!(), |config| config.limits.documents_per_chat = 1);
    let chat = stage.chat();
    upload(&stage.kafka, &stage.operator, &chat, "one", b"one").unwrap();
    let refused = upload(&stage.kafka, &stage.operator, &chat, "two", b"two").unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::TooLarge, "too_many_documents"));
    assert_eq!(count(&stage, "files"), "1");
}

/// Whoever uploads many is not in front of whoever uploads one.
#[test]
fn everyone_who_waits_has_a_turn() {
    let stage = stage();
    let users = ["ada", "bob", "eve"].map(|name| stage.user(name));
    let chats = [0, 1, 2].map(|user| stage.chat_of(&users[user]));
    let cli = stage.reopened(|config| config.kind = NodeKind::Cli);
    stage.kafka.close();
    let mut last = None;
    for (user, text) in
        [(0, "a1"), (0, "a2"), (0, "a3"), (0, "a4"), (1, "b1"), (1, "b2"), (2, "e1"), (2, "e2")]
    {
        let document = upload(&cli, &users[user], &chats[user], text, text.as_bytes()).unwrap();
        last = Some((user, document.id));
    }
    let (user, id) = last.unwrap();
    read(&cli, &users[user], id);
    let read: Vec<_> = stage.rows("SELECT content FROM chunks ORDER BY number", &[]).concat();
    let read: Vec<_> = read.iter().flatten().map(String::as_str).collect();
    assert_eq!(read, ["a1", "b1", "e1", "a2", "b2", "e2", "a3", "a4"]);
    cli.close();
}

#[test]
fn whoever_may_not_see_the_chat_sees_no_document() {
    let stage = stage();
    let kafka = &stage.kafka;
    let [owner, stranger, viewer, editor] =
        ["owner", "stranger", "viewer", "editor"].map(|name| stage.user(name));
    let workspace = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = kafka.workspaces(&owner).create(workspace).unwrap();
    for (member, role) in [(&viewer, MemberRole::Viewer), (&editor, MemberRole::Editor)] {
        kafka.workspaces(&owner).share(workspace.id, member.user_id().unwrap(), Some(role)).unwrap();
    }
    let private = stage.chat_of(&owner);
    let shared = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled("shared") };
    let shared = kafka.chats(&owner).create(shared).unwrap();
    let places = [
        DocumentPlace::Chat(private.id),
        DocumentPlace::Chat(shared.id),
        DocumentPlace::Workspace(workspace.id),
    ];
    let documents = places.map(|place| {
        let new =
            kafka.documents(&owner).upload(place, NewFile::named("secret.txt"), &mut &b"the secret word"[..]);
        read(kafka, &owner, new.unwrap().id)
    });
    let search = |actor: &Actor| {
        let request =
            SearchRequest { areas: Some(vec![SearchArea::Documents]), ..SearchRequest::text("secret") };
        let mut found: Vec<_> = kafka
            .search(actor)
            .find(&request)
            .unwrap()
            .items
            .iter()
            .map(|hit| hit.document_id.unwrap())
            .collect();
        found.sort_unstable();
        found
    };
    // Whether each may read and write what lies in the three places.
    for (actor, reads, writes) in [
        (&owner, [true; 3], [true; 3]),
        (&stranger, [false; 3], [false; 3]),
        (&viewer, [false, true, true], [false; 3]),
        (&editor, [false, true, true], [false, true, true]),
    ] {
        let service = kafka.documents(actor);
        for ((place, document), (may_read, may_write)) in
            places.iter().zip(&documents).zip(reads.into_iter().zip(writes))
        {
            let is_let = |done: Result<()>, may: bool| match done {
                Ok(()) => assert!(may, "{place:?}"),
                Err(error) => assert_eq!((error.kind(), may), (ErrorKind::NotFound, false), "{place:?}"),
            };
            is_let(service.get(document.id).map(drop), may_read);
            is_let(service.passage(document.id, 0, None).map(drop), may_read);
            is_let(service.list(*place, &PageRequest::default()).map(drop), may_read);
            is_let(kafka.files(actor).get(document.file_id.unwrap()).map(drop), may_read);
            let new = service.upload(*place, NewFile::named("more.txt"), &mut &b"more"[..]);
            is_let(new.map(drop), may_write);
            let same =
                service.replace(document.id, NewFile::named("secret.txt"), &mut &b"the secret word"[..]);
            is_let(same.map(drop), may_write);
            if !may_write {
                assert_eq!(service.delete(document.id).unwrap_err().code(), "document_not_found");
            }
        }
        let mut seen: Vec<_> =
            documents.iter().zip(reads).filter(|(_, may)| *may).map(|(it, _)| it.id).collect();
        seen.sort_unstable();
        assert_eq!(search(actor), seen);
    }
    assert_eq!(kafka.documents(&owner).get(unheard_of()).unwrap_err().kind(), ErrorKind::NotFound);
    kafka.documents(&editor).delete(documents[2].id).unwrap();
    // With the chat its documents go, and their bytes.
    kafka.chats(&owner).delete(private.id).unwrap();
    assert_eq!(search(&owner), [documents[1].id]);
    assert_eq!(
        kafka.files(&stage.operator).get(documents[0].file_id.unwrap()).unwrap_err().code(),
        "file_not_found"
    );
}

/// Each document leaves a part of its own in SQLite's index, of which a search reads all.
#[test]
#[cfg_attr(feature = "postgres", ignore = "the index of SQLite")]
fn what_documents_leave_in_the_index_is_merged_behind_them() {
    let stage = stage();
    let chat = stage.chat();
    for number in 0..12 {
        add(&stage, &chat, &format!("{number}.txt"), &long_text());
    }
    let database = rusqlite::Connection::open(stage.database()).unwrap();
    let count = "SELECT COUNT(DISTINCT segid) FROM search_chunks_idx";
    let parts: i64 = database.query_row(count, [], |row| row.get(0)).unwrap();
    assert!(parts < 8, "{parts}");
}

#[test]
fn passages_are_searched_as_messages_are() {
    let stage = stage();
    let chat = stage.chat();
    let document = add(&stage, &chat, "fox.txt", "The quick Fóx jumps.\nNothing else.");
    stage.say(&chat, kafka_core::Role::User, "a fox");
    let find = |request: &SearchRequest| {
        stage.kafka.search(&stage.operator).refresh().unwrap();
        stage.kafka.search(&stage.operator).find(request).unwrap().items
    };
    let in_documents = |query: &str| SearchRequest {
        areas: Some(vec![SearchArea::Documents]),
        ..SearchRequest::text(query)
    };
    for (query, is_found) in
        [("fox", true), ("\"quick fox\"", true), ("jum*", true), ("fox -jumps", false), ("fox cat", false)]
    {
        assert_eq!(find(&in_documents(query)).len(), usize::from(is_found), "{query}");
    }
    let hit = find(&in_documents("fox")).remove(0);
    let text = stage.kafka.documents(&stage.operator).passage(document.id, hit.start.unwrap(), hit.end);
    assert_eq!(Some(text.unwrap().text), hit.text);
    assert_eq!(
        (hit.document_id, hit.chat_id, hit.filename.as_deref()),
        (Some(document.id), Some(chat.id), Some("fox.txt"))
    );
    assert!(hit.snippet.contains("\u{2}Fóx\u{3}"), "{hit:?}");
    assert_eq!(find(&SearchRequest::text("fox")).len(), 2, "everywhere");
    assert_eq!(find(&SearchRequest { chat_id: Some(stage.chat().id), ..in_documents("fox") }), []);
    assert_eq!(
        find(&SearchRequest { role: Some(kafka_core::Role::User), ..SearchRequest::text("fox") }).len(),
        1
    );
    stage.kafka.documents(&stage.operator).delete(document.id).unwrap();
    assert_eq!(find(&in_documents("fox")), []);
}

#[test]
fn a_plan_bounds_the_documents_of_a_chat_and_of_a_workspace_and_uploads_are_counted() {
    let stage = Stage::with(In::File, |_| unreachable!(), |config| config.quotas = true);
    let kafka = &stage.kafka;
    stage.user("first");
    let user = stage.user("ada");
    let id = user.user_id().unwrap();
    let plan = NewPlan { name: "small".into(), document_limit: Some(2), ..NewPlan::default() };
    kafka.plans(&stage.operator).create(plan).unwrap();
    let standing = StandingPatch { plan: Some("small".into()), ..StandingPatch::default() };
    kafka.administration(&stage.operator).update(id, standing).unwrap();
    let (chat, other) = (stage.chat_of(&user), stage.chat_of(&user));
    let key = || IdempotencyKey::new("POST", "/documents", "k", b"").unwrap();
    let once = |text: &[u8]| {
        let documents = kafka.documents(&user).idempotent(key());
        documents.upload(DocumentPlace::Chat(chat.id), NewFile::named("a"), &mut &*text)
    };
    let first = once(b"one").unwrap();
    assert_eq!(once(b"one").unwrap().id, first.id);
    assert_eq!(once(b"two").unwrap_err().code(), "idempotency_mismatch");
    upload(kafka, &user, &chat, "b", b"two").unwrap();
    let refused = upload(kafka, &user, &chat, "c", b"three").unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::QuotaExceeded, "quota_exceeded"));
    assert!(refused.message().contains("2 documents a chat"), "{refused}");
    upload(kafka, &user, &other, "c", b"three").unwrap();
    kafka.documents(&user).delete(first.id).unwrap();
    upload(kafka, &user, &chat, "d", b"four").unwrap();
    let usage = kafka.usage(&user).summary(Period::default()).unwrap();
    assert_eq!((usage.doc_count, usage.days.last().unwrap().documents_uploaded), (3, 4));
    let usage = kafka.usage(&stage.operator).summary(Period::default()).unwrap();
    assert_eq!((usage.doc_count, usage.days.last().unwrap().documents_uploaded), (3, 4));

    let workspace = kafka.workspaces(&user).create(NewWorkspace::default()).unwrap();
    let share = || {
        let place = DocumentPlace::Workspace(workspace.id);
        kafka.documents(&user).upload(place, NewFile::named("a"), &mut &b"shared"[..])
    };
    share().unwrap();
    share().unwrap();
    let refused = share().unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::QuotaExceeded, "quota_exceeded"));
    assert!(refused.message().contains("2 documents a workspace"), "{refused}");
}

#[test]
fn documents_that_wait_are_read_after_a_restart() {
    let stage = stage();
    let (chat, dead) = (stage.chat(), "00000000-0000-7000-8000-00000000000a");
    stage.kafka.close();
    let cli = stage.reopened(|config| config.kind = NodeKind::Cli);
    let waiting = upload(&cli, &cli.operator(), &chat, "waiting.txt", b"waiting").unwrap();
    let halfway = upload(&cli, &cli.operator(), &chat, "halfway.txt", b"halfway").unwrap();
    assert_eq!(
        cli.documents(&cli.operator()).get(waiting.id).unwrap().processing_status,
        ProcessingStatus::Pending
    );
    cli.close();
    // What a process leaves that was killed at work.
    stage.rows(
        "INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at) VALUES ($1, 'server', 1, 2, 3)",
        &[dead],
    );
    let id = halfway.id.to_string();
    stage.rows("UPDATE jobs SET node_id = $1, attempts = 1 WHERE subject = $2", &[dead, &id]);
    stage.rows("UPDATE documents SET processing_status = 'processing' WHERE id = $1", &[&id]);
    stage.rows(
        "INSERT INTO chunks (document_number, idx, start_byte, end_byte, token_count, content) \
         SELECT number, 7, 0, 4, 1, 'half' FROM documents WHERE id = $1",
        &[&id],
    );
    let kafka = stage.beside();
    for id in [waiting.id, halfway.id] {
        assert_eq!(read(&kafka, &kafka.operator(), id).processing_status, ProcessingStatus::Completed);
    }
    assert_eq!(
        stage.rows("SELECT content FROM chunks ORDER BY content", &[]),
        [[Some("halfway".to_owned())], [Some("waiting".to_owned())],]
    );
    assert_eq!(count(&stage, "jobs"), "0");
    kafka.close();
}
