//! Long chats that are deleted: nobody sees them, and their rows go in pieces.

use std::{
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    Actor, AnswerRequest, Chat, ChatFilter, ErrorKind, NewChat, NewShareLink, NewWorkspace, NodeKind,
    PageRequest, Role, SearchRequest, SearchSort, Secret,
};

use crate::stage::{In, PASSWORD, Stage};

/// An installation whose rows go only when somebody asks for it: a command's.
fn stage() -> Stage {
    Stage::with(
        In::File,
        |_| kafka_core::testing::ScriptedAnswer::of(&["Well, pebbles."]),
        |config| {
            config.kind = NodeKind::Cli;
            config.open = false;
            config.anonymous = true;
        },
    )
}

/// The rows of messages, answers and chats.
fn rows(stage: &Stage) -> [String; 3] {
    ["messages", "responses", "chats"]
        .map(|table| stage.value(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {table}"), &[]).unwrap())
}

/// Makes a chat longer than what goes at once.
fn lengthen(stage: &Stage, chat: &Chat) {
    let sql = "INSERT INTO messages (id, chat_number, seq, role, content, created_at, updated_at) \
        WITH RECURSIVE n (i) AS (SELECT 100000000001 UNION ALL SELECT i + 1 FROM n WHERE i < 100000001500) \
        SELECT '00000000-0000-7000-8000-' || n.i, c.number, n.i, 'user', 'pebbles', 0, 0 \
        FROM n, chats c WHERE c.id = $1";
    stage.rows(sql, &[&chat.id.to_string()]);
    stage
        .rows("UPDATE chats SET message_count = message_count + 1500 WHERE id = $1", &[&chat.id.to_string()]);
}

/// As it is when a process died right after it deleted the chat, or has not come further.
#[test]
fn what_is_deleted_and_not_yet_removed_is_seen_by_nobody_and_goes_when_a_process_stays() {
    let stage = stage();
    let kafka = &stage.kafka;
    let admin = stage.user("admin");
    let kept = stage.chat_of(&admin);
    let chat = stage.kafka.chats(&stage.operator).create(NewChat::titled("Pebbles")).unwrap();
    let answer = stage.ask(&chat, AnswerRequest::text("pebbles?"));
    let before = kafka.administration(&stage.operator).stats().unwrap();
    kafka.search(&stage.operator).refresh().unwrap();
    let everyone = [stage.operator, admin];
    let sees = |actor: &Actor| kafka.chats(actor).get(chat.id).is_ok();
    assert!(everyone.iter().all(sees), "it is nobody's");

    stage.rows("UPDATE chats SET deleted_at = 1 WHERE id = $1", &[&chat.id.to_string()]);
    for actor in &everyone {
        let chats = kafka.chats(actor);
        let missing = [
            chats.get(chat.id).map(drop),
            chats.delete(chat.id),
            kafka.linear(actor).chat(chat.number).map(drop),
            kafka.messages(actor).get(answer.message.id).map(drop),
            kafka.messages(actor).list(chat.id, &PageRequest::default()).map(drop),
            kafka.messages(actor).delete(answer.message.id),
        ];
        for refused in missing {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
        }
        let listed = chats.list(&ChatFilter::default(), &PageRequest::default()).unwrap().items;
        assert_eq!(listed.iter().map(|chat| chat.id).collect::<Vec<_>>(), [kept.id]);
        let walked = kafka.linear(actor).chats().unwrap().flat_map(Result::unwrap);
        assert_eq!(walked.map(|found| found.chat.id).collect::<Vec<_>>(), [kept.id]);
        let newest = SearchRequest { sort: Some(SearchSort::Newest), ..SearchRequest::text("pebbles") };
        assert!(kafka.search(actor).find(&newest).unwrap().items.is_empty());
    }
    let after = kafka.administration(&stage.operator).stats().unwrap();
    assert_eq!((before.chats, before.messages), (after.chats + 1, after.messages + 2));

    assert_eq!(rows(&stage), ["2", "1", "2"]);
    let stays = stage.beside();
    let began = Instant::now();
    while rows(&stage) != ["0", "0", "1"] {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", rows(&stage));
        thread::yield_now();
    }
    drop(stays);
}

/// Whatever it is deleted with, nothing stays: neither rows nor what leads to it.
#[test]
fn a_long_chat_goes_with_all_that_is_its_own_whatever_it_is_deleted_with() {
    let stage = stage();
    let kafka = &stage.kafka;
    stage.user("admin");
    for number in 0..3 {
        let owner = stage.user(&format!("owner{number}"));
        let office = NewWorkspace { name: "Office".into(), owner_id: None };
        let office = kafka.workspaces(&owner).create(office).unwrap().id;
        let new = NewChat { workspace_id: Some(office), tags: vec!["t".into()], ..NewChat::default() };
        let chat = kafka.chats(&owner).create(new).unwrap();
        stage.ask(&chat, AnswerRequest::text("pebbles?"));
        let link = kafka.share_links(&owner).create(chat.id, NewShareLink::default()).unwrap();
        lengthen(&stage, &chat);
        match number {
            0 => kafka.chats(&owner).delete(chat.id).unwrap(),
            1 => kafka.workspaces(&owner).delete(office).unwrap(),
            _ => kafka.users(&stage.operator).delete(owner.user_id().unwrap()).unwrap(),
        }
        assert_eq!(rows(&stage), ["0", "0", "0"], "{number}");
        assert!(kafka.open_share_link(&link.token).is_err());
        let login = kafka.login(&format!("owner{number}"), Secret::new(PASSWORD.into()));
        assert_eq!(login.is_ok(), number < 2, "{number}");
    }
    let said = stage.say(&stage.chat(), Role::User, "Hi");
    assert!(said.number > 4503, "numbers go on behind what was removed");
}
