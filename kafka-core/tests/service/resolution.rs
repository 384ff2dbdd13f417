//! Which model answers, and with which parameters.

use std::collections::BTreeMap;

use kafka_core::{
    AnswerRequest, ChatPatch, ErrorKind, ModelPatch, NewChat, NewModel, PageRequest, Params, TimeoutSeconds,
};
use serde_json::json;

use crate::stage::{In, MODEL, Stage, new_model};

fn asking(model: &str) -> AnswerRequest {
    AnswerRequest { model: Some(model.into()), ..AnswerRequest::text("Hi") }
}

/// Each line takes away what the line before it found.
#[test]
fn the_request_then_the_chat_then_the_owner_then_the_installation_then_echo() {
    let stage = Stage::new(In::Memory);
    let user = stage.user("asker");
    let kafka = &stage.kafka;
    stage.model(&user, new_model("asked for"));
    stage.model(&user, new_model("of the chat"));
    let own = stage.model(&user, NewModel { is_default: true, ..new_model("own default") });
    let shared = kafka.models(&stage.operator).list(&PageRequest::default()).unwrap().items;
    let shared = shared.iter().find(|model| model.name == MODEL).unwrap();
    let new = NewChat { default_model: Some("of the chat".into()), ..NewChat::default() };
    let chat = kafka.chats(&user).create(new).unwrap();
    let answering = |request: AnswerRequest| {
        let answer = kafka.completions(&user).start(chat.id, request).unwrap().wait().unwrap();
        assert_eq!(answer.message.model.as_deref(), Some(answer.response.model_used.as_str()));
        answer.response.model_used
    };
    let text = || AnswerRequest::text("Hi");
    assert_eq!(answering(asking("asked for")), "asked for");
    assert_eq!(answering(asking("")), "of the chat", "an empty name is none");
    assert_eq!(answering(text()), "of the chat");
    let no_default = ChatPatch { default_model: Some(None), ..ChatPatch::default() };
    kafka.chats(&user).update(chat.id, no_default).unwrap();
    assert_eq!(answering(text()), "own default");
    kafka.models(&user).delete(own.id).unwrap();
    assert_eq!(answering(text()), MODEL);
    kafka.models(&stage.operator).delete(shared.id).unwrap();
    assert_eq!(answering(text()), "echo");
    assert_eq!(answering(asking("echo")), "echo");
}

/// Names are the chat owner's, whoever asks.
#[test]
fn a_name_means_the_owners_model_before_a_shared_one() {
    let stage = Stage::new(In::Memory);
    let [owner, other] = ["owner", "other"].map(|name| stage.user(name));
    let upstream = |name: &str| NewModel { upstream_model: Some(name.into()), ..new_model("m") };
    stage.model(&owner, upstream("the owner's"));
    stage.model(&other, upstream("the other's"));
    stage.model(&stage.operator, upstream("the shared"));
    let chat = stage.chat_of(&owner);
    for actor in [&owner, &stage.operator] {
        let turn = stage.kafka.completions(actor).start(chat.id, asking("m")).unwrap();
        assert_eq!(turn.wait().unwrap().response.model_used, "the owner's");
    }
    let anonymous = stage.chat();
    assert_eq!(stage.ask(&anonymous, asking("m")).response.model_used, "the shared");
}

#[test]
fn an_unknown_model_is_not_found_before_anything_is_stored() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let refused = stage.refusal(&chat, asking("unheard of"));
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::NotFound, "model_not_found"));
    assert!(refused.message().contains("unheard of"), "{refused}");
    let stored = stage.kafka.chats(&stage.operator).get(chat.id).unwrap();
    assert_eq!(stored, chat);
    // A default is stored unchecked and found missing when it is used.
    let patch = ChatPatch { default_model: Some(Some("later".into())), ..ChatPatch::default() };
    stage.kafka.chats(&stage.operator).update(chat.id, patch).unwrap();
    assert_eq!(stage.refusal(&chat, AnswerRequest::text("Hi")).code(), "model_not_found");
    stage.model(&stage.operator, new_model("later"));
    assert_eq!(stage.ask(&chat, AnswerRequest::text("Hi")).response.model_used, "later");
}

#[test]
fn a_gateway_passes_unknown_names_through() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let new = NewModel { is_gateway: true, upstream_model: Some("up".into()), ..new_model("gate") };
    let gateway = stage.model(&stage.operator, new);
    assert_eq!(stage.ask(&chat, asking("vendor/model:free")).response.model_used, "vendor/model:free");
    assert_eq!(stage.ask(&chat, asking("gate")).response.model_used, "up");
    assert_eq!(
        stage.ask(&chat, asking("echo")).response.model_used,
        "echo",
        "the built-in one is not passed"
    );
    let patch = ModelPatch { is_gateway: Some(false), ..ModelPatch::default() };
    stage.kafka.models(&stage.operator).update(gateway.id, patch).unwrap();
    assert_eq!(stage.refusal(&chat, asking("vendor/model:free")).code(), "model_not_found");
}

#[test]
fn a_requests_parameters_replace_the_models_one_by_one() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let extra = |pairs: &[(&str, i64)]| -> BTreeMap<_, _> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    };
    let params = Params {
        temperature: Some(0.1),
        top_p: Some(0.2),
        stop: Some(vec!["a".into()]),
        extra: extra(&[("x", 1), ("y", 1)]),
        timeouts: Some(TimeoutSeconds { total: Some(7.0), ..TimeoutSeconds::default() }),
        ..Params::default()
    };
    stage.model(&stage.operator, NewModel { params, ..new_model("m") });
    let params = Params {
        temperature: Some(0.9),
        max_tokens: Some(5),
        seed: Some(-1),
        extra: extra(&[("y", 2), ("z", 2)]),
        ..Params::default()
    };
    stage.ask(&chat, AnswerRequest { params: Some(params), ..asking("m") });
    let call = stage.provider.calls().pop().unwrap();
    let sent = call.options.params;
    assert_eq!(
        (sent.temperature, sent.top_p, sent.max_tokens, sent.seed),
        (Some(0.9), Some(0.2), Some(5), Some(-1))
    );
    assert_eq!((sent.stop, sent.extra), (Some(vec!["a".into()]), extra(&[("x", 1), ("y", 2), ("z", 2)])));
    assert_eq!((call.options.timeouts.total.as_secs(), call.options.timeouts.connect.as_secs()), (7, 10));

    let params = Some(Params { temperature: Some(3.0), ..Params::default() });
    let refused = stage.refusal(&chat, AnswerRequest { params, ..asking("m") });
    assert_eq!(refused.code(), "params_out_of_range");
}
