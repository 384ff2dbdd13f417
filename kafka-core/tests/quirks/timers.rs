//! Time limits, cancelling, and ends of connections: quirk 39.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use kafka_core::{
    CallOptions, CancelToken, Delta, ErrorKind, Provider, Timeouts,
    testing::{Gate, Script, ScriptedEndpoint},
};
use serde_json::json;

use crate::{
    Heard, PATIENT, assert_heard, at_some_pace, delta, hear, hear_in_turn, listen, options,
    options_without_endpoint, prompt, provider,
};

/// How soon a call ends that is cancelled: less than it would take to notice by asking now and then.
const SOON: Duration = Duration::from_millis(250);
/// How long a machine may be too busy for anything to happen soon; shorter than any limit of [`PATIENT`].
const BUSY: Duration = Duration::from_secs(30);

/// Has a call cancelled, which tells how long it then took, again and again until once it was soon. A
/// busy machine holds up any of them; a client that does not notice is never soon.
#[track_caller]
fn assert_soon_at_best(mut cancelled: impl FnMut() -> Duration) {
    let begun = Instant::now();
    let mut took = cancelled();
    while took >= SOON {
        assert!(begun.elapsed() < BUSY, "{took:?}, and never sooner than {SOON:?}");
        took = cancelled();
    }
}

fn hear_within(script: Script, timeouts: Timeouts) -> Heard {
    let endpoint = ScriptedEndpoint::start(move |_| script.clone());
    let mut options = options(&endpoint);
    options.timeouts = timeouts;
    listen(&options)
}

#[track_caller]
fn assert_timed_out(heard: &Heard, text: &str, words: &str) {
    assert_heard(heard, text, "failed provider_timeout");
    assert!(heard.message().contains(words), "{}", heard.message());
    assert_eq!(heard.error.as_ref().unwrap().kind, ErrorKind::Timeout);
}

#[test]
fn quirk_39_a_slow_first_token_has_its_own_limit() {
    at_some_pace(|unit| {
        let slow = Script::events().pause(15 * unit).then(Script::new().token("hi").finish("stop"));
        let timeouts = Timeouts { between_tokens: 6 * unit, ..PATIENT };
        assert_heard(&hear_within(slow, timeouts), "hi", "completed stop");
    });
    // Nothing at all, not even a head; and a head only.
    let timeouts = Timeouts { first_token: Duration::from_millis(100), ..PATIENT };
    for silent in [Script::new().until_hung_up(), Script::events().until_hung_up()] {
        assert_timed_out(&hear_within(silent, timeouts), "", "sent nothing within 0.1 s");
    }
}

#[test]
fn quirk_39_an_endpoint_that_stays_after_done_is_left() {
    let begun = Instant::now();
    assert_heard(&hear(Script::stream(&["hi"]).until_hung_up()), "hi", "completed stop");
    assert!(begun.elapsed() < PATIENT.between_tokens / 2, "{:?}", begun.elapsed());
    // One that says neither [DONE] nor goodbye after the finish reason.
    at_some_pace(|unit| {
        let timeouts = Timeouts { between_tokens: 10 * unit, ..PATIENT };
        let stays = Script::events().token("hi").finish("stop").until_hung_up();
        assert_heard(&hear_within(stays, timeouts), "hi", "completed stop");
    });
}

#[test]
fn quirk_39_a_reset_after_the_finish_changes_nothing_and_before_it_interrupts() {
    assert_heard(&hear(Script::events().token("hi").finish("stop").reset()), "hi", "completed stop");
    assert_heard(&hear(Script::events().token("hi").reset()), "hi", "interrupted");
}

#[test]
fn quirk_39_a_chunked_body_that_breaks_off_is_an_interruption() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let event = format!("data: {}\n\n", delta(json!({"content": "hi"})));
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    let broken = Script::new().send(head).send(&chunk).send("ff\r\ndata: {\"cho");
    assert_heard(&hear(broken), "hi", "interrupted");
    let at_border = Script::new().send(head).send(&chunk);
    assert_heard(&hear(at_border), "hi", "interrupted");
}

#[test]
fn a_connection_lost_before_the_answer_is_tried_again() {
    let (heard, requests) =
        hear_in_turn(vec![Script::new().reset(), Script::events(), Script::stream(&["hi"])]);
    assert_heard(&heard, "hi", "completed stop");
    assert_eq!(requests, 3);
}

#[test]
fn an_endpoint_that_says_nothing_three_times_fails() {
    let (heard, requests) = hear_in_turn(vec![Script::events()]);
    assert_heard(&heard, "", "failed provider_bad_answer");
    assert_eq!(requests, 3);
}

#[test]
fn a_stall_between_tokens_keeps_the_text() {
    let timeouts = Timeouts { between_tokens: Duration::from_millis(100), ..PATIENT };
    let stalls = Script::events().token("hi").until_hung_up();
    assert_timed_out(&hear_within(stalls, timeouts), "hi", "sent nothing more for 0.1 s");
}

#[test]
fn the_whole_answer_has_a_limit() {
    at_some_pace(|unit| {
        let token = Script::new().token("x").pause(2 * unit);
        let endless = (0..500).fold(Script::events(), |script, _| script.then(token.clone()));
        let heard = hear_within(endless, Timeouts { total: 20 * unit, ..PATIENT });
        assert!(heard.text().starts_with("xx"), "{heard:?}");
        assert_timed_out(&heard, &heard.text(), "did not finish within ");
    });
}

#[test]
fn a_slow_reader_is_no_slow_endpoint() {
    at_some_pace(|unit| {
        let gate = Gate::new();
        let held = gate.clone();
        let endpoint = ScriptedEndpoint::start(move |_| {
            Script::events().token("a").wait_for(&held).token("b").finish("stop")
        });
        let mut options = options(&endpoint);
        options.timeouts.between_tokens = 8 * unit;
        let mut stream = provider().complete(&prompt(), &options).unwrap();
        assert_eq!(stream.next(), Some(Ok(Delta::Text("a".into()))));
        gate.open();
        thread::sleep(16 * unit);
        let rest: Vec<Delta> = stream.map(Result::unwrap).collect();
        assert_eq!(rest, [Delta::Text("b".into()), Delta::Finish("stop".into())]);
    });
}

#[test]
fn a_broken_event_is_a_failure_unless_the_connection_ended_in_it() {
    let broken = Script::events().token("hi").send("data: {\"cho\n\n");
    assert_heard(&hear(broken.clone().done()), "hi", "failed provider_bad_answer");
    assert_heard(&hear(Script::events().token("hi").send("data: {\"cho")), "hi", "interrupted");
}

/// Options that lead to this listener.
fn leading_to(scheme: &str, listener: &TcpListener) -> CallOptions {
    CallOptions {
        base_url: format!("{scheme}://{}/v1", listener.local_addr().unwrap()),
        ..options_without_endpoint()
    }
}

/// The same with a limit of connecting that silence soon reaches.
fn impatient(options: &CallOptions) -> CallOptions {
    CallOptions { timeouts: Timeouts { connect: Duration::from_secs(1), ..PATIENT }, ..options.clone() }
}

fn loopback() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

#[test]
fn nobody_listening_is_told_soon() {
    let listener = loopback();
    let options = leading_to("http", &listener);
    drop(listener);
    let heard = listen(&options);
    assert_heard(&heard, "", "failed provider_unreachable");
    assert!(heard.message().contains("cannot be reached"), "{}", heard.message());
}

#[test]
#[cfg(target_os = "linux")]
fn a_host_that_accepts_no_connection_has_the_limit_of_connecting_and_can_be_cancelled() {
    // With a full queue of connections, Linux leaves further ones unanswered like a host that is gone.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    let dial = || TcpStream::connect_timeout(&address, Duration::from_secs(1));
    let _queue: Vec<TcpStream> = std::iter::from_fn(|| dial().ok()).collect();

    let options = leading_to("http", &listener);
    assert_timed_out(&listen(&impatient(&options)), "", "accepted no connection within 1 s");

    assert_soon_at_best(|| {
        let options = CallOptions { cancel: CancelToken::new(), ..options.clone() };
        let (heard, took) = cancel_later(&options.cancel, || {}, || listen(&options));
        assert_eq!(heard.end(), "failed cancelled");
        took
    });
}

#[test]
fn a_port_without_tls_is_told_from_one_that_is_silent() {
    let listener = loopback();
    let options = leading_to("https", &listener);
    // Nothing answers the handshake, which belongs to connecting.
    assert_timed_out(&listen(&impatient(&options)), "", "accepted no connection within 1 s");
    let _silent = listener.accept().unwrap();

    assert_soon_at_best(|| {
        let options = CallOptions { cancel: CancelToken::new(), ..options.clone() };
        let mut silent = None;
        let (heard, took) =
            cancel_later(&options.cancel, || silent = listener.accept().ok(), || listen(&options));
        assert_eq!(heard.end(), "failed cancelled");
        took
    });

    let heard = thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            // Until the client leaves.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        listen(&options)
    });
    assert_heard(&heard, "", "failed provider_unreachable");
    assert!(heard.message().contains("No secure connection"), "{}", heard.message());
}

#[test]
fn cancelling_ends_every_phase_at_once() {
    let scripts = [
        ("before the head", Script::new().until_hung_up()),
        ("before the first token", Script::events().until_hung_up()),
        (
            "within a whole body",
            Script::new().send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{").until_hung_up(),
        ),
        (
            "within a refusal",
            Script::new().send("HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n{").until_hung_up(),
        ),
        ("between tokens", Script::events().token("hi").until_hung_up()),
        ("after the finish", Script::events().token("hi").finish("stop").until_hung_up()),
    ];
    for (phase, script) in scripts {
        assert_soon_at_best(|| {
            let script = script.clone();
            let endpoint = ScriptedEndpoint::start(move |_| script.clone());
            let options = options(&endpoint);
            let (heard, took) = cancel_after(&endpoint, &options.cancel, || listen(&options));
            assert_eq!(heard.end(), "failed cancelled", "{phase}: {heard:?}");
            assert_eq!(heard.error.unwrap().kind, ErrorKind::Cancelled);
            endpoint.wait_for_hang_ups(1);
            took
        });
    }
}

#[test]
fn cancelling_ends_the_wait_for_another_try() {
    assert_soon_at_best(|| {
        let endpoint = ScriptedEndpoint::start(|_| Script::reply(503, &[("retry-after", "20")], ""));
        let options = options(&endpoint);
        let (heard, took) = cancel_after(&endpoint, &options.cancel, || listen(&options));
        assert_eq!(heard.end(), "failed cancelled");
        assert_eq!(endpoint.requests().len(), 1);
        took
    });
}

#[test]
fn a_cancelled_call_does_not_begin() {
    let endpoint = ScriptedEndpoint::start(|_| Script::stream(&["hi"]));
    let options = options(&endpoint);
    options.cancel.cancel();
    assert_eq!(listen(&options).end(), "failed cancelled");
    assert_eq!(endpoint.requests(), []);
}

fn cancel_after(
    endpoint: &ScriptedEndpoint,
    cancel: &CancelToken,
    listen: impl FnOnce() -> Heard + Send,
) -> (Heard, Duration) {
    cancel_later(cancel, || endpoint.wait_for_requests(1), listen)
}

/// Raises the token a little after what is waited for, and tells how long the listener then took. The
/// little while lets most runs reach the middle of the phase; whenever it falls, the outcome is the same.
fn cancel_later(
    cancel: &CancelToken,
    wait: impl FnOnce(),
    listen: impl FnOnce() -> Heard + Send,
) -> (Heard, Duration) {
    thread::scope(|scope| {
        let listener = scope.spawn(|| (listen(), Instant::now()));
        wait();
        thread::sleep(Duration::from_millis(50));
        let cancelled = Instant::now();
        cancel.cancel();
        let (heard, ended) = listener.join().unwrap();
        (heard, ended.saturating_duration_since(cancelled))
    })
}
