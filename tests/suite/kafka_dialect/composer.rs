//! Composing over a socket: what was wrong with the original, each shown to be gone.

use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
use serde_json::{Value, json};

use super::{
    defects::{House, add_model},
    recording::text,
};
use crate::support::{model, websocket::Socket};

/// A prompt as the page of the original sends it.
fn prompt(prompt: &str, selected: &str) -> Value {
    json!({
        "action": "new_message", "prompt": prompt, "model": "m", "is_first_prompt": false, "is_chat_or_composer": true,
        "selected_filename": selected, "chat_files_based": [], "chat_files_text": [],
    })
}

/// The whole text that an answer shows of a file.
fn shown(socket: &mut Socket) -> String {
    let frame = socket.json();
    assert_eq!(frame["action"], "agent_response", "{frame}");
    text(&frame, "/message/content/based_content").to_owned()
}

fn house() -> (House, ScriptedEndpoint, String) {
    let house = House::open();
    let endpoint = model::start();
    add_model(&house.api, &house.user, "sk-josef", &endpoint);
    let chat = house.chat(&[]);
    (house, endpoint, chat)
}

#[test]
fn a_file_is_written_and_changed_twice_in_one_connection() {
    let (house, _endpoint, chat) = house();
    let (mut socket, _) = house.enter(&chat);
    socket.say(&prompt("mock:based=flow.based", ""));
    let frame = socket.json();
    let (id, first) = (text(&frame, "/id").to_owned(), model::text_of("flow.based"));
    assert_eq!(frame["content"], json!({"based_filename": "flow.based", "based_content": first}));
    // Nothing is selected: the file that was changed last is meant.
    socket.say(&prompt("mock:diff=replace", ""));
    let second = shown(&mut socket);
    assert!(second.contains("help politely") && second.lines().count() == 4, "{second}");
    socket.say(&prompt("again mock:diff=append", "flow.based"));
    let third = shown(&mut socket);
    assert_eq!(third, format!("{second}\tsay(\"bye\", exact=True)\n"));

    // Who opens the chat finds all that was told: the answer was stored before.
    let (_, opening) = house.enter(&chat);
    let [file] = &opening["chat_files_based"].as_array().unwrap()[..] else { panic!("{opening}") };
    assert_eq!((text(file, "/file_id"), text(file, "/latest_content")), (&*id, &*third));
    assert_eq!(file["versions"].as_array().unwrap().len(), 3);
    let told = opening["conversation"].as_array().unwrap();
    let stored: Value = serde_json::from_str(text(&told[3], "/content")).unwrap();
    assert_eq!((&told[3]["type"], &stored["based_content"]), (&json!("file"), &json!(second)));
    assert!(text(&stored, "/diff").contains("@@ -1,4 +1,4 @@"));
}

#[test]
fn whatever_the_model_does_is_explained_and_the_socket_goes_on() {
    let (house, endpoint, chat) = house();
    let (mut socket, _) = house.enter(&chat);
    for (asked, explained) in [
        ("change mock:diff", "ask for a new file first"),
        ("a mock:based=a.based mock:http=401", "refused the key"),
        ("b mock:based=b.based mock:http=400", "refused the request"),
        ("c mock:based=c.based mock:badjson=5", "JSON object is broken"),
        ("d mock:based=d.based mock:notext=5", "filename"),
        ("e mock:based=e.based mock:invalid=5", "no Based"),
        ("f mock:based=../../f.based", "without folders"),
        ("g mock:reply=x mock:notext=5", "\"text\" is missing"),
    ] {
        socket.say(&prompt(asked, ""));
        let frame = socket.json();
        assert!(text(&frame, "/error").contains(explained), "{asked}: {frame}");
        // Clients that show only the conversation find the prompt and the reason there.
        let told = frame["conversation"].as_array().unwrap();
        assert_eq!(told.last().unwrap()["content"], frame["error"]);
        assert!(told.iter().any(|entry| entry["content"] == asked), "{frame}");
    }
    assert_eq!(house.enter(&chat).1["chat_files_based"], json!([]));
    socket.say(&prompt("gone", "nowhere.based"));
    assert!(text(&socket.json(), "/error").contains("nowhere.based"));
    // One that comes to its senses in time.
    socket.say(&prompt("h mock:based=h.based mock:badjson=2 mock:invalid=4", ""));
    assert_eq!(shown(&mut socket), model::text_of("h.based"));
    socket.say(&prompt("i mock:diff mock:invalid=4", "h.based"));
    assert_eq!(shown(&mut socket), format!("# edited by the mock model\n{}", model::text_of("h.based")));
    socket.say(&prompt("mock:brace", ""));
    assert_eq!(socket.next_text(), " {\"note\": \"a reply that looks like JSON\"}");
    let keys: Vec<_> =
        endpoint.requests().iter().map(|it| it.header("authorization").map(str::to_owned)).collect();
    assert!(keys.iter().all(|key| key.as_deref() == Some("Bearer sk-josef")), "{keys:?}");
}

#[test]
fn stages_are_told_to_who_wants_the_answer_as_it_comes_and_files_to_everyone() {
    let (house, _endpoint, chat) = house();
    let ((mut asking, _), (mut watching, _)) = (house.enter(&chat), house.enter(&chat));
    let mut ask = prompt("mock:based=flow.based", "");
    ask["stream"] = json!(true);
    asking.say(&ask);
    for (seq, name) in [(2, "triage"), (3, "write")] {
        let frame = asking.json();
        assert_eq!(
            (&frame["action"], &frame["name"], &frame["seq"]),
            (&json!("stage"), &json!(name), &json!(seq))
        );
        assert!(frame["response_id"].is_string());
    }
    assert_eq!(shown(&mut asking), model::text_of("flow.based"));
    let kinds: Vec<_> = (0..3)
        .map(|_| {
            let frame = watching.json();
            assert_eq!(frame["action"], "message", "{frame}");
            ["type", "status"].map(|member| text(&frame["message"], &format!("/{member}")).to_owned())
        })
        .collect();
    // The prompt, the answer while it is written, and the file.
    let told: Vec<Vec<&str>> = kinds.iter().map(|kind| kind.iter().map(String::as_str).collect()).collect();
    assert_eq!(told, [["text", "complete"], ["text", "streaming"], ["file", "complete"]]);
}

#[test]
fn a_slow_model_holds_up_nobody_and_a_deleted_chat_ends_it() {
    let house = House::open();
    let gate = Gate::new();
    let held = gate.clone();
    let endpoint = ScriptedEndpoint::start(move |_| Script::events().token("{").wait_for(&held));
    add_model(&house.api, &house.user, "sk-josef", &endpoint);
    let (chat, other) = (house.chat(&[]), house.chat(&[]));
    let ((mut socket, _), (mut beside, _)) = (house.enter(&chat), house.enter(&other));
    socket.say(&prompt("write", ""));
    endpoint.wait_for_requests(1);
    beside.text("Anyone here?");
    // The owner's only model is not the default, so that echo answers.
    assert_eq!(beside.next_text(), "Echo: Anyone here?");
    house.api.expect(200, "DELETE", &format!("/chat/{chat}"), None);
    let errors = std::iter::from_fn(|| socket.json()["error"].as_str().map(str::to_owned));
    assert!(errors.take(2).any(|error| error == "Chat not found."));
    gate.open();
}
