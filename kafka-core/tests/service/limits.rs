//! Limits that other values than the documented ones show best. That each limit is crossed by some test
//! is checked by `tests/tidy.rs`.

use std::time::Duration;

use kafka_core::{
    AddressPolicy, AnswerRequest, ChatFilter, Config, DocumentPlace, EmbeddingEndpoint, ErrorKind,
    IdempotencyKey, Limits, NewChat, NewFile, PageRequest, Role, SearchMode, SearchRequest, Secret,
    testing::{Gate, Script, ScriptedAnswer, ScriptedEndpoint},
};
use serde_json::{Value, json};

use crate::{
    embeddings::made,
    stage::{In, Stage, sent},
};

fn stage(limits: Limits) -> Stage {
    Stage::with(In::Memory, |_| ScriptedAnswer::of(&["x"]), |config| config.limits = limits)
}

#[test]
fn a_page_has_the_length_of_the_limit_or_less() {
    let stage = stage(Limits { page_default: 2, page_max: 3, ..Limits::default() });
    for _ in 0..5 {
        stage.chat();
    }
    let list = |request| stage.kafka.chats(&stage.operator).list(&ChatFilter::default(), &request);
    let length = |request| list(request).map(|page| page.items.len()).map_err(|error| error.code());
    assert_eq!(length(PageRequest::default()), Ok(2));
    assert_eq!(length(PageRequest::first(3)), Ok(3));
    assert_eq!(length(PageRequest::first(4)), Err("limit_out_of_range"));
    assert_eq!(length(PageRequest::first(0)), Err("limit_out_of_range"));
}

#[test]
fn only_so_many_lists_are_searched_at_a_time() {
    let archived = |archived| ChatFilter { archived, ..ChatFilter::default() };
    let lists = [
        (ChatFilter { title_contains: Some("x".to_owned()), ..ChatFilter::default() }, true),
        (archived(Some(true)), false),
        (archived(Some(false)), false),
        (archived(None), false),
    ];
    for searches in [0, 1] {
        let stage = stage(Limits { searches, search_wait_ms: 0, ..Limits::default() });
        for (filter, is_search) in &lists {
            let numbered = |page| PageRequest::Numbered { page, page_size: 100 };
            for (request, is_deep) in [
                (PageRequest::default(), false),
                (numbered(1), false),
                (numbered(100), false),
                (numbered(101), true),
            ] {
                let refused = stage.kafka.chats(&stage.operator).list(filter, &request).err();
                let refused = refused.map(|error| (error.kind(), error.code()));
                let busy = (ErrorKind::Busy, "searches_at_capacity");
                let waits = (*is_search || is_deep) && searches == 0;
                assert_eq!(refused, waits.then_some(busy), "{searches} {filter:?} {request:?}");
            }
        }
    }
}

#[test]
fn only_so_many_answers_of_a_chat_wait() {
    let gate = Gate::new();
    let script = gate.clone();
    let answer = move |_: &_| ScriptedAnswer::new().wait_for(&script).text("x").finish();
    let stage = Stage::with(In::Memory, answer, |config| config.limits.waiting_answers_per_chat = 1);
    let chat = stage.chat();
    let ask = || stage.kafka.completions(&stage.operator).start(chat.id, AnswerRequest::text("Hi"));
    let turns = [ask().unwrap(), ask().unwrap()];
    let refused = ask().unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::RateLimited, "chat_busy"));
    gate.open();
    turns.into_iter().for_each(|turn| drop(turn.wait().unwrap()));
}

#[test]
fn a_key_is_remembered_for_the_hours_of_the_limit() {
    let stage = stage(Limits { idempotency_hours: 2, ..Limits::default() });
    let chat = || {
        let key = IdempotencyKey::new("POST", "/chats", "k", b"b").unwrap();
        stage.kafka.chats(&stage.operator).idempotent(key).create(NewChat::default()).unwrap().id
    };
    let first = chat();
    stage.clock.advance(Duration::from_millis(2 * 3_600_000 - 1));
    assert_eq!(chat(), first);
    stage.clock.advance(Duration::from_millis(1));
    assert_ne!(chat(), first);
}

#[test]
fn a_model_that_states_no_context_gets_that_of_the_limit() {
    // Half is kept for the answer; a line takes 24 of the other 32, and the question 5.
    let stage = stage(Limits { context_tokens: 64, ..Limits::default() });
    let chat = stage.chat();
    for mark in ["a", "b", "c"] {
        stage.say(&chat, Role::User, &mark.repeat(80));
    }
    stage.ask(&chat, AnswerRequest::text("Q?"));
    let calls = stage.provider.calls();
    assert_eq!(sent(&calls[0]), [("user", "c".repeat(80).as_str()), ("user", "Q?")]);
}

#[test]
fn only_so_many_passwords_are_guessed_in_so_many_minutes() {
    let stage = stage(Limits {
        failed_logins_of_account: 2,
        failed_logins_of_address: 3,
        failed_login_minutes: 1,
        ..Limits::default()
    });
    let guess = |name: &str| {
        let here = [192, 0, 2, 1].into();
        stage.kafka.login_from(here, name, Secret::new("wrong horse".to_owned())).unwrap_err().code()
    };
    let guesses = || ["klamm", "klamm", "klamm", "olga", "olga"].map(guess);
    let expected = ["login_failed", "login_failed", "login_throttled", "login_failed", "login_throttled"];
    assert_eq!(guesses(), expected);
    stage.clock.advance(Duration::from_millis(59_999));
    assert_eq!(guess("olga"), "login_throttled");
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(guesses(), expected);
}

/// Whoever reads much reads in turn; without a turn what is found is found by words, and nobody is kept from reading.
#[test]
fn vectors_that_are_not_in_memory_are_read_in_turn() {
    let endpoint = ScriptedEndpoint::start(|request| {
        let texts = request.json()["input"].as_array().unwrap().len();
        let data: Vec<Value> = (0..texts).map(|index| json!({"index": index, "embedding": [1, 0]})).collect();
        Script::json(200, &json!({"data": data}))
    });
    let with_turns = |searches| {
        let base_url = endpoint.base_url();
        let set = move |config: &mut Config| {
            config.limits.searches = searches;
            config.limits.search_wait_ms = 0;
            config.addresses = AddressPolicy::PrivateAllowed;
            config.embedding = Some(EmbeddingEndpoint { base_url, model: "toy".into(), api_key: None });
        };
        let stage = Stage::with(In::File, |_| ScriptedAnswer::of(&["Yes."]), set);
        let user = stage.user("ada");
        let chat = stage.chat_of(&user);
        let documents = stage.kafka.documents(&user);
        let place = DocumentPlace::Chat(chat.id);
        let new = documents.upload(place, NewFile::named("cars.txt"), &mut "A car, a yard.".as_bytes());
        let document = documents.wait(new.unwrap().id, Duration::from_secs(60), |_| ()).unwrap();
        made(&stage.kafka, document.id);
        (stage, user, chat)
    };
    let by = |mode| SearchRequest { mode: Some(mode), ..SearchRequest::plain("yard") };

    let (stage, user, chat) = with_turns(0);
    let search = stage.kafka.search(&user);
    assert_eq!(search.find(&by(SearchMode::Vector)).unwrap_err().code(), "searches_at_capacity");
    assert_eq!(search.find(&by(SearchMode::Hybrid)).unwrap().items.len(), 1);
    assert_eq!(stage.ask(&chat, AnswerRequest::text("Which yard?")).sources.len(), 1);

    let (stage, user, _) = with_turns(1);
    assert_eq!(stage.kafka.search(&user).find(&by(SearchMode::Vector)).unwrap().items.len(), 1);
}
