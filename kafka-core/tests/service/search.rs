//! Searching: what is found, by whom, in which order, and how the index keeps up with what is stored.

use std::time::{Duration, Instant};

use kafka_core::{
    Actor, AnswerRequest, Chat, ChatPatch, ErrorKind, Hit, Hits, Kafka, Limits, Message, MessagePatch,
    NewChat, NewMessage, NewWorkspace, NodeKind, Registration, Role, Schema, SearchArea, SearchMode,
    SearchRequest, SearchSort, Workspace,
    testing::{Gate, ScriptedAnswer},
};
use proptest::prelude::*;

use crate::stage::{In, Stage, unheard_of};

fn stage() -> Stage {
    Stage::new(In::File)
}

fn search(stage: &Stage, actor: &Actor, request: &SearchRequest) -> Hits {
    let search = stage.kafka.search(actor);
    search.refresh().unwrap();
    search.find(request).unwrap()
}

/// The snippets of what the operator finds, with brackets for marks.
fn found(stage: &Stage, request: &SearchRequest) -> Vec<String> {
    search(stage, &stage.operator, request).items.iter().map(shown).collect()
}

fn shown(hit: &Hit) -> String {
    hit.snippet.replace('\u{2}', "[").replace('\u{3}', "]")
}

fn words(stage: &Stage, query: &str) -> Vec<String> {
    found(stage, &SearchRequest { sort: Some(SearchSort::Newest), ..SearchRequest::text(query) })
}

/// Looks again and again, as a client would, for as long as the promise allows, and a busy machine besides.
fn eventually(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never came about");
        std::thread::yield_now();
    }
}

#[test]
fn words_phrases_beginnings_and_what_is_not_wanted() {
    let stage = stage();
    let chat = stage.kafka.chats(&stage.operator).create(NewChat::titled("Of Foxes")).unwrap();
    for text in ["The quick fox", "A naïve FOX jumps", "no animal: e-mail", "東京大学 Straße"] {
        stage.say(&chat, Role::User, text);
    }
    for (query, expected) in [
        ("fox", &["A naïve [FOX] jumps", "The quick [fox]"][..]),
        ("fox*", &["A naïve [FOX] jumps", "The quick [fox]", "Of [Foxes]"]),
        ("naive", &["A [naïve] FOX jumps"]),
        ("NAÏVE jump*", &["A [naïve] FOX [jumps]"]),
        ("\"quick fox\"", &["The [quick fox]"]),
        ("\"fox quick\"", &[]),
        ("fox -jumps", &["The quick [fox]"]),
        ("fox -\"quick fox\" -of", &["A naïve [FOX] jumps"]),
        ("e-mail", &["no animal: [e-mail]"]),
        ("京大", &["東[京大]学 Straße"]),
        ("STRASSE", &["東京大学 [Straße]"]),
        ("fox mail", &[]),
        ("-fox", &[]),
        ("\"\" * - ( OR", &[]),
        ("", &[]),
    ] {
        assert_eq!(words(&stage, query), expected, "{query}");
    }
    // In plain language signs mean nothing, and one word will do; who has more of them comes first.
    let plain = found(&stage, &SearchRequest::plain("Which -fox is *quick*?"));
    assert_eq!(plain, ["The [quick] [fox]", "A naïve [FOX] jumps"]);
    let newest = SearchRequest { sort: Some(SearchSort::Newest), ..SearchRequest::plain("quick fox") };
    assert_eq!(found(&stage, &newest), ["The [quick] [fox]"], "of all words");
}

#[test]
fn a_hit_tells_where_it_stands() {
    let stage = stage();
    let chat = stage.kafka.chats(&stage.operator).create(NewChat::titled("Needles")).unwrap();
    let message = stage.say(&chat, Role::User, "a needle");
    let hits = search(&stage, &stage.operator, &SearchRequest::text("needle*"));
    let hit = hits.items.iter().find(|hit| hit.message_id.is_some()).unwrap();
    assert_eq!((hit.chat_id, hit.message_id), (Some(chat.id), Some(message.id)));
    assert_eq!((hit.title.as_deref(), hit.role), (Some("Needles"), Some(Role::User)));
    assert_eq!((hit.created_at, hit.score > 0.0), (message.created_at, true));
    let hit = hits.items.iter().find(|hit| hit.message_id.is_none()).unwrap();
    assert_eq!((hit.chat_id, hit.role, hit.created_at), (Some(chat.id), None, chat.created_at));
    assert_eq!((hits.items.len(), hits.next_cursor), (2, None));
}

#[test]
fn a_search_is_narrowed() {
    let stage = stage();
    let kafka = &stage.kafka;
    let workspace = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = kafka.workspaces(&stage.operator).create(workspace).unwrap();
    let office = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled("thing office") };
    let office = kafka.chats(&stage.operator).create(office).unwrap();
    let home = kafka.chats(&stage.operator).create(NewChat::titled("thing home")).unwrap();
    let early = stage.say(&office, Role::User, "thing one").created_at;
    stage.clock.advance(Duration::from_secs(40 * 24 * 3600));
    stage.say(&home, Role::System, "thing two");
    let asked = AnswerRequest { model: Some("echo".into()), ..AnswerRequest::text("thing three") };
    stage.ask(&home, asked);
    let all = || SearchRequest { sort: Some(SearchSort::Newest), ..SearchRequest::text("thing") };
    let late = early.plus_ms(1);
    for (request, expected) in [
        (
            all(),
            &["Echo: thing three", "thing three", "thing two", "thing one", "thing home", "thing office"][..],
        ),
        (SearchRequest { areas: Some(vec![SearchArea::Chats]), ..all() }, &["thing home", "thing office"]),
        (SearchRequest { areas: Some(vec![SearchArea::Documents]), ..all() }, &[]),
        (SearchRequest { areas: Some(vec![]), ..all() }, &[]),
        (SearchRequest { role: Some(Role::User), ..all() }, &["thing three", "thing one"]),
        (SearchRequest { model: Some("echo".into()), ..all() }, &["Echo: thing three", "thing three"]),
        (SearchRequest { model: Some("ech".into()), ..all() }, &[]),
        (SearchRequest { chat_id: Some(office.id), ..all() }, &["thing one", "thing office"]),
        (SearchRequest { chat_id: Some(unheard_of()), ..all() }, &[]),
        (SearchRequest { workspace_id: Some(workspace.id), ..all() }, &["thing one", "thing office"]),
        (SearchRequest { workspace_id: Some(unheard_of()), ..all() }, &[]),
        (SearchRequest { from: Some(late), ..all() }, &["Echo: thing three", "thing three", "thing two"]),
        (SearchRequest { to: Some(late), ..all() }, &["thing one", "thing home", "thing office"]),
        (
            SearchRequest { from: Some(early), to: Some(late), ..all() },
            &["thing one", "thing home", "thing office"],
        ),
        (SearchRequest { from: Some(early), to: Some(early), ..all() }, &[]),
        (SearchRequest { from: Some(late), to: Some(early), ..all() }, &[]),
        (
            SearchRequest {
                from: Some(early.plus_ms(-4_000_000_000_000)),
                to: Some(late),
                role: Some(Role::User),
                ..all()
            },
            &["thing one"],
        ),
    ] {
        let snippets: Vec<String> =
            found(&stage, &request).iter().map(|text| text.replace(['[', ']'], "")).collect();
        assert_eq!(snippets, expected, "{request:?}");
    }
}

/// Every page in turn.
fn all_pages(stage: &Stage, request: &SearchRequest) -> Vec<Hit> {
    let mut items = Vec::new();
    let mut request = request.clone();
    loop {
        let hits = search(stage, &stage.operator, &request);
        items.extend(hits.items);
        match hits.next_cursor {
            Some(cursor) => request.after = Some(cursor.to_string()),
            None => return items,
        }
    }
}

#[test]
fn pages_give_each_hit_once_in_the_order_that_was_asked_for() {
    for sort in [SearchSort::Newest, SearchSort::Best] {
        let stage = stage();
        for number in 0..6 {
            stage.clock.advance(Duration::from_secs(1));
            let chat = NewChat::titled(format!("word chat {number}"));
            let chat = stage.kafka.chats(&stage.operator).create(chat).unwrap();
            for times in 0..5 {
                stage.clock.advance(Duration::from_secs(1));
                stage.say(&chat, Role::User, &format!("{}other {number}", "word ".repeat(times)));
            }
        }
        let of =
            |limit| SearchRequest { sort: Some(sort), limit: Some(limit), ..SearchRequest::text("word") };
        let whole = all_pages(&stage, &of(100));
        assert_eq!(whole.len(), 30, "six titles and 24 messages");
        match sort {
            SearchSort::Newest => assert!(whole.is_sorted_by(|a, b| a.created_at > b.created_at)),
            SearchSort::Best => assert!(whole.is_sorted_by(|a, b| a.score >= b.score)),
        }
        let ids = |hits: &[Hit]| hits.iter().map(|hit| (hit.chat_id, hit.message_id)).collect::<Vec<_>>();
        for limit in [1, 7, 29, 30] {
            assert_eq!(ids(&all_pages(&stage, &of(limit))), ids(&whole), "{sort:?} by {limit}");
        }
        // What comes meanwhile is not put between.
        let first = search(&stage, &stage.operator, &of(20));
        stage.say(&stage.chat(), Role::User, "word word word word word");
        let after = first.next_cursor.map(|cursor| cursor.to_string());
        let rest = search(&stage, &stage.operator, &SearchRequest { after, ..of(20) });
        assert_eq!(ids(&[first.items, rest.items].concat()), ids(&whole), "{sort:?}");
        let newest = words(&stage, "word").first().cloned();
        assert_eq!(newest.as_deref(), Some("[word] [word] [word] [word] [word]"));
        let wrong = SearchRequest { after: Some("1_2_x".into()), ..of(1) };
        let refused = stage.kafka.search(&stage.operator).find(&wrong).unwrap_err();
        assert_eq!((refused.code(), refused.fields()[0].field.as_str()), ("cursor_invalid", "after"));
    }
}

#[test]
fn edits_and_deletions_are_followed() {
    let stage = stage();
    let kafka = &stage.kafka;
    let chat = kafka.chats(&stage.operator).create(NewChat::titled("old title")).unwrap();
    let [kept, edited, deleted] =
        ["old kept", "old edited", "old deleted"].map(|text| stage.say(&chat, Role::User, text));
    assert_eq!(words(&stage, "old").len(), 4);
    let patch = MessagePatch { content: Some("new edited".into()), ..Default::default() };
    kafka.messages(&stage.operator).update(edited.id, patch).unwrap();
    kafka.messages(&stage.operator).delete(deleted.id).unwrap();
    let patch = ChatPatch { title: Some(Some("new title".into())), ..ChatPatch::default() };
    kafka.chats(&stage.operator).update(chat.id, patch).unwrap();
    assert_eq!(words(&stage, "old"), ["[old] kept"]);
    assert_eq!(words(&stage, "new"), ["[new] edited", "[new] title"]);
    // SQLite gives the number of a last message that was deleted again.
    stage.say(&chat, Role::User, "new in its place");
    assert_eq!(words(&stage, "place"), ["new in its [place]"]);
    assert_eq!(words(&stage, "deleted"), [""; 0]);
    kafka.chats(&stage.operator).delete(chat.id).unwrap();
    for query in ["old", "new", "kept"] {
        assert_eq!(words(&stage, query), [""; 0], "{query}");
    }
    assert_eq!(stage.value("SELECT COUNT(*) FROM search_changes", &[]).as_deref(), Some("0"));
    drop(kept);
}

/// Also when very much went at once, which the index follows in parts.
#[test]
fn a_number_that_is_given_again_is_indexed_again() {
    let stage = stage();
    let [chat, other] = [stage.chat(), stage.chat()];
    stage.say(&other, Role::User, "granite stays");
    let insert = "INSERT INTO messages (id, chat_number, seq, role, content, created_at, updated_at) \
        VALUES ($1, $2, $3, 'user', 'granite goes', 0, 0)";
    for number in 0..10 {
        let [id, of, seq] =
            [format!("0190b1a0-7c1e-7e7e-8e8e-{number:012}"), chat.number.to_string(), number.to_string()];
        stage.rows(&insert.replace("$2", &of).replace("$3", &seq), &[&id]);
    }
    assert_eq!(words(&stage, "granite").len(), 11);
    stage.kafka.chats(&stage.operator).delete(chat.id).unwrap();
    assert_eq!(words(&stage, "granite"), ["[granite] stays"]);
    stage.say(&other, Role::User, "granite again");
    assert_eq!(words(&stage, "granite"), ["[granite] again", "[granite] stays"]);
}

/// What was changed is no hit from that moment on, whatever the index says.
#[test]
fn no_snippet_shows_what_is_gone() {
    let stage = stage();
    let chat = stage.chat();
    let message = stage.say(&chat, Role::User, "a secret slip");
    assert_eq!(words(&stage, "secret").len(), 1);
    let patch = MessagePatch { content: Some("nothing".into()), ..Default::default() };
    stage.kafka.messages(&stage.operator).update(message.id, patch).unwrap();
    for sort in [SearchSort::Newest, SearchSort::Best] {
        let request = SearchRequest { sort: Some(sort), ..SearchRequest::text("secret") };
        let hits = stage.kafka.search(&stage.operator).find(&request).unwrap();
        assert_eq!(hits.items, [], "{sort:?}");
    }
}

#[test]
fn an_answer_is_found_when_it_has_ended() {
    let gate = Gate::new();
    let script = gate.clone();
    let answer =
        move |_: &_| ScriptedAnswer::new().text("granite").wait_for(&script).text(" and gneiss").finish();
    let stage = Stage::with(In::File, answer, |_| {});
    let chat = stage.chat();
    let turn =
        stage.kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("Rocks?")).unwrap();
    assert_eq!((words(&stage, "granite").len(), words(&stage, "rocks").len()), (0, 1));
    gate.open();
    turn.wait().unwrap();
    assert_eq!(words(&stage, "gneiss"), ["granite and [gneiss]"]);
    let of_model = SearchRequest { model: Some("scripted".into()), ..SearchRequest::text("granite") };
    assert_eq!(found(&stage, &of_model).len(), 1);
}

/// Nobody asks for it: the server's own thread does it, also for what another process stores.
#[test]
fn what_any_process_stores_is_found_soon() {
    let stage = stage();
    let chat = stage.chat();
    let find =
        |query: &str| stage.kafka.search(&stage.operator).find(&SearchRequest::text(query)).unwrap().items;
    stage.say(&chat, Role::User, "marble");
    eventually(|| find("marble").len() == 1);
    let command = stage.reopened(|config| config.kind = NodeKind::Cli);
    let me = command.operator();
    command.messages(&me).create(chat.id, NewMessage::text(Role::User, "basalt")).unwrap();
    command.search(&me).refresh().unwrap();
    eventually(|| find("basalt").len() == 1);
}

/// A command alone indexes what is missing itself.
#[test]
fn a_command_without_a_server_finds_everything() {
    let stage = stage();
    stage.kafka.close();
    let command = stage.reopened(|config| config.kind = NodeKind::Cli);
    let me = command.operator();
    let chat = command.chats(&me).create(NewChat::default()).unwrap();
    command.messages(&me).create(chat.id, NewMessage::text(Role::User, "basalt")).unwrap();
    assert_eq!(command.search(&me).find(&SearchRequest::text("basalt")).unwrap().items, []);
    command.search(&me).refresh().unwrap();
    assert_eq!(command.search(&me).find(&SearchRequest::text("basalt")).unwrap().items.len(), 1);
}

#[test]
fn the_index_is_made_anew_from_what_is_stored() {
    let stage = stage();
    let chat = stage.kafka.chats(&stage.operator).create(NewChat::titled("granite")).unwrap();
    stage.say(&chat, Role::User, "granite and gneiss");
    assert_eq!(words(&stage, "granite").len(), 2);
    stage.kafka.close();
    // As if it were lost.
    for table in ["search_messages", "search_chats"] {
        match cfg!(feature = "postgres") && std::env::var_os("KAFKA_TEST_ENGINE").is_some() {
            true => stage.rows(&format!("DELETE FROM {table}"), &[]),
            false => stage.rows(&format!("INSERT INTO {table} ({table}) VALUES ('delete-all')"), &[]),
        };
    }
    let find = || {
        let kafka = stage.reopened(|config| config.kind = NodeKind::Cli);
        let found =
            kafka.search(&kafka.operator()).find(&SearchRequest::text("granite")).unwrap().items.len();
        kafka.close();
        found
    };
    assert_eq!(find(), 0);
    let schema = Schema::open(&stage.config()).unwrap();
    schema.reindex().unwrap();
    assert_eq!((schema.unindexed().unwrap(), find()), (0, 2));
}

/// Two processes on one database: each batch counts once, whoever was faster.
#[test]
fn two_who_index_do_not_index_twice() {
    let stage = stage();
    let beside = stage.beside();
    let chat = stage.chat();
    let say = |kafka: &Kafka, number: usize| {
        let text = format!("pebble number{number}");
        kafka.messages(&stage.operator).create(chat.id, NewMessage::text(Role::User, text)).unwrap();
    };
    for number in 0..20 {
        say(if number % 2 == 0 { &stage.kafka } else { &beside }, number);
    }
    let request = SearchRequest { limit: Some(100), ..SearchRequest::text("pebble") };
    let find = || stage.kafka.search(&stage.operator).find(&request).unwrap().items.len();
    eventually(|| find() == 20);
    beside.close();
    // With the other gone this one goes on.
    say(&stage.kafka, 20);
    stage.kafka.search(&stage.operator).refresh().unwrap();
    assert_eq!(find(), 21);
}

mod crash {
    use kafka_core::Config;

    use super::*;
    use crate::crash::crashed;

    /// Whenever the process dies, the next one finds each message once.
    #[test]
    fn nothing_is_lost_and_nothing_comes_in_twice() {
        let stage = stage();
        let chat = stage.chat();
        for round in 0..5 {
            for number in 0..30 {
                stage.say(&chat, Role::User, &format!("pebble {round} {number}"));
            }
            let stored = 30 * (round + 1);
            let config = Config { kind: NodeKind::Cli, ..crashed(&stage) };
            let kafka = Kafka::open(config).unwrap();
            let me = kafka.operator();
            kafka.search(&me).refresh().unwrap();
            let mut request = SearchRequest {
                limit: Some(100),
                sort: Some(SearchSort::Newest),
                ..SearchRequest::text("pebble")
            };
            let mut found = Vec::new();
            loop {
                let hits = kafka.search(&me).find(&request).unwrap();
                found.extend(hits.items.into_iter().map(|hit| hit.message_id));
                let Some(cursor) = hits.next_cursor else { break };
                request.after = Some(cursor.to_string());
            }
            found.sort();
            found.dedup();
            assert_eq!(found.len(), stored, "of {stored}");
            kafka.close();
        }
    }
}

struct House {
    stage: Stage,
    owner: Actor,
    actors: Vec<(&'static str, Actor)>,
    workspace: Workspace,
    shared: Message,
}

/// An owner with a shared and a private chat; a member of each kind, a stranger, an administrator.
fn house() -> House {
    let stage = Stage::with(
        In::File,
        |_| ScriptedAnswer::of(&["x"]),
        |config| {
            config.open = false;
            config.registration = Registration::Open;
        },
    );
    let kafka = &stage.kafka;
    let admin = stage.user("admin");
    let [owner, viewer, editor, stranger] =
        ["owner", "viewer", "editor", "stranger"].map(|name| stage.user(name));
    let workspace = NewWorkspace { name: "Office".into(), owner_id: None };
    let workspace = kafka.workspaces(&owner).create(workspace).unwrap();
    for (member, role) in [(viewer, "viewer"), (editor, "editor")] {
        let ids = [workspace.id.to_string(), member.user_id().unwrap().to_string(), role.to_owned()];
        let sql = "INSERT INTO workspace_members (workspace_id, user_id, role, created_at, updated_at) \
            VALUES ($1, $2, $3, 0, 0)";
        stage.rows(sql, &ids.each_ref().map(String::as_str));
    }
    let say = |actor: &Actor, chat: NewChat, text: &str| {
        let chat: Chat = kafka.chats(actor).create(chat).unwrap();
        kafka.messages(actor).create(chat.id, NewMessage::text(Role::User, text)).unwrap()
    };
    let shared = NewChat { workspace_id: Some(workspace.id), ..NewChat::titled("granite shared") };
    let shared = say(&owner, shared, "granite shared");
    say(&owner, NewChat::titled("granite private"), "granite private");
    say(&stranger, NewChat::titled("granite strange"), "granite strange");
    say(&stage.operator, NewChat::titled("granite nobody"), "granite nobody");
    let operator = stage.operator;
    let actors = vec![
        ("operator", operator),
        ("owner", owner),
        ("editor", editor),
        ("viewer", viewer),
        ("stranger", stranger),
        ("admin", admin),
    ];
    House { stage, owner, actors, workspace, shared }
}

#[test]
fn everyone_finds_what_they_may_read_and_nothing_else() {
    let house = house();
    for (name, actor) in &house.actors {
        let expected = match *name {
            "operator" => &["nobody", "private", "shared", "strange"][..],
            "owner" => &["private", "shared"],
            "editor" | "viewer" => &["shared"],
            "stranger" => &["strange"],
            _ => &["nobody"],
        };
        for request in [
            SearchRequest::text("granite"),
            SearchRequest::plain("granite quartz"),
            SearchRequest { sort: Some(SearchSort::Newest), ..SearchRequest::text("gran*") },
        ] {
            for area in [SearchArea::Messages, SearchArea::Chats] {
                let request = SearchRequest { areas: Some(vec![area]), ..request.clone() };
                let hits = search(&house.stage, actor, &request);
                let mut found: Vec<String> =
                    hits.items.iter().map(|hit| hit.title.clone().unwrap()).collect();
                found.sort();
                let expected: Vec<String> = expected.iter().map(|title| format!("granite {title}")).collect();
                assert_eq!(found, expected, "{name}: {request:?}");
            }
        }
        let inside = [
            SearchRequest { workspace_id: Some(house.workspace.id), ..SearchRequest::text("granite") },
            SearchRequest { chat_id: Some(house.shared.chat_id), ..SearchRequest::text("granite") },
        ];
        for request in inside {
            let found = search(&house.stage, actor, &request).items.len();
            let sees = ["operator", "owner", "editor", "viewer"].contains(name);
            assert_eq!(found, if sees { 2 } else { 0 }, "{name}: {request:?}");
        }
    }
}

/// The index passes over what others own, but it is the predicate that decides: with more workspaces than the index is
/// asked for, and after a member has left, the same is found.
#[test]
fn who_leaves_a_workspace_finds_nothing_of_it() {
    let house = house();
    let viewer = house.actors.iter().find(|(name, _)| *name == "viewer").unwrap().1;
    let count = || search(&house.stage, &viewer, &SearchRequest::text("granite")).items.len();
    assert_eq!(count(), 2);
    let id = viewer.user_id().unwrap().to_string();
    for number in 0..210 {
        let workspace = NewWorkspace { name: format!("W{number}"), owner_id: viewer.user_id() };
        house.stage.kafka.workspaces(&house.stage.operator).create(workspace).unwrap();
    }
    assert_eq!(count(), 2);
    house.stage.rows("DELETE FROM workspace_members WHERE user_id = $1", &[&id]);
    assert_eq!(count(), 0);
}

/// No score tells how often a word stands in what others wrote.
#[test]
fn what_others_write_changes_no_score() {
    let house = house();
    let find = || search(&house.stage, &house.owner, &SearchRequest::plain("granite quartz shared")).items;
    let before = find();
    let stranger = house.actors.iter().find(|(name, _)| *name == "stranger").unwrap().1;
    let chat = house.stage.chat_of(&stranger);
    for _ in 0..20 {
        let new = NewMessage::text(Role::User, "granite quartz granite");
        house.stage.kafka.messages(&stranger).create(chat.id, new).unwrap();
    }
    assert_eq!(find(), before);
}

#[test]
fn a_search_without_a_credential_asks_for_one() {
    let stage = Stage::with(
        In::Memory,
        |_| ScriptedAnswer::of(&["x"]),
        |config| {
            config.open = false;
            config.anonymous = true;
        },
    );
    let nobody = stage.kafka.local_actor().unwrap();
    let refused = stage.kafka.search(&nobody).find(&SearchRequest::text("x")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Unauthenticated, "account_required"));
}

#[test]
fn limits_and_modes_are_refused_in_plain_words() {
    let limits = Limits { search_query_chars: 4, search_default: 1, search_max: 2, ..Limits::default() };
    let stage = Stage::with(In::Memory, |_| ScriptedAnswer::of(&["x"]), |config| config.limits = limits);
    let chat = stage.chat();
    (0..3).for_each(|_| drop(stage.say(&chat, Role::User, "granite abcd")));
    let find = |request: &SearchRequest| stage.kafka.search(&stage.operator).find(request);
    assert_eq!(search(&stage, &stage.operator, &SearchRequest::text("äbcd")).items.len(), 1);
    for (request, code, field) in [
        (SearchRequest::text("abcde"), "query_too_long", "query"),
        (SearchRequest::text("a\0"), "nul_in_text", "query"),
        (SearchRequest { limit: Some(3), ..SearchRequest::text("a") }, "limit_out_of_range", "limit"),
        (SearchRequest { limit: Some(0), ..SearchRequest::text("a") }, "limit_out_of_range", "limit"),
        (
            SearchRequest { mode: Some(SearchMode::Vector), ..SearchRequest::text("a") },
            "vectors_missing",
            "mode",
        ),
        (SearchRequest { model: Some("\0".into()), ..SearchRequest::text("a") }, "nul_in_text", "model"),
    ] {
        let refused = find(&request).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, code), "{request:?}");
        assert_eq!(refused.fields()[0].field, field, "{request:?}");
    }
}

/// A message as long as one may be, of words that are all different, has room in the index of either engine.
#[test]
fn the_beginning_of_a_very_long_text_is_searched() {
    let stage = stage();
    let chat = stage.chat();
    let text: String = (0..20_000).map(|number| format!("{number:048} ")).collect();
    stage.say(&chat, Role::User, &text);
    assert_eq!(words(&stage, &format!("{:048}", 15_999)).len(), 1);
    assert_eq!(words(&stage, &format!("{:048}", 16_000)).len(), 0);
    assert_eq!(words(&stage, &format!("\"{:048} {:048}\"", 15_998, 15_999)).len(), 1);
}

#[test]
fn any_text_is_a_query() {
    let stage = stage();
    let chat = stage.chat();
    stage.say(&chat, Role::User, "a b \"c\" 東京 x' -- \\ & | ! <-> :*");
    let search = stage.kafka.search(&stage.operator);
    search.refresh().unwrap();
    let query =
        "(.|\n){0,40}|[-\"*'()&|!:<>^+~=\\\\a-c 東京é]{0,20}|(AND|OR|NOT|NEAR|words|:|\"| |\\(|\\)){0,12}";
    proptest!(ProptestConfig::with_cases(64), |(query in query)| {
        for mode in [SearchMode::Text, SearchMode::Hybrid] {
            for sort in [SearchSort::Best, SearchSort::Newest] {
                let request = SearchRequest { mode: Some(mode), sort: Some(sort), ..SearchRequest::plain(query.clone()) };
                match search.find(&request) {
                    Ok(_) => {}
                    Err(error) => prop_assert_eq!(error.code(), "nul_in_text", "{}", error),
                }
            }
        }
    });
}
