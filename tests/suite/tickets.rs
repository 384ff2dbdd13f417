//! Tickets: what opens the events of one answer to readers that can send no header.

use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario, id},
    process::{Binary, RunningServer},
    sse::Event,
};

#[test]
fn a_ticket_opens_the_events_of_one_answer_again_and_again_and_nothing_else() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--auth=password"]);
    let stranger = Api::of(&server);
    let account = json!({"email": "k@example.org", "password": "long enough"});
    let login = stranger.post("/api/v1/auth/register", &account);
    let api = stranger.with_token(login["token"].as_str().unwrap());
    let chat = api.chat();
    let answer = |content: &str| {
        let events: Vec<Event> = api.ask(&chat, &json!({"content": content})).collect();
        (id(&events[0].json()["response"]), events)
    };
    let (first, events) = answer("one two");
    let (second, _) = answer("three");

    let made = api.post(&format!("/api/v1/responses/{first}/ticket"), &json!({}));
    let ticket = made["ticket"].as_str().unwrap();
    assert!(made["expires_at"].as_str().unwrap().ends_with('Z') && made.as_object().unwrap().len() == 2);
    let read = |response: &str, after: usize| {
        let path = format!("/api/v1/responses/{response}/events?ticket={ticket}&after={after}");
        let (head, read) = stranger.open("GET", &path, &[], None).events();
        assert_eq!(head.status, 200);
        read.map(Result::unwrap).collect::<Vec<Event>>()
    };
    assert_eq!(read(&first, 0), events);
    assert_eq!(read(&first, 2), events[2..], "EventSource comes back");

    let refused = |path: String| Scenario {
        path: Box::leak(path.into_boxed_str()),
        status: 401,
        ..Scenario::default()
    };
    stranger.run(&[
        refused(format!("/api/v1/responses/{second}/events?ticket={ticket}")),
        refused(format!("/api/v1/responses/{first}/events?ticket=wrong")),
        refused(format!("/api/v1/responses/{first}/events")),
        refused(format!("/api/v1/responses/{first}?ticket={ticket}")),
        refused(format!("/api/v1/chats?ticket={ticket}")),
        Scenario { method: "POST", ..refused(format!("/api/v1/responses/{first}/ticket?ticket={ticket}")) },
        Scenario { headers: &[("Authorization", "Bearer wrong")], ..refused("/api/v1/chats".to_owned()) },
    ]);
    stranger.with_token(ticket).expect(401, "GET", "/api/v1/chats", None);
    let nowhere = "/api/v1/responses/01890000-0000-7000-8000-000000000000/ticket";
    api.expect(404, "POST", nowhere, Some(&json!({})));
    let log = server.terminate().stderr;
    assert!(log.contains("ticket=***") && !log.contains(ticket), "{log}");

    // Whoever comes back after a restart need not ask for another.
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--auth=password"]);
    let path = format!("/api/v1/responses/{first}/events?ticket={ticket}");
    let (head, read) = Api::of(&server).open("GET", &path, &[], None).events();
    assert_eq!(head.status, 200);
    assert_eq!(read.map(Result::unwrap).collect::<Vec<Event>>(), events);
}
