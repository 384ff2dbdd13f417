//! Lists: every entry once, in order, whichever way one pages through them.

use kafka_core::{
    Chat, ChatFilter, ChatPatch, Cursor, ErrorKind, NewChat, NewMessage, NewWorkspace, Page, PageRequest,
    Place, Result, Role, testing::ScriptedAnswer,
};
use proptest::prelude::*;

use crate::stage::{In, Stage, new_model, new_user, unheard_of};

/// Walks a list from its start by `next`, from a page by `prev`, and compares both with the whole.
pub(crate) fn walk<T: Clone + PartialEq + std::fmt::Debug>(
    whole: &[T],
    limit: u32,
    starts_at_the_end: bool,
    list: impl Fn(&PageRequest) -> Result<Page<T>>,
) {
    let page = |place| list(&PageRequest::Cursor { limit: Some(limit), place }).unwrap();
    let first = page(Place::Start);
    assert!(first.items.len() <= limit as usize);
    // From where the list starts for a reader to its far end …
    let mut walked = first.items.clone();
    let mut at = if starts_at_the_end { first.prev_cursor } else { first.next_cursor };
    let mut last = None;
    while let Some(cursor) = at {
        let place = if starts_at_the_end { Place::Before(cursor) } else { Place::After(cursor) };
        let page = page(place);
        assert!(!page.items.is_empty(), "a cursor leads to an empty page");
        if starts_at_the_end {
            walked.splice(0..0, page.items.clone());
            at = page.prev_cursor.clone();
        } else {
            walked.extend(page.items.clone());
            at = page.next_cursor.clone();
        }
        last = Some(page);
    }
    assert_eq!(walked, whole, "limit {limit}");
    // … and back.
    if let Some(page_there) = last {
        let mut walked = page_there.items.clone();
        let mut at = if starts_at_the_end { page_there.next_cursor } else { page_there.prev_cursor };
        while let Some(cursor) = at {
            let place = if starts_at_the_end { Place::After(cursor) } else { Place::Before(cursor) };
            let page = page(place);
            if starts_at_the_end {
                walked.extend(page.items.clone());
                at = page.next_cursor;
            } else {
                walked.splice(0..0, page.items.clone());
                at = page.prev_cursor;
            }
        }
        assert_eq!(walked, whole, "backwards, limit {limit}");
    }
}

pub(crate) fn number<T: Clone + PartialEq + std::fmt::Debug>(
    whole: &[T],
    page_size: u32,
    list: impl Fn(&PageRequest) -> Result<Page<T>>,
) {
    let mut walked = Vec::new();
    for page in 1..=whole.len() as u32 + 1 {
        let found = list(&PageRequest::Numbered { page, page_size }).unwrap();
        let numbers = found.numbers.unwrap();
        assert_eq!((numbers.total, numbers.page, numbers.page_size), (whole.len() as u64, page, page_size));
        assert_eq!(numbers.total_pages(), (whole.len() as u64).div_ceil(u64::from(page_size)));
        assert_eq!((found.next_cursor, found.prev_cursor), (None, None));
        walked.extend(found.items);
    }
    assert_eq!(walked, whole, "pages of {page_size}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Chats are made at few instants, so that many share one; some are touched again later.
    #[test]
    fn chats_page_in_both_directions(
        steps in prop::collection::vec((0u64..2, prop::option::of(any::<prop::sample::Index>())), 0..24),
        limit in 1u32..8,
    ) {
        let stage = Stage::new(In::Memory);
        let chats = stage.kafka.chats(&stage.operator);
        let mut whole: Vec<Chat> = Vec::new();
        for (wait, touched) in steps {
            stage.clock.advance(std::time::Duration::from_millis(wait));
            match touched {
                Some(index) if !whole.is_empty() => {
                    let at = index.index(whole.len());
                    let chat = &mut whole[at];
                    *chat = chats.update(chat.id, ChatPatch { pinned: Some(true), ..ChatPatch::default() }).unwrap();
                }
                _ => whole.push(chats.create(NewChat::default()).unwrap()),
            }
        }
        whole.sort_by_key(|chat| std::cmp::Reverse((chat.updated_at, chat.id.to_string())));
        let list = |request: &PageRequest| chats.list(&ChatFilter::default(), request);
        walk(&whole, limit, false, list);
        number(&whole, limit, list);
    }

    #[test]
    fn messages_page_in_both_directions(count in 0usize..24, limit in 1u32..8) {
        let stage = Stage::new(In::Memory);
        let chat = stage.chat();
        let whole: Vec<_> = (0..count).map(|n| stage.say(&chat, Role::User, &n.to_string())).collect();
        let messages = stage.kafka.messages(&stage.operator);
        walk(&whole, limit, true, |request| messages.list(chat.id, request));
        number(&whole, limit, |request| messages.list(chat.id, request));
    }

    #[test]
    fn no_cursor_makes_a_list_panic(text in "\\PC{0,40}|-?[0-9]{1,25}_\\PC{0,40}|-?[0-9]{1,25}|.{0,3}\0_") {
        let stage = Stage::new(In::Memory);
        let chat = stage.chat();
        for place in [Place::After(Cursor::new(text.clone())), Place::Before(Cursor::new(text.clone()))] {
            let request = PageRequest::Cursor { limit: Some(5), place };
            let operator = &stage.operator;
            let errors = [
                stage.kafka.chats(operator).list(&ChatFilter::default(), &request).err(),
                stage.kafka.messages(operator).list(chat.id, &request).err(),
                stage.kafka.models(operator).list(&request).err(),
                stage.kafka.workspaces(operator).list(&request).err(),
                stage.kafka.users(operator).list(&request).err(),
            ];
            for error in errors.into_iter().flatten() {
                prop_assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "cursor_invalid"));
            }
        }
    }
}

#[test]
fn models_workspaces_and_accounts_page_in_both_directions() {
    let stage = Stage::new(In::Memory);
    let (kafka, operator) = (&stage.kafka, &stage.operator);
    for index in 0..7 {
        stage.clock.advance(std::time::Duration::from_millis(index % 3));
        stage.model(operator, new_model(&index.to_string()));
        kafka.workspaces(operator).create(NewWorkspace { name: index.to_string(), owner_id: None }).unwrap();
        kafka.users(operator).create(new_user(&format!("u{index}"))).unwrap();
    }
    for limit in 1..10 {
        let whole = kafka.models(operator).list(&PageRequest::default()).unwrap().items;
        assert_eq!(whole.len(), 8, "the scripted one stands there already");
        assert!(whole.is_sorted_by_key(|model| (model.created_at, model.id)));
        walk(&whole, limit, false, |request| kafka.models(operator).list(request));
        number(&whole, limit, |request| kafka.models(operator).list(request));
        let whole = kafka.workspaces(operator).list(&PageRequest::default()).unwrap().items;
        assert_eq!(whole.len(), 7);
        walk(&whole, limit, false, |request| kafka.workspaces(operator).list(request));
        number(&whole, limit, |request| kafka.workspaces(operator).list(request));
        let whole = kafka.users(operator).list(&PageRequest::default()).unwrap().items;
        assert_eq!(whole.len(), 7);
        walk(&whole, limit, false, |request| kafka.users(operator).list(request));
        number(&whole, limit, |request| kafka.users(operator).list(request));
    }
}

#[test]
fn a_page_ends_where_its_texts_are_enough() {
    let answer = |_: &_| ScriptedAnswer::of(&["x"]);
    let stage = Stage::with(In::Memory, answer, |config| config.limits.page_bytes = 10_000);
    let (chat, messages) = (stage.chat(), stage.kafka.messages(&stage.operator));
    let list = |request: &PageRequest| messages.list(chat.id, request);
    // Of some, each goes beyond the limit alone.
    let whole: Vec<_> = [20_000, 1, 1, 4000, 4000, 4000, 1, 20_000, 20_000, 4000, 4000, 4000, 1]
        .map(|length| stage.say(&chat, Role::User, &"x".repeat(length)))
        .into();
    for limit in [1, 2, 3, 4, 200] {
        walk(&whole, limit, true, list);
    }
    assert_eq!(list(&PageRequest::first(200)).unwrap().items.len(), 3);
    number(&whole, 1, list);
    let numbered = |page, page_size| list(&PageRequest::Numbered { page, page_size });
    assert_eq!(numbered(2, 2).unwrap().items, whole[2..4]);
    let refused = numbered(2, 3).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "page_too_large"));
    assert_eq!(refused.fields()[0].field, "page_size");

    let chats = stage.kafka.chats(&stage.operator);
    let text = |length| NewChat { description: Some("x".repeat(length)), ..NewChat::default() };
    let mut whole: Vec<_> =
        [4000, 20_000, 4000, 4000, 4000].map(|length| chats.create(text(length)).unwrap()).into();
    whole.insert(0, chats.get(chat.id).unwrap());
    whole.reverse();
    walk(&whole, 200, false, |request| chats.list(&ChatFilter::default(), request));
    let first = chats.list(&ChatFilter::default(), &PageRequest::first(200)).unwrap();
    assert_eq!(first.items.len(), 2);
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let _ = stage.chat();
    let _ = [stage.say(&chat, Role::User, "1"), stage.say(&chat, Role::User, "2")];
    let chats = stage.kafka.chats(&stage.operator);
    let messages = stage.kafka.messages(&stage.operator);
    let of_chats = chats.list(&ChatFilter::default(), &PageRequest::first(1)).unwrap().next_cursor.unwrap();
    let of_messages = messages.list(chat.id, &PageRequest::first(1)).unwrap().prev_cursor.unwrap();
    let after = |cursor| PageRequest::Cursor { limit: None, place: Place::After(cursor) };
    assert_eq!(messages.list(chat.id, &after(of_chats)).unwrap_err().code(), "cursor_invalid");
    assert_eq!(chats.list(&ChatFilter::default(), &after(of_messages)).unwrap_err().code(), "cursor_invalid");
    let half = Cursor::new("1767225600000_not an id");
    assert_eq!(chats.list(&ChatFilter::default(), &after(half)).unwrap_err().code(), "cursor_invalid");
}

#[test]
fn pages_out_of_range_are_refused() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let limit = |limit| PageRequest::Cursor { limit: Some(limit), place: Place::Start };
    let numbered = |page, page_size| PageRequest::Numbered { page, page_size };
    for (request, code) in [
        (limit(0), Some("limit_out_of_range")),
        (limit(201), Some("limit_out_of_range")),
        (limit(u32::MAX), Some("limit_out_of_range")),
        (numbered(0, 10), Some("page_out_of_range")),
        (numbered(1, 0), Some("page_size_out_of_range")),
        (numbered(1, 101), Some("page_size_out_of_range")),
        (numbered(u32::MAX, 100), None),
        (limit(200), None),
    ] {
        let (kafka, operator) = (&stage.kafka, &stage.operator);
        let codes = [
            kafka.chats(operator).list(&ChatFilter::default(), &request).err().map(|e| e.code()),
            kafka.messages(operator).list(chat.id, &request).err().map(|e| e.code()),
            kafka.models(operator).list(&request).err().map(|e| e.code()),
            kafka.workspaces(operator).list(&request).err().map(|e| e.code()),
            kafka.users(operator).list(&request).err().map(|e| e.code()),
        ];
        assert_eq!(codes, [code; 5], "{request:?}");
    }
    let refused =
        stage.kafka.messages(&stage.operator).list(unheard_of(), &PageRequest::default()).unwrap_err();
    assert_eq!(refused.code(), "chat_not_found");
}

#[test]
fn filters_narrow_lists_and_counts() {
    let stage = Stage::new(In::Memory);
    // Whoever comes first administers, and sees what belongs to nobody.
    stage.user("admin");
    let user = stage.user("reader");
    for actor in [stage.operator, user] {
        let chats = stage.kafka.chats(&actor);
        let workspace = NewWorkspace { name: "w".into(), owner_id: None };
        let workspace = stage.kafka.workspaces(&actor).create(workspace).unwrap();
        let make = |title: &str| chats.create(NewChat::titled(title)).unwrap().id;
        let [percent, plain] = [make("100% of A_b"), make("1000 of Axb")];
        let archived = make("Archived");
        chats.update(archived, ChatPatch { archived: Some(true), ..ChatPatch::default() }).unwrap();
        let inside = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled("inside") };
        let inside = chats.create(inside).unwrap().id;
        let untitled = chats.create(NewChat::default()).unwrap().id;
        let none = ChatFilter::default();
        let title = |text: &str| ChatFilter { title_contains: Some(text.into()), ..ChatFilter::default() };
        for (filter, expected) in [
            (none.clone(), vec![percent, plain, archived, inside, untitled]),
            (ChatFilter { archived: Some(true), ..none.clone() }, vec![archived]),
            (ChatFilter { archived: Some(false), ..none.clone() }, vec![percent, plain, inside, untitled]),
            (ChatFilter { workspace_id: Some(workspace.id), ..none.clone() }, vec![inside]),
            (ChatFilter { archived: Some(true), workspace_id: Some(workspace.id), ..none }, vec![]),
            (title("0% OF"), vec![percent]),
            (title("a_B"), vec![percent]),
            (title("of A"), vec![percent, plain]),
            (title("\\"), vec![]),
            (title("'; DROP TABLE chats; --"), vec![]),
        ] {
            let mut expected = expected;
            expected.sort();
            for request in [PageRequest::default(), PageRequest::Numbered { page: 1, page_size: 50 }] {
                let page = chats.list(&filter, &request).unwrap();
                let total = page.numbers.map_or(expected.len() as u64, |numbers| numbers.total);
                let mut found: Vec<_> = page.items.into_iter().map(|chat| chat.id).collect();
                found.sort();
                // What an earlier round of this loop made is the operator's alone.
                assert_eq!((found, total), (expected.clone(), expected.len() as u64), "{filter:?}");
            }
        }
    }
}

#[test]
fn a_title_that_none_can_have_is_not_looked_for() {
    let stage = Stage::new(In::Memory);
    stage.chat();
    for (text, code) in [("\0", "nul_in_text"), (&*"x".repeat(256), "text_too_long")] {
        let filter = ChatFilter { title_contains: Some(text.into()), ..ChatFilter::default() };
        let refused = stage.kafka.chats(&stage.operator).list(&filter, &PageRequest::default()).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, code));
    }
}

#[test]
fn messages_of_one_chat_do_not_show_in_another() {
    let stage = Stage::new(In::Memory);
    let [one, other] = [stage.chat(), stage.chat()];
    stage.say(&one, Role::User, "here");
    let page = stage.kafka.messages(&stage.operator).list(other.id, &PageRequest::default()).unwrap();
    assert!(page.items.is_empty());
    let foreign = stage.say(&one, Role::User, "there");
    let under = NewMessage { parent_id: Some(Some(foreign.id)), ..NewMessage::text(Role::User, "x") };
    let refused = stage.kafka.messages(&stage.operator).create(other.id, under).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "parent_unknown"));
    let patch = ChatPatch { active_leaf_id: Some(foreign.id), ..ChatPatch::default() };
    let refused = stage.kafka.chats(&stage.operator).update(other.id, patch).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "active_leaf_unknown"));
}
