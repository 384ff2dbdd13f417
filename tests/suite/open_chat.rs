//! Open Chat's clients, as they are.

use kafka_core::{
    Timestamp,
    testing::{Gate, Script, ScriptedEndpoint},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario, id},
    process::{Binary, RunningServer},
};

fn start(data: &TempDir, flags: &[&str]) -> (RunningServer, Api) {
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), flags);
    let api = Api::of(&server);
    (server, api)
}

fn conversation(api: &Api, model: &str) -> String {
    id(&api.expect(200, "POST", "/conversations", Some(&json!({"default_model": model}))))
}

fn send(api: &Api, chat: &str, body: Value) -> Value {
    api.expect(200, "POST", &format!("/conversations/{chat}/messages"), Some(&body))
}

/// The events of a stream as they come; they have no names and no numbers.
fn stream(api: &Api, chat: &str, query: &str) -> impl Iterator<Item = Value> + use<> {
    let path = format!("/conversations/{chat}/stream{query}");
    let (head, events) = api.open("GET", &path, &[], None).events();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
    events.map(|event| {
        let event = event.unwrap();
        assert_eq!((&*event.name, &*event.id), ("", ""), "{event:?}");
        event.json()
    })
}

/// The text that a whole stream makes, and its last event.
fn told(events: impl Iterator<Item = Value>) -> (String, Value) {
    let (mut text, mut last) = (String::new(), Value::Null);
    for event in events {
        assert_eq!(last, Value::Null, "{event} after the end");
        match event["content"].as_str() {
            Some(piece) => text += piece,
            None => last = event,
        }
    }
    (text, last)
}

fn contents(api: &Api, chat: &str) -> Vec<String> {
    let list = api.get(&format!("/conversations/{chat}/messages"));
    let messages = list["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// What a client does from the first to the last, with the shapes that it reads.
fn live(api: &Api, endpoint: &ScriptedEndpoint) {
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url()}));
    assert_eq!(
        api.get("/models"),
        json!({"models": [{"id": "m", "name": "m"}, {"id": "echo", "name": "echo"}], "cached": false})
    );
    let made = api.expect(200, "POST", "/conversations", Some(&json!({})));
    let chat = id(&made);
    let members: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(members, ["created_at", "default_model", "id", "updated_at"]);
    assert_eq!(made["default_model"], "echo");
    let path = format!("/conversations/{chat}");
    assert_eq!(api.get(&path), made);
    let changed = api.patch(&path, &json!({"default_model": "m"}));
    assert_eq!((&changed["id"], &changed["default_model"]), (&made["id"], &json!("m")));

    let question = send(api, &chat, json!({"message": "Why?"}));
    assert_eq!(
        (&question["role"], &question["content"], &question["model"]),
        (&json!("user"), &json!("Why?"), &Value::Null)
    );
    assert!(question["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
    let (text, last) = told(stream(api, &chat, ""));
    assert_eq!(text, "Nobody knows.");
    assert_eq!(last["done"], true);
    let answer = last["message_id"].as_str().unwrap();

    let list = api.get(&format!("{path}/messages"));
    assert_eq!((&list["conversation_id"], list["messages"].as_array().unwrap().len()), (&json!(chat), 2));
    assert_eq!(list["messages"][0], question);
    let shown = &list["messages"][1];
    let found = [&shown["id"], &shown["role"], &shown["content"], &shown["model"]];
    assert_eq!(
        found.map(|value| value.as_str().unwrap()),
        [answer, "assistant", "Nobody knows.", "scripted"]
    );
    let listed = &api.get("/conversations")["conversations"];
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["message_count"]), (&json!(chat), &json!(2)));

    // What the answer has cost stands in its record, which goes with the conversation.
    let record = api.get(&format!("/api/v1/messages/{answer}"))["response"].clone();
    assert_eq!((&record["model_used"], &record["tokens_total"]), (&json!("scripted"), &json!(5)));
    let deleted = api.expect(200, "DELETE", &path, None);
    assert_eq!(deleted, json!({"status": "deleted", "conversation_id": chat}));
    for gone in [
        path.clone(),
        format!("{path}/messages"),
        format!("{path}/stream"),
        format!("/api/v1/messages/{answer}"),
        format!("/api/v1/responses/{}", id(&record)),
    ] {
        let refused = api.expect(404, "GET", &gone, None);
        assert!(
            gone.starts_with("/api/") || refused["detail"] == "Conversation not found",
            "{gone}: {refused}"
        );
    }
    assert_eq!(api.get("/conversations"), json!({"conversations": []}));
}

fn answering() -> ScriptedEndpoint {
    ScriptedEndpoint::start(|_| Script::stream(&["Nobody", " knows."]))
}

#[test]
fn a_client_makes_a_conversation_asks_streams_and_deletes() {
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &["--dialect=open-chat"]);
    live(&api, &answering());
}

#[test]
fn a_message_or_a_stream_may_name_another_model_and_a_gateway_is_sent_names_that_no_row_has() {
    let endpoint = ScriptedEndpoint::start(|request| match request.path.ends_with("/models") {
        true => Script::json(200, &json!({"data": [{"id": "openai/gpt-4"}, {"id": "meta/llama"}]})),
        false => Script::stream(&["Yes."]),
    });
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    let row = json!({"name": "openrouter", "base_url": endpoint.base_url(), "is_gateway": true});
    api.post("/api/v1/models", &row);
    let names = ["openrouter", "echo", "openai/gpt-4", "meta/llama"];
    let offered = |cached: bool| json!({"models": names.map(|name| json!({"id": name, "name": name})), "cached": cached});
    assert_eq!((api.get("/models"), api.get("/models")), (offered(false), offered(true)));
    assert_eq!(endpoint.requests().len(), 1);
    let chat = conversation(&api, "openai/gpt-4");
    for (model, query, expected) in [
        (Value::Null, "", "openai/gpt-4"),
        (json!("meta/llama"), "", "meta/llama"),
        (json!("meta/llama"), "?model=vendor/unlisted:free", "vendor/unlisted:free"),
        (json!(""), "?model=", "openai/gpt-4"),
    ] {
        let question = send(&api, &chat, json!({"message": "So?", "model": model}));
        assert_eq!(question["model"], if model == "" { Value::Null } else { model.clone() });
        assert_eq!(told(stream(&api, &chat, query)).0, "Yes.");
        assert_eq!(endpoint.requests().last().unwrap().json()["model"], expected);
    }
    // The whole line is sent, question by question.
    let last = endpoint.requests().last().unwrap().json();
    assert_eq!(last["messages"].as_array().unwrap().len(), 7);
}

#[test]
fn a_gateway_that_is_down_leaves_the_rows() {
    let endpoint = ScriptedEndpoint::start(|_| Script::json(500, &json!({"error": {"message": "down"}})));
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    let row = json!({"name": "gate", "base_url": endpoint.base_url(), "is_gateway": true});
    api.post("/api/v1/models", &row);
    let rows =
        json!({"models": [{"id": "gate", "name": "gate"}, {"id": "echo", "name": "echo"}], "cached": false});
    assert_eq!((api.get("/models"), api.get("/models")), (rows.clone(), rows));
    assert_eq!(endpoint.requests().len(), 1);
}

/// Browsers come again when a stream has ended.
#[test]
fn who_asks_for_a_stream_again_is_told_the_same_answer_and_the_model_is_asked_once() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |request| match request.number {
        0 => Script::events().token("Half").wait_for(&held).token(" more").finish("stop").done(),
        1 => Script::json(400, &json!({"error": {"message": "broken"}})),
        _ => Script::stream(&["Now it works."]),
    });
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url()}));
    let chat = conversation(&api, "m");
    send(&api, &chat, json!({"message": "one"}));
    let path = format!("/conversations/{chat}/stream");
    // Looking does not ask.
    assert_eq!(api.send("HEAD", &path, &[], None).status, 200);
    let mut first = stream(&api, &chat, "");
    let begun = first.next().unwrap();
    assert_eq!(begun, json!({"content": "Half"}));
    let mut twin = stream(&api, &chat, "");
    assert_eq!(twin.next().unwrap(), begun);
    gate.open();
    let rest: Vec<Value> = first.collect();
    assert_eq!(twin.collect::<Vec<_>>(), rest);
    let (text, last) = told(stream(&api, &chat, "?model=echo"));
    assert_eq!((&*text, Some(&last)), ("Half more", rest.last()));
    assert_eq!(
        (contents(&api, &chat), endpoint.requests().len()),
        (vec!["one".into(), "Half more".into()], 1)
    );
    // What failed is asked again.
    send(&api, &chat, json!({"message": "two"}));
    let (text, last) = told(stream(&api, &chat, ""));
    assert_eq!(text, "");
    assert!(last["error"].as_str().unwrap().contains("broken"), "{last}");
    assert_eq!(told(stream(&api, &chat, "")).0, "Now it works.");
    assert_eq!(contents(&api, &chat), ["one", "Half more", "two", "Now it works."]);
    assert_eq!(endpoint.requests().len(), 3);
}

#[test]
fn each_mistake_has_its_status_and_the_dialects_shape() {
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    let chat = conversation(&api, "nowhere");
    let [one, messages, events] =
        ["", "/messages", "/stream"].map(|rest| format!("/conversations/{chat}{rest}"));
    let unknown = "/conversations/01900000-0000-7000-8000-000000000000";
    let scenario = |method, path, body, status, contains| Scenario {
        method,
        path,
        body,
        status,
        contains,
        lacks: &["problem+json"],
        ..Scenario::default()
    };
    api.run(&[
        scenario(
            "GET",
            &events,
            None,
            400,
            &[r#""detail":"No messages in conversation""#, "conversation_empty"],
        ),
        scenario(
            "GET",
            "/conversations/7",
            None,
            404,
            &[r#""detail":"Conversation not found""#, "chat_not_found"],
        ),
        scenario("GET", unknown, None, 404, &["Conversation not found"]),
        scenario("PATCH", unknown, Some(r#"{"default_model":"m"}"#), 404, &["Conversation not found"]),
        scenario("DELETE", unknown, None, 404, &["Conversation not found"]),
        scenario("PATCH", &one, Some("{}"), 422, &[r#""loc":["body","default_model"]"#, "missing"]),
        scenario("PATCH", &one, Some(r#"{"default_model":null}"#), 422, &["string_type"]),
        scenario("POST", "/conversations", Some(r#"{"default_model":7}"#), 422, &["string_type"]),
        scenario("POST", &messages, Some("{}"), 422, &[r#""loc":["body","message"]"#, "missing"]),
        scenario(
            "POST",
            &messages,
            Some(r#"{"message":""}"#),
            422,
            &["string_too_short", r#""min_length":1"#],
        ),
        scenario(
            "POST",
            &messages,
            Some("{\"message\":\"\\u0000\"}"),
            422,
            &["nul_in_text", r#""loc":["body","message"]"#],
        ),
        scenario(
            "POST",
            &messages,
            Some(r#"{"message":"Hi","model":[]}"#),
            422,
            &[r#""loc":["body","model"]"#],
        ),
        scenario("PUT", &one, Some("{}"), 405, &["method_not_allowed"]),
    ]);
    // A model that cannot be found is told where clients listen.
    send(&api, &chat, json!({"message": "Hi"}));
    let (_, last) = told(stream(&api, &chat, ""));
    assert!(last["error"].as_str().unwrap().contains("nowhere"), "{last}");
    assert_eq!(told(stream(&api, &chat, "?model=echo")).0, "Echo: Hi");
    // What is too long in the query is not looked for in a body.
    let (long, loc) = (format!("{events}?model={}", "x".repeat(256)), r#""loc":["query","model"]"#);
    send(&api, &chat, json!({"message": "Ho"}));
    api.run(&[scenario("GET", &long, None, 422, &["text_too_long", loc])]);
}

/// What stands behind the last question, by whatever door, is no reason to refuse, and an answer is not asked for twice.
#[test]
fn a_stream_answers_the_last_question_or_tells_the_answer_that_there_is() {
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    let system = ("system", "Be brief.");
    for (stored, expected, left) in [
        (&[system][..], None, &["Be brief."][..]),
        (&[("user", "Hi"), system], Some("Echo: Hi"), &["Hi", "Echo: Hi"]),
        (&[("user", "Hi"), ("assistant", "By hand.")], Some("By hand."), &["Hi", "By hand."]),
        (
            &[("user", "Hi"), ("assistant", "By hand."), system],
            Some("By hand."),
            &["Hi", "By hand.", "Be brief."],
        ),
        (
            &[("user", "Hi"), ("assistant", "By hand."), ("user", "Ho")],
            Some("Echo: Ho"),
            &["Hi", "By hand.", "Ho", "Echo: Ho"],
        ),
    ] {
        let chat = conversation(&api, "echo");
        for (role, content) in stored {
            let said = json!({"role": role, "content": content});
            api.post(&format!("/api/v1/chats/{chat}/messages"), &said);
        }
        match expected {
            None => {
                let refused = api.expect(400, "GET", &format!("/conversations/{chat}/stream"), None);
                assert_eq!(refused["code"], "nothing_to_answer");
            }
            Some(expected) => {
                for _ in 0..2 {
                    let (text, last) = told(stream(&api, &chat, ""));
                    let answer =
                        api.get(&format!("/api/v1/messages/{}", last["message_id"].as_str().unwrap()));
                    assert_eq!((&*text, &answer["content"]), (expected, &json!(expected)), "{stored:?}");
                }
            }
        }
        assert_eq!(contents(&api, &chat), left, "{stored:?}");
    }
    // A copy of an answer is one, and however much stands behind it.
    let chat = conversation(&api, "echo");
    send(&api, &chat, json!({"message": "Hi"}));
    told(stream(&api, &chat, ""));
    let fork = id(&api.post(&format!("/api/v1/chats/{chat}/fork"), &json!({})));
    for _ in 0..25 {
        api.post(
            &format!("/api/v1/chats/{fork}/messages"),
            &json!({"role": "system", "content": "Be brief."}),
        );
    }
    assert_eq!(told(stream(&api, &fork, "")).0, "Echo: Hi");
    assert_eq!(contents(&api, &fork).len(), 27);
}

/// Clients have no word for an answer that is awaited or failed, and would draw it as an empty one.
#[test]
fn answers_of_which_nothing_came_are_not_listed() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |request| match request.number {
        0 => Script::json(400, &json!({"error": {"message": "broken"}})),
        _ => Script::events().wait_for(&held).token("Here.").finish("stop").done(),
    });
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url()}));
    let chat = conversation(&api, "m");
    let number = api.get("/api/chats/")["items"][0]["id"].clone();
    let listed = |expected: &[&str]| {
        assert_eq!(contents(&api, &chat), expected);
        for page in ["", "?page=1"] {
            let list = api.get(&format!("/api/messages/chat/{number}{page}"));
            let items = list["items"].as_array().unwrap().iter();
            let told: Vec<&str> = items.map(|item| item["content"].as_str().unwrap()).collect();
            assert_eq!(told, expected, "{page}");
        }
    };
    send(&api, &chat, json!({"message": "one"}));
    assert!(told(stream(&api, &chat, "")).1["error"].is_string());
    listed(&["one"]);
    let answer = api.get(&format!("/api/v1/chats/{chat}/messages"))["items"][1].clone();
    assert_eq!((&answer["content"], &answer["status"]), (&json!(""), &json!("failed")));
    send(&api, &chat, json!({"message": "two"}));
    let awaited = stream(&api, &chat, "");
    listed(&["one", "two"]);
    gate.open();
    assert_eq!(told(awaited).0, "Here.");
    listed(&["one", "two", "Here."]);
}

/// What clients show has a name.
#[test]
fn a_conversation_without_a_model_has_the_one_that_would_answer() {
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    let elsewhere = api.chat();
    let named = |name: &str| {
        let list = api.get("/conversations");
        let one = api.get(&format!("/conversations/{elsewhere}"));
        let found = list["conversations"].as_array().unwrap().iter().find(|entry| entry["id"] == *elsewhere);
        assert_eq!((&found.unwrap()["default_model"], &one["default_model"]), (&json!(name), &json!(name)));
    };
    named("echo");
    let row = json!({"name": "m", "base_url": "http://127.0.0.1:9/v1", "is_default": true});
    api.post("/api/v1/models", &row);
    named("m");
    // Looking stores nothing.
    assert_eq!(api.get(&format!("/api/v1/chats/{elsewhere}"))["default_model"], Value::Null);
    for (asked, stored) in [("", "m"), ("  ", "m"), ("echo", "echo")] {
        let body = json!({"default_model": asked});
        let path = format!("/conversations/{elsewhere}");
        assert_eq!(api.patch(&path, &body)["default_model"], stored, "{asked:?}");
        let made = api.expect(200, "POST", "/conversations", Some(&body));
        for chat in [&elsewhere, &id(&made)] {
            assert_eq!(api.get(&format!("/api/v1/chats/{chat}"))["default_model"], stored, "{asked:?}");
        }
    }
}

/// The line ends where the active branch does.
#[test]
fn a_conversation_with_branches_is_one_line() {
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    let chat = conversation(&api, "echo");
    let first = id(&send(&api, &chat, json!({"message": "one"})));
    send(&api, &chat, json!({"message": "left"}));
    let right = json!({"role": "user", "content": "right", "parent_id": first});
    api.post(&format!("/api/v1/chats/{chat}/messages"), &right);
    assert_eq!(told(stream(&api, &chat, "")).0, "Echo: right");
    assert_eq!(contents(&api, &chat), ["one", "right", "Echo: right"]);
    assert_eq!(api.get("/conversations")["conversations"][0]["message_count"], 3);
}

/// What the original answers otherwise, and why that is not copied.
struct Difference<'a> {
    #[expect(dead_code, reason = "it is written for whoever reads the table")]
    reason: &'a str,
    #[expect(dead_code, reason = "it is written for whoever reads the table")]
    original: &'a str,
    here: Scenario<'a>,
}

#[test]
fn how_it_is_and_how_much_there_is_stands_at_the_root() {
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    let chat = conversation(&api, "echo");
    send(&api, &chat, json!({"message": "Hi"}));
    let root = api.get("/");
    assert_eq!((&root["status"], root["service"].is_string()), (&json!("online"), true));
    assert_eq!((&root["conversations"], &root["total_messages"]), (&json!(1), &json!(1)));
    let health = api.get("/health");
    assert!(health["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{health}");
}

#[test]
fn what_differs_from_the_original_does_so_on_purpose() {
    let data = TempDir::new().unwrap();
    let (_server, api) = start(&data, &[]);
    let chat = conversation(&api, "echo");
    let messages = format!("/conversations/{chat}/messages");
    let events = format!("/conversations/{chat}/stream");
    let one = format!("/conversations/{chat}");
    send(&api, &chat, json!({"message": "Hi"}));
    told(stream(&api, &chat, ""));
    let here = |method, path, body, status, contains| Scenario {
        method,
        path,
        body,
        status,
        contains,
        ..Scenario::default()
    };
    let differences = [
        Difference {
            reason: "A question has one answer: browsers come again by themselves, and each time would cost. Who \
                     wants another sends the question again.",
            original: "asks the model again",
            here: here("GET", &events, None, 200, &["\"done\":true"]),
        },
        Difference {
            reason: "A question remembers which model it was put to.",
            original: "\"model\": null",
            here: here(
                "POST",
                &messages,
                Some(r#"{"message":"Hi","model":"echo"}"#),
                200,
                &[r#""model":"echo""#],
            ),
        },
        Difference {
            reason: "Without a key there is still a model that answers.",
            original: "500",
            here: here("GET", "/models", None, 200, &["echo"]),
        },
        Difference {
            reason: "An instant without a zone means another one on every machine.",
            original: "2026-01-01T00:00:00.000000",
            here: here("GET", &one, None, 200, &["Z\""]),
        },
        Difference {
            reason: "What another site's page sends along by itself must not open anything: a login gives a token \
                     and no cookie.",
            original: "Set-Cookie: session_token",
            here: Scenario {
                lacks: &["set-cookie"],
                ..here(
                    "POST",
                    "/auth/login",
                    Some(r#"{"email":"k@example.org"}"#),
                    200,
                    &["\"is_active\":true", "\"id\":"],
                )
            },
        },
    ];
    api.run(&differences.map(|difference| difference.here));
}

mod slow {
    use super::*;

    #[test]
    fn where_a_password_is_asked_for_a_token_opens_the_same_and_only_ones_own() {
        let data = TempDir::new().unwrap();
        let flags = ["--auth=password", "--registration=open"];
        let (_server, api) = start(&data, &flags);
        let enter = |name: &str| {
            let account = json!({"email": format!("{name}@example.org"), "password": "the castle"});
            let made = api.post("/api/v1/auth/register", &account);
            api.with_token(made["token"].as_str().unwrap())
        };
        // The first administers, and may reach a model on this machine.
        let [k, other] = ["k", "other"].map(enter);
        live(&k, &answering());
        // How much everyone has stored is told to nobody else.
        for (caller, told) in [(&k, json!(0)), (&other, Value::Null), (&api, Value::Null)] {
            let root = caller.get("/");
            assert_eq!([&root["conversations"], &root["total_messages"]], [&told; 2]);
        }
        let chat = conversation(&k, "echo");
        send(&k, &chat, json!({"message": "mine"}));
        assert_eq!(other.get("/conversations"), json!({"conversations": []}));
        for path in ["", "/messages", "/stream"].map(|rest| format!("/conversations/{chat}{rest}")) {
            assert_eq!(other.expect(404, "GET", &path, None)["detail"], "Conversation not found");
            let refused = api.send("GET", &path, &[], None);
            assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
        }
        // Nobody's server is asked through it from inside.
        let inside = json!({"name": "in", "base_url": "http://127.0.0.1:9/v1", "is_gateway": true});
        other.expect(422, "POST", "/api/v1/models", Some(&inside));
        assert_eq!(told(stream(&k, &chat, "")).0, "Echo: mine");
    }
}
