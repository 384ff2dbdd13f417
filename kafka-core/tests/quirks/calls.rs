//! What is sent, where to, and what a probe finds.

use kafka_core::{
    AddressPolicy, Delta, ErrorKind, ModelHealth, Provider,
    testing::{Script, ScriptedEndpoint},
};
use serde_json::json;

use crate::{assert_heard, listen, options, prompt, provider};

#[test]
fn a_regular_stream_is_told_in_order() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["Hel", "lo"]));
    let heard = listen(&options(&endpoint));
    let usage = kafka_core::TokenUsage { prompt: 3, completion: 2, total: 5 };
    let expected = [
        Delta::Model("scripted".into()),
        Delta::Text("Hel".into()),
        Delta::Text("lo".into()),
        Delta::Usage(usage),
        Delta::Finish("stop".into()),
    ];
    assert_eq!(heard.deltas, expected);

    let requests = endpoint.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.header("authorization"), Some("Bearer sk-secret"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("text/event-stream, application/json"));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    let body = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "Hi"}],
    });
    assert_eq!(request.json(), body);
}

#[test]
fn addresses_that_models_may_not_have_are_never_called() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["hi"]));
    let port = endpoint.host().rsplit(':').next().unwrap().to_owned();
    let spellings = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"];
    for host in spellings {
        let mut options = options(&endpoint);
        options.base_url = format!("http://{host}:{port}/v1");
        options.network.policy = AddressPolicy::PublicOnly;
        let error = provider().complete(&prompt(), &options).err().unwrap();
        assert_eq!((error.kind, error.code), (ErrorKind::Provider, "base_url_refused"), "{host}: {error}");
    }
    for host in ["169.254.169.254", "[::ffff:169.254.169.254]", "0.0.0.0", "[::]", "2852039166", "[fe80::1]"]
    {
        let mut options = options(&endpoint);
        options.base_url = format!("http://{host}:{port}/v1");
        let error = provider().complete(&prompt(), &options).err().unwrap();
        assert_eq!(error.code, "base_url_refused", "{host}: {error}");
    }
    assert_eq!(endpoint.requests(), []);
    let mut options = options(&endpoint);
    options.base_url = format!("http://localhost:{port}/v1");
    assert!(provider().complete(&prompt(), &options).is_ok(), "the port does answer");
}

#[test]
fn base_urls_and_keys_that_cannot_be_used_are_refused() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["hi"]));
    for base_url in ["", "localhost", "ftp://x/", "http://user:pw@127.0.0.1/"] {
        let mut options = options(&endpoint);
        options.base_url = base_url.into();
        assert_eq!(
            provider().complete(&prompt(), &options).err().unwrap().code,
            "base_url_refused",
            "{base_url}"
        );
    }
    let mut broken_key = options(&endpoint);
    broken_key.api_key = Some("sk-secret\nX-Other: 1".to_owned().into());
    let heard = listen(&broken_key);
    assert_heard(&heard, "", "failed provider_key_refused");
    assert!(!heard.message().contains("X-Other"), "{}", heard.message());

    let mut nowhere = options(&endpoint);
    nowhere.base_url = "http://no-such-host.invalid/v1".into();
    let error = provider().complete(&prompt(), &nowhere).err().unwrap();
    assert_eq!(error.code, "provider_unreachable");
    assert!(error.message.contains("no-such-host.invalid is unknown"), "{error}");
    assert_eq!(endpoint.requests(), []);
}

#[test]
fn a_probe_lists_the_models() {
    let lists = [
        json!({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}),
        json!({"models": [{"name": "a"}, {"model": "b"}]}),
        json!([{"id": "a"}, {"id": "b"}, {"other": 1}]),
    ];
    for list in lists {
        let endpoint = ScriptedEndpoint::start(move |_| Script::json(200, &list));
        let health = provider().probe(&options(&endpoint)).unwrap();
        let expected = ModelHealth {
            reachable: true,
            status: Some(200),
            latency_ms: health.latency_ms,
            models: vec!["a".into(), "b".into()],
            detail: None,
        };
        assert_eq!(health, expected);
        let request = &endpoint.requests()[0];
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/v1/models"));
        assert_eq!(request.header("authorization"), Some("Bearer sk-secret"));
    }
}

#[test]
fn a_probe_tells_what_is_wrong() {
    let cases = [
        (
            Script::reply(401, &[], "bad key sk-secret"),
            Some(401),
            true,
            "refused the key (HTTP 401: bad key ***)",
        ),
        (Script::reply(404, &[], ""), Some(404), true, "has no list of models"),
        (Script::reply(503, &[("retry-after", "20")], ""), Some(503), true, "failed (HTTP 503)"),
        (Script::reply(200, &[], "<html>"), Some(200), true, "something else than a list of models"),
        (Script::new().reset(), None, false, "cannot be reached"),
    ];
    for (script, status, reachable, words) in cases {
        let endpoint = ScriptedEndpoint::start(move |_| script.clone());
        let health = provider().probe(&options(&endpoint)).unwrap();
        assert_eq!(
            (health.status, health.reachable, health.models.len()),
            (status, reachable, 0),
            "{health:?}"
        );
        let detail = health.detail.unwrap();
        assert!(detail.contains(&endpoint.host()) && detail.contains(words), "{detail}");
        assert_eq!(endpoint.requests().len(), 1, "a probe is one request");
    }
}

#[test]
fn a_probe_can_be_cancelled() {
    let endpoint = ScriptedEndpoint::start(|_| Script::new().until_hung_up());
    let options = options(&endpoint);
    let result = std::thread::scope(|scope| {
        let probe = scope.spawn(|| provider().probe(&options));
        endpoint.wait_for_requests(1);
        options.cancel.cancel();
        probe.join().unwrap()
    });
    assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
}
