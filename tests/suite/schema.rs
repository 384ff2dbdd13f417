//! The schema as a whole, and databases that earlier releases left.

use std::{env, fs, path::Path};

use kafka_core::{
    AnswerRequest, ChatFileKind, ChatFilter, Config, Kafka, MessageStatus, NewFile, NewVersion, PageRequest,
    ResponseStatus, Role, Schema,
};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_schema_is_the_one_that_was_last_looked_at() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kafka.db");
    Schema::open(&Config::file(&path)).unwrap().up(None).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let mut statements = database
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'refinery%' ORDER BY rowid")
        .unwrap();
    let statements = statements.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let schema: String = statements.map(|sql| sql.unwrap() + ";\n").collect();

    let snapshot = root().join("tests/snapshots/schema.sql");
    if env::var_os("RENEW_SNAPSHOTS").is_some() {
        fs::write(&snapshot, &schema).unwrap();
    }
    let looked_at = fs::read_to_string(&snapshot).unwrap_or_default();
    assert!(
        schema == looked_at,
        "the schema changed; look at it and renew: RENEW_SNAPSHOTS=1 cargo test -p kafka schema"
    );
}

/// Each release leaves a database here that every later one must open, keep and work with.
#[test]
fn the_first_release_s_database_is_opened_with_all_that_is_in_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kafka.db");
    fs::copy(root().join("tests/databases/v06.db"), &path).unwrap();
    let kafka = Kafka::open(Config::file(&path)).unwrap();
    let me = kafka.operator();

    let chats = kafka.chats(&me).list(&ChatFilter::default(), &PageRequest::default()).unwrap().items;
    let titles: Vec<_> = chats.iter().map(|chat| chat.title.as_deref().unwrap_or("-")).collect();
    assert_eq!(titles, ["Of ada", "A retried answer", "Notes"]);
    assert_eq!(chats[2].notebooks, ["one", "two"]);
    assert!(chats[2].archived_at.is_some());

    // The question was answered twice; the second answer is the active one, the first is kept.
    let messages = kafka.messages(&me).list(chats[1].id, &PageRequest::default()).unwrap().items;
    let lines: Vec<_> = messages.iter().map(|m| (m.seq, m.role, m.content.as_str(), m.status)).collect();
    let complete = MessageStatus::Complete;
    assert_eq!(
        lines,
        [
            (1, Role::System, "Be brief.", complete),
            (2, Role::User, "Does this work?", complete),
            (4, Role::Assistant, "Echo: Does this work?", complete),
        ]
    );
    assert_eq!(chats[1].message_count, 4);
    let response = messages[2].response.clone().unwrap();
    assert_eq!((response.status, response.tokens_total), (ResponseStatus::Completed, Some(12)));
    let events: Vec<_> =
        kafka.responses(&me).events(response.id, 0).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(events.len(), 7);

    let ada = kafka.users(&me).find_by_email("Ada@Example.org").unwrap().unwrap();
    assert_eq!((chats[0].user_id, ada.username.as_deref()), (Some(ada.id), Some("ada")));
    let models = kafka.models(&me).list(&PageRequest::default()).unwrap().items;
    assert_eq!(models[0].name, "local");

    let answer =
        kafka.completions(&me).start(chats[1].id, AnswerRequest::text("Still?")).unwrap().wait().unwrap();
    assert_eq!(answer.message.seq, 6);
}

/// Accounts with plans, keys, invitations and usage; calls of tools; a chat of a caller without a credential.
#[test]
fn a_database_with_accounts_is_opened_with_all_that_is_in_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kafka.db");
    fs::copy(root().join("tests/databases/v08.db"), &path).unwrap();
    let kafka = Kafka::open(Config::file(&path)).unwrap();
    let me = kafka.operator();
    let page = PageRequest::default();

    let users = kafka.administration(&me).users(&page).unwrap().items;
    let known: Vec<_> =
        users.iter().map(|u| (u.email.as_str(), u.is_admin, u.is_active, u.plan.as_str())).collect();
    assert_eq!(known, [("ada@example.org", true, true, "free"), ("bob@example.org", false, false, "pro")]);
    assert_eq!(users[1].total_tokens_used, 11);
    let keys = kafka.tokens(&me).of(users[0].id).list(&page).unwrap().items;
    assert_eq!((keys.len(), keys[0].name.as_str()), (1, "backups"));
    assert_eq!(serde_json::to_value(keys[0].scopes).unwrap(), serde_json::json!(["chats:read"]));
    let plans = kafka.plans(&me).list().unwrap();
    let names: Vec<_> = plans.iter().map(|plan| (plan.name.as_str(), plan.chat_limit)).collect();
    assert_eq!(names, [("free", Some(3)), ("pro", Some(25)), ("enterprise", Some(100))]);

    let chats = kafka.chats(&me).list(&ChatFilter::default(), &page).unwrap().items;
    let titles: Vec<_> = chats.iter().map(|chat| (chat.title.as_deref(), chat.user_id)).collect();
    assert_eq!(titles, [(Some("Of nobody"), None), (Some("Tools"), Some(users[1].id))]);
    let messages = kafka.messages(&me).list(chats[1].id, &page).unwrap().items;
    assert_eq!(messages.len(), 5);
    assert_eq!(messages[1].parts.as_ref().unwrap()[0]["name"], "clock");
    assert_eq!((messages[2].role, messages[2].tool_call_id.as_deref()), (Role::Tool, Some("call_1")));
    assert_eq!(messages[4].content, "Echo: Thanks.");
}

/// Workspaces with files, files of chats and their versions, and the bytes beside the database.
#[test]
fn a_database_with_files_is_opened_with_all_that_is_in_it_and_beside_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kafka.db");
    let kept = root().join("tests/databases/v09.db");
    fs::copy(&kept, &path).unwrap();
    for shelf in fs::read_dir(kept.with_extension("db.blobs")).unwrap() {
        let shelf = shelf.unwrap();
        let to = directory.path().join("kafka.db.blobs").join(shelf.file_name());
        fs::create_dir_all(&to).unwrap();
        for bytes in fs::read_dir(shelf.path()).unwrap() {
            let bytes = bytes.unwrap();
            fs::copy(bytes.path(), to.join(bytes.file_name())).unwrap();
        }
    }
    let kafka = Kafka::open(Config::file(&path)).unwrap();
    let me = kafka.operator();
    let page = PageRequest::default();
    let report = Schema::open(&Config::file(&path)).unwrap().files().unwrap();
    assert_eq!(report.missing, []);

    let ada = kafka.users(&me).find_by_email("ada@example.org").unwrap().unwrap();
    let overview = kafka.overview(&me, ada.id).unwrap();
    let [workspace] = &overview.workspaces[..] else { panic!("{overview:?}") };
    let names = |files: &[kafka_core::File]| files.iter().map(|f| f.filename.clone()).collect::<Vec<_>>();
    let all = ["letter.txt", "table.csv", "flow.based", "broken.pdf"];
    assert_eq!(
        (&*workspace.workspace.name, names(&workspace.files)),
        ("Default Workspace", all.map(str::to_owned).to_vec())
    );
    let chats: Vec<_> =
        workspace.chats.iter().map(|it| (it.chat.title.as_deref().unwrap(), it.versions)).collect();
    assert_eq!(chats, [("The trial", 3), ("The same letter", 0)]);
    let letter = workspace.files[0].id;
    let letter_text = Some("The castle is closed on Mondays.\n");
    assert_eq!(kafka.files(&me).text(letter).unwrap().text.as_deref(), letter_text);
    assert_eq!(workspace.files[1].source_url.as_deref(), Some("https://bucket.example.com/table.csv"));

    let files = kafka.chat_files(&me);
    let trial = workspace.chats[0].chat.id;
    let contents = files.contents(trial).unwrap();
    let shown: Vec<_> = contents
        .iter()
        .map(|it| (&*it.file.filename, it.file.kind, it.text.as_deref(), it.versions.len()))
        .collect();
    assert_eq!(
        shown,
        [
            ("letter.txt", ChatFileKind::Upload, letter_text, 0),
            ("table.csv", ChatFileKind::Upload, Some("a,b\n1,2\n"), 0),
            ("flow.based", ChatFileKind::Based, Some("loop:\n"), 3),
            ("broken.pdf", ChatFileKind::Upload, None, 0),
            ("notes.md", ChatFileKind::Text, Some("one\ntwo\n"), 2),
        ]
    );
    assert_eq!(contents[1].source_url.as_deref(), Some("https://bucket.example.com/table.csv"));
    assert!(contents[2].versions[1].content.contains("until \"a day is named\":"));
    let alone = kafka.chats(&me).list(&ChatFilter::default(), &page).unwrap().items;
    let alone = alone.iter().find(|chat| chat.workspace_id.is_none()).unwrap();
    let of_alone = files.list(alone.id, &page).unwrap().items;
    assert_eq!(files.text(of_alone[0].id).unwrap().text.as_deref(), letter_text);

    // All of it goes on.
    let flow = contents[2].file.id;
    assert_eq!(files.add_version(flow, NewVersion::text("loop:\n\tx\n")).unwrap().number, 4);
    files.upload(trial, NewFile::named("new.txt"), &mut &b"new"[..]).unwrap();
    files.delete(contents[0].file.id).unwrap();
    assert_eq!(kafka.files(&me).text(letter).unwrap().text.as_deref(), letter_text, "another chat has it");
    kafka.chats(&me).delete(trial).unwrap();
    assert_eq!(names(&kafka.files(&me).list(workspace.workspace.id, &page).unwrap().items), ["letter.txt"]);
}
