//! Calls of tools: how they are stored, and what goes back to which model.

use kafka_core::{
    Answer, AnswerRequest, Chat, Config, Delta, ErrorKind, Kafka, Message, MessagePatch, MessageStatus,
    NewChat, NewMessage, NewModel, Params, PromptMessage, ProviderError, ResponseStatus, Role, ToolCall,
    testing::{Script, ScriptedAnswer, ScriptedCall, ScriptedEndpoint},
};
use serde_json::{Value, json};

use crate::stage::{In, Stage, new_model, sent};

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.into(), name: "look".into(), arguments: arguments.into(), incomplete: false }
}

fn part(id: &str, arguments: &str) -> Value {
    json!({"type": "tool_call", "id": id, "name": "look", "arguments": arguments})
}

/// A tool's result at the end of the active branch.
fn result(stage: &Stage, chat: &Chat, id: &str, text: &str) -> Message {
    let new = NewMessage { tool_call_id: Some(id.into()), ..NewMessage::text(Role::Tool, text) };
    stage.kafka.messages(&stage.operator).create(chat.id, new).unwrap()
}

/// Goes on from a tool's result.
fn go_on(stage: &Stage, chat: &Chat, from: &Message) -> Answer {
    let answer =
        stage.ask(chat, AnswerRequest { parent_id: Some(Some(from.id)), ..AnswerRequest::default() });
    assert_eq!((&answer.user_message.id, answer.message.parent_id), (&from.id, Some(from.id)));
    answer
}

/// Calls these tools at first, and answers in words from then on.
fn calling(calls: &'static [&'static str]) -> impl Fn(&ScriptedCall) -> ScriptedAnswer {
    move |asked| match asked.number {
        0 => calls
            .iter()
            .fold(ScriptedAnswer::new(), |answer, id| answer.say(Delta::ToolCall(call(id, "{\"at\":1}"))))
            .finish(),
        _ => ScriptedAnswer::of(&["Done."]),
    }
}

#[test]
fn the_parts_of_an_answer_stand_in_the_order_in_which_they_came() {
    let stage = Stage::scripted(|_| {
        ScriptedAnswer::new()
            .say(Delta::Reasoning("Hm".into()))
            .say(Delta::Reasoning(".".into()))
            .text("Let me ")
            .text("see.")
            .say(Delta::Reasoning("Again.".into()))
            .text(" So.")
            .say(Delta::ToolCall(call("a\0", "{\"at\":1}")))
            .say(Delta::ToolCall(ToolCall { incomplete: true, ..call("b", "{\"at\":") }))
            .finish()
    });
    let answer = stage.ask(&stage.chat(), AnswerRequest::text("Hi"));
    assert_eq!((answer.message.content.as_str(), answer.message.kind.as_str()), ("Let me see. So.", "text"));
    let mut cut = part("b", "{\"at\":");
    cut["incomplete"] = true.into();
    let parts = json!([
        {"type": "reasoning", "text": "Hm."},
        {"type": "text", "text": "Let me see."},
        {"type": "reasoning", "text": "Again."},
        {"type": "text", "text": " So."},
        part("a\u{FFFD}", "{\"at\":1}"),
        cut,
    ]);
    assert_eq!(answer.message.parts, Some(parts));
}

fn cut() -> ScriptedAnswer {
    ScriptedAnswer::new().say(Delta::ToolCall(call("a", "{}")))
}

fn failed() -> ProviderError {
    ProviderError::new(ErrorKind::Provider, "provider_failed", "The endpoint said no.")
}

#[test]
fn an_answer_of_calls_alone_is_complete_and_however_it_ends_they_are_kept() {
    type Answering = fn() -> ScriptedAnswer;
    let finished: Answering = || cut().say(Delta::Finish("tool_calls".into()));
    let cases = [
        ("finished", finished, ResponseStatus::Completed, MessageStatus::Complete),
        ("cut off", cut, ResponseStatus::Interrupted, MessageStatus::Interrupted),
        ("failed", || cut().fail(failed()), ResponseStatus::Failed, MessageStatus::Failed),
    ];
    for (name, script, response, message) in cases {
        let stage = Stage::scripted(move |_| script());
        let answer = stage.ask(&stage.chat(), AnswerRequest::text("Hi"));
        assert_eq!((answer.response.status, answer.message.status), (response, message), "{name}");
        assert_eq!(answer.message.content, "", "{name}");
        assert_eq!(answer.message.parts, Some(json!([part("a", "{}")])), "{name}");
        // "look" and "{}" count as 2 tokens, and 4 for the message.
        assert_eq!((answer.response.tokens_completion, answer.response.usage_estimated), (Some(6), true));
    }

    // Cancelled in the middle of a call, over a socket; the text shows that the calls were read.
    let begun = json!({"choices": [{"delta": {"tool_calls": [
        {"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}},
        {"index": 1, "id": "b", "function": {"name": "look", "arguments": "{\"at\":"}},
    ]}}]});
    let script = Script::events().data(&begun).token("Let me see.").until_hung_up();
    let endpoint = ScriptedEndpoint::start(move |_| script.clone());
    let (kafka, me) = kafka_with(&[("m", &endpoint, "up")]);
    let chat = kafka.chats(&me).create(NewChat::default()).unwrap();
    let turn = kafka.completions(&me).start(chat.id, ask_model("m", "Hi")).unwrap();
    let mut events = kafka.responses(&me).events(turn.id(), 0).unwrap();
    events.nth(1).unwrap().unwrap();
    turn.cancel().unwrap();
    let answer = turn.wait().unwrap();
    assert_eq!(answer.response.status, ResponseStatus::Cancelled);
    let mut begun = part("b", "{\"at\":");
    begun["incomplete"] = true.into();
    let parts = json!([{"type": "text", "text": "Let me see."}, part("a", "{}"), begun]);
    assert_eq!(answer.message.parts, Some(parts));
}

#[test]
fn a_tools_result_is_sent_with_its_call_and_answered() {
    let stage = Stage::scripted(calling(&["a", "b"]));
    let chat = stage.chat();
    stage.ask(&chat, AnswerRequest::text("Where?"));
    result(&stage, &chat, "b", "");
    let last = result(&stage, &chat, "a", "Here.");
    assert_eq!(last.tool_call_id.as_deref(), Some("a"));
    assert_eq!(stage.kafka.messages(&stage.operator).get(last.id).unwrap(), last);
    let answer = go_on(&stage, &chat, &last);
    assert_eq!(answer.message.content, "Done.");

    let expected = [("user", "Where?"), ("assistant", ""), ("tool", ""), ("tool", "Here.")];
    let asked = &stage.provider.calls()[1];
    assert_eq!(sent(asked), expected);
    let messages = &asked.prompt.messages;
    assert_eq!(messages[1].tool_calls, [call("a", "{\"at\":1}"), call("b", "{\"at\":1}")]);
    let ids: Vec<Option<&str>> = messages.iter().map(|message| message.tool_call_id.as_deref()).collect();
    assert_eq!(ids, [None, None, Some("b"), Some("a")]);

    // They stay in the history.
    stage.ask(&chat, AnswerRequest::text("And now?"));
    assert_eq!(
        sent(&stage.provider.calls()[2]),
        [&expected[..], &[("assistant", "Done."), ("user", "And now?")]].concat()
    );
}

/// Endpoints refuse a call without its result, and a result without its call.
#[test]
fn only_pairs_of_call_and_result_are_sent() {
    let stage = Stage::scripted(|asked| match asked.number {
        0 => ScriptedAnswer::new()
            .text("Let me see.")
            .say(Delta::ToolCall(call("a", "{}")))
            .say(Delta::ToolCall(ToolCall { incomplete: true, ..call("cut", "{") }))
            .say(Delta::ToolCall(call("b", "{}")))
            .finish(),
        1 => ScriptedAnswer::new().say(Delta::ToolCall(call("a", "{}"))).finish(),
        _ => ScriptedAnswer::of(&["Done."]),
    });
    let chat = stage.chat();
    let calls_of =
        |message: &PromptMessage| message.tool_calls.iter().map(|call| call.id.clone()).collect::<Vec<_>>();
    stage.say(&chat, Role::Tool, "of nothing");
    let first = stage.ask(&chat, AnswerRequest::text("One?")).message;
    for (id, text) in [("cut", "never run"), ("b", "B."), ("b", "B again."), ("other", "Other.")] {
        result(&stage, &chat, id, text);
    }
    stage.say(&chat, Role::Tool, "nameless");
    // The second answer is nothing but a call, to which the user gives no result in time.
    stage.ask(&chat, AnswerRequest::text("Two?"));
    stage.ask(&chat, AnswerRequest::text("Three?"));
    result(&stage, &chat, "a", "too late");
    stage.ask(&chat, AnswerRequest::text("Four?"));
    let asked = stage.provider.calls().pop().unwrap();
    let expected = [
        ("user", "One?"),
        ("assistant", "Let me see."),
        ("tool", "B."),
        ("user", "Two?"),
        ("user", "Three?"),
        ("assistant", "Done."),
        ("user", "Four?"),
    ];
    assert_eq!(sent(&asked), expected);
    assert_eq!(calls_of(&asked.prompt.messages[1]), ["b"]);

    // An edit replaces all that the message said, so its calls are gone with their results.
    let messages = stage.kafka.messages(&stage.operator);
    messages
        .update(first.id, MessagePatch { content: Some("Never mind.".into()), ..MessagePatch::default() })
        .unwrap();
    stage.ask(&chat, AnswerRequest::text("Five?"));
    let asked = stage.provider.calls().pop().unwrap();
    assert_eq!(sent(&asked)[..3], [("user", "One?"), ("assistant", "Never mind."), ("user", "Two?")]);
}

/// However long a result is: without the question and the call it would mean nothing.
#[test]
fn a_result_is_sent_with_what_led_to_it_when_the_context_is_full() {
    let stage = Stage::scripted(calling(&["a"]));
    let params = Params { context_tokens: Some(64), ..Params::default() };
    stage.model(&stage.operator, NewModel { params, is_default: true, ..new_model("small") });
    let chat = stage.chat();
    stage.say(&chat, Role::User, "Before.");
    stage.ask(&chat, AnswerRequest::text("Where?"));
    let long = "x".repeat(1000);
    go_on(&stage, &chat, &result(&stage, &chat, "a", &long));
    assert_eq!(sent(&stage.provider.calls()[1]), [("user", "Where?"), ("assistant", ""), ("tool", &long)]);
    // Later it is history like all else: what does not fit is left out, and no half of a pair is left.
    stage.ask(&chat, AnswerRequest::text("And now?"));
    assert_eq!(sent(&stage.provider.calls()[2]), [("assistant", "Done."), ("user", "And now?")]);
}

#[test]
fn what_a_client_stores_of_tools_is_checked() {
    let stage = Stage::new(In::Memory);
    let chat = stage.chat();
    let messages = stage.kafka.messages(&stage.operator);
    let from_json = |message: Value| messages.create(chat.id, serde_json::from_value(message).unwrap());
    from_json(json!({"role": "user", "content": "Where?"})).unwrap();
    let asked = from_json(json!({"role": "assistant", "content": "", "parts": [part("a", "{}")]})).unwrap();
    assert_eq!((asked.parts, asked.tool_call_id), (Some(json!([part("a", "{}")])), None));
    let last = from_json(json!({"role": "tool", "content": "", "tool_call_id": "a"})).unwrap();
    assert_eq!(serde_json::to_value(&last).unwrap()["tool_call_id"], "a");
    go_on(&stage, &chat, &last);
    let prompt = &stage.provider.calls()[0].prompt;
    assert_eq!(prompt.messages[1].tool_calls, [call("a", "{}")], "as if the model had made it");
    assert_eq!(prompt.messages[2].tool_call_id.as_deref(), Some("a"));

    let too_long = "x".repeat((1 << 20) + 1);
    let refused = [
        (json!({"role": "user", "content": "x", "tool_call_id": "a"}), "tool_call_id_misplaced"),
        (json!({"role": "tool", "content": "x", "tool_call_id": "\0"}), "nul_in_text"),
        (json!({"role": "tool", "content": "x", "tool_call_id": too_long}), "text_too_long"),
        (json!({"role": "tool", "content": too_long, "tool_call_id": "a"}), "text_too_long"),
        (json!({"role": "assistant", "content": ""}), "content_empty"),
        (json!({"role": "assistant", "content": "", "parts": []}), "content_empty"),
        (json!({"role": "assistant", "content": "", "parts": {}}), "parts_invalid"),
    ];
    for (message, code) in refused {
        assert_eq!(from_json(message).unwrap_err().code(), code);
    }
}

/// An installation whose models are these endpoints, by name and the model's name there.
fn kafka_with(models: &[(&str, &ScriptedEndpoint, &str)]) -> (Kafka, kafka_core::Actor) {
    let kafka = Kafka::open(Config::memory()).unwrap();
    let me = kafka.operator();
    for (name, endpoint, upstream) in models {
        let new = NewModel {
            upstream_model: Some((*upstream).into()),
            ..NewModel::new(*name, endpoint.base_url())
        };
        kafka.models(&me).create(new).unwrap();
    }
    (kafka, me)
}

fn ask_model(model: &str, text: &str) -> AnswerRequest {
    AnswerRequest { model: Some(model.into()), ..AnswerRequest::text(text) }
}

/// What one endpoint gave is nothing to another, nor to another model of it; a model that is made anew, or
/// under another name, is the same.
#[test]
fn opaque_fields_go_back_to_the_model_that_gave_them_and_to_no_other() {
    let signature = json!({"google": {"thought_signature": "sig"}});
    let piece = json!({
        "id": "a", "type": "function", "extra_content": signature,
        "function": {"name": "look", "arguments": "{}"},
    });
    let reasoned =
        json!({"reasoning_content": "Why not.", "reasoning_details": [{"type": "x", "data": "d"}]});
    let script = Script::events()
        .data(&json!({"choices": [{"delta": reasoned}]}))
        .data(&json!({"choices": [{"delta": {"tool_calls": [piece]}}]}))
        .finish("tool_calls")
        .done();
    let start = |script: Script| {
        ScriptedEndpoint::start(
            move |asked| if asked.number == 0 { script.clone() } else { Script::stream(&["ok"]) },
        )
    };
    let (one, other) = (start(script), start(Script::stream(&["ok"])));
    let (kafka, me) = kafka_with(&[
        ("one", &one, "m"),
        ("alias", &one, "m"),
        ("sibling", &one, "n"),
        ("other", &other, "m"),
    ]);
    let chat = kafka.chats(&me).create(NewChat::default()).unwrap();
    let first = kafka.completions(&me).start(chat.id, ask_model("one", "Hi")).unwrap().wait().unwrap();
    let shown = serde_json::to_string(&first).unwrap();
    assert!(!shown.contains("sig") && !shown.contains("provider_data"), "it is no one's to read: {shown}");
    let new = NewMessage { tool_call_id: Some("a".into()), ..NewMessage::text(Role::Tool, "Here.") };
    let result = kafka.messages(&me).create(chat.id, new).unwrap();

    let call = json!({"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}});
    let bare = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let mut signed = bare.clone();
    signed["tool_calls"][0]["extra_content"] = signature;
    signed["reasoning_content"] = reasoned["reasoning_content"].clone();
    signed["reasoning_details"] = reasoned["reasoning_details"].clone();
    let cases = [
        ("one", &one, &signed),
        ("alias", &one, &signed),
        ("sibling", &one, &bare),
        ("other", &other, &bare),
    ];
    for (model, endpoint, expected) in cases {
        let request = AnswerRequest {
            model: Some(model.into()),
            parent_id: Some(Some(result.id)),
            ..AnswerRequest::default()
        };
        kafka.completions(&me).start(chat.id, request).unwrap().wait().unwrap();
        let sent = endpoint.requests().pop().unwrap().json();
        let tool = json!({"role": "tool", "tool_call_id": "a", "content": "Here."});
        let user = json!({"role": "user", "content": "Hi"});
        assert_eq!(sent["messages"], json!([user, expected, tool]), "{model}");
    }
}

#[test]
fn fields_that_are_unknown_here_reach_the_endpoint() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["ok"]));
    let (kafka, me) = kafka_with(&[]);
    let tool = json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}});
    let model = json!({
        "name": "m", "base_url": endpoint.base_url(), "is_default": true,
        "params": {"temperature": 0.5, "top_k": 4, "tool_choice": "auto"},
    });
    let model = kafka.models(&me).create(serde_json::from_value(model).unwrap()).unwrap();
    assert_eq!(
        serde_json::to_value(kafka.models(&me).get(model.id).unwrap()).unwrap()["params"],
        json!({"temperature": 0.5, "top_k": 4, "tool_choice": "auto"})
    );
    let chat = kafka.chats(&me).create(NewChat::default()).unwrap();
    let request =
        json!({"content": "Hi", "params": {"tools": [tool], "tool_choice": "required", "model": "other"}});
    let request = serde_json::from_value(request).unwrap();
    kafka.completions(&me).start(chat.id, request).unwrap().wait().unwrap();
    let sent = endpoint.requests().pop().unwrap().json();
    assert_eq!((&sent["tools"], &sent["tool_choice"]), (&json!([tool]), &json!("required")));
    assert_eq!((&sent["temperature"], &sent["top_k"], &sent["model"]), (&json!(0.5), &json!(4), &json!("m")));
}
