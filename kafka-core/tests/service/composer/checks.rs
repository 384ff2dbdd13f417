//! Endpoints without a mode for JSON, and services of others that check.

use kafka_core::{
    ComposeRequest, Config, Kafka, NewModel, ResponseStatus, Step,
    testing::{Script, ScriptedEndpoint},
};
use serde_json::json;

use crate::stage::{In, Stage};

use super::{compose, content, files, obedient, says, step_of, triage};

#[test]
fn an_endpoint_without_a_mode_for_json_is_asked_without_and_remembered() {
    let endpoint = ScriptedEndpoint::start(|request| match request.json()["response_format"].is_null() {
        false => Script::reply(400, &[], "response_format is not supported"),
        true => {
            let said = json!({"genNewFile": false, "plain_response": true, "text": "Good day."});
            Script::stream(&["Well: ", &said.to_string()])
        }
    });
    let stage = Stage::new(In::Memory);
    stage.model(&stage.operator, NewModel::new("plain", endpoint.base_url()));
    let chat = stage.chat();
    for calls in [3, 5] {
        let mut request = ComposeRequest::text("hello");
        request.answer.model = Some("plain".to_owned());
        let answer = compose(&stage, &chat, request);
        assert_eq!(
            (answer.response.status, &*answer.message.content),
            (ResponseStatus::Completed, "Good day.")
        );
        assert_eq!(endpoint.requests().len(), calls);
    }
}

#[test]
fn another_service_may_check_and_what_it_says_is_told_to_the_model() {
    let service = ScriptedEndpoint::start(|request| match request.number {
        0 => Script::json(200, &json!({"status": "error", "error": "line 1:\nno colour"})),
        1 => Script::json(200, &json!({"status": "success", "converted_code": "x"})),
        2 => Script::reply(500, &[], "oops"),
        _ => Script::events().until_hung_up(),
    });
    let url = service.base_url().replace("/v1", "/validate?v=1");
    // Its own rules do not count then.
    let stage = Stage::with(
        In::Memory,
        |call| match step_of(call) {
            Step::Triage => triage(true, false),
            _ => says(&json!({"filename": format!("f{}.based", call.number), "text": "no Based\n"})),
        },
        |config| config.based_validator = Some(url),
    );
    let chat = stage.chat();
    let answer = compose(&stage, &chat, ComposeRequest::text("write"));
    assert_eq!(answer.response.status, ResponseStatus::Completed, "{:?}", answer.response);
    assert_eq!(content(&answer)["based_content"], "no Based\n");
    let told = stage.provider.calls()[2].prompt.messages[0].content.clone();
    assert!(told.contains("line 1: no colour"), "{told}");
    let request = &service.requests()[0];
    assert_eq!((&*request.method, &*request.path), ("POST", "/validate?v=1"));
    assert_eq!((request.json(), request.header("authorization")), (json!({"code": "no Based\n"}), None));

    let failed = compose(&stage, &chat, ComposeRequest::text("write"));
    let error = failed.response.error.unwrap();
    assert_eq!(error.code, "validator_failed");
    assert!(error.detail.contains("HTTP 500"), "{}", error.detail);
    // While it is silent, the answer can be cancelled.
    let turn = stage.kafka.composer(&stage.operator).start(chat.id, ComposeRequest::text("write")).unwrap();
    service.wait_for_requests(4);
    turn.cancel().unwrap();
    assert_eq!(turn.wait().unwrap().response.status, ResponseStatus::Cancelled);
    assert_eq!(files(&stage, &chat).len(), 1);

    let mut config = Config::memory();
    config.based_validator = Some("checker".to_owned());
    assert_eq!(Kafka::open(config).unwrap_err().code(), "based_validator_invalid");
}

#[test]
fn the_built_in_model_composes_nothing_and_answers_as_always() {
    let stage = Stage::scripted(obedient);
    let chat = stage.chat();
    let mut request = ComposeRequest { is_first_prompt: true, ..ComposeRequest::text("please write") };
    request.answer.model = Some("echo".to_owned());
    let answer = compose(&stage, &chat, request);
    assert_eq!((&*answer.message.content, answer.response.attempts), ("Echo: please write", None));
}
