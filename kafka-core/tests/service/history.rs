//! What a model is sent.

use std::sync::Arc;

use kafka_core::{
    AnswerRequest, Config, Kafka, MessagePatch, NewChat, NewMessage, NewModel, Params, Role, Secret,
    testing::{Gate, Script, ScriptedAnswer, ScriptedEndpoint},
};
use serde_json::{Value, json};

use crate::stage::{In, Stage, new_model, sent};

#[test]
fn the_active_branch_is_sent_with_the_question_last() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    stage.say(&chat, Role::System, "Be brief.");
    let first = stage.ask(&chat, AnswerRequest::text("One?"));
    stage.ask(&chat, AnswerRequest::text("Two?"));
    // Another branch from the first answer on.
    let parent_id = Some(Some(first.message.id));
    stage.ask(&chat, AnswerRequest { parent_id, ..AnswerRequest::text("Three?") });
    let calls = stage.provider.calls();
    let one = [("system", "Be brief."), ("user", "One?")];
    let answered = [&one[..], &[("assistant", "Well, yes.")]].concat();
    assert_eq!(sent(&calls[0]), one);
    assert_eq!(sent(&calls[1]), [&answered[..], &[("user", "Two?")]].concat());
    assert_eq!(sent(&calls[2]), [&answered[..], &[("user", "Three?")]].concat());
}

#[test]
fn a_new_root_is_sent_alone() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    stage.say(&chat, Role::System, "Be brief.");
    stage.ask(&chat, AnswerRequest::text("One?"));
    stage.ask(&chat, AnswerRequest { parent_id: Some(None), ..AnswerRequest::text("Two?") });
    assert_eq!(sent(&stage.provider.calls()[1]), [("user", "Two?")]);
}

/// Instructions are those of the question's own branch, also when it had to wait and another branch was
/// made active meanwhile.
#[test]
fn an_answer_that_waited_gets_the_instructions_of_its_own_branch() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::scripted(move |call| match call.number {
        0 => ScriptedAnswer::new().wait_for(&script).text("First.").finish(),
        _ => ScriptedAnswer::of(&["Next."]),
    });
    let chat = stage.chat();
    stage.say(&chat, Role::System, "Instructions.");
    let completions = stage.kafka.completions(&stage.operator);
    let first = completions.start(chat.id, AnswerRequest::text("One?")).unwrap();
    let waiting = completions.start(chat.id, AnswerRequest::text("Two?")).unwrap();
    let elsewhere = NewMessage { parent_id: Some(None), ..NewMessage::text(Role::System, "Others.") };
    stage.kafka.messages(&stage.operator).create(chat.id, elsewhere).unwrap();
    gate.open();
    first.wait().unwrap();
    waiting.wait().unwrap();
    let expected = [("system", "Instructions."), ("user", "One?"), ("assistant", "First."), ("user", "Two?")];
    assert_eq!(sent(&stage.provider.calls()[1]), expected);
}

/// What was said after a question is no part of it.
#[test]
fn an_answer_that_waited_is_not_sent_what_came_after_its_question() {
    let gate = Gate::new();
    let script = gate.clone();
    let stage = Stage::scripted(move |call| match call.number {
        0 => ScriptedAnswer::new().wait_for(&script).text("First.").finish(),
        _ => ScriptedAnswer::of(&["Next."]),
    });
    let chat = stage.chat();
    let completions = stage.kafka.completions(&stage.operator);
    let first = completions.start(chat.id, AnswerRequest::text("One?")).unwrap();
    let waiting = completions.start(chat.id, AnswerRequest::text("Two?")).unwrap();
    stage.say(&chat, Role::System, "Too late.");
    gate.open();
    first.wait().unwrap();
    waiting.wait().unwrap();
    let expected = [("user", "One?"), ("assistant", "First."), ("user", "Two?")];
    assert_eq!(sent(&stage.provider.calls()[1]), expected);
}

#[test]
fn empty_and_running_answers_are_not_sent_and_edits_are() {
    let stage = Stage::scripted(|call| match call.number {
        0 => ScriptedAnswer::new().finish(),
        1 => ScriptedAnswer::new().text("Half an"),
        _ => ScriptedAnswer::of(&["Whole."]),
    });
    let chat = stage.chat();
    let first = stage.ask(&chat, AnswerRequest::text("One?"));
    stage.ask(&chat, AnswerRequest::text("Two?"));
    let edit = MessagePatch { content: Some("Uno?".into()), ..MessagePatch::default() };
    stage.kafka.messages(&stage.operator).update(first.user_message.id, edit).unwrap();
    stage.ask(&chat, AnswerRequest::text("Three?"));
    let expected = [("user", "Uno?"), ("user", "Two?"), ("assistant", "Half an"), ("user", "Three?")];
    assert_eq!(sent(&stage.provider.calls()[2]), expected);
}

/// Four bytes count as a token, and four tokens are added for each message.
#[test]
fn the_oldest_go_first_when_the_context_is_full_and_instructions_never() {
    let stage = Stage::new(In::Memory);
    let params = Params { context_tokens: Some(64), max_tokens: Some(14), ..Params::default() };
    stage.model(&stage.operator, NewModel { params, is_default: true, ..new_model("small") });
    let chat = stage.chat();
    let line = |mark: &str| format!("{mark}{}", ".".repeat(39));
    stage.say(&chat, Role::System, "Rule 1: obey");
    for mark in ["a", "b", "c", "d"] {
        stage.say(&chat, Role::User, &line(mark));
    }
    stage.say(&chat, Role::System, "Rule 2: rest");
    // 50 tokens: the two rules take 7 each, the question 5, so two of the four lines (14 each) fit.
    stage.ask(&chat, AnswerRequest::text("Q?"));
    let (c, d) = (line("c"), line("d"));
    let expected =
        [("system", "Rule 1: obey"), ("system", "Rule 2: rest"), ("user", &c), ("user", &d), ("user", "Q?")];
    assert_eq!(sent(&stage.provider.calls()[0]), expected);

    // A question that is longer than the context is sent all the same, alone but for the rules.
    let long = "?".repeat(1000);
    stage.ask(&chat, AnswerRequest::text(long.clone()));
    let expected = [("system", "Rule 1: obey"), ("system", "Rule 2: rest"), ("user", long.as_str())];
    assert_eq!(sent(&stage.provider.calls()[1]), expected);
}

/// More ancestors than one query reads.
#[test]
fn a_long_history_is_sent_whole_when_it_fits() {
    let stage = Stage::with(
        In::Memory,
        |_| ScriptedAnswer::of(&["Yes."]),
        |config| config.limits.context_tokens = 100_000,
    );
    let chat = stage.chat();
    let texts: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    for text in &texts {
        stage.say(&chat, Role::User, text);
    }
    stage.ask(&chat, AnswerRequest::text("Q?"));
    let call = stage.provider.calls().pop().unwrap();
    let mut expected: Vec<_> = texts.iter().map(|text| ("user", text.as_str())).collect();
    expected.push(("user", "Q?"));
    assert_eq!(sent(&call), expected);
}

/// The same over a socket: what an endpoint reads, and that what it says is stored.
#[test]
fn an_endpoint_reads_history_and_parameters_and_its_answer_is_stored() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["Some", " answer"]));
    let mut config = Config::memory();
    config.secret = Some(Arc::new(Secret::new([1; 32])));
    let kafka = Kafka::open(config).unwrap();
    let me = kafka.operator();
    let params = Params { temperature: Some(0.25), ..Params::default() };
    let new = NewModel {
        api_key: Some(String::from("sk-1").into()),
        upstream_model: Some("up".into()),
        is_default: true,
        params,
        ..NewModel::new("m", endpoint.base_url())
    };
    kafka.models(&me).create(new).unwrap();
    let chat = kafka.chats(&me).create(NewChat::default()).unwrap();
    for text in ["One?", "Two?"] {
        let answer =
            kafka.completions(&me).start(chat.id, AnswerRequest::text(text)).unwrap().wait().unwrap();
        assert_eq!(answer.message.content, "Some answer");
        let response = answer.response;
        assert_eq!((response.model_used.as_str(), response.provider.as_str()), ("scripted", "openai"));
        assert_eq!((response.tokens_prompt, response.tokens_completion), (Some(3), Some(2)));
        assert_eq!(response.finish_reason.as_deref(), Some("stop"));
    }
    let request = endpoint.requests().pop().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer sk-1"));
    let body: Value = request.json();
    assert_eq!((&body["model"], &body["temperature"]), (&json!("up"), &json!(0.25)));
    let message = |role: &str, content: &str| json!({"role": role, "content": content});
    let expected = [message("user", "One?"), message("assistant", "Some answer"), message("user", "Two?")];
    assert_eq!(body["messages"], Value::from(expected.to_vec()));
}
