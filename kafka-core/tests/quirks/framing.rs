//! How the bytes of a stream may be framed: quirks 1 to 18.

use std::time::Duration;

use kafka_core::{
    Timeouts,
    testing::{Script, ScriptedEndpoint},
};
use serde_json::json;

use crate::{
    PATIENT, assert_heard, at_some_pace, chunk, delta, hear, hear_events, hear_in_turn, listen, options,
};

const HI: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn quick(unit: Duration) -> Timeouts {
    Timeouts { first_token: 30 * unit, between_tokens: 15 * unit, ..PATIENT }
}

#[test]
fn quirk_01_comment_lines_are_skipped() {
    let heard =
        hear_events(format!(": OPENROUTER PROCESSING\n\n: {{\"not\":\"json\n\n{HI}: x\n\n{STOP}{DONE}"));
    assert_heard(&heard, "hi", "completed stop");
}

#[test]
fn quirk_02_bare_comments_are_skipped() {
    assert_heard(&hear_events(format!(":\n\n{HI}:\n\n{STOP}:\n\n{DONE}")), "hi", "completed stop");
}

#[test]
fn quirk_03_comments_do_not_keep_a_silent_endpoint_alive() {
    at_some_pace(|unit| {
        let beat = Script::new().send(": keep-alive\n\n").pause(2 * unit);
        let beats = (0..500).fold(Script::new(), |script, _| script.then(beat.clone()));
        for (begun, text, limit) in
            [(Script::events(), "", "first_token"), (Script::events().token("hi"), "hi", "between_tokens")]
        {
            let script = begun.then(beats.clone());
            let endpoint = ScriptedEndpoint::start(move |_| script.clone());
            let mut options = options(&endpoint);
            options.timeouts = quick(unit);
            let heard = listen(&options);
            assert_heard(&heard, text, "failed provider_timeout");
            assert!(heard.message().contains(limit), "{}", heard.message());
        }
    });
}

#[test]
fn quirk_04_blank_lines_before_a_body_are_trimmed_and_show_life() {
    let body = json!({"choices": [{"message": {"content": "late"}, "finish_reason": "stop"}]}).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len() + 20
    );
    at_some_pace(|unit| {
        // Blank lines for longer than any single limit.
        let blank = Script::new().send("\n").pause(5 * unit / 2);
        let begun = Script::new().send(&head);
        let script = (0..20).fold(begun, |script, _| script.then(blank.clone())).send(&body);
        let endpoint = ScriptedEndpoint::start(move |_| script.clone());
        let mut options = options(&endpoint);
        options.timeouts = quick(unit);
        assert_heard(&listen(&options), "late", "completed stop");
    });
}

#[test]
fn quirk_05_every_line_end_is_one() {
    let whole = format!("{HI}{STOP}{DONE}");
    for end in ["\r\n", "\r"] {
        assert_heard(&hear_events(whole.replace('\n', end)), "hi", "completed stop");
    }
    // CR and LF in two reads, in the middle of an event and after it.
    let (first, last) = ("data: {\"choices\":[{\"delta\":\r", "\ndata: {\"content\":\"hi\"}}]}\r");
    let script = Script::events().send(first).pause(Duration::from_millis(20)).send(last);
    let script = script.pause(Duration::from_millis(20)).send("\n\r\n").send(STOP).send(DONE);
    assert_heard(&hear(script), "hi", "completed stop");
}

#[test]
fn quirk_06_all_of_the_format_is_understood() {
    let stream = format!(
        "\u{feff}data:{{\"choices\":[{{\"delta\":{{\"content\":\"a\"}}}}]}}\n\n\
         id: 7\nretry: 10\ndata: {{\"choices\":\ndata: [{{\"delta\":{{\"content\":\"b\"}}}}]}}\n\n{STOP}{DONE}"
    );
    assert_heard(&hear_events(stream), "ab", "completed stop");
}

#[test]
fn quirk_07_characters_split_over_reads_and_broken_bytes_lose_nothing() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"ä😀!\"}}]}\n\n".as_bytes();
    let smile = event.windows(4).position(|bytes| bytes == "😀".as_bytes()).unwrap();
    let script = (smile - 1..smile + 5)
        .zip(smile..)
        .fold(Script::events().send(&event[..smile - 1]), |script, (from, to)| {
            script.send(&event[from..to]).pause(Duration::from_millis(2))
        });
    assert_heard(&hear(script.send(&event[smile + 5..]).send(STOP)), "ä😀!", "completed stop");

    let broken = [
        b"data: {\"choices\":[{\"delta\":{\"content\":\"a\xff\xf0b\"}}]}\n\n",
        HI.as_bytes(),
        STOP.as_bytes(),
    ]
    .concat();
    assert_heard(&hear_events(broken), "a\u{fffd}\u{fffd}bhi", "completed stop");
}

#[test]
fn quirk_08_events_come_in_any_portions_up_to_a_limit() {
    assert_heard(&hear_events(HI.repeat(500) + STOP), &"hi".repeat(500), "completed stop");

    let large = "x".repeat(3 << 20);
    let event = format!("data: {}\n\n", delta(json!({"content": large})));
    assert_heard(&hear_events(event + STOP), &large, "completed stop");

    let too_large = format!("{HI}data: {}\n\n{HI}", "x".repeat(9 << 20));
    let heard = hear_events(too_large);
    assert_heard(&heard, "hi", "failed provider_bad_answer");
    assert!(heard.message().contains("8 MiB"), "{}", heard.message());
}

#[test]
fn quirk_09_done_ends_it_without_a_blank_line_and_whatever_follows() {
    assert_heard(&hear_events(format!("{HI}data: [DONE]")), "hi", "completed stop");
    assert_heard(&hear_events(format!("{HI}data: [DONE]\n")), "hi", "completed stop");
    assert_heard(&hear_events(format!("{HI}{DONE}{HI}data: {{broken\n\n")), "hi", "completed stop");
}

#[test]
fn quirk_10_a_finish_reason_is_enough() {
    assert_heard(&hear_events(format!("{HI}{STOP}")), "hi", "completed stop");
    // Even without the last blank line.
    assert_heard(&hear_events(format!("{HI}{}", STOP.trim_end())), "hi", "completed stop");
}

#[test]
fn quirk_11_an_end_without_any_sign_is_an_interruption() {
    assert_heard(&hear_events(HI), "hi", "interrupted");
    assert_heard(&hear(Script::events().data(&delta(json!({"role": "assistant"})))), "", "interrupted");
}

#[test]
fn quirk_12_an_error_field_is_an_error() {
    let error = "error: {\"code\":500,\"message\":\"the context is full\",\"type\":\"server_error\"}\n\n";
    let heard = hear_events(format!("{HI}{error}{DONE}"));
    assert_heard(&heard, "hi", "failed provider_failed");
    assert!(heard.message().contains("the context is full"), "{}", heard.message());
}

#[test]
fn quirk_13_error_objects_in_a_stream_end_it_after_its_text() {
    let cases = [
        (json!({"error": {"message": "m1", "code": 502}}), "provider_failed", "m1"),
        (json!({"error": {"message": "m2", "code": "429"}}), "provider_rate_limited", "m2"),
        (json!({"error": {"message": "m3", "code": "401"}}), "provider_key_refused", "m3"),
        (json!({"error": {"message": "m4", "type": "invalid_request_error"}}), "provider_refused", "m4"),
        (json!({"error": "m5"}), "provider_failed", "m5"),
        (
            chunk(json!({"delta": {}, "finish_reason": "error", "error": {"message": "m6"}})),
            "provider_failed",
            "m6",
        ),
        (chunk(json!({"delta": {}, "finish_reason": "error"})), "provider_failed", "ended with an error"),
    ];
    for (event, code, words) in cases {
        let heard = hear(Script::events().token("hi").data(&event).done());
        assert_heard(&heard, "hi", &format!("failed {code}"));
        assert!(heard.message().contains(words), "{}", heard.message());
    }
    // What the failing chunk itself says is kept too.
    let last = chunk(json!({"delta": {"content": "!"}, "finish_reason": "error"}));
    assert_heard(&hear(Script::events().token("hi").data(&last)), "hi!", "failed provider_failed");
}

#[test]
fn quirk_14_error_events_are_errors() {
    let cases = [
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
        "event: error\ndata: busy\n\n",
        "event: error\ndata: {\"message\":\"busy\"}\n\n",
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"message\":\"busy\"}}}\n\n",
    ];
    for event in cases {
        let heard = hear_events(format!("{HI}{event}"));
        assert_heard(&heard, "hi", "failed provider_failed");
        assert!(heard.message().contains("(busy)"), "{}", heard.message());
    }
}

#[test]
fn quirk_15_an_error_before_the_first_token_is_tried_again() {
    let busy = Script::events().data(&json!({"error": {"message": "busy", "code": 529}}));
    let after_role = Script::events()
        .data(&delta(json!({"role": "assistant", "content": ""})))
        .then(Script::new().data(&json!({"error": {"message": "busy", "type": "overloaded_error"}})));
    let (heard, requests) = hear_in_turn(vec![busy, after_role, Script::stream(&["hi"])]);
    assert_heard(&heard, "hi", "completed stop");
    assert_eq!(requests, 3);

    let refused = Script::events().data(&json!({"error": {"message": "no", "code": 400}}));
    let (heard, requests) = hear_in_turn(vec![refused, Script::stream(&["hi"])]);
    assert_heard(&heard, "", "failed provider_refused");
    assert_eq!(requests, 1);

    let late = Script::events().token("a").data(&json!({"error": {"message": "busy", "code": 529}}));
    let (heard, requests) = hear_in_turn(vec![late, Script::stream(&["hi"])]);
    assert_heard(&heard, "a", "failed provider_failed");
    assert_eq!(requests, 1, "what was shown is never asked for again");
}

#[test]
fn quirk_16_other_bodies_than_a_stream() {
    let heard = hear(Script::answer("whole"));
    assert_heard(&heard, "whole", "completed stop");
    assert_eq!(heard.usage(), Some((3, 2, 5)));

    let unfinished = json!({"choices": [{"message": {"content": "whole"}, "finish_reason": null}]});
    assert_heard(&hear(Script::json(200, &unfinished)), "whole", "completed stop");

    let heard = hear(Script::json(200, &json!({"error": {"message": "no such model", "code": 404}})));
    assert_heard(&heard, "", "failed provider_refused");
    assert!(heard.message().contains("no such model"), "{}", heard.message());

    let heard = hear(Script::reply(200, &[("Content-Type", "text/html")], "<!DOCTYPE html><h1>Log in</h1>"));
    assert_heard(&heard, "", "failed provider_bad_answer");
    assert!(
        heard.message().contains("a web page") && !heard.message().contains("Log in"),
        "{}",
        heard.message()
    );
}

#[test]
fn quirk_17_the_declared_type_is_not_believed() {
    let stream = format!("{HI}{STOP}{DONE}");
    let whole = json!({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).to_string();
    for body in [&stream, &whole] {
        for headers in [
            &[][..],
            &[("Content-Type", "text/plain")],
            &[("Content-Type", "application/json")],
            &[("Content-Type", "text/event-stream")],
        ] {
            assert_heard(&hear(Script::reply(200, headers, body)), "hi", "completed stop");
        }
    }
    // The token "squeezed", the end, and [DONE], compressed by gzip -9.
    let squeezed = "1f8b08000000000002034b492c49b452a8564acec8cf4c4e2d56b28aae564a49cd294954b2020ae6e795a4e695285929151796a6a656\
                    a5a628d5ea28a565e6651667c417a52616e7e781e44af20b946a636bb9b852c08645bbf8fbb9c6727101001e3156c85b000000";
    let squeezed: Vec<u8> = (0..squeezed.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&squeezed[at..at + 2], 16).unwrap())
        .collect();
    let headers = [("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip")];
    assert_heard(&hear(Script::reply(200, &headers, squeezed)), "squeezed", "completed stop");
}

#[test]
fn quirk_18_empty_events_say_nothing() {
    let heard =
        hear_events(format!("data:\n\ndata: \n\nevent: ping\n\n{HI}data:\n\n\n\n{STOP}data:\n\n{DONE}"));
    assert_heard(&heard, "hi", "completed stop");
}
