//! Tags, pins and the archive: what lists of chats are narrowed by.

use std::time::Duration;

use kafka_core::{
    Actor, Chat, ChatFilter, ChatPatch, ErrorKind, NewChat, NewWorkspace, PageRequest, Role, TagCount,
    testing::ScriptedAnswer,
};
use proptest::prelude::*;

use crate::{
    lists::{number, walk},
    stage::{In, Stage},
};

fn tagged(tags: &[&str]) -> NewChat {
    NewChat { tags: owned(tags), ..NewChat::default() }
}

fn owned(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

fn with_tag(tag: &str) -> ChatFilter {
    ChatFilter { tag: Some(tag.to_owned()), ..ChatFilter::default() }
}

fn found(stage: &Stage, actor: &Actor, filter: &ChatFilter) -> Vec<Chat> {
    stage.kafka.chats(actor).list(filter, &PageRequest::first(200)).unwrap().items
}

#[test]
fn tags_are_kept_without_blanks_once_and_in_their_first_spelling() {
    let stage = Stage::new(In::Memory);
    let chats = stage.kafka.chats(&stage.operator);
    let chat = chats.create(tagged(&[" Work ", "work", "next  week", "WORK", "Ähre", "äHRE"])).unwrap();
    assert_eq!(chat.tags, ["Work", "next  week", "Ähre"]);
    assert_eq!(chats.get(chat.id).unwrap(), chat);
    for tag in ["work", " WORK", "ähre", "NEXT  WEEK"] {
        assert_eq!(found(&stage, &stage.operator, &with_tag(tag)), std::slice::from_ref(&chat), "{tag}");
    }
    assert_eq!(found(&stage, &stage.operator, &with_tag("wor")), []);
    let patch = ChatPatch { tags: Some(owned(&["later"])), ..ChatPatch::default() };
    stage.clock.advance(Duration::from_secs(1));
    let changed = chats.update(chat.id, patch.clone()).unwrap();
    assert_eq!(
        (changed.tags.as_slice(), changed.updated_at > chat.updated_at),
        (&owned(&["later"])[..], true)
    );
    assert_eq!(found(&stage, &stage.operator, &with_tag("work")), []);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(chats.update(chat.id, patch).unwrap(), changed, "who changes nothing moves nothing");
    assert_eq!(chats.update(chat.id, ChatPatch::default()).unwrap(), changed, "what is absent stays");
    chats.delete(chat.id).unwrap();
    assert_eq!(chats.tags().unwrap(), []);
}

#[test]
fn tags_are_bounded() {
    let stage = Stage::with(
        In::Memory,
        |_| ScriptedAnswer::of(&[]),
        |config| {
            config.limits.tags = 3;
            config.limits.tag_chars = 5;
        },
    );
    let chats = stage.kafka.chats(&stage.operator);
    let table: [(&[&str], _); 5] = [
        (&[""], "tag_empty"),
        (&["a", " \t"], "tag_empty"),
        (&["üüüüüü"], "text_too_long"),
        (&["a\0b"], "nul_in_text"),
        (&["1", "2", "3", "4"], "too_many_tags"),
    ];
    for (tags, code) in table {
        let error = chats.create(tagged(tags)).unwrap_err();
        let field = error.fields().first().map(|error| error.field.as_str());
        assert_eq!((error.kind(), error.code(), field), (ErrorKind::Invalid, code, Some("tags")));
    }
    assert_eq!(chats.create(tagged(&["1", "2", "üüüüü", "2"])).unwrap().tags.len(), 3);
    let error = chats.list(&with_tag(" "), &PageRequest::default()).unwrap_err();
    assert_eq!((error.code(), error.fields().len()), ("tag_empty", 1));
}

#[test]
fn lists_of_pinned_archived_and_tagged_chats_follow_their_last_change() {
    let stage = Stage::new(In::Memory);
    let chats = stage.kafka.chats(&stage.operator);
    let later = || stage.clock.advance(Duration::from_secs(1));
    let [a, b, c] = ["a", "b", "c"].map(|title| {
        later();
        chats.create(NewChat { title: Some(title.into()), ..tagged(&["t"]) }).unwrap()
    });
    let plain = chats.create(NewChat::titled("plain")).unwrap();
    for (id, pinned, archived) in [(a.id, true, false), (c.id, true, true)] {
        later();
        let patch = ChatPatch { pinned: Some(pinned), archived: Some(archived), ..ChatPatch::default() };
        chats.update(id, patch).unwrap();
    }
    let titles = |filter: ChatFilter| -> Vec<String> {
        found(&stage, &stage.operator, &filter).into_iter().filter_map(|chat| chat.title).collect()
    };
    let pinned = ChatFilter { pinned: Some(true), ..ChatFilter::default() };
    let archived = ChatFilter { archived: Some(true), ..ChatFilter::default() };
    assert_eq!(titles(pinned.clone()), ["c", "a"]);
    assert_eq!(titles(ChatFilter { archived: Some(false), ..pinned.clone() }), ["a"]);
    assert_eq!(titles(ChatFilter { pinned: Some(false), ..ChatFilter::default() }), ["plain", "b"]);
    assert_eq!(titles(archived), ["c"]);
    assert_eq!(titles(with_tag("t")), ["c", "a", "b"]);
    assert_eq!(titles(ChatFilter { archived: Some(false), ..with_tag("t") }), ["a", "b"]);
    // A message moves its chat in each of the lists, too.
    later();
    stage.say(&b, Role::User, "Hello");
    assert_eq!(titles(with_tag("t")), ["b", "c", "a"]);
    later();
    stage.say(&a, Role::User, "Hello");
    assert_eq!(titles(pinned), ["a", "c"]);
    assert_eq!(plain.tags, [""; 0]);
}

#[test]
fn only_what_someone_may_see_is_found_and_counted() {
    let stage = Stage::with(In::File, |_| ScriptedAnswer::of(&["Well"]), |config| config.open = false);
    let admin = stage.user("admin");
    let [ada, bob] = ["ada", "bob"].map(|name| stage.user(name));
    let mine = stage.kafka.chats(&ada).create(tagged(&["Plans", "x"])).unwrap();
    let theirs = stage.kafka.chats(&bob).create(tagged(&["plans"])).unwrap();
    let office = NewWorkspace { name: "Office".into(), owner_id: None };
    let office = stage.kafka.workspaces(&bob).create(office).unwrap().id;
    let there = NewChat { workspace_id: Some(office), ..tagged(&["plans"]) };
    let there = stage.kafka.chats(&bob).create(there).unwrap();
    let nobodys = stage.kafka.chats(&stage.operator).create(tagged(&["PLANS"])).unwrap();
    let count = |tag: &str, chats| TagCount { tag: tag.into(), chats };
    for (actor, chats, tags) in [
        (&ada, vec![mine.id], vec![count("Plans", 1), count("x", 1)]),
        (&bob, vec![there.id, theirs.id], vec![count("plans", 2)]),
        (&admin, vec![nobodys.id], vec![count("PLANS", 1)]),
        (
            &stage.operator,
            vec![nobodys.id, there.id, theirs.id, mine.id],
            vec![count("PLANS", 4), count("x", 1)],
        ),
    ] {
        let found: Vec<_> = found(&stage, actor, &with_tag("plans")).iter().map(|chat| chat.id).collect();
        assert_eq!(found, chats);
        assert_eq!(stage.kafka.chats(actor).tags().unwrap(), tags);
    }
    let all =
        stage.kafka.chats(&ada).list(&with_tag("plans"), &PageRequest::Numbered { page: 1, page_size: 5 });
    assert_eq!(all.unwrap().numbers.unwrap().total, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_narrowed_list_pages_in_both_directions(
        marks in prop::collection::vec((0u64..2, any::<bool>(), any::<bool>(), any::<bool>()), 0..16),
        limit in 1u32..6,
        by_operator: bool,
    ) {
        let stage = Stage::new(In::Memory);
        let user = stage.user("ada");
        let actor = if by_operator { stage.operator } else { user };
        let chats = stage.kafka.chats(&actor);
        let mut whole = Vec::new();
        for (wait, is_tagged, pinned, archived) in marks {
            stage.clock.advance(Duration::from_millis(wait));
            let chat = chats.create(tagged(if is_tagged { &["t"] } else { &[] })).unwrap();
            let patch = ChatPatch { pinned: Some(pinned), archived: Some(archived), ..ChatPatch::default() };
            whole.push(chats.update(chat.id, patch).unwrap());
        }
        whole.sort_by_key(|chat| std::cmp::Reverse((chat.updated_at, chat.id.to_string())));
        let of = |keep: &dyn Fn(&Chat) -> bool| whole.iter().filter(|chat| keep(chat)).cloned().collect::<Vec<_>>();
        let archived = ChatFilter { archived: Some(true), ..ChatFilter::default() };
        let pinned = ChatFilter { pinned: Some(true), ..ChatFilter::default() };
        let both = ChatFilter { archived: Some(false), ..pinned.clone() };
        for (filter, whole) in [
            (with_tag("T"), of(&|chat| !chat.tags.is_empty())),
            (archived, of(&|chat| chat.archived_at.is_some())),
            (pinned, of(&|chat| chat.pinned_at.is_some())),
            (both, of(&|chat| chat.pinned_at.is_some() && chat.archived_at.is_none())),
        ] {
            walk(&whole, limit, false, |request| chats.list(&filter, request));
            number(&whole, limit, |request| chats.list(&filter, request));
        }
    }
}
