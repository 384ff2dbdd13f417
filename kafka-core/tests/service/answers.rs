//! How one answer can go, and what is kept of it.

use std::time::Duration;

use kafka_core::{
    AnswerRequest, Config, Delta, ErrorKind, Kafka, MessageStatus, NewChat, NewMessage, NewModel, Params,
    ProviderError, ResponseStatus, Role, TimeoutSeconds, TokenUsage, TurnEvent,
    testing::{Script, ScriptedAnswer, ScriptedEndpoint},
};
use serde_json::json;

use crate::stage::{In, MODEL, Stage};

fn text(text: &str) -> AnswerRequest {
    AnswerRequest::text(text)
}

#[test]
fn echo_answers_where_nothing_is_configured() {
    let kafka = Kafka::in_memory().unwrap();
    let me = kafka.local_actor().unwrap();
    let chat = kafka.chats(&me).create(NewChat::default()).unwrap();
    let turn = kafka.completions(&me).start(chat.id, text("Ein Käfer?")).unwrap();
    let (id, message_id) = (turn.id(), turn.message_id());
    let answer = turn.wait().unwrap();
    assert_eq!(answer.message.content, "Echo: Ein Käfer?");
    assert_eq!((answer.message.id, answer.response.id), (message_id, id));
    assert_eq!(answer.message.parent_id, Some(answer.user_message.id));
    assert_eq!((answer.message.role, answer.message.status), (Role::Assistant, MessageStatus::Complete));
    assert_eq!(answer.message.response.as_ref(), Some(&answer.response));
    let response = answer.response;
    assert_eq!((response.status, response.usage_estimated), (ResponseStatus::Completed, false));
    assert_eq!((response.model_used.as_str(), response.provider.as_str()), ("echo", "echo"));
    let chat = kafka.chats(&me).get(chat.id).unwrap();
    assert_eq!((chat.message_count, chat.active_leaf_id), (2, Some(message_id)));
    assert_eq!(Some(chat.total_tokens), response.tokens_total);
}

#[test]
fn what_the_endpoint_says_of_itself_is_stored() {
    let clock = kafka_core::testing::ManualClock::default();
    let hands = clock.clone();
    let script = move |_: &kafka_core::testing::ScriptedCall| {
        let tick = |ms| {
            let hands = hands.clone();
            move || hands.advance(Duration::from_millis(ms))
        };
        ScriptedAnswer::new()
            .then(tick(30))
            .say(Delta::Model("really-this\0".into()))
            .say(Delta::Reasoning("Hm".into()))
            .then(tick(12))
            .say(Delta::Text(String::new()))
            .text("a\0b")
            .usage(1, 1)
            .usage(20, 30)
            .say(Delta::ProviderData(json!({"signature": "x"})))
            .say(Delta::Finish("length".into()))
    };
    let stage = Stage::with(In::Memory, script, |config| config.clock = std::sync::Arc::new(clock));
    let chat = stage.chat();
    let turn = stage.kafka.completions(&stage.operator).start(chat.id, text("Hi")).unwrap();
    let id = turn.id();
    let events: Vec<_> = turn.map(Result::unwrap).collect();
    assert!(
        matches!(&events[0], TurnEvent::Started(response) if response.status == ResponseStatus::Streaming)
    );
    assert_eq!(events[1], TurnEvent::Reasoning("Hm".into()));
    assert_eq!(events[2], TurnEvent::Delta("a\u{FFFD}b".into()), "no empty deltas, and no U+0000");
    let usage = TurnEvent::Usage { tokens_prompt: 20, tokens_completion: 30, tokens_total: 50 };
    assert_eq!(events[3], usage, "the last usage counts");
    let response = stage.kafka.responses(&stage.operator).get(id).unwrap();
    assert_eq!(events[4], TurnEvent::Finished(Box::new(response.clone())));
    assert_eq!(events.len(), 5);

    assert_eq!((response.model_used.as_str(), response.provider.as_str()), ("really-this\u{FFFD}", MODEL));
    assert_eq!(response.finish_reason.as_deref(), Some("length"));
    assert_eq!((response.first_token_ms, response.completion_time_ms), (Some(30), Some(42)));
    let message = stage.kafka.messages(&stage.operator).get(response.message_id).unwrap();
    assert_eq!((message.content.as_str(), message.token_count), ("a\u{FFFD}b", Some(30)));
    let parts = json!([{"type": "reasoning", "text": "Hm"}, {"type": "text", "text": "a\u{FFFD}b"}]);
    assert_eq!(message.parts, Some(parts));

    // What the provider gave to keep comes back to it with the history.
    stage.ask(&chat, text("And?"));
    let sent = &stage.provider.calls()[1].prompt.messages[1];
    assert_eq!(sent.provider_data, Some(json!({"signature": "x"})));
}

struct Case {
    name: &'static str,
    script: fn() -> ScriptedAnswer,
    status: ResponseStatus,
    message: MessageStatus,
    code: Option<&'static str>,
    kept: &'static str,
}

#[test]
fn however_an_answer_ends_the_text_that_came_is_kept() {
    let cases = [
        Case {
            name: "failed before the first token",
            script: || ScriptedAnswer::new().fail(failure(ErrorKind::Provider, "provider_bad_answer")),
            status: ResponseStatus::Failed,
            message: MessageStatus::Failed,
            code: Some("provider_bad_answer"),
            kept: "",
        },
        Case {
            name: "failed in the middle",
            script: || {
                ScriptedAnswer::new().text("Half").fail(failure(ErrorKind::Provider, "provider_failed"))
            },
            status: ResponseStatus::Failed,
            message: MessageStatus::Failed,
            code: Some("provider_failed"),
            kept: "Half",
        },
        Case {
            name: "took too long",
            script: || {
                ScriptedAnswer::new().text("Half").fail(failure(ErrorKind::Timeout, "provider_timeout"))
            },
            status: ResponseStatus::Failed,
            message: MessageStatus::Failed,
            code: Some("provider_timeout"),
            kept: "Half",
        },
        Case {
            name: "cut off",
            script: || ScriptedAnswer::new().text("Half"),
            status: ResponseStatus::Interrupted,
            message: MessageStatus::Interrupted,
            code: None,
            kept: "Half",
        },
        Case {
            name: "panicked",
            script: || ScriptedAnswer::new().text("Half").then(|| panic!("a provider's defect")),
            status: ResponseStatus::Failed,
            message: MessageStatus::Failed,
            code: Some("provider_panicked"),
            kept: "Half",
        },
        Case {
            name: "nothing to say",
            script: || ScriptedAnswer::new().finish(),
            status: ResponseStatus::Completed,
            message: MessageStatus::Complete,
            code: None,
            kept: "",
        },
    ];
    for case in cases {
        let script = case.script;
        let stage = Stage::scripted(
            move |call| if call.number == 0 { script() } else { ScriptedAnswer::of(&["ok"]) },
        );
        let chat = stage.chat();
        let answer = stage.ask(&chat, text("Hi"));
        let name = case.name;
        assert_eq!((answer.response.status, answer.message.status), (case.status, case.message), "{name}");
        assert_eq!(answer.response.error.as_ref().map(|error| error.code.as_str()), case.code, "{name}");
        assert_eq!(answer.message.content, case.kept, "{name}");
        assert!(answer.response.completion_time_ms.is_some(), "{name}");
        assert!(answer.response.usage_estimated, "{name}");
        // "Hi" is sent as 1 token and 4 for the message, also where nothing comes back; "Half" counts the same.
        let tokens = answer.response.tokens_prompt.zip(answer.response.tokens_completion);
        assert_eq!(tokens, Some((5, if case.kept.is_empty() { 0 } else { 5 })), "{name}");
        let last = stage.events(answer.response.id).pop().unwrap();
        assert!(last.kind.is_last(), "{name}");
        // The chat goes on.
        assert_eq!(stage.ask(&chat, text("Still there?")).message.content, "ok", "{name}");
    }
}

fn failure(kind: ErrorKind, code: &'static str) -> ProviderError {
    ProviderError::new(kind, code, "The endpoint said no.")
}

#[test]
fn an_answer_longer_than_the_limit_is_cut_off() {
    let script = |_: &_| ScriptedAnswer::of(&["1234", "5678", "9"]);
    let stage = Stage::with(In::Memory, script, |config| config.limits.answer_bytes = 100);
    let answer = stage.ask(&stage.chat(), text("Hi"));
    assert_eq!(answer.response.status, ResponseStatus::Interrupted);
    assert_eq!(answer.message.content, "12345678");
    let error = answer.response.error.unwrap();
    assert_eq!(error.code, "answer_too_long");
    assert!(error.detail.contains("more than the 100 bytes"), "{}", error.detail);
}

#[test]
fn endpoints_that_break_off_refuse_or_stall_are_told_apart() {
    for (script, between_tokens, status, code, kept) in [
        (Script::events().token("Half"), 60.0, ResponseStatus::Interrupted, None, "Half"),
        (Script::reply(401, &[], "no"), 60.0, ResponseStatus::Failed, Some("provider_key_refused"), ""),
        (
            Script::events().token("Half").until_hung_up(),
            0.2,
            ResponseStatus::Failed,
            Some("provider_timeout"),
            "Half",
        ),
    ] {
        let seconds = TimeoutSeconds { between_tokens: Some(between_tokens), ..TimeoutSeconds::default() };
        let endpoint = ScriptedEndpoint::start(move |_| script.clone());
        let kafka = Kafka::open(Config::memory()).unwrap();
        let me = kafka.operator();
        let params = Params { timeouts: Some(seconds), ..Params::default() };
        let new = NewModel { is_default: true, params, ..NewModel::new("m", endpoint.base_url()) };
        kafka.models(&me).create(new).unwrap();
        let chat = kafka.chats(&me).create(NewChat::default()).unwrap();
        let answer = kafka.completions(&me).start(chat.id, text("Hi")).unwrap().wait().unwrap();
        assert_eq!(answer.response.status, status, "{:?}", answer.response.error);
        assert_eq!(answer.response.error.map(|error| error.code).as_deref(), code);
        assert_eq!(answer.message.content, kept);
    }
}

#[test]
fn regenerating_answers_the_same_question_beside_the_old_answer() {
    let stage = Stage::scripted(|call| ScriptedAnswer::of(&[&format!("Answer {}", call.number)]));
    let chat = stage.chat();
    let first = stage.ask(&chat, text("One?"));
    let again = stage.ask(&chat, AnswerRequest::default());
    assert_eq!(again.user_message.id, first.user_message.id);
    assert_ne!((again.message.id, again.response.id), (first.message.id, first.response.id));
    assert_eq!(again.message.parent_id, first.message.parent_id);
    assert_eq!(stage.branch(&chat), ["One?", "Answer 1"]);
    stage.ask(&chat, text("Two?"));
    // An earlier question, by name: what followed it leaves the active branch, and is kept.
    let parent_id = Some(Some(first.user_message.id));
    let earlier = stage.ask(&chat, AnswerRequest { parent_id, ..AnswerRequest::default() });
    assert_eq!(stage.branch(&chat), ["One?", "Answer 3"]);
    assert_eq!(stage.kafka.chats(&stage.operator).get(chat.id).unwrap().message_count, 6);
    let kept = stage.kafka.messages(&stage.operator).get(first.message.id).unwrap();
    assert_eq!((kept.content.as_str(), kept.response), ("Answer 0", Some(first.response)));
    assert_eq!(earlier.user_message.content, "One?");
}

#[test]
fn a_failed_answer_is_tried_again() {
    let stage = Stage::scripted(|call| match call.number {
        0 => ScriptedAnswer::new().fail(failure(ErrorKind::Provider, "provider_failed")),
        _ => ScriptedAnswer::of(&["Now."]),
    });
    let chat = stage.chat();
    let failed = stage.ask(&chat, text("One?"));
    let again = stage.ask(&chat, AnswerRequest::default());
    assert_eq!(again.response.status, ResponseStatus::Completed);
    assert_eq!(stage.branch(&chat), ["One?", "Now."]);
    let kept = stage.kafka.responses(&stage.operator).get(failed.response.id).unwrap();
    assert_eq!(kept.status, ResponseStatus::Failed, "kept when it fails, too");
}

#[test]
fn where_a_question_is_put_and_what_cannot_be_answered() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let codes = |request: AnswerRequest| stage.refusal(&chat, request).code();
    let under = |parent_id| AnswerRequest { parent_id, ..AnswerRequest::default() };
    assert_eq!(codes(AnswerRequest::default()), "nothing_to_answer");
    assert_eq!(codes(under(Some(None))), "nothing_to_answer");
    let system = stage.say(&chat, Role::System, "Be brief.");
    assert_eq!(codes(AnswerRequest::default()), "nothing_to_answer");
    assert_eq!(codes(under(Some(Some(system.id)))), "parent_not_a_question");
    let foreign = stage.say(&stage.chat(), Role::User, "Elsewhere");
    assert_eq!(codes(under(Some(Some(foreign.id)))), "parent_unknown");
    let under_foreign = AnswerRequest { parent_id: Some(Some(foreign.id)), ..text("Hi") };
    assert_eq!(codes(under_foreign), "parent_unknown");
    assert_eq!(stage.branch(&chat), ["Be brief."], "nothing was stored");
    assert!(stage.provider.calls().is_empty());

    // Nothing said is something said: the model hears that, and not what was said before it.
    stage.say(&chat, Role::User, "Before");
    let asked_nothing = AnswerRequest { model: Some("echo".into()), ..text("") };
    assert_eq!(stage.ask(&chat, asked_nothing).message.content, "Echo: ");

    // A stored message of a user is answered where it stands.
    let question = NewMessage { parent_id: Some(Some(system.id)), ..NewMessage::text(Role::User, "Why?") };
    let question = stage.kafka.messages(&stage.operator).create(chat.id, question).unwrap();
    let answer = stage.ask(&chat, AnswerRequest::default());
    assert_eq!((answer.user_message.id, answer.message.parent_id), (question.id, Some(question.id)));
    let root = stage.ask(&chat, AnswerRequest { parent_id: Some(None), ..text("Anew?") });
    assert_eq!(root.user_message.parent_id, None);
    assert_eq!(stage.branch(&chat), ["Anew?", "Well, yes."]);
}

/// An endpoint may say of its usage what it likes: the chat stays readable, and its sum one of numbers.
#[test]
fn counts_that_cannot_be_are_not_believed() {
    for said in [u64::MAX, i64::MAX as u64] {
        let stage = Stage::scripted(move |_| {
            let usage = TokenUsage { prompt: said, completion: said, total: said };
            ScriptedAnswer::new().text("Much.").say(Delta::Usage(usage)).finish()
        });
        let chat = stage.chat();
        let first = stage.ask(&chat, text("How much?")).response.tokens_total.unwrap();
        let second = stage.ask(&chat, text("And now?")).response.tokens_total.unwrap();
        assert_eq!(stage.kafka.chats(&stage.operator).get(chat.id).unwrap().total_tokens, first + second);
    }
}

#[test]
fn tokens_are_counted_for_the_owner_of_the_chat() {
    let stage = Stage::new(In::Memory);
    let owner = stage.user("owner");
    let id = owner.user_id().unwrap();
    let chat = stage.chat_of(&owner);
    let spent = |_| stage.ask(&chat, text("Hi")).response.tokens_total.unwrap();
    let spent: u64 = (0..2).map(spent).sum();
    assert!(spent > 0);
    assert_eq!(stage.kafka.users(&owner).get(id).unwrap().total_tokens_used, spent);
    stage.ask(&stage.chat(), text("For nobody's account"));
    assert_eq!(stage.kafka.users(&owner).get(id).unwrap().total_tokens_used, spent);
}
