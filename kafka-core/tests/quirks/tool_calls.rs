//! Calls of tools, and what belongs to them: quirks 30 to 36.

use kafka_core::{
    CancelToken, Delta, Prompt, PromptMessage, Provider, ToolCall,
    testing::{Script, ScriptedEndpoint},
};
use serde_json::{Value, json};

use crate::{Heard, assert_heard, chunk, delta, hear, hear_in_turn, listen, options, provider};

/// A delta with these pieces of calls.
fn calls(pieces: Value) -> Value {
    delta(json!({"content": null, "tool_calls": pieces}))
}

fn script(chunks: &[Value]) -> Script {
    chunks.iter().fold(Script::events(), |script, chunk| script.data(chunk))
}

/// Plays these chunks and a regular end.
fn hear_calls(chunks: &[Value]) -> Heard {
    let heard = hear(script(chunks).finish("tool_calls").done());
    assert_eq!(heard.end(), "completed tool_calls", "{heard:?}");
    heard
}

/// The calls that were heard, as `id name arguments`, with `?` behind an incomplete one.
fn heard_calls(heard: &Heard) -> Vec<String> {
    let show = |call: &ToolCall| {
        let mark = if call.incomplete { "?" } else { "" };
        format!("{} {} {}{mark}", call.id, call.name, call.arguments)
    };
    heard
        .deltas
        .iter()
        .filter_map(|d| if let Delta::ToolCall(call) = d { Some(show(call)) } else { None })
        .collect()
}

/// The same without ids, which must all be different and none of them empty.
fn heard_without_ids(heard: &Heard) -> Vec<String> {
    let (mut ids, calls): (Vec<_>, Vec<_>) = heard_calls(heard)
        .iter()
        .map(|call| call.split_once(' ').map(|(id, call)| (id.to_owned(), call.to_owned())).unwrap())
        .unzip();
    assert!(ids.iter().all(|id| id.len() == 9 && id.chars().all(|c| c.is_ascii_alphanumeric())), "{ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), calls.len(), "{ids:?}");
    calls
}

#[test]
fn quirk_30_calls_without_an_index() {
    let whole = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let in_one = [calls(json!([whole("a", "{\"x\":1}"), whole("b", "{\"x\":2}")]))];
    let in_two = [calls(json!([whole("a", "{\"x\":1}")])), calls(json!([whole("b", "{\"x\":2}")]))];
    for chunks in [&in_one[..], &in_two] {
        assert_eq!(heard_calls(&hear_calls(chunks)), ["a f {\"x\":1}", "b f {\"x\":2}"]);
    }
    let in_pieces =
        [calls(json!([whole("a", "{\"x\":")])), calls(json!([{"function": {"arguments": "1}"}}]))];
    assert_eq!(heard_calls(&hear_calls(&in_pieces)), ["a f {\"x\":1}"]);
}

#[test]
fn quirk_31_all_calls_at_index_0() {
    let begin = |id: &str, name: &str| {
        calls(json!([{"index": 0, "id": id, "function": {"name": name, "arguments": ""}}]))
    };
    let rest = |arguments: &str| calls(json!([{"index": 0, "function": {"arguments": arguments}}]));
    let heard =
        hear_calls(&[begin("a", "f"), rest("{\"x\""), rest(":1}"), begin("b", "f"), rest("{\"x\":2}")]);
    assert_eq!(heard_calls(&heard), ["a f {\"x\":1}", "b f {\"x\":2}"]);
    // Ids in each piece, and the calls mixed.
    let piece = |id: &str, arguments: &str| {
        calls(json!([{"index": 0, "id": id, "function": {"name": "f", "arguments": arguments}}]))
    };
    let heard =
        hear_calls(&[piece("a", "{\"x\""), piece("b", "{\"x\":2"), piece("a", ":1}"), piece("b", "}")]);
    assert_eq!(heard_calls(&heard), ["a f {\"x\":1}", "b f {\"x\":2}"]);
    // Without any ids only the arguments tell them apart, and the names.
    let bare = |name: &str, arguments: &str| {
        calls(json!([{"index": 0, "function": {"name": name, "arguments": arguments}}]))
    };
    let heard = hear_calls(&[bare("f", "{\"x\":1}"), bare("f", "{\"x\":2}"), bare("g", "{\"x\":2}")]);
    assert_eq!(heard_without_ids(&heard), ["f {\"x\":1}", "f {\"x\":2}", "g {\"x\":2}"]);
    let heard = hear_calls(&[piece("a", "{\"x\":1}{\"x\":{\"y\":\"}{\"}}{\"x\":3}")]);
    assert_eq!(heard_calls(&heard)[0], "a f {\"x\":1}");
    let arguments: Vec<String> =
        heard_calls(&heard).iter().map(|call| call.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(arguments, ["{\"x\":1}", "{\"x\":{\"y\":\"}{\"}}", "{\"x\":3}"]);
}

#[test]
fn quirk_32_indexes_of_any_numbers() {
    let begin = |index: u64, id: &str| calls(json!([{"index": index, "id": id, "function": {"name": "f"}}]));
    let rest =
        |index: u64, arguments: &str| calls(json!([{"index": index, "function": {"arguments": arguments}}]));
    // With holes, in any order.
    let heard = hear_calls(&[begin(7, "a"), begin(3, "b"), rest(7, "{\"x\":"), rest(3, "{}"), rest(7, "1}")]);
    assert_eq!(heard_calls(&heard), ["a f {\"x\":1}", "b f {}"]);
    // Used again: the latest call has it.
    let heard = hear_calls(&[begin(1, "a"), rest(1, "{}"), begin(1, "b"), rest(1, "{\"x\":2}")]);
    assert_eq!(heard_calls(&heard), ["a f {}", "b f {\"x\":2}"]);
    // One call at several.
    let piece = |index: u64, arguments: &str| {
        calls(json!([{"index": index, "id": "a", "function": {"arguments": arguments}}]))
    };
    let heard = hear_calls(&[begin(0, "a"), piece(1, "{\"x\":"), piece(2, "1}")]);
    assert_eq!(heard_calls(&heard), ["a f {\"x\":1}"]);
}

#[test]
fn quirk_33_ids_and_names_that_are_missing_late_or_repeated() {
    let piece = |id: Value, name: Value, arguments: &str| {
        calls(json!([{"index": 0, "id": id, "function": {"name": name, "arguments": arguments}}]))
    };
    let null = Value::Null;
    let (id, name, empty) = (json!("a"), json!("f"), json!(""));
    let cases = [
        ("repeated", [(&id, &name), (&id, &name), (&id, &name)]),
        ("empty later", [(&id, &name), (&empty, &empty), (&empty, &empty)]),
        ("null later", [(&id, &name), (&null, &null), (&null, &null)]),
        ("the name after the arguments", [(&id, &null), (&id, &null), (&id, &name)]),
        ("both after the arguments", [(&null, &null), (&empty, &empty), (&id, &name)]),
    ];
    for (case, [first, second, third]) in cases {
        let heard = hear_calls(&[
            piece(first.0.clone(), first.1.clone(), "{\"x\""),
            piece(second.0.clone(), second.1.clone(), ":1"),
            piece(third.0.clone(), third.1.clone(), "}"),
        ]);
        assert_eq!(heard_calls(&heard), ["a f {\"x\":1}"], "{case}");
    }
    for missing in [&null, &empty] {
        let one = |index: u64, name: &str| json!({"index": index, "id": missing, "function": {"name": name, "arguments": "{}"}});
        let heard = hear_calls(&[calls(json!([one(0, "f"), one(1, "f")])), calls(json!([one(2, "g")]))]);
        assert_eq!(heard_without_ids(&heard), ["f {}", "f {}", "g {}"]);
    }
    // A call of nothing cannot be run.
    let heard = hear_calls(&[piece(id, null, "{}")]);
    assert_eq!(heard_calls(&heard), ["a  {}?"]);
}

#[test]
fn quirk_34_arguments_of_every_sort() {
    let with = |arguments: Value| {
        calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}]))
    };
    for empty in [json!(""), json!(" "), Value::Null, json!({})] {
        assert_eq!(heard_calls(&hear_calls(&[with(empty.clone())])), ["a f {}"], "{empty}");
    }
    let object = with(json!({"x": {"y": [1, "two"]}}));
    assert_eq!(heard_calls(&hear_calls(&[object])), ["a f {\"x\":{\"y\":[1,\"two\"]}}"]);

    // What can be read may still go on, so nothing is told before the end.
    let more = calls(json!([{"index": 0, "function": {"arguments": "{\"path\":\"/tmp/b\"}"}}]));
    let text = |text: &str| delta(json!({"content": text}));
    let heard = hear_calls(&[text("a"), with(json!("{\"path\":\"/tmp\"}")), text("b"), more, text("c")]);
    let told: Vec<bool> = heard.deltas.iter().map(|delta| matches!(delta, Delta::ToolCall(_))).collect();
    assert_eq!(told, [false, false, false, true, true, false], "{heard:?}");
    assert_eq!(heard_calls(&heard)[0], "a f {\"path\":\"/tmp\"}");
    assert!(heard_calls(&heard)[1].ends_with(" f {\"path\":\"/tmp/b\"}"), "{heard:?}");
    let wrong = with(json!("12"));
    assert_eq!(heard_calls(&hear_calls(&[wrong])), ["a f 12?"], "a number is no arguments");
}

#[test]
fn quirk_35_a_call_said_twice_and_an_end_that_never_comes() {
    let begin =
        json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}});
    let rest = |arguments: &str| calls(json!([{"index": 0, "function": {"arguments": arguments}}]));
    let whole = json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1, \"y\": 2}"}});
    let pieces = [calls(json!([begin])), rest("{\"y\":2,"), rest("\"x\":1}")];
    let anonymous = json!({"function": whole["function"]});
    let again = [
        chunk(json!({"delta": {"tool_calls": [whole]}, "finish_reason": "tool_calls"})),
        chunk(json!({"delta": {"tool_calls": [anonymous]}, "finish_reason": "tool_calls"})),
        chunk(json!({"message": {"content": null, "tool_calls": [whole]}, "finish_reason": "tool_calls"})),
    ];
    for again in again {
        let heard = hear_calls(&[&pieces[..], std::slice::from_ref(&again)].concat());
        assert_eq!(heard_calls(&heard), ["a f {\"y\":2,\"x\":1}"], "{again}");
    }
    // Several of them again, without their names.
    let other = json!({"id": "b", "function": {"name": "g", "arguments": "{}"}});
    let other_again = json!({"function": other["function"]});
    let heard =
        hear_calls(&[&pieces[..], &[calls(json!([other])), calls(json!([anonymous, other_again]))]].concat());
    assert_eq!(heard_calls(&heard), ["a f {\"y\":2,\"x\":1}", "b g {}"]);
    // Said in the whole message at the end only.
    let text = delta(json!({"content": "Let me see."}));
    let late =
        chunk(json!({"message": {"content": "Let me see.", "tool_calls": [whole]}, "finish_reason": "stop"}));
    let heard = hear(script(&[text.clone(), late]).done());
    assert_heard(&heard, "Let me see.", "completed stop");
    assert_eq!(heard_calls(&heard), ["a f {\"x\": 1, \"y\": 2}"]);

    // Neither `[DONE]` nor a finish reason: the calls are kept with the answer that was cut off.
    let heard = hear(script(&pieces));
    assert_heard(&heard, "", "interrupted");
    assert_eq!(heard_calls(&heard), ["a f {\"y\":2,\"x\":1}"]);
    let begun = json!({"index": 1, "id": "b", "function": {"name": "g"}});
    let heard = hear(script(&[text, pieces[0].clone(), pieces[1].clone(), calls(json!([begun]))]));
    assert_heard(&heard, "Let me see.", "interrupted");
    assert_eq!(heard_calls(&heard), ["a f {\"y\":2,?", "b g ?"], "what may not be whole is marked");
    // So are those that the limit of tokens or an error cut off, and nothing is asked twice.
    let heard = hear(script(&pieces[..2]).finish("length").done());
    assert_heard(&heard, "", "completed length");
    assert_eq!(heard_calls(&heard), ["a f {\"y\":2,?"]);
    let heard = hear(script(&pieces[..1]).finish("length").done());
    assert_eq!(heard_calls(&heard), ["a f ?"], "arguments that never came are not none");
    let failing = script(&pieces[..2]).data(&json!({"error": {"message": "overloaded", "code": 503}}));
    let (heard, requests) = hear_in_turn(vec![failing]);
    assert_heard(&heard, "", "failed provider_failed");
    assert_eq!((heard_calls(&heard), requests), (vec!["a f {\"y\":2,?".to_owned()], 1));
}

#[test]
fn calls_that_had_begun_are_kept_when_the_answer_is_cancelled() {
    let begun = calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\":"}}]));
    let script = script(&[begun]).until_hung_up();
    let endpoint = ScriptedEndpoint::start(move |_| script.clone());
    let mut options = options(&endpoint);
    options.cancel = CancelToken::new();
    let cancel = options.cancel.clone();
    // The stream is there once the call has begun, although nothing is to be told yet.
    let stream = provider().complete(&crate::prompt(), &options).unwrap();
    cancel.cancel();
    let mut heard = Heard::default();
    for delta in stream {
        match delta {
            Ok(delta) => heard.deltas.push(delta),
            Err(error) => heard.error = Some(error),
        }
    }
    assert_heard(&heard, "", "failed cancelled");
    assert_eq!(heard_calls(&heard), ["a f {\"x\":?"]);
}

#[test]
fn a_whole_answer_has_calls_too_and_they_are_bounded() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let heard =
        hear(Script::json(200, &json!({"choices": [{"message": message, "finish_reason": "tool_calls"}]})));
    assert_heard(&heard, "", "completed tool_calls");
    assert_eq!(heard_calls(&heard), ["a f {}"]);

    let piece =
        calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "x".repeat(3 << 20)}}]));
    let heard = hear(script(&[piece.clone(), piece.clone(), piece]).finish("stop").done());
    assert_eq!(heard.end(), "failed provider_bad_answer");
    assert!(heard.message().contains("more than 8 MiB of tool calls"), "{}", heard.message());
    let many: Value = (0..2000).map(|id| json!({"index": id, "id": id.to_string()})).collect();
    let heard = hear(script(&[calls(many)]).finish("stop").done());
    assert_eq!(heard.end(), "failed provider_failed");
    assert!(heard.message().contains("more tools than"), "{}", heard.message());
}

#[test]
fn quirk_36_opaque_fields_of_calls_are_kept_and_sent_back() {
    let signed = json!({"google": {"thought_signature": "sig-a"}});
    let detail = json!({"type": "reasoning.text", "index": 0, "text": "Hm.", "signature": "sig-r"});
    let chunks = [
        delta(json!({"reasoning_content": "H", "reasoning_details": [detail]})),
        delta(json!({"reasoning_content": "m."})),
        calls(json!([
            {"id": "a", "type": "function", "extra_content": signed, "function": {"name": "f", "arguments": "{\"x\":1}"}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
        ])),
    ];
    let heard = hear_calls(&chunks);
    let kept = json!({
        "reasoning_content": "Hm.",
        "reasoning_details": [detail],
        "tool_calls": {"a": {"extra_content": signed}},
    });
    assert_eq!(heard.provider_data(), std::slice::from_ref(&kept));

    // All of it goes out as it came in, whatever it is called here.
    let call = |id: &str, name: &str, arguments: &str| ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        incomplete: false,
    };
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["ok"]));
    let result = |id: &str, text: &str| PromptMessage {
        tool_call_id: Some(id.into()),
        ..PromptMessage::text("tool", text)
    };
    let asked = PromptMessage {
        tool_calls: vec![call("a", "f", "{\"x\":1}"), call("b", "g", "{}")],
        provider_data: Some(kept),
        ..PromptMessage::text("assistant", "")
    };
    let prompt = Prompt {
        messages: vec![PromptMessage::text("user", "Hi"), asked, result("a", "one"), result("b", "")],
    };
    drop(provider().complete(&prompt, &options(&endpoint)).unwrap());
    let sent = endpoint.requests()[0].json();
    let expected = json!([
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": null,
            "reasoning_content": "Hm.",
            "reasoning_details": [detail],
            "tool_calls": [
                {"id": "a", "type": "function", "extra_content": signed, "function": {"name": "f", "arguments": "{\"x\":1}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
    ]);
    assert_eq!(sent["messages"], expected);
}

#[test]
fn quirk_36_reasoning_goes_back_within_a_turn_with_tools_only() {
    let reasoned = |reasoning: Value, more: &[Value]| {
        let first = delta(json!({"reasoning_content": reasoning, "content": "a"}));
        [&[first], more].concat()
    };
    let call = calls(json!([{"id": "a", "function": {"name": "f", "arguments": "{}"}}]));
    let kept = |chunks: &[Value]| hear_calls(chunks).provider_data();
    assert_eq!(kept(&reasoned(json!("why"), &[])), [] as [Value; 0], "nothing was called");
    assert_eq!(kept(&reasoned(Value::Null, std::slice::from_ref(&call))), [] as [Value; 0], "none was given");
    // Empty is not none: endpoints that gave it miss it.
    for reasoning in ["why", ""] {
        let expected = [json!({"reasoning_content": reasoning})];
        assert_eq!(kept(&reasoned(json!(reasoning), std::slice::from_ref(&call))), expected);
    }
    // The answer to a tool's result is of the same turn.
    let script = script(&reasoned(json!("why"), &[])).finish("stop").done();
    let endpoint = ScriptedEndpoint::start(move |_| script.clone());
    let result = PromptMessage { tool_call_id: Some("a".into()), ..PromptMessage::text("tool", "one") };
    let prompt = Prompt { messages: vec![PromptMessage::text("user", "Hi"), result] };
    let deltas = provider().complete(&prompt, &options(&endpoint)).unwrap().map(Result::unwrap).collect();
    let heard = Heard { deltas, error: None };
    assert_eq!(heard.provider_data(), [json!({"reasoning_content": "why"})]);
    assert_heard(&listen(&options(&endpoint)), "a", "completed stop");
}
