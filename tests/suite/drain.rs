//! The end of a server that is asked to end.

use std::{
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    api::{Api, id, text},
    process::{Binary, RunningServer},
};

fn add_model(api: &Api, endpoint: &ScriptedEndpoint) {
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}));
}

/// Waits until nobody new gets in.
fn wait_until_deaf(server: &RunningServer) {
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(server.address()).is_ok() {
        assert!(Instant::now() < until, "still accepting connections");
    }
}

mod slow {
    use super::*;

    #[test]
    fn an_answer_that_runs_is_finished_watched_or_not() {
        let ends = [(Signal::TERM, true), (Signal::TERM, false), (Signal::INT, true)];
        let both = Binary::both();
        for (binary, (signal, is_watched)) in both.iter().flat_map(|binary| ends.map(|end| (binary, end))) {
            let gate = Gate::new();
            let held = gate.clone();
            let endpoint = ScriptedEndpoint::start(move |_| {
                Script::events().token("To the ").wait_for(&held).token("end").finish("stop").done()
            });
            let data = TempDir::new().unwrap();
            let server = RunningServer::start(binary, data.path(), &[]);
            let api = Api::of(&server);
            add_model(&api, &endpoint);
            let mut events = api.ask(&api.chat(), &json!({"content": "Go on."}));
            let started = events.next().unwrap().json();
            endpoint.wait_for_requests(1);
            let mut watching = Some(events);
            if !is_watched {
                watching = None;
                server.wait_for_line(&["cut off"]);
            }
            server.signal(signal);
            wait_until_deaf(&server);
            // A server that waits for nobody is gone by now.
            thread::sleep(Duration::from_millis(200));
            gate.open();
            if let Some(events) = watching {
                assert_eq!(text(&events.collect::<Vec<_>>()), "To the end");
            }
            let ended = server.ended();
            assert_eq!(ended.status.code(), Some(0), "{signal:?}: {ended:?}");

            let server = RunningServer::start(binary, data.path(), &[]);
            let kept = Api::of(&server).events(&id(&started["response"]), 0);
            assert_eq!(text(&kept), "To the end");
            assert_eq!(kept.last().unwrap().name, "response.completed");
        }
    }

    #[test]
    fn a_second_signal_interrupts_what_runs_and_says_so() {
        let endpoint = ScriptedEndpoint::start(|_| Script::events().token("Not to the end").until_hung_up());
        for binary in Binary::both() {
            let data = TempDir::new().unwrap();
            let server = RunningServer::start(&binary, data.path(), &[]);
            let api = Api::of(&server);
            add_model(&api, &endpoint);
            let mut events = api.ask(&api.chat(), &json!({"content": "Go on."}));
            assert_eq!(events.next().unwrap().name, "response.started");
            assert_eq!(events.next().unwrap().name, "message.delta");
            server.ask_to_end();
            wait_until_deaf(&server);
            server.ask_to_end();
            assert_eq!(events.last().unwrap().name, "response.interrupted");
            let ended = server.ended();
            assert_eq!(ended.status.code(), Some(0));
            assert!(ended.stderr.contains("a second signal: ending at once"), "{}", ended.stderr);
        }
    }
}
