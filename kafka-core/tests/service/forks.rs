//! Forks: what comes along, what is counted, and what stays as it was.

use std::time::Duration;

use kafka_core::{
    AnswerRequest, ChatPatch, ErrorKind, IdempotencyKey, Message, MessageStatus, NewChat, NewChatFile,
    NewFile, NewFork, NewMessage, NewPlan, NewVersion, NewWorkspace, PageRequest, Period, Role,
    testing::{Gate, ScriptedAnswer},
};

use crate::stage::{In, Stage, new_model, texts, unheard_of};

/// All that a message says, apart from where it stands.
fn said(messages: &[Message]) -> Vec<(Role, &str, &str, MessageStatus, Option<&str>)> {
    messages.iter().map(|m| (m.role, &*m.kind, &*m.content, m.status, m.model.as_deref())).collect()
}

#[test]
fn a_fork_has_what_was_said_and_the_files_and_costs_nothing() {
    let stage = Stage::new(In::File);
    let kafka = &stage.kafka;
    let owner = stage.user("owner");
    let chat = NewChat {
        description: Some("about".into()),
        notebooks: vec!["court".into()],
        ..NewChat::titled("Trial")
    };
    let chat = kafka.chats(&owner).create(chat).unwrap();
    let ask = |text: &str| {
        kafka.completions(&owner).start(chat.id, AnswerRequest::text(text)).unwrap().wait().unwrap()
    };
    let (first, second) = (ask("One?"), ask("Two?"));
    let text = NewChatFile { filename: "a.txt".into(), content: "one".into() };
    let text = kafka.chat_files(&owner).create(chat.id, text).unwrap();
    kafka.chat_files(&owner).add_version(text.id, NewVersion::text("two")).unwrap();
    let picture =
        kafka.chat_files(&owner).upload(chat.id, NewFile::named("a.png"), &mut &b"png"[..]).unwrap();
    let list = |chat| kafka.messages(&owner).list(chat, &PageRequest::first(200)).unwrap().items;
    let files = |chat| kafka.chat_files(&owner).list(chat, &PageRequest::first(200)).unwrap().items;
    let before = (kafka.chats(&owner).get(chat.id).unwrap(), list(chat.id), files(chat.id));
    let used = kafka.usage(&owner).summary(Period::default()).unwrap();
    stage.clock.advance(Duration::from_secs(1));

    let fork = kafka.branches(&owner).fork(chat.id, NewFork::default()).unwrap();
    let copies = list(fork.id);
    assert_eq!(said(&copies), said(&before.1));
    assert!(copies.iter().all(|copy| copy.response.is_none() && copy.chat_id == fork.id));
    let times = |messages: &[Message]| {
        messages.iter().map(|m| (m.created_at, m.updated_at, m.token_count)).collect::<Vec<_>>()
    };
    assert_eq!(times(&copies), times(&before.1));
    assert!(
        copies.iter().all(|copy| before.1.iter().all(|old| old.id != copy.id && old.number != copy.number))
    );
    assert_eq!((fork.title.as_deref(), fork.description.as_deref()), (Some("Trial"), Some("about")));
    assert_eq!((fork.notebooks.len(), fork.message_count, fork.total_tokens), (1, 4, 0));
    assert_eq!((fork.user_id, fork.active_leaf_id), (owner.user_id(), Some(copies[3].id)));
    assert_eq!(fork, kafka.chats(&owner).get(fork.id).unwrap());
    assert_eq!((kafka.chats(&owner).get(chat.id).unwrap(), list(chat.id), files(chat.id)), before);

    // A chat was made, and nothing else was used.
    let now = kafka.usage(&owner).summary(Period::default()).unwrap();
    assert_eq!((now.total_tokens_used, &now.models), (used.total_tokens_used, &used.models));
    let counts = |usage: &kafka_core::UsageSummary| {
        usage.days.last().map(|day| (day.tokens_total, day.messages_sent, day.chats_created)).unwrap()
    };
    assert_eq!(counts(&now), {
        let (tokens, sent, chats) = counts(&used);
        (tokens, sent, chats + 1)
    });

    // Texts go their own way; what was uploaded is the same file.
    let [written, uploaded] = &files(fork.id)[..] else { panic!("two files") };
    assert_eq!((&*written.filename, written.latest_version, written.file_id), ("a.txt", Some(2), None));
    assert_eq!(written.path, format!("uploads/files/{}_a.txt", written.id));
    assert_eq!((uploaded.file_id, &uploaded.path), (picture.file_id, &picture.path));
    kafka.chat_files(&owner).add_version(written.id, NewVersion::text("three")).unwrap();
    assert_eq!(kafka.chat_files(&owner).version(written.id, 1).unwrap().content, "one");
    assert_eq!(kafka.chat_files(&owner).get(text.id).unwrap().latest_version, Some(2));
    kafka.chats(&owner).delete(chat.id).unwrap();
    assert!(kafka.files(&owner).open(picture.file_id.unwrap()).is_ok(), "the fork has it, too");

    // It goes on like any other.
    assert_eq!(copies[1].content, first.message.content);
    assert_eq!(copies[3].content, second.message.content);
    let on = kafka.completions(&owner).start(fork.id, AnswerRequest::text("Three?")).unwrap().wait().unwrap();
    assert_eq!(on.user_message.parent_id, Some(copies[3].id));
    let sent: Vec<String> =
        stage.provider.calls().last().unwrap().prompt.messages.iter().map(|m| m.content.clone()).collect();
    assert!(
        sent.ends_with(&["One?", "Well, yes.", "Two?", "Well, yes.", "Three?"].map(str::to_owned)),
        "{sent:?}"
    );
}

#[test]
fn a_fork_begins_where_it_is_told_to_also_beside_the_active_branch() {
    let stage = Stage::new(In::Memory);
    let (kafka, me) = (&stage.kafka, &stage.operator);
    let chat = stage.chat();
    let a = stage.say(&chat, Role::User, "a");
    let b = stage.say(&chat, Role::User, "b");
    stage.say(&chat, Role::User, "c");
    let edit = NewMessage { parent_id: Some(Some(a.id)), ..NewMessage::text(Role::User, "B") };
    kafka.messages(me).create(chat.id, edit).unwrap();
    for (message_id, expected) in [(None, &["a", "B"][..]), (Some(a.id), &["a"]), (Some(b.id), &["a", "b"])] {
        let new = NewFork { message_id, title: Some("Fork".into()), user_id: None };
        let fork = kafka.branches(me).fork(chat.id, new).unwrap();
        assert_eq!(stage.branch(&fork), expected);
        assert_eq!(fork.title.as_deref(), Some("Fork"));
    }
    let empty = kafka.branches(me).fork(stage.chat().id, NewFork::default()).unwrap();
    assert_eq!((empty.message_count, empty.active_leaf_id), (0, None));
    let elsewhere = NewFork { message_id: Some(unheard_of()), ..NewFork::default() };
    assert_eq!(kafka.branches(me).fork(chat.id, elsewhere).unwrap_err().code(), "message_unknown");
    let unknown = kafka.branches(me).fork(unheard_of(), NewFork::default()).unwrap_err();
    assert_eq!((unknown.kind(), unknown.code()), (ErrorKind::NotFound, "chat_not_found"));
}

#[test]
fn what_is_being_written_is_not_forked_but_what_stands_before_it_is() {
    let gate = Gate::new();
    let held = gate.clone();
    let stage = Stage::scripted(move |_| ScriptedAnswer::new().text("One").wait_for(&held).finish());
    let (kafka, me) = (&stage.kafka, &stage.operator);
    let chat = stage.chat();
    let turn = kafka.completions(me).start(chat.id, AnswerRequest::text("Why?")).unwrap();
    let question = turn.user_message_id();
    let refused = kafka.branches(me).fork(chat.id, NewFork::default()).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "message_streaming"));
    let before = NewFork { message_id: Some(question), ..NewFork::default() };
    assert_eq!(stage.branch(&kafka.branches(me).fork(chat.id, before).unwrap()), ["Why?"]);
    gate.open();
    turn.wait().unwrap();
    assert_eq!(stage.branch(&kafka.branches(me).fork(chat.id, NewFork::default()).unwrap()), ["Why?", "One"]);
}

#[test]
fn a_long_chat_is_forked_in_one_piece_and_once_for_a_key() {
    let stage = Stage::new(In::Memory);
    let (kafka, me) = (&stage.kafka, &stage.operator);
    let chat = stage.chat();
    let expected: Vec<String> = (0..1201).map(|number| format!("message {number}")).collect();
    expected.iter().for_each(|text| drop(stage.say(&chat, Role::User, text)));
    let key = || IdempotencyKey::new("POST", "/fork", "key", b"{}").unwrap();
    let fork = || kafka.branches(me).idempotent(key()).fork(chat.id, NewFork::default()).unwrap();
    let made = fork();
    assert_eq!(fork(), made);
    let walk = kafka.linear(me).messages(made.id).unwrap().flat_map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(texts(&walk), expected);
    assert!(walk.windows(2).all(|pair| pair[1].parent_id == Some(pair[0].id)));
    assert_eq!(walk.iter().map(|message| message.seq).collect::<Vec<_>>(), (1..=1201).collect::<Vec<_>>());
}

#[test]
fn a_model_that_only_the_old_owner_has_does_not_come_along() {
    let stage = Stage::new(In::Memory);
    let kafka = &stage.kafka;
    let owner = stage.user("owner");
    kafka.models(&owner).create(new_model("own")).unwrap();
    let chat = stage.chat_of(&owner);
    for (name, of_nobody) in [("own", None), ("echo", Some("echo"))] {
        let patch = ChatPatch { default_model: Some(Some(name.into())), ..ChatPatch::default() };
        kafka.chats(&owner).update(chat.id, patch).unwrap();
        let fork = |actor| kafka.branches(actor).fork(chat.id, NewFork::default()).unwrap();
        assert_eq!(fork(&owner).default_model.as_deref(), Some(name));
        assert_eq!(fork(&stage.operator).default_model.as_deref(), of_nobody);
    }
    let for_owner = NewFork { user_id: owner.user_id(), ..NewFork::default() };
    let fork = kafka.branches(&stage.operator).fork(chat.id, for_owner).unwrap();
    assert_eq!(fork.user_id, owner.user_id());
}

/// Who may only read in a workspace puts nothing there.
#[test]
fn a_fork_lies_where_whoever_forks_may_put_chats() {
    let stage = Stage::new(In::File);
    let kafka = &stage.kafka;
    let [owner, editor, viewer] = ["owner", "editor", "viewer"].map(|name| stage.user(name));
    let office = NewWorkspace { name: "Office".into(), owner_id: None };
    let office = kafka.workspaces(&owner).create(office).unwrap().id;
    for (member, role) in [(&editor, "editor"), (&viewer, "viewer")] {
        let sql = "INSERT INTO workspace_members (workspace_id, user_id, role, created_at, updated_at) \
            VALUES ($1, $2, $3, 0, 0)";
        stage.rows(sql, &[&office.to_string(), &member.user_id().unwrap().to_string(), role]);
    }
    let chat = NewChat { workspace_id: Some(office), ..NewChat::default() };
    let chat = kafka.chats(&owner).create(chat).unwrap();
    for (actor, expected) in [(&owner, Some(office)), (&editor, Some(office)), (&viewer, None)] {
        let fork = kafka.branches(actor).fork(chat.id, NewFork::default()).unwrap();
        assert_eq!((fork.workspace_id, fork.user_id), (expected, actor.user_id()));
    }
}

#[test]
fn a_fork_counts_among_the_chats_that_a_plan_allows() {
    let stage = Stage::with(In::File, |_| ScriptedAnswer::new(), |config| config.quotas = true);
    stage.user("admin");
    let ada = stage.user("ada");
    let plans = stage.kafka.plans(&stage.operator);
    plans.create(NewPlan { name: "small".into(), chat_limit: Some(2), ..NewPlan::default() }).unwrap();
    plans.assign(ada.user_id().unwrap(), "small").unwrap();
    let chat = stage.chat_of(&ada);
    let fork = || stage.kafka.branches(&ada).fork(chat.id, NewFork::default());
    fork().unwrap();
    assert_eq!(fork().unwrap_err().kind(), ErrorKind::QuotaExceeded);
}
