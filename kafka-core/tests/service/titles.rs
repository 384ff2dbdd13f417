//! Titles that models give to chats that nobody has named.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kafka_core::{
    AnswerRequest, Change, Chat, ChatPatch, Config, ErrorKind, NewChat, NewPlan, Period, ProviderError, Role,
    Titles,
    testing::{Gate, ScriptedAnswer, ScriptedCall},
};

use crate::stage::{In, Stage, sent};

const PATIENCE: Duration = Duration::from_secs(20);

/// What was told to have failed.
type Failures = Arc<Mutex<Vec<String>>>;

fn stage(
    script: impl Fn(&ScriptedCall) -> ScriptedAnswer + Send + Sync + 'static,
    change: impl FnOnce(&mut Config),
) -> (Stage, Failures) {
    let failures = Failures::default();
    let told = Arc::clone(&failures);
    let stage = Stage::with(In::File, script, move |config| {
        config.titles =
            Some(Titles::telling(move |error| told.lock().unwrap().push(error.code().to_owned())));
        change(config);
    });
    (stage, failures)
}

fn is_title(call: &ScriptedCall) -> bool {
    call.prompt.messages[0].content.starts_with("You name conversations")
}

fn answered(call: &ScriptedCall) -> ScriptedAnswer {
    match is_title(call) {
        true => ScriptedAnswer::new().text("\"Storks in winter\"").usage(30, 4).finish(),
        false => ScriptedAnswer::new().text("To the south.").usage(10, 3).finish(),
    }
}

/// Waits until the chat is called so.
fn wait_for_title(stage: &Stage, chat: &Chat, title: &str) -> Chat {
    let mut changes = stage.kafka.events(&stage.operator).subscribe(chat.id).unwrap();
    loop {
        let now = stage.kafka.chats(&stage.operator).get(chat.id).unwrap();
        if now.title.as_deref() == Some(title) {
            return now;
        }
        let change = changes.next_within(PATIENCE).unwrap();
        assert!(change.is_some(), "nothing comes; it is called {:?}", now.title);
        if let Some(Change::Chat(told)) = change {
            assert_eq!(told.id, chat.id);
        }
    }
}

#[test]
fn a_chat_that_nobody_has_named_gets_a_title_after_its_first_answer() {
    let (stage, failures) = stage(answered, |_| {});
    let ada = stage.user("ada");
    for title in [None, Some("Where do storks…"), Some("Where do storks go?")] {
        let new = NewChat { title: title.map(str::to_owned), user_id: ada.user_id(), ..NewChat::default() };
        let chat = stage.kafka.chats(&stage.operator).create(new).unwrap();
        stage.say(&chat, Role::System, "Be brief.");
        let calls = stage.provider.calls().len();
        let answer = stage.ask(&chat, AnswerRequest::text("Where do storks go?"));
        assert_eq!(answer.message.content, "To the south.", "no answer waits for its title");
        let named = wait_for_title(&stage, &chat, "Storks in winter");
        assert_eq!((named.message_count, named.total_tokens), (3, 13), "it is no message");
        let calls = stage.provider.calls().split_off(calls);
        let [_, asked] = calls.as_slice() else { panic!("{} calls", calls.len()) };
        let said = "Question:\nWhere do storks go?\n\nAnswer:\nTo the south.";
        assert_eq!((sent(asked).len(), sent(asked)[1]), (2, ("user", said)));
        assert_eq!(asked.options.params.max_tokens, Some(512));
        assert_eq!(asked.options.model, "scripted");
        assert!(!asked.options.cancel.is_cancelled(), "it goes on when the answer has ended");
    }
    // It is counted for the chat's owner, and is no answer.
    let usage = stage.kafka.usage(&ada).summary(Period::default()).unwrap();
    assert_eq!((usage.total_tokens_used, usage.models[0].responses), (3 * (13 + 34), 3));
    // Later answers change nothing.
    let chat =
        stage.kafka.chats(&ada).list(&Default::default(), &Default::default()).unwrap().items.remove(0);
    let calls = stage.provider.calls().len();
    stage.ask(&chat, AnswerRequest::text("And back?"));
    stage.ask(&chat, AnswerRequest::text("And again?"));
    assert_eq!(stage.provider.calls().len(), calls + 2);
    assert_eq!(failures.lock().unwrap().as_slice(), [""; 0]);
}

#[test]
fn what_a_person_calls_a_chat_stays() {
    let gate = Gate::new();
    let opened = gate.clone();
    let script = move |call: &ScriptedCall| match is_title(call) {
        true => ScriptedAnswer::new().wait_for(&opened).text("Storks in winter").usage(30, 4).finish(),
        false => answered(call),
    };
    let (stage, _) = stage(script, |_| {});
    let chats = stage.kafka.chats(&stage.operator);
    // Before …
    let named = chats.create(NewChat::titled("Birds")).unwrap();
    stage.ask(&named, AnswerRequest::text("Where do storks go?"));
    // … and while the model thinks.
    let chat = stage.chat();
    stage.ask(&chat, AnswerRequest::text("Where do storks go?"));
    stage.provider.wait_for_calls(3);
    let patch = ChatPatch { title: Some(Some("Mine".into())), ..ChatPatch::default() };
    chats.update(chat.id, patch).unwrap();
    gate.open();
    // The call is counted in the transaction that would have named the chat.
    let tokens = "SELECT CAST(SUM(tokens_total) AS TEXT) FROM usage_daily";
    while stage.value(tokens, &[]).as_deref() != Some("60") {
        std::thread::yield_now();
    }
    assert_eq!(chats.get(chat.id).unwrap().title.as_deref(), Some("Mine"));
    assert_eq!(chats.get(named.id).unwrap().title.as_deref(), Some("Birds"));
    assert_eq!(stage.provider.calls().len(), 3);
}

#[test]
fn a_title_that_fails_costs_nothing_but_a_line_in_the_log() {
    let script = |call: &ScriptedCall| match is_title(call) {
        true => ScriptedAnswer::new().fail(ProviderError::new(
            ErrorKind::Provider,
            "endpoint_down",
            "It is down.",
        )),
        false => answered(call),
    };
    let (stage, failures) = stage(script, |_| {});
    let chat = stage.chat();
    let answer = stage.ask(&chat, AnswerRequest::text("Where do storks go?"));
    assert_eq!(answer.message.content, "To the south.");
    while failures.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(failures.lock().unwrap().as_slice(), ["endpoint_down"]);
    assert_eq!(stage.kafka.chats(&stage.operator).get(chat.id).unwrap().title, None);
}

/// Of eight places.
#[test]
fn a_provider_that_panics_over_titles_keeps_none_of_their_places() {
    let script = |call: &ScriptedCall| match is_title(call) {
        true if call.number < 2 * 8 => ScriptedAnswer::new().then(|| panic!("a defect of the provider")),
        _ => answered(call),
    };
    let (stage, failures) = stage(script, |_| {});
    for failed in 1..=8 {
        stage.ask(&stage.chat(), AnswerRequest::text("Where do storks go?"));
        while failures.lock().unwrap().len() < failed {
            std::thread::yield_now();
        }
    }
    assert_eq!(failures.lock().unwrap().as_slice(), ["provider_panicked"; 8]);
    let chat = stage.chat();
    stage.ask(&chat, AnswerRequest::text("Where do storks go?"));
    wait_for_title(&stage, &chat, "Storks in winter");
}

#[test]
fn a_plan_that_has_nothing_left_pays_for_no_title() {
    let (stage, failures) = stage(answered, |config| config.quotas = true);
    stage.user("admin");
    let ada = stage.user("ada");
    let plans = stage.kafka.plans(&stage.operator);
    plans
        .create(NewPlan { name: "small".into(), token_limit_daily: Some(300), ..NewPlan::default() })
        .unwrap();
    plans.assign(ada.user_id().unwrap(), "small").unwrap();
    let chat = stage.chat_of(&ada);
    stage.ask(&chat, AnswerRequest::text("Where do storks go?"));
    while failures.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(failures.lock().unwrap().as_slice(), ["quota_exceeded"]);
    assert_eq!(stage.provider.calls().len(), 1);
}

#[test]
fn models_only_answer_unless_titles_are_wanted() {
    let stage = Stage::scripted(answered);
    // Not one of many, so that a title which is only late would be seen.
    for _ in 0..5 {
        stage.ask(&stage.chat(), AnswerRequest::text("Where do storks go?"));
    }
    assert!(stage.kafka.wait_until_idle(PATIENCE));
    stage.kafka.close();
    assert_eq!(stage.provider.calls().len(), 5);
}
