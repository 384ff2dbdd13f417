//! Answers that refuse: quirk 40, statuses, redirects, and what is said about them.

use std::time::{Duration, Instant};

use kafka_core::{
    ErrorKind,
    testing::{Script, ScriptedEndpoint},
};
use serde_json::{Value, json};

use crate::{assert_heard, hear, hear_in_turn, listen, options};

/// A refusal that is tried again after no time at all.
fn at_once(status: u16, body: &str) -> Script {
    Script::reply(status, &[("retry-after-ms", "1")], body)
}

#[test]
fn quirk_40_a_busy_endpoint_is_asked_again_when_it_says() {
    let html = "<html>Too Many Requests</html>";
    let cases: [&[(&str, &str)]; 4] = [
        &[("retry-after-ms", "5")],
        &[("Retry-After", "0.005")],
        &[("Retry-After", "Mon, 01 Jan 2024 00:00:00 GMT"), ("Date", "Mon, 01 Jan 2024 00:00:00 GMT")],
        &[("Retry-After", "0")],
    ];
    for headers in cases {
        for status in [429, 529, 503, 408] {
            let (heard, requests) =
                hear_in_turn(vec![Script::reply(status, headers, html), Script::stream(&["hi"])]);
            assert_heard(&heard, "hi", "completed stop");
            assert_eq!(requests, 2, "{status} {headers:?}");
        }
    }
}

#[test]
fn quirk_40_it_is_asked_three_times_at_most() {
    let (heard, requests) = hear_in_turn(vec![at_once(529, "{\"error\":{\"message\":\"overloaded\"}}")]);
    assert_heard(&heard, "", "failed provider_failed");
    assert!(heard.message().contains("HTTP 529: overloaded"), "{}", heard.message());
    assert_eq!(requests, 3);
}

#[test]
fn quirk_40_the_wait_that_is_asked_for_is_kept() {
    let begun = Instant::now();
    let (heard, _) =
        hear_in_turn(vec![Script::reply(503, &[("retry-after", "0.2")], ""), Script::stream(&["hi"])]);
    assert_heard(&heard, "hi", "completed stop");
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[test]
fn quirk_40_a_wait_that_is_too_long_is_told_instead_of_waited() {
    // Longer than any wait that is kept, and longer than the call may last.
    for (wait, total) in [
        ("61", Duration::from_secs(3600)),
        ("7200", Duration::from_secs(36000)),
        ("20", Duration::from_secs(5)),
    ] {
        let endpoint = ScriptedEndpoint::start(move |_| Script::reply(429, &[("Retry-After", wait)], ""));
        let mut options = options(&endpoint);
        options.timeouts.total = total;
        let heard = listen(&options);
        assert_heard(&heard, "", "failed provider_rate_limited");
        assert!(heard.message().contains(&format!("try again in {wait} s")), "{}", heard.message());
        assert_eq!(endpoint.requests().len(), 1);
    }
}

#[test]
fn quirk_40_a_redirect_is_an_error_that_names_it() {
    let elsewhere = ScriptedEndpoint::start(|_| Script::stream(&["stolen"]));
    let to = elsewhere.base_url();
    for status in [301, 302, 303, 307, 308] {
        let heard = hear(Script::reply(status, &[("Location", to.as_str())], ""));
        assert_heard(&heard, "", "failed provider_refused");
        assert!(heard.message().contains(&to), "{}", heard.message());
    }
    assert_eq!(elsewhere.requests(), [], "the key goes nowhere else");
}

#[test]
fn quirk_40_stream_options_are_left_out_when_refused() {
    let refusals = [
        Script::json(400, &json!({"error": {"message": "Unknown parameter: 'stream_options'."}})),
        Script::json(
            422,
            &json!({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}),
        ),
        Script::json(200, &json!({"error": {"message": "include_usage is not supported", "code": 400}})),
        Script::events().data(&json!({"error": {"message": "stream_options: not permitted"}})),
    ];
    for refusal in refusals {
        let endpoint = ScriptedEndpoint::start(move |request| match request.json()["stream_options"] {
            Value::Null => Script::stream(&["hi"]),
            _ => refusal.clone(),
        });
        assert_heard(&listen(&options(&endpoint)), "hi", "completed stop");
        let asked: Vec<Value> =
            endpoint.requests().iter().map(|request| request.json()["stream_options"].clone()).collect();
        assert_eq!(asked, [json!({"include_usage": true}), Value::Null]);
    }
    // Only once.
    let (heard, requests) = hear_in_turn(vec![Script::reply(400, &[], "stream_options")]);
    assert_heard(&heard, "", "failed provider_refused");
    assert_eq!(requests, 2);
}

#[test]
fn every_status_has_its_sentence() {
    let error = |text: &str| json!({"error": {"message": text, "type": "x"}}).to_string();
    let cases = [
        (
            400,
            error("bad temperature."),
            "provider_refused",
            "(HTTP 400: bad temperature); check the model's name and parameters.",
        ),
        (
            401,
            error("Incorrect API key provided: sk-secret"),
            "provider_key_refused",
            "(HTTP 401: Incorrect API key provided: ***)",
        ),
        (403, "<html>Forbidden</html>".into(), "provider_key_refused", "(HTTP 403: a web page"),
        (
            404,
            "{\"detail\":\"Not Found\"}".into(),
            "provider_refused",
            "(HTTP 404: Not Found); check the model's upstream name and base URL.",
        ),
        (413, String::new(), "provider_refused", "(HTTP 413)"),
        (418, "plain\n  words".into(), "provider_refused", "(HTTP 418: plain words)"),
        (
            500,
            "<html>".into(),
            "provider_failed",
            "(HTTP 500: a web page instead of an answer of the API); try again later.",
        ),
        (501, "nope".into(), "provider_failed", "(HTTP 501: nope)"),
    ];
    for (status, body, code, words) in cases {
        let heard = hear(at_once(status, &body));
        assert_heard(&heard, "", &format!("failed {code}"));
        assert!(heard.message().contains(words), "{}", heard.message());
        assert_eq!(heard.error.as_ref().unwrap().kind, ErrorKind::Provider);
    }
}

#[test]
fn what_cannot_help_is_not_repeated() {
    let quota = json!({"error": {"message": "m", "code": "insufficient_quota"}}).to_string();
    for (status, body) in
        [(400, ""), (401, ""), (403, ""), (404, ""), (422, ""), (501, ""), (429, quota.as_str())]
    {
        let (heard, requests) = hear_in_turn(vec![at_once(status, body), Script::stream(&["hi"])]);
        assert!(heard.end().starts_with("failed"), "{heard:?}");
        assert_eq!(requests, 1, "{status}");
    }
}

#[test]
fn an_endpoint_without_key_is_told_to_need_one() {
    let endpoint = ScriptedEndpoint::start(|_| Script::reply(401, &[], ""));
    let mut options = options(&endpoint);
    options.api_key = None;
    let heard = listen(&options);
    assert!(heard.message().contains("wants a key (HTTP 401); give the model one"), "{}", heard.message());
    assert_eq!(endpoint.requests()[0].header("authorization"), None);
}

#[test]
fn long_words_of_an_endpoint_are_cut() {
    let heard = hear(Script::reply(400, &[], "ä".repeat(2000)));
    assert_eq!(heard.message().matches('ä').count(), 500, "{}", heard.message());
    // A body that never ends is not read to its end.
    let endless = Script::new()
        .send("HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n")
        .send("x".repeat(1 << 20))
        .until_hung_up();
    assert_heard(&hear(endless), "", "failed provider_refused");
}
