//! Asking models over HTTP.

use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id, text},
    process::{Binary, RunningServer},
    rows::run_sql,
};

/// A server with a model `m`, which is the endpoint.
fn server_with(endpoint: &ScriptedEndpoint, data: &TempDir, params: &Value) -> (RunningServer, Api) {
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let model = json!({"name": "m", "base_url": endpoint.base_url(), "params": params, "is_default": true});
    api.post("/api/v1/models", &model);
    (server, api)
}

#[test]
fn an_answer_comes_in_one_piece_with_its_record() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["It ", "works."]));
    let data = TempDir::new().unwrap();
    let (_server, api) = server_with(&endpoint, &data, &json!({}));
    let chat = api.chat();
    let answer = api.post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "Does it?"}));
    assert_eq!(answer["sources"], json!([]));
    let (question, message, response) = (&answer["user_message"], &answer["message"], &answer["response"]);
    assert_eq!((&question["content"], &question["role"]), (&json!("Does it?"), &json!("user")));
    assert_eq!((&message["content"], &message["status"]), (&json!("It works."), &json!("complete")));
    assert_eq!((&message["parent_id"], &message["response"]), (&question["id"], response));
    assert_eq!((&response["status"], &response["finish_reason"]), (&json!("completed"), &json!("stop")));
    assert_eq!((&response["tokens_prompt"], &response["tokens_completion"]), (&json!(3), &json!(2)));
    assert_eq!(api.get(&format!("/api/v1/responses/{}", id(response))), *response);
}

#[test]
fn history_goes_along_and_a_question_can_be_answered_again() {
    let endpoint = ScriptedEndpoint::start(|request| Script::answer(&format!("answer {}", request.number)));
    let data = TempDir::new().unwrap();
    let (_server, api) = server_with(&endpoint, &data, &json!({}));
    let chat = api.chat();
    let path = format!("/api/v1/chats/{chat}/responses");
    api.post(&path, &json!({"content": "first"}));
    let second = api.post(&path, &json!({"content": "second"}));
    let again = api.post(&path, &json!({}));
    assert_eq!(again["user_message"]["id"], second["user_message"]["id"]);
    assert_eq!(again["message"]["content"], "answer 2");
    let sent: Vec<Value> =
        endpoint.requests().iter().map(|request| request.json()["messages"].clone()).collect();
    let contents = |messages: &Value| {
        messages.as_array().unwrap().iter().map(|message| message["content"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(contents(&sent[1]), ["first", "answer 0", "second"]);
    assert_eq!(contents(&sent[2]), ["first", "answer 0", "second"], "the other answer is on another branch");
}

#[test]
fn a_model_that_fails_is_a_problem_and_what_was_stored_is_named() {
    for (script, params, status, code) in [
        (
            Script::json(401, &json!({"error": {"message": "bad key"}})),
            json!({}),
            502,
            "provider_key_refused",
        ),
        (Script::reply(400, &[], "no"), json!({}), 502, "provider_refused"),
        (
            Script::events().until_hung_up(),
            json!({"timeouts": {"first_token": 0.2}}),
            504,
            "provider_timeout",
        ),
    ] {
        let endpoint = ScriptedEndpoint::start(move |_| script.clone());
        let data = TempDir::new().unwrap();
        let (_server, api) = server_with(&endpoint, &data, &params);
        let chat = api.chat();
        let path = format!("/api/v1/chats/{chat}/responses");
        let reply = api.send("POST", &path, &[], Some(r#"{"content":"Hello?"}"#));
        let problem = reply.json();
        assert_eq!((reply.status, reply.header("content-type")), (status, Some("application/problem+json")));
        assert_eq!(problem["code"], code, "{problem}");
        let response = api.get(&format!("/api/v1/responses/{}", problem["response_id"].as_str().unwrap()));
        assert_eq!((&response["status"], &response["error"]["code"]), (&json!("failed"), &problem["code"]));
        assert_eq!(response["error"]["detail"], problem["detail"]);
        let question = api.get(&format!("/api/v1/messages/{}", problem["user_message_id"].as_str().unwrap()));
        assert_eq!(question["content"], "Hello?");
    }
}

/// Whoever asks is not told that the model failed when the database did.
#[test]
fn a_chat_that_cannot_be_read_is_no_failure_of_the_model() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    let damaged = api.message(&chat, "damaged");
    run_sql(data.path(), "UPDATE messages SET parts = 'no JSON' WHERE id = $1", &[&damaged]);
    let asked = json!({"content": "Hello?", "model": "echo"});
    let problem = api.expect(500, "POST", &format!("/api/v1/chats/{chat}/responses"), Some(&asked));
    assert_eq!(problem["code"], "storage_failed", "{problem}");
    let response = api.get(&format!("/api/v1/responses/{}", problem["response_id"].as_str().unwrap()));
    assert_eq!((&response["status"], &response["error"]["detail"]), (&json!("failed"), &problem["detail"]));
}

#[test]
fn an_endpoint_that_is_not_there_is_named() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    api.post("/api/v1/models", &json!({"name": "m", "base_url": "http://127.0.0.1:9/v1"}));
    let chat = api.chat();
    let asked = json!({"content": "Hello?", "model": "m"});
    let problem = api.expect(502, "POST", &format!("/api/v1/chats/{chat}/responses"), Some(&asked));
    assert_eq!(problem["code"], "provider_unreachable");
    assert!(problem["detail"].as_str().unwrap().contains("127.0.0.1:9"), "{problem}");
}

#[test]
fn after_a_stream_has_begun_failure_is_its_last_event() {
    let endpoint = ScriptedEndpoint::start(|_| Script::reply(400, &[], "no"));
    let data = TempDir::new().unwrap();
    let (_server, api) = server_with(&endpoint, &data, &json!({}));
    let events: Vec<_> = api.ask(&api.chat(), &json!({"content": "Hello?"})).collect();
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["response.started", "response.failed"]);
    assert_eq!(events[1].json()["response"]["error"]["code"], "provider_refused");
}

#[test]
fn an_endpoint_that_goes_away_leaves_what_came() {
    let endpoint = ScriptedEndpoint::start(|_| Script::events().token("Half a").reset());
    let data = TempDir::new().unwrap();
    let (_server, api) = server_with(&endpoint, &data, &json!({}));
    let chat = api.chat();
    let answer = api.post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "Hello?"}));
    assert_eq!(answer["response"]["status"], "interrupted");
    assert_eq!(
        (&answer["message"]["content"], &answer["message"]["status"]),
        (&json!("Half a"), &json!("interrupted"))
    );
}

#[test]
fn a_stopped_answer_keeps_what_came_and_stopping_it_again_changes_nothing() {
    let endpoint = ScriptedEndpoint::start(|_| Script::events().token("Half a").until_hung_up());
    let data = TempDir::new().unwrap();
    let (_server, api) = server_with(&endpoint, &data, &json!({}));
    let mut events = api.ask(&api.chat(), &json!({"content": "Go on for ever."}));
    let started = events.next().unwrap().json();
    assert_eq!(events.next().unwrap().name, "message.delta");
    let path = format!("/api/v1/responses/{}/cancel", id(&started["response"]));
    let stopped = api.expect(200, "POST", &path, None);
    assert_eq!(stopped["response"]["status"], "cancelled");
    assert_eq!(events.last().unwrap().name, "response.cancelled");
    endpoint.wait_for_hang_ups(1);
    assert_eq!(api.expect(200, "POST", &path, None), stopped);
    let message = stopped["response"]["message_id"].as_str().unwrap();
    assert_eq!(api.get(&format!("/api/v1/messages/{message}"))["content"], "Half a");
}

#[test]
fn answers_of_one_chat_wait_for_each_other_and_at_most_sixteen_do() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |request| {
        Script::new().wait_for(&held).then(Script::answer(&format!("answer {}", request.number)))
    });
    let data = TempDir::new().unwrap();
    let (_server, api) = server_with(&endpoint, &data, &json!({}));
    let chat = api.chat();
    let mut streams: Vec<_> = (0..17).map(|at| api.ask(&chat, &json!({"content": at.to_string()}))).collect();
    for stream in &mut streams {
        assert_eq!(stream.next().unwrap().name, "response.started");
    }
    let path = format!("/api/v1/chats/{chat}/responses");
    let refused = api.send("POST", &path, &[], Some(r#"{"content":"one too many"}"#));
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")), "{refused:?}");
    assert_eq!(refused.json()["code"], "chat_busy");
    gate.open();
    for (at, stream) in streams.into_iter().enumerate() {
        assert_eq!(text(&stream.collect::<Vec<_>>()), format!("answer {at}"));
    }
}
