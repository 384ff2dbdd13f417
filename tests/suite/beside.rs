//! Other processes that open the database while a server streams from it.

use std::{path::Path, process::Output};

use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    api::{Api, id, text},
    process::{Binary, RunningServer},
};

/// A verb of the command line on this data.
pub(crate) fn kafka(data: &Path, args: &[&str]) -> String {
    let Output { status, stdout, stderr } =
        Binary::kafka().command(data).args(args).arg("--data-dir").arg(data).output().unwrap();
    assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn verbs_and_a_second_server_disturb_nothing_and_see_what_streams() {
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |request| match request.number {
        0 => Script::events().token("Once ").wait_for(&held).token("upon").finish("stop").done(),
        _ => Script::events().token("Without ").until_hung_up(),
    });
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka(), data.path(), &[]);
    let api = Api::of(&server);
    api.post("/api/v1/models", &json!({"name": "m", "base_url": endpoint.base_url(), "is_default": true}));
    let [first, second] = [(); 2].map(|()| {
        let chat = api.chat();
        let mut events = api.ask(&chat, &json!({"content": "Tell me."}));
        let seen = vec![events.next().unwrap(), events.next().unwrap()];
        (chat, seen, events)
    });

    let listed = kafka(data.path(), &["chats", "list"]);
    assert!(listed.contains(&first.0) && listed.contains(&second.0), "{listed}");
    assert_eq!(kafka(data.path(), &["chat", "--model", "echo", "Hello"]).trim(), "Echo: Hello");
    let beside = RunningServer::start(&Binary::kafka(), data.path(), &[]);
    let other = Api::of(&beside);
    for (chat, ..) in [&first, &second] {
        let page = other.get(&format!("/api/v1/chats/{chat}/messages"));
        assert_eq!(page["items"][1]["status"], "streaming", "{page}");
    }

    // One is followed through the other server to its end,
    let (_, mut live, rest) = first;
    let path = format!("/api/v1/responses/{}/events", id(&live[0].json()["response"]));
    let (_, mut follower) = other.open("GET", &path, &[], None).events();
    let mut followed = vec![follower.next().unwrap().unwrap(), follower.next().unwrap().unwrap()];
    assert_eq!(followed, live);
    gate.open();
    live.extend(rest);
    followed.extend(follower.map(Result::unwrap));
    assert_eq!(text(&live), "Once upon");
    assert_eq!(live.last().unwrap().name, "response.completed");
    assert_eq!(followed, live);

    // and one is stopped through it.
    let (chat, mut live, rest) = second;
    let response = id(&live[0].json()["response"]);
    let cancelled = other.expect(200, "POST", &format!("/api/v1/responses/{response}/cancel"), None);
    assert_eq!(cancelled["response"]["status"], "cancelled");
    live.extend(rest);
    assert_eq!(live.last().unwrap().name, "response.cancelled");
    endpoint.wait_for_hang_ups(1);
    for api in [&api, &other] {
        assert_eq!(api.events(&response, 0), live);
        let message = api.get(&format!("/api/v1/chats/{chat}/messages"))["items"][1].clone();
        assert_eq!((&message["content"], &message["status"]), (&json!("Without "), &json!("cancelled")));
    }

    // What a verb deletes ends for who watches it in either.
    let chat = api.chat();
    let mut live = api.ask(&chat, &json!({"content": "Tell me."}));
    let mut seen = vec![live.next().unwrap(), live.next().unwrap()];
    let path = format!("/api/v1/responses/{}/events", id(&seen[0].json()["response"]));
    let (_, mut follower) = other.open("GET", &path, &[], None).events();
    let mut followed = vec![follower.next().unwrap().unwrap(), follower.next().unwrap().unwrap()];
    kafka(data.path(), &["chats", "delete", &chat]);
    seen.extend(live);
    followed.extend(follower.map(Result::unwrap));
    let last = seen.last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.json()["response"]["status"]),
        ("response.cancelled", &json!("cancelled"))
    );
    assert_eq!((text(&seen).as_str(), followed), ("Without ", seen));
    endpoint.wait_for_hang_ups(2);

    // The second one takes its leave; the first goes on.
    beside.terminate();
    let (chat, asked) = (api.chat(), json!({"content": "Hello", "model": "echo"}));
    assert_eq!(text(&api.ask(&chat, &asked).collect::<Vec<_>>()), "Echo: Hello");
}
