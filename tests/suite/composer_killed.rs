//! A server that is killed while it composes: the answer is interrupted, the files are as they were, and what it
//! cost is counted once.

use kafka_core::testing::{Script, ScriptedEndpoint, ScriptedRequest};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    model::{step_of, text_of},
    process::{Binary, RunningServer, is_on_postgres},
};

/// The steps in which it is killed, and how often the model has been asked by then.
const STEPS: [(&str, usize); 4] = [("triage", 1), ("based", 2), ("diff", 2), ("reply", 2)];

/// A model that is asked by the name of a step, comes that far, and stops in the middle of its answer there.
fn script(request: &ScriptedRequest) -> Script {
    let (body, step) = (request.json(), step_of(request));
    let prompt = &body["messages"][1]["content"];
    if prompt == step {
        return Script::events().token("{\"text\": \"half of").until_hung_up();
    }
    let said = json!({"genNewFile": prompt == "based", "plain_response": prompt == "reply"});
    Script::stream(&[&said.to_string()])
}

/// All that a chat has of files.
fn files(api: &Api, chat: &str) -> [Value; 2] {
    let files = api.get(&format!("/api/v1/chats/{chat}/files"));
    let versions = api.get(&format!("/api/v1/chat-files/{}/versions", id(&files["items"][0])));
    [files, versions]
}

fn counted(api: &Api) -> u64 {
    api.get("/api/v1/usage")["total_tokens_used"].as_u64().unwrap()
}

fn kill_at_each_step(binary: &Binary) {
    let (data, endpoint) = (TempDir::new().unwrap(), ScriptedEndpoint::start(script));
    let start = || RunningServer::start(binary, data.path(), &[]);
    let mut server = start();
    let mut api = Api::of(&server);
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}));
    let chat = api.chat();
    let file = json!({"filename": "flow.based", "content": text_of("flow.based")});
    api.post(&format!("/api/v1/chats/{chat}/files"), &file);
    let before = files(&api, &chat);
    let (mut cost, mut of_first_call) = (0, None);
    for (step, calls) in STEPS {
        let seen = endpoint.requests().len();
        let told = api.ask(&chat, &json!({"content": step, "mode": "composer"}));
        // What is seen is on disk, and the model is asked besides.
        assert_eq!(told.take(1 + calls).filter(|event| event.name == "stage").count(), calls, "{step}");
        endpoint.wait_for_requests(seen + calls);
        server.kill9();

        server = start();
        api = Api::of(&server);
        let last = || {
            let messages = api.get(&format!("/api/v1/chats/{chat}/messages"));
            messages["items"].as_array().unwrap().last().unwrap().clone()
        };
        // They end when the answer does: on PostgreSQL a dead server is told by its silence of five seconds.
        let events = api.events(&id(&last()["response"]), 0);
        let message = last();
        assert_eq!(
            (&message["status"], &message["content"], &message["type"]),
            (&json!("interrupted"), &json!(""), &json!("text")),
            "{step}"
        );
        let response = &message["response"];
        let names: Vec<&str> = events.iter().map(|event| &*event.name).collect();
        let stages = vec!["stage"; calls];
        assert_eq!(names, [&["response.started"], &stages[..], &["response.interrupted"]].concat(), "{step}");
        assert_eq!(files(&api, &chat), before, "{step}");
        let tokens = response["tokens_total"].as_u64().unwrap();
        assert!(tokens > 0 && response["usage_estimated"] == true, "{step}: {response}");
        // Each call is counted, and costs no less than the first, before which nothing was said.
        assert!(tokens >= calls as u64 * *of_first_call.get_or_insert(tokens), "{step}: {tokens}");
        cost += tokens;
        assert_eq!(counted(&api), cost, "{step}");
    }
    // What was ended is not ended again.
    server.terminate();
    assert_eq!(counted(&Api::of(&start())), cost);
}

mod slow {
    use super::*;

    #[test]
    fn a_kill_at_any_step_interrupts_the_answer_and_leaves_every_file() {
        // There each kill takes seconds to be noticed.
        let binaries = if is_on_postgres() { vec![Binary::kafka_http()] } else { Binary::both().to_vec() };
        binaries.iter().for_each(kill_at_each_step);
    }
}
