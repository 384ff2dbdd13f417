//! What chunks may say: quirks 19 to 29.

use kafka_core::{Delta, ToolCall, testing::Script};
use serde_json::{Value, json};

use crate::{Heard, assert_heard, chunk, delta, hear};

/// Plays these chunks and `[DONE]`.
fn hear_chunks(chunks: &[Value]) -> Heard {
    hear(chunks.iter().fold(Script::events(), |script, chunk| script.data(chunk)).done())
}

fn stop() -> Value {
    chunk(json!({"index": 0, "delta": {}, "finish_reason": "stop"}))
}

#[test]
fn quirk_19_a_first_chunk_without_choices() {
    let filter = json!({"model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]});
    let mut first = delta(json!({"content": "hi"}));
    first["model"] = "gpt-x".into();
    let heard = hear_chunks(&[filter, first, stop()]);
    assert_eq!(
        heard.deltas,
        [Delta::Model("gpt-x".into()), Delta::Text("hi".into()), Delta::Finish("stop".into())]
    );
}

#[test]
fn quirk_20_roles_and_nulls_are_no_text_and_white_space_is() {
    let chunks = [
        delta(json!({"role": "assistant"})),
        delta(json!({"role": "", "content": null})),
        delta(json!({"content": ""})),
        delta(json!({"content": "a"})),
        delta(json!({"content": " "})),
        delta(json!({"content": "\n\n"})),
        delta(json!({"content": "b", "refusal": null, "tool_calls": null})),
        stop(),
    ];
    let heard = hear_chunks(&chunks);
    let text = |text: &str| Delta::Text(text.into());
    assert_eq!(heard.deltas, [text("a"), text(" "), text("\n\n"), text("b"), Delta::Finish("stop".into())]);
}

#[test]
fn quirk_21_usage_after_the_finish_reason_is_read() {
    let usage =
        json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}});
    let heard = hear_chunks(&[delta(json!({"content": "hi"})), stop(), usage.clone()]);
    assert_heard(&heard, "hi", "completed stop");
    assert_eq!(heard.usage(), Some((7, 2, 9)));
    // Without [DONE] too.
    let heard = hear(Script::events().token("hi").finish("stop").data(&usage));
    assert_heard(&heard, "hi", "completed stop");
    assert_eq!(heard.usage(), Some((7, 2, 9)));
}

#[test]
fn quirk_22_usage_in_other_places_counts_and_the_last_wins() {
    let count = |completion: u64| json!({"prompt_tokens": 7, "completion_tokens": completion, "total_tokens": 7 + completion});
    let mut first = delta(json!({"content": "a"}));
    first["usage"] = count(1);
    let mut second = delta(json!({"content": "b"}));
    second["usage"] = count(2);
    let mut null = stop();
    null["usage"] = Value::Null;
    assert_eq!(hear_chunks(&[first.clone(), second, null]).usage(), Some((7, 2, 9)));

    let in_choice = chunk(json!({"delta": {}, "finish_reason": "stop", "usage": count(3)}));
    assert_eq!(hear_chunks(&[delta(json!({"content": "a"})), in_choice]).usage(), Some((7, 3, 10)));

    let groq = json!({"choices": [], "x_groq": {"usage": count(4)}});
    assert_eq!(hear_chunks(&[delta(json!({"content": "a"})), groq]).usage(), Some((7, 4, 11)));

    let other_names = json!({"choices": [], "usage": {"input_tokens": 5, "output_tokens": 6.0}});
    assert_eq!(hear_chunks(&[delta(json!({"content": "a"})), other_names]).usage(), Some((5, 6, 11)));

    let heard = hear_chunks(&[delta(json!({"content": "a"})), stop()]);
    assert_eq!(heard.usage(), None, "what was not counted is not made up");

    // A cut answer keeps the count that it had.
    let heard = hear(Script::events().data(&first));
    assert_heard(&heard, "a", "interrupted");
    assert_eq!(heard.usage(), Some((7, 1, 8)));
}

#[test]
fn quirk_23_impossible_usage_is_made_possible() {
    let usage = |usage: Value| {
        hear_chunks(&[delta(json!({"content": "a"})), json!({"choices": [], "usage": usage})]).usage()
    };
    let beside = json!({
        "prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 119, "cost": 0,
        "completion_tokens_details": {"reasoning_tokens": 100},
    });
    assert_eq!(usage(beside), Some((10, 109, 119)));
    let within = json!({
        "prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19, "cost": "0.1 EUR",
        "completion_tokens_details": {"reasoning_tokens": 8},
    });
    assert_eq!(usage(within), Some((10, 9, 19)));
    assert_eq!(usage(json!({"prompt_tokens": -1, "completion_tokens": 9})), Some((0, 9, 9)));
    assert_eq!(
        usage(json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX})),
        Some((u64::MAX, u64::MAX, u64::MAX))
    );
    assert_eq!(usage(json!({"cost": 0})), None);
    assert_eq!(usage(json!("none")), None);
}

#[test]
fn quirk_24_reasoning_has_many_names_and_is_told_once() {
    let cases = [
        json!({"reasoning_content": "why"}),
        json!({"reasoning": "why"}),
        json!({"reasoning_content": "why", "reasoning": "why", "content": null}),
        json!({"reasoning": null, "reasoning_details": [{"type": "reasoning.text", "text": "why"}]}),
        json!({"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]}),
        json!({"reasoning_details": [{"type": "reasoning.summary", "summary": "why"}]}),
    ];
    for reasoning in cases {
        let heard =
            hear_chunks(&[delta(reasoning), delta(json!({"content": "a", "reasoning_content": ""})), stop()]);
        assert_heard(&heard, "a", "completed stop");
        assert_eq!(heard.reasoning(), "why", "{heard:?}");
    }
}

#[test]
fn quirk_24_opaque_reasoning_is_kept_in_whole_blocks() {
    let piece = |text: &str, signature: Value| json!({"type": "reasoning.text", "index": 0, "text": text, "signature": signature});
    let sealed = json!({"type": "reasoning.encrypted", "index": 1, "data": "xyz"});
    let chunks = [
        delta(json!({"reasoning_details": [piece("wh", Value::Null)]})),
        delta(json!({"reasoning_details": [piece("y", "sig".into())]})),
        delta(json!({"reasoning_details": [sealed]})),
        delta(json!({"content": "a", "extra_content": {"google": {"thought_signature": "s"}}})),
        stop(),
    ];
    let heard = hear_chunks(&chunks);
    assert_eq!(heard.reasoning(), "why");
    let expected = json!({
        "reasoning_details": [piece("why", "sig".into()), sealed],
        "extra_content": {"google": {"thought_signature": "s"}},
    });
    assert_eq!(heard.provider_data(), [expected]);
}

#[test]
fn quirk_25_think_tags_are_reasoning_at_the_beginning_only() {
    let hear_pieces = |pieces: &[&str]| {
        let chunks: Vec<Value> =
            pieces.iter().map(|piece| delta(json!({"content": piece}))).chain([stop()]).collect();
        hear_chunks(&chunks)
    };
    let heard = hear_pieces(&["<th", "ink>", "\nwh", "y</", "think", ">\n", "\n", "answer"]);
    assert_eq!((heard.reasoning().as_str(), heard.text().as_str()), ("why", "answer"));
    // Cut off within the reasoning: all of it is kept.
    let heard = hear(Script::events().token("<think>why </thi"));
    assert_eq!((heard.reasoning().as_str(), heard.end().as_str()), ("why </thi", "interrupted"));
    // Talking about the tags.
    let heard = hear_pieces(&["Use <think>", " and </think>."]);
    assert_heard(&heard, "Use <think> and </think>.", "completed stop");
    // Without the opening tag a stream cannot know in time, and shows all; a whole answer can.
    let heard = hear_pieces(&["why\n", "</think>", "\n\nanswer"]);
    assert_heard(&heard, "why\n</think>\n\nanswer", "completed stop");
    let heard = hear(Script::answer("why\n</think>\n\nanswer"));
    assert_eq!((heard.reasoning().as_str(), heard.text().as_str()), ("why\n", "answer"));
}

#[test]
fn quirk_26_content_may_be_a_list_of_parts() {
    let chunks = [
        delta(
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "wh"}, {"type": "text", "text": "y"}]}]}),
        ),
        delta(json!({"content": [{"type": "thinking", "thinking": "!"}]})),
        delta(
            json!({"content": [{"type": "text", "text": "a"}, {"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "b"}]}),
        ),
        delta(json!({"content": []})),
        delta(json!({"content": ["c", 3, null]})),
        stop(),
    ];
    let heard = hear_chunks(&chunks);
    assert_heard(&heard, "abc", "completed stop");
    assert_eq!(heard.reasoning(), "why!");
}

#[test]
fn quirk_27_text_beside_the_finish_reason_is_kept() {
    let last = chunk(json!({"delta": {"content": "!"}, "finish_reason": "length"}));
    assert_heard(&hear_chunks(&[delta(json!({"content": "hi"})), last]), "hi!", "completed length");
}

#[test]
fn quirk_28_finish_reasons_of_every_sort() {
    let ends = |reasons: &[Value]| {
        let chunks: Vec<Value> = reasons
            .iter()
            .map(|reason| chunk(json!({"delta": {"content": "x"}, "finish_reason": reason})))
            .collect();
        let heard = hear_chunks(&chunks);
        assert_eq!(heard.text(), "x".repeat(reasons.len()), "no text is lost: {heard:?}");
        heard.end()
    };
    assert_eq!(ends(&["".into()]), "completed stop");
    assert_eq!(ends(&[Value::Null, Value::Null]), "completed stop");
    assert_eq!(ends(&["eos_token".into()]), "completed eos_token");
    assert_eq!(ends(&["stop".into(), "stop".into()]), "completed stop");
    assert_eq!(ends(&["stop".into(), "".into()]), "completed stop");
    assert_eq!(ends(&["stop".into(), "length".into()]), "completed length");
    // Empty ones and nulls are no sign of an end.
    let cut = hear(Script::events().data(&chunk(json!({"delta": {"content": "x"}, "finish_reason": ""}))));
    assert_heard(&cut, "x", "interrupted");
    // A missing delta, other alternatives, and a repetition of the whole message.
    let chunks = [
        delta(json!({"content": "a"})),
        chunk(json!({"index": 1, "delta": {"content": "other"}, "finish_reason": "length"})),
        chunk(json!({"index": 0})),
        chunk(json!({"index": 0, "message": {"content": "a"}, "finish_reason": "stop"})),
    ];
    assert_heard(&hear_chunks(&chunks), "a", "completed stop");
}

#[test]
fn quirk_29_the_finish_reason_says_nothing_about_tool_calls() {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}});
    let rest = json!({"function": {"arguments": "1}"}});
    for reason in ["stop", "tool_calls", "length"] {
        let chunks = [
            delta(json!({"content": "let me see", "tool_calls": null})),
            delta(json!({"content": null, "tool_calls": [call]})),
            delta(json!({"tool_calls": [rest]})),
            chunk(json!({"delta": {"tool_calls": []}, "finish_reason": reason})),
        ];
        let heard = hear_chunks(&chunks);
        assert_heard(&heard, "let me see", &format!("completed {reason}"));
        let call =
            ToolCall { id: "c".into(), name: "f".into(), arguments: "{\"a\":1}".into(), incomplete: false };
        assert!(heard.deltas.contains(&Delta::ToolCall(call)), "{heard:?}");
    }
}
