//! The views for people and reporting tools.

use kafka_core::{
    AnswerRequest, ErrorKind, NewChat, NewFile, NewMessage, NewModel, NewWorkspace, ProviderError, Role,
    testing::ScriptedAnswer,
};

use crate::stage::{In, MODEL, Stage, new_model};

/// A column of a view that holds an instant, as the API writes it: SQLite has it so, PostgreSQL has a real one.
fn instant(stage: &Stage, column: &str) -> String {
    if is_on_server(stage) {
        return format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')");
    }
    column.to_owned()
}

fn is_on_server(stage: &Stage) -> bool {
    !stage.database().exists()
}

/// An account with a chat in a workspace: a question, an answer, a failure, a file.
fn stage() -> Stage {
    let stage = Stage::with(
        In::File,
        |call| match call.prompt.messages.last().map(|message| message.content.as_str()) {
            Some("Fail.") => {
                ScriptedAnswer::new().fail(ProviderError::new(ErrorKind::Provider, "model_failed", "No."))
            }
            _ => ScriptedAnswer::of(&["It ", "is."]),
        },
        |_| {},
    );
    let ada = stage.user("ada");
    let key = NewModel { api_key: Some(String::from("sk-hidden").into()), ..new_model("keyed") };
    stage.model(&ada, key);
    let castle = NewWorkspace { name: "Castle".into(), owner_id: ada.user_id() };
    let castle = stage.kafka.workspaces(&ada).create(castle).unwrap();
    stage.clock.advance(std::time::Duration::from_millis(1_234));
    let chat = NewChat { workspace_id: Some(castle.id), ..NewChat::titled("The trial") };
    let chat = stage.kafka.chats(&ada).create(chat).unwrap();
    stage.ask(&chat, AnswerRequest::text("Is it ünlocked?"));
    let failing = stage.kafka.completions(&ada).start(chat.id, AnswerRequest::text("Fail."));
    drop(failing.unwrap().wait());
    stage.kafka.chat_files(&ada).upload(chat.id, NewFile::named("a.txt"), &mut &b"a"[..]).unwrap();
    let nobodys = stage.chat();
    stage.kafka.messages(&stage.operator).create(nobodys.id, NewMessage::text(Role::User, "Hi")).unwrap();
    stage
}

fn texts(rows: Vec<Vec<Option<String>>>) -> Vec<String> {
    let line = |row: Vec<Option<String>>| {
        row.into_iter().map(|value| value.unwrap_or_else(|| "-".into())).collect::<Vec<_>>().join(" | ")
    };
    rows.into_iter().map(line).collect()
}

#[test]
fn chats_messages_and_usage_are_reported_with_instants_that_people_read() {
    let stage = stage();
    let me = &stage.operator;
    let chat = stage.kafka.chats(me).list(&Default::default(), &Default::default()).unwrap().items.remove(1);
    let chats = format!(
        "SELECT title, owner_email, workspace, message_count, answers, failed_answers, files, {}, {}, archived_at \
         FROM chat_report ORDER BY chat_number",
        instant(&stage, "created_at"),
        instant(&stage, "updated_at")
    );
    let (created, updated) = (chat.created_at, chat.updated_at);
    let rows = texts(stage.rows(&chats, &[]));
    assert_eq!(
        rows[0],
        format!("The trial | ada@example.org | Castle | 4 | 2 | 1 | 1 | {created} | {updated} | -")
    );
    assert!(rows[1].starts_with("- | - | - | 1 | 0 | 0 | 0 | "), "{rows:?}");

    let messages = format!(
        "SELECT chat_title, owner_email, workspace, seq, role, status, content_chars, model, provider, error_code, \
         tokens_total IS NOT NULL, {} FROM message_report ORDER BY message_number",
        instant(&stage, "created_at")
    );
    let rows = texts(stage.rows(&messages, &[]));
    let yes = if is_on_server(&stage) { "t" } else { "1" };
    assert_eq!(rows.len(), 5);
    let head = "The trial | ada@example.org | Castle";
    assert!(rows[0].starts_with(&format!("{head} | 1 | user | complete | 15 | - | - | - | ")), "{rows:?}");
    let answer = format!("{head} | 2 | assistant | complete | 6 | {MODEL} | {MODEL} | - | {yes} | {created}");
    assert_eq!(rows[1], answer);
    assert!(rows[3].contains(" | assistant | failed | 0 | "), "{rows:?}");

    let day = if is_on_server(&stage) { "day::text" } else { "day" };
    let usage = format!(
        "SELECT {day}, owner_email, \"plan\", model, responses, messages_sent, chats_created FROM usage_report \
         WHERE owner_email IS NOT NULL ORDER BY model IS NULL"
    );
    let rows = texts(stage.rows(&usage, &[]));
    let today = &created.to_string()[..10];
    assert!(rows[0].starts_with(&format!("{today} | ada@example.org | free | {MODEL} | 2 | ")), "{rows:?}");
    assert_eq!(rows[1], format!("{today} | ada@example.org | free | - | 0 | 2 | 1"));
}

#[test]
fn reports_hold_no_secrets_and_no_words_of_conversations() {
    let stage = stage();
    let hash = stage.value("SELECT hashed_password FROM users WHERE email = 'ada@example.org'", &[]).unwrap();
    let key = stage.value("SELECT ak_sealed FROM models WHERE ak_sealed IS NOT NULL", &[]).unwrap();
    for view in ["chat_report", "message_report", "usage_report"] {
        let text =
            if is_on_server(&stage) { "SELECT r::text FROM _ r".into() } else { as_text(&stage, view) };
        let rows = texts(stage.rows(&text.replace("FROM _", &format!("FROM {view}")), &[]));
        assert!(rows.iter().any(|row| row.contains("ada@example.org")), "{rows:?}");
        for secret in [&*hash, &key, "ünlocked", "It is."] {
            assert!(!rows.iter().any(|row| row.contains(secret)), "{view} tells {secret}");
        }
    }
}

/// All columns of a view as one text.
fn as_text(stage: &Stage, view: &str) -> String {
    let columns = stage.rows(&format!("SELECT name FROM pragma_table_info('{view}')"), &[]);
    let columns: Vec<String> = columns
        .into_iter()
        .map(|mut name| format!("COALESCE(\"{}\", '')", name.remove(0).unwrap()))
        .collect();
    format!("SELECT {} FROM _", columns.join(" || ' ' || "))
}

/// What a later migration may do beside the views, and how it does the rest.
#[test]
fn views_let_columns_come_and_are_made_anew_around_a_table_that_is_rebuilt() {
    let stage = stage();
    stage.kafka.close();
    let run = |sql: &str| sql.split(';').for_each(|sql| drop(stage.rows(sql, &[])));
    run("ALTER TABLE chats ADD COLUMN mood TEXT");
    let count = || stage.value("SELECT COUNT(*) FROM chat_report", &[]).unwrap();
    assert_eq!(count(), "2");

    let view = match is_on_server(&stage) {
        true => "SELECT 'CREATE VIEW usage_report AS ' || pg_get_viewdef('usage_report'::regclass)",
        false => "SELECT sql FROM sqlite_schema WHERE name = 'usage_report'",
    };
    let view = stage.value(view, &[]).unwrap();
    run(
        "DROP VIEW usage_report; CREATE TABLE usage_anew AS SELECT * FROM usage_daily; DROP TABLE usage_daily; \
         ALTER TABLE usage_anew RENAME TO usage_daily",
    );
    run(&view);
    assert_eq!(
        stage.value("SELECT COUNT(*) > 1 FROM usage_report", &[]).map(|yes| yes == "t" || yes == "1"),
        Some(true)
    );
}
