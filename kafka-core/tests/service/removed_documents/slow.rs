//! Documents that are deleted: nobody sees them from then on, whichever way they went, and their rows go in pieces.

use std::{
    sync::{Mutex, mpsc::channel},
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    Actor, AnswerRequest, Chat, Document, DocumentPlace, ErrorKind, MemberRole, MessageId, NewChat, NewFile,
    NewFork, NewWorkspace, PageRequest, Period, Role, SearchArea, SearchRequest, Sizes, StandingPatch,
    WorkspaceId,
    testing::{ScriptedAnswer, ScriptedEndpoint},
};

use crate::{
    embeddings::made,
    hybrid::{endpoint, with},
    retrieval::add,
    stage::{In, Stage},
};

const PATIENCE: Duration = Duration::from_secs(60);
const TEXT: &str = "The tower is ninety metres tall.";

/// What leads to a document.
const DOORS: [&str; 12] = [
    "get",
    "list",
    "numbered list",
    "passage",
    "file",
    "words",
    "vectors",
    "answer",
    "answer by vectors",
    "answer about the whole",
    "citation",
    "usage",
];

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

fn count(stage: &Stage, of: &str) -> String {
    stage.value(&format!("SELECT COUNT(*) FROM {of}"), &[]).unwrap()
}

/// Has removals fail at the last passage of each document, until it is let go.
fn hold(stage: &Stage) {
    stage.rows("CREATE TABLE held (chunk BIGINT NOT NULL REFERENCES chunks (number))", &[]);
    stage.rows("INSERT INTO held (chunk) SELECT MAX(number) FROM chunks GROUP BY document_number", &[]);
}

fn let_go(stage: &Stage) {
    stage.rows("DELETE FROM held", &[]);
}

/// Waits until nothing is left of what was deleted.
fn wait_for_removal(stage: &Stage) {
    for table in ["deleted_documents", "deleted_users", "chats WHERE deleted_at IS NOT NULL"] {
        wait_until(table, || count(stage, table) == "0");
    }
}

/// Somebody's document with a vector, an answer that cites it, and a fork of that which is somebody else's.
struct House {
    stage: Stage,
    owner: Actor,
    office: WorkspaceId,
    chat: Chat,
    document: Document,
    cited: MessageId,
    fork: Chat,
    _endpoint: ScriptedEndpoint,
}

impl House {
    fn new(is_shared: bool) -> House {
        let endpoint = endpoint(|_| Some([1.0, 0.1]));
        let stage = Stage::with(In::File, |_| ScriptedAnswer::of(&["Yes."]), with(&endpoint));
        let (_, owner) = (stage.user("admin"), stage.user("ada"));
        let new = NewWorkspace { name: "Office".into(), owner_id: None };
        let office = stage.kafka.workspaces(&owner).create(new).unwrap().id;
        let new = NewChat { workspace_id: is_shared.then_some(office), ..NewChat::default() };
        let chat = stage.kafka.chats(&owner).create(new).unwrap();
        let place = if is_shared { DocumentPlace::Workspace(office) } else { DocumentPlace::Chat(chat.id) };
        let document = made(&stage.kafka, add(&stage, place, "tower.txt", TEXT).id);
        let cited = stage.ask(&chat, AnswerRequest::text("How tall is the tower?")).message.id;
        let fork = stage.kafka.branches(&stage.operator).fork(chat.id, NewFork::default()).unwrap();
        House { stage, owner, office, chat, document, cited, fork, _endpoint: endpoint }
    }

    /// What of it someone sees, by the doors that lead to it.
    fn seen(&self, actor: &Actor) -> Vec<&'static str> {
        let (kafka, id) = (&self.stage.kafka, self.document.id);
        let documents = kafka.documents(actor);
        let place = self.document.chat_id.map_or(DocumentPlace::Workspace(self.office), DocumentPlace::Chat);
        let found = |query: &str| {
            let areas = Some(vec![SearchArea::Documents]);
            let hits = kafka.search(actor).find(&SearchRequest { areas, ..SearchRequest::plain(query) });
            hits.is_ok_and(|hits| hits.items.iter().any(|hit| hit.document_id == Some(id)))
        };
        let answers = |question: &str| {
            let request = AnswerRequest { parent_id: Some(None), ..AnswerRequest::text(question) };
            let started = kafka.completions(actor).start(self.chat.id, request);
            let answer = started.and_then(kafka_core::Turn::wait);
            answer.is_ok_and(|answer| answer.sources.iter().any(|it| it.source.document_id == id))
        };
        let shown = |message| {
            let sources = kafka.messages(actor).sources(message);
            sources.is_ok_and(|sources| sources.iter().any(|source| source.text.is_some()))
        };
        let listed = |request| {
            let page = documents.list(place, &request);
            page.is_ok_and(|page| page.items.iter().any(|found| found.id == id))
        };
        let doors = [
            documents.get(id).is_ok(),
            listed(PageRequest::default()),
            listed(PageRequest::Numbered { page: 1, page_size: 9 }),
            documents.passage(id, 0, None).is_ok(),
            kafka.files(actor).get(self.document.file_id.unwrap()).is_ok(),
            found("tower"),
            found("zzyzx"),
            answers("How tall is the tower?"),
            answers("qwfp"),
            answers("What is this document about?"),
            shown(self.cited),
            kafka.usage(actor).summary(Period::default()).is_ok_and(|usage| usage.doc_count > 0),
        ];
        DOORS.into_iter().zip(doors).filter(|(_, is_seen)| *is_seen).map(|(door, _)| door).collect()
    }

    /// As one that another system had.
    fn forget_file(&self) {
        self.stage.rows("UPDATE documents SET file_id = NULL", &[]);
        self.stage.rows("DELETE FROM files", &[]);
    }

    /// What the fork cites.
    fn is_stale(&self) -> bool {
        let messages = self.stage.kafka.messages(&self.stage.operator);
        let last = messages.list(self.fork.id, &PageRequest::first(9)).unwrap().items.pop().unwrap();
        last.sources.unwrap().iter().all(|source| source.stale)
    }
}

/// What it goes with, whether it is a workspace's, and how.
type Way = (&'static str, bool, fn(&House));

/// As long as their rows are there, too: removing them fails.
#[test]
fn what_is_deleted_and_not_yet_removed_is_seen_nowhere_whichever_way_it_went() {
    let ways: [Way; 9] = [
        ("the document", false, |house| {
            house.stage.kafka.documents(&house.owner).delete(house.document.id).unwrap();
        }),
        ("a document of a workspace", true, |house| {
            house.stage.kafka.documents(&house.owner).delete(house.document.id).unwrap();
        }),
        ("its replacement", false, |house| {
            let documents = house.stage.kafka.documents(&house.owner);
            let new = NewFile::named("tower.txt");
            let new = documents.replace(house.document.id, new, &mut &b"Another one."[..]).unwrap();
            documents.wait(new.id, PATIENCE, |_| ()).unwrap();
            documents.delete(new.id).unwrap();
        }),
        ("its file", false, |house| {
            house.stage.kafka.files(&house.owner).delete(house.document.file_id.unwrap()).unwrap();
        }),
        ("its chat", false, |house| {
            house.forget_file();
            house.stage.kafka.chats(&house.owner).delete(house.chat.id).unwrap();
        }),
        ("its long chat", false, |house| {
            house.forget_file();
            house
                .stage
                .rows("UPDATE chats SET message_count = 2000 WHERE id = $1", &[&house.chat.id.to_string()]);
            house.stage.kafka.chats(&house.owner).delete(house.chat.id).unwrap();
        }),
        ("its chat, by an older release", false, |house| {
            house.forget_file();
            house.stage.rows("DELETE FROM chats WHERE id = $1", &[&house.chat.id.to_string()]);
        }),
        ("its workspace", true, |house| {
            house.forget_file();
            house.stage.kafka.workspaces(&house.owner).delete(house.office).unwrap();
        }),
        ("its owner", false, |house| {
            house.stage.kafka.users(&house.stage.operator).delete(house.owner.user_id().unwrap()).unwrap();
        }),
    ];
    for (way, is_shared, delete) in ways {
        let house = House::new(is_shared);
        let everyone = [house.stage.operator, house.owner];
        assert_eq!(everyone.map(|actor| house.seen(&actor)), [DOORS; 2], "{way}");
        hold(&house.stage);
        delete(&house);
        assert_eq!(everyone.map(|actor| house.seen(&actor)), [[""; 0]; 2], "{way}");
        let documents = house.stage.kafka.documents(&house.stage.operator);
        let again = documents.replace(house.document.id, NewFile::named("x"), &mut &b"x"[..]).map(drop);
        for refused in [documents.delete(house.document.id), again] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound, "{way}");
        }
        assert_ne!(count(&house.stage, "chunks"), "0", "{way}: it was not held");
        if way != "its workspace" {
            wait_until(way, || house.is_stale());
        }
        let_go(&house.stage);
        wait_for_removal(&house.stage);
        for table in ["documents", "chunks", "embeddings", "files"] {
            assert_eq!(count(&house.stage, table), "0", "{way}: {table}");
        }
    }
}

/// A process dies between two pieces, as it seems to the next one.
#[test]
fn what_is_left_of_a_removal_goes_when_a_process_comes() {
    let stage = Stage::with(
        In::File,
        |_| unreachable!(),
        |config| {
            config.chunks = Sizes { least_tokens: 1, most_tokens: 32 };
        },
    );
    let chat = stage.chat();
    let text: String = (0..900).map(|number| format!("# Room {number}\n\nIt is cold.\n\n")).collect();
    let document = add(&stage, DocumentPlace::Chat(chat.id), "rooms.md", &text);
    assert!(document.chunk_count > 600, "{document:?}");
    hold(&stage);
    stage.kafka.documents(&stage.operator).delete(document.id).unwrap();
    let passages = || count(&stage, "chunks").parse::<u64>().unwrap();
    wait_until("no piece goes", || passages() < document.chunk_count);
    stage.kafka.close();
    let left = passages();
    assert!(left > 0 && count(&stage, "documents") == "1");
    let_go(&stage);
    let next = stage.beside();
    wait_for_removal(&stage);
    assert_eq!((passages(), count(&stage, "documents").as_str()), (0, "0"));
    next.search(&next.operator()).refresh().unwrap();
    assert_eq!(count(&stage, "search_changes"), "0");
    next.close();
}

#[test]
fn a_deleted_document_takes_no_room_of_its_chat_and_of_a_plan() {
    let stage = Stage::with(
        In::File,
        |_| unreachable!(),
        |config| {
            (config.quotas, config.open) = (true, false);
            config.limits.documents_per_chat = 1;
        },
    );
    let (_, user) = (stage.user("admin"), stage.user("ada"));
    let plan = kafka_core::NewPlan { name: "one".into(), document_limit: Some(1), ..Default::default() };
    stage.kafka.plans(&stage.operator).create(plan).unwrap();
    let standing = StandingPatch { plan: Some("one".into()), ..StandingPatch::default() };
    stage.kafka.administration(&stage.operator).update(user.user_id().unwrap(), standing).unwrap();
    let documents = stage.kafka.documents(&user);
    let upload = |chat: &Chat| {
        documents.upload(DocumentPlace::Chat(chat.id), NewFile::named("a"), &mut TEXT.as_bytes())
    };
    let chat = stage.chat_of(&user);
    let first = upload(&chat).unwrap();
    documents.wait(first.id, PATIENCE, |_| ()).unwrap();
    assert_eq!(upload(&chat).unwrap_err().code(), "quota_exceeded");
    hold(&stage);
    documents.delete(first.id).unwrap();
    let second = upload(&chat).unwrap();
    documents.wait(second.id, PATIENCE, |_| ()).unwrap();
    stage.kafka.chats(&user).delete(chat.id).unwrap();
    upload(&stage.chat_of(&user)).unwrap();
    assert_eq!(stage.kafka.usage(&user).summary(Period::default()).unwrap().doc_count, 1);
    let_go(&stage);
}

/// More messages cite it than the call looks at.
#[test]
fn everything_that_cites_a_deleted_document_says_so_in_the_end() {
    let stage = Stage::new(In::File);
    let (chat, other) = (stage.chat(), stage.chat());
    let document = add(&stage, DocumentPlace::Chat(chat.id), "tower.txt", TEXT);
    let context = format!(r#"[{{"n":1,"document_id":"{}","stale":false}}]"#, document.id);
    for (chat, from) in [(&chat, 0), (&other, 5000)] {
        let sql = format!(
            "INSERT INTO messages (id, chat_number, seq, role, content, context, created_at, updated_at) \
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700) \
             SELECT CAST(n.i + {from} AS TEXT), {}, n.i, 'assistant', '', '{context}', 0, 0 FROM n",
            chat.number
        );
        stage.rows(&sql, &[]);
    }
    let fresh = || count(&stage, r#"messages WHERE context LIKE '%"stale":false%'"#);
    assert_eq!(fresh(), "1400");
    stage.kafka.documents(&stage.operator).delete(document.id).unwrap();
    wait_until("some citations are fresh", || fresh() == "0");
    wait_for_removal(&stage);
    assert_eq!(count(&stage, "messages WHERE context IS NULL"), "0");
}

#[test]
fn the_id_of_a_deleted_account_goes_from_what_it_wrote_and_uploaded_elsewhere() {
    let stage = Stage::new(In::File);
    let (admin, ada) = (stage.user("admin"), stage.user("ada"));
    let new = NewWorkspace { name: "Office".into(), owner_id: None };
    let office = stage.kafka.workspaces(&admin).create(new).unwrap().id;
    stage.kafka.workspaces(&admin).share(office, ada.user_id().unwrap(), Some(MemberRole::Editor)).unwrap();
    let new = NewChat { workspace_id: Some(office), ..NewChat::default() };
    let chat = stage.kafka.chats(&admin).create(new).unwrap();
    let said = kafka_core::NewMessage::text(Role::User, "Hi");
    stage.kafka.messages(&ada).create(chat.id, said).unwrap();
    let place = DocumentPlace::Chat(chat.id);
    let document =
        stage.kafka.documents(&ada).upload(place, NewFile::named("a"), &mut TEXT.as_bytes()).unwrap();
    let id = ada.user_id().unwrap().to_string();
    let sql = "INSERT INTO messages (id, chat_number, seq, user_id, role, content, created_at, updated_at) \
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
        SELECT CAST(n.i AS TEXT), c.number, n.i + 1, $2, 'user', '', 0, 0 FROM n, chats c WHERE c.id = $1";
    stage.rows(sql, &[&chat.id.to_string(), &id]);
    stage.kafka.users(&stage.operator).delete(ada.user_id().unwrap()).unwrap();
    wait_for_removal(&stage);
    for table in ["messages", "documents", "files"] {
        let column = if table == "files" { "uploaded_by" } else { "user_id" };
        assert_eq!(count(&stage, &format!("{table} WHERE {column} IS NOT NULL")), "0", "{table}");
    }
    assert_eq!(count(&stage, "messages"), "2501");
    assert!(stage.kafka.documents(&admin).get(document.id).is_ok());
}

#[test]
fn a_file_that_another_chat_has_is_not_seen_through_a_deleted_document() {
    let stage = Stage::new(In::File);
    let (admin, ada) = (stage.user("admin"), stage.user("ada"));
    let new = NewWorkspace { name: "Office".into(), owner_id: None };
    let office = stage.kafka.workspaces(&admin).create(new).unwrap().id;
    let share = |role| stage.kafka.workspaces(&admin).share(office, ada.user_id().unwrap(), role).unwrap();
    share(Some(MemberRole::Editor));
    let [chat, other] = [&ada, &admin].map(|actor| {
        let new = NewChat { workspace_id: Some(office), ..NewChat::default() };
        stage.kafka.chats(actor).create(new).unwrap()
    });
    let document = add(&stage, DocumentPlace::Chat(chat.id), "tower.txt", TEXT);
    let file = document.file_id.unwrap();
    stage.kafka.chat_files(&admin).link(other.id, file).unwrap();
    // From then on she sees her own chat alone.
    share(None);
    let sees = |actor| stage.kafka.files(actor).get(file).is_ok();
    assert_eq!([&admin, &ada].map(sees), [true, true]);
    hold(&stage);
    stage.kafka.documents(&ada).delete(document.id).unwrap();
    assert_eq!([&admin, &ada].map(sees), [true, false]);
    let_go(&stage);
    wait_for_removal(&stage);
    assert_eq!([&admin, &ada].map(sees), [true, false]);
}

#[test]
fn a_document_that_is_deleted_while_its_vectors_are_made_gets_none() {
    let ((told, asked), (go, gate)) = (channel(), channel::<()>());
    let (told, gate) = (Mutex::new(told), Mutex::new(gate));
    let endpoint = endpoint(move |_| {
        told.lock().unwrap().send(()).unwrap();
        // Until the test drops the other end.
        assert!(gate.lock().unwrap().recv().is_err());
        Some([1.0, 0.1])
    });
    let stage = Stage::with(In::File, |_| unreachable!(), with(&endpoint));
    let documents = stage.kafka.documents(&stage.operator);
    let place = DocumentPlace::Chat(stage.chat().id);
    let document = documents.upload(place, NewFile::named("a"), &mut TEXT.as_bytes()).unwrap();
    asked.recv_timeout(PATIENCE).unwrap();
    hold(&stage);
    documents.delete(document.id).unwrap();
    drop(go);
    wait_until("they are still made", || count(&stage, "jobs WHERE kind = 'vectors'") == "0");
    assert_eq!(count(&stage, "embeddings"), "0");
    let_go(&stage);
    wait_for_removal(&stage);
    assert_eq!(["documents", "chunks"].map(|of| count(&stage, of)), ["0", "0"]);
}
