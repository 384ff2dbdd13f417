//! Chats by their numbers, along one branch, and lists as a whole.

use std::time::Duration;

use kafka_core::{
    Actor, ChatPatch, ErrorKind, MessagePatch, NewChat, NewFork, NewMessage, NewUser, PageRequest,
    Registration, Role, Secret, Walk, testing::ScriptedAnswer,
};

use crate::stage::{In, PASSWORD, Stage};

/// More than one batch holds.
const MANY: usize = 230;

#[test]
fn rows_are_found_by_their_numbers_and_what_has_none_is_not_found() {
    let stage = Stage::new(In::Memory);
    let (chat, linear) = (stage.chat(), stage.kafka.linear(&stage.operator));
    let message = stage.say(&chat, Role::User, "Hi");
    let found = linear.chat(chat.number).unwrap();
    assert_eq!((found.chat.id, found.message_count), (chat.id, 1));
    assert_eq!(linear.chat_id(chat.number).unwrap(), chat.id);
    assert_eq!(linear.message(message.number).unwrap(), (chat.number, message.clone()));
    assert_eq!(linear.message_id(message.number).unwrap(), message.id);
    for number in [chat.number + 1, 0, -1, i64::MAX, i64::MIN] {
        for (error, code) in [
            (linear.chat(number).unwrap_err(), "chat_not_found"),
            (linear.chat_id(number).unwrap_err(), "chat_not_found"),
            (linear.messages_of(number).unwrap_err(), "chat_not_found"),
            (linear.page_of(number, 1, 20).unwrap_err(), "chat_not_found"),
            (linear.message(number).unwrap_err(), "message_not_found"),
            (linear.message_id(number).unwrap_err(), "message_not_found"),
        ] {
            assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, code), "{number}");
        }
    }
}

/// What a client keeps of a row that is gone leads to no other row.
#[test]
fn no_number_is_given_twice_whatever_is_deleted() {
    let stage = Stage::new(In::File);
    let (kafka, me) = (&stage.kafka, &stage.operator);
    let mut highest = [0, 0];
    let mut is_new = |chat: i64, message: i64, what: &str| {
        assert!(chat > highest[0] && message > highest[1], "{what}: {chat}, {message} after {highest:?}");
        highest = [chat, message];
    };
    let made = |actor: &Actor| {
        let chat = stage.chat_of(actor);
        let text = NewMessage::text(Role::User, "Hi");
        let message = kafka.messages(actor).create(chat.id, text).unwrap();
        (chat, message)
    };
    let (kept, first) = made(me);
    is_new(kept.number, first.number, "the first");
    for what in ["one", "when one was deleted"] {
        let (chat, message) = made(me);
        is_new(chat.number, message.number, what);
        kafka.messages(me).delete(message.id).unwrap();
        kafka.chats(me).delete(chat.id).unwrap();
    }
    let copied = [stage.say(&kept, Role::User, "Hi"), stage.say(&kept, Role::User, "Hi")];
    let (chat, message) = made(me);
    is_new(chat.number, message.number, "when a chat took its messages along");
    kafka.chats(me).delete(chat.id).unwrap();
    let fork = kafka.branches(me).fork(kept.id, NewFork::default()).unwrap();
    let copies = kafka.messages(me).list(fork.id, &PageRequest::default()).unwrap().items;
    assert_eq!(copies.len(), 1 + copied.len());
    is_new(fork.number, copies[0].number, "a copy");
    assert!(copies.windows(2).all(|pair| pair[0].number < pair[1].number));
    stage.user("chief");
    let ada = stage.user("ada");
    let (chat, message) = made(&ada);
    kafka.users(me).delete(ada.user_id().unwrap()).unwrap();
    let (later, after) = made(me);
    assert!(later.number > chat.number && after.number > message.number, "an account took them along");
    // Whoever opens the database next counts on.
    kafka.messages(me).delete(after.id).unwrap();
    kafka.chats(me).delete(later.id).unwrap();
    let beside = stage.beside();
    let chat = beside.chats(&beside.operator()).create(NewChat::default()).unwrap();
    assert!(chat.number > later.number);
}

#[test]
fn a_walk_of_messages_is_the_branch_as_long_as_it_was() {
    let stage = Stage::new(In::File);
    let chat = stage.chat();
    let aside = stage.say(&chat, Role::User, "aside");
    let root = NewMessage { parent_id: Some(None), ..NewMessage::text(Role::User, "0") };
    stage.kafka.messages(&stage.operator).create(chat.id, root).unwrap();
    for number in 1..MANY {
        stage.say(&chat, Role::User, &number.to_string());
    }
    let mut walk = stage.kafka.linear(&stage.operator).messages(chat.id).unwrap();
    assert_eq!((walk.total(), walk.chat_id()), (MANY as u64, chat.id));
    let first = walk.next().unwrap().unwrap();
    assert!(first.len() < MANY && !walk.is_over());
    // What comes meanwhile is not part of it, and what goes does not hold it up.
    stage.say(&chat, Role::User, "late");
    let gone = stage.kafka.linear(&stage.operator).messages(chat.id).unwrap();
    let gone = gone.flat_map(Result::unwrap).nth(MANY - 5).unwrap();
    stage.kafka.messages(&stage.operator).delete(gone.id).unwrap();
    let rest: Vec<_> = walk.by_ref().flat_map(Result::unwrap).collect();
    assert!(walk.is_over());
    let told: Vec<_> = first.iter().chain(&rest).map(|message| message.content.clone()).collect();
    let expected: Vec<_> =
        (0..MANY).map(|number| number.to_string()).filter(|text| *text != gone.content).collect();
    assert_eq!(told, expected);
    // Another branch is another line.
    let patch = ChatPatch { active_leaf_id: Some(aside.id), ..ChatPatch::default() };
    stage.kafka.chats(&stage.operator).update(chat.id, patch).unwrap();
    let found = stage.kafka.linear(&stage.operator).chat(chat.number).unwrap();
    assert_eq!((found.message_count, found.chat.message_count), (1, MANY as u64 + 1));
    let walk = stage.kafka.linear(&stage.operator).messages(chat.id).unwrap();
    assert_eq!(walk.flat_map(Result::unwrap).count(), 1);
}

#[test]
fn a_batch_ends_where_its_texts_are_enough() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let long = "x".repeat(40 << 10);
    (0..5).for_each(|_| drop(stage.say(&chat, Role::User, &long)));
    let walk = stage.kafka.linear(&stage.operator).messages(chat.id).unwrap();
    assert_eq!(walk.map(|batch| batch.unwrap().len()).collect::<Vec<_>>(), [1; 5]);
    let page = stage.kafka.linear(&stage.operator).page_of(chat.number, 2, 2).unwrap();
    assert_eq!(page.map(|batch| batch.unwrap().len()).collect::<Vec<_>>(), [1; 2]);
}

#[test]
fn numbered_pages_are_the_line_in_parts() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let linear = stage.kafka.linear(&stage.operator);
    (0..7).for_each(|number| drop(stage.say(&chat, Role::User, &number.to_string())));
    for (page, size, expected) in [
        (1, 3, "012"),
        (2, 3, "345"),
        (3, 3, "6"),
        (4, 3, ""),
        (1, 100, "0123456"),
        (7, 1, "6"),
        (u32::MAX, 100, ""),
    ] {
        let walk = linear.page_of(chat.number, page, size).unwrap();
        assert_eq!(walk.total(), 7);
        let told: String = walk.flat_map(Result::unwrap).map(|message| message.content).collect();
        assert_eq!(told, expected, "page {page} of {size}");
    }
    for (page, size, code) in
        [(0, 3, "page_out_of_range"), (1, 0, "page_size_out_of_range"), (1, 101, "page_size_out_of_range")]
    {
        assert_eq!(linear.page_of(chat.number, page, size).unwrap_err().code(), code);
    }
    assert!(linear.messages(stage.chat().id).unwrap().is_over());
}

#[test]
fn numbered_pages_of_chats_are_the_list_in_parts_however_long_their_texts_are() {
    let stage = Stage::new(In::Memory);
    let linear = stage.kafka.linear(&stage.operator);
    let long = vec!["\u{1f600}".repeat(255); 100];
    for number in 0..20 {
        stage.clock.advance(Duration::from_millis(1));
        let new = NewChat { notebooks: long.clone(), ..NewChat::titled(number.to_string()) };
        stage.kafka.chats(&stage.operator).create(new).unwrap();
    }
    assert_eq!(linear.chats().unwrap().total(), 20);
    for (page, size, expected) in [
        (1, 20, (0..20).rev().collect::<Vec<u32>>()),
        (1, 3, vec![19, 18, 17]),
        (7, 3, vec![1, 0]),
        (8, 3, vec![]),
        (u32::MAX, 100, vec![]),
    ] {
        let walk = linear.page_of_chats(page, size).unwrap();
        assert_eq!(walk.total(), 20);
        let titles = walk.flat_map(Result::unwrap).map(|found| found.chat.title.unwrap().parse().unwrap());
        assert_eq!(titles.collect::<Vec<u32>>(), expected, "page {page} of {size}");
    }
    for (page, size, code) in
        [(0, 3, "page_out_of_range"), (1, 0, "page_size_out_of_range"), (1, 101, "page_size_out_of_range")]
    {
        assert_eq!(linear.page_of_chats(page, size).unwrap_err().code(), code);
    }
}

/// A chat that is written to meanwhile moves to the head of every list, but is not lost from this one.
#[test]
fn a_walk_of_chats_shows_each_once_whatever_moves_meanwhile() {
    let stage = Stage::new(In::File);
    let chats: Vec<_> = (0..MANY)
        .map(|number| {
            stage.clock.advance(Duration::from_millis(1));
            let new = NewChat::titled(number.to_string());
            stage.kafka.chats(&stage.operator).create(new).unwrap()
        })
        .collect();
    let mut walk = stage.kafka.linear(&stage.operator).chats().unwrap();
    let first = walk.next().unwrap().unwrap();
    assert!(first.len() < MANY && !walk.is_over());
    stage.clock.advance(Duration::from_millis(1));
    stage.say(&chats[0], Role::User, "moved");
    stage.say(&chats[MANY - 1], Role::User, "moved, and shown already");
    stage.kafka.chats(&stage.operator).delete(chats[1].id).unwrap();
    stage.chat();
    let rest: Vec<_> = walk.by_ref().flat_map(Result::unwrap).collect();
    let told: Vec<_> = first.iter().chain(&rest).map(|found| found.chat.id).collect();
    let expected: Vec<_> = chats.iter().rev().map(|chat| chat.id).filter(|id| *id != chats[1].id).collect();
    assert_eq!(told, expected);
    assert_eq!(rest.last().unwrap().message_count, 1, "as it is when its batch is read");
}

#[test]
fn a_walk_ends_with_the_credential_that_it_was_begun_with() {
    let stage = Stage::with(
        In::File,
        |_| ScriptedAnswer::of(&["Yes."]),
        |config| {
            config.open = false;
            config.registration = Registration::Open;
        },
    );
    let session = |name: &str| {
        let account = NewUser { email: format!("{name}@example.org"), ..NewUser::default() };
        let token = stage.kafka.register(account, Secret::new(PASSWORD.to_owned())).unwrap().token;
        (stage.kafka.authenticate(&token).unwrap(), token)
    };
    // When whoever subscribed after the end of another is cut off, everyone was asked about the first end.
    let end = |actor: &Actor, token: &Secret<String>| {
        let mut changes = stage.kafka.events(actor).subscribe(None).unwrap();
        stage.kafka.logout(token).unwrap();
        while changes.next_within(Duration::from_secs(60)).is_ok() {}
    };
    let ((k, token), (other, others)) = (session("k"), session("other"));
    let chat = stage.chat_of(&k);
    for number in 0..MANY {
        let new = NewMessage::text(Role::User, number.to_string());
        stage.kafka.messages(&k).create(chat.id, new).unwrap();
    }
    let mut walk = stage.kafka.linear(&k).messages(chat.id).unwrap();
    walk.next().unwrap().unwrap();
    end(&k, &token);
    end(&other, &others);
    let refused = walk.next().unwrap().unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Unauthenticated, "credential_revoked"));
    assert!(walk.next().is_none());
}

#[test]
fn a_message_takes_another_role_unless_it_is_an_answer() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let messages = stage.kafka.messages(&stage.operator);
    let said = stage.say(&chat, Role::User, "Be brief.");
    let to = |role| MessagePatch { role: Some(role), ..MessagePatch::default() };
    let changed = messages.update(said.id, to(Role::System)).unwrap();
    assert_eq!((changed.role, &*changed.content), (Role::System, "Be brief."));
    assert_eq!(messages.get(said.id).unwrap(), changed);
    let both = MessagePatch { content: Some("Be kind.".into()), role: Some(Role::User) };
    assert_eq!(messages.update(said.id, both).unwrap().content, "Be kind.");
    assert_eq!(messages.update(said.id, to(Role::Tool)).unwrap_err().code(), "role_refused");
    let answer = stage.ask(&chat, kafka_core::AnswerRequest::text("Hi"));
    let refused = messages.update(answer.message.id, to(Role::User)).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "role_fixed"));
    // The same role is no change.
    messages.update(answer.message.id, to(Role::Assistant)).unwrap();
    let list = messages.list(chat.id, &PageRequest::first(9)).unwrap();
    assert_eq!(list.items.len(), 3);
}
