//! Files over a socket: what others are told of them, and what a model is.

use kafka_core::testing::ScriptedEndpoint;
use serde_json::{Value, json};

use super::{
    defects::{House, add_model, upload},
    recording::text,
};
use crate::support::{form::Form, model, websocket::Socket};

/// `The castle is closed on Mondays.`, in base64.
const NOTES: &str = "VGhlIGNhc3RsZSBpcyBjbG9zZWQgb24gTW9uZGF5cy4=";

/// What a socket is told that someone else stored.
fn news(socket: &mut Socket) -> (String, String, String) {
    let frame = socket.json();
    assert_eq!((&frame["action"], &frame["message"]["status"]), (&json!("message"), &json!("complete")));
    assert!(frame["message"]["id"].is_string() && frame["message"]["seq"].is_u64(), "{frame}");
    ["role", "type", "content"].map(|member| text(&frame["message"], &format!("/{member}")).to_owned()).into()
}

#[test]
fn others_are_told_what_the_conversation_keeps_of_a_file() {
    let house = House::open();
    let chat = house.chat(&[]);
    let ((mut acting, _), (mut watching, _)) = (house.enter(&chat), house.enter(&chat));
    let file = upload(&mut acting, "flow.based", NOTES);
    let (role, kind, content) = news(&mut watching);
    assert_eq!((&*role, &*kind), ("user", "file"));
    assert_eq!(serde_json::from_str::<Value>(&content).unwrap(), file);

    let (_, opening) = house.enter(&chat);
    let version = &opening["chat_files_based"][0]["versions"][0]["version_id"];
    acting.say(&json!({"action": "revert_version", "version_id": version, "filename": "flow.based"}));
    assert_eq!(acting.json()["action"], "revert_complete");
    let (role, kind, content) = news(&mut watching);
    assert_eq!((&*role, &*kind), ("assistant", "file"));
    let content: Value = serde_json::from_str(&content).unwrap();
    assert_eq!(content["based_content"], "The castle is closed on Mondays.");
    assert!(content["revert_notice"].is_string(), "{content}");

    acting.say(&json!({"action": "delete_file", "file_id": file["file_id"]}));
    assert_eq!(acting.json()["action"], "file_deleted");
    let gone = ["system", "file", "flow.based was deleted."].map(str::to_owned).into();
    assert_eq!(news(&mut watching), gone);

    // Neither was told anything else, and who comes now sees the same.
    for socket in [&mut acting, &mut watching] {
        socket.say(&json!({"action": "dance"}));
        assert_eq!(socket.json()["error"], "Unknown action: dance");
    }
    let (_, opening) = house.enter(&chat);
    let kinds = opening["conversation"].as_array().unwrap().iter().map(|entry| text(entry, "/type"));
    assert_eq!(kinds.collect::<Vec<_>>(), ["file"; 3]);
}

#[test]
fn a_model_reads_the_files_and_not_what_the_conversation_keeps_of_them() {
    let house = House::open();
    let answer = model::plain("On Mondays.");
    let endpoint = ScriptedEndpoint::start(move |_| answer.clone());
    add_model(&house.api, &house.user, "sk-josef", &endpoint);
    let chat = house.chat(&[]);
    let (mut socket, _) = house.enter(&chat);
    upload(&mut socket, "notes.txt", NOTES);
    let other = upload(&mut socket, "other.txt", "b25lCg==");
    socket.say(&json!({"action": "delete_file", "file_id": other["file_id"]}));
    assert_eq!(socket.json()["action"], "file_deleted");
    socket.say(&json!({
        "action": "new_message", "prompt": "When is it closed?", "model": "m", "is_first_prompt": false,
        "is_chat_or_composer": false, "selected_filename": "", "chat_files_based": [], "chat_files_text": [],
    }));
    assert_eq!(socket.next_text(), "On Mondays.");
    let request = endpoint.requests()[1].json();
    let messages = request["messages"].as_array().unwrap();
    assert_eq!(messages.last(), Some(&json!({"role": "user", "content": "When is it closed?"})));
    assert_eq!(messages.len(), 2, "{request}");
    let files = text(&messages[0], "/content");
    assert!(files.contains("notes.txt") && files.contains("The castle is closed on Mondays."), "{files}");
    for stored in ["file_id", "uploads/files", "was deleted", "other.txt"] {
        assert!(!request.to_string().contains(stored), "{stored}: {request}");
    }
}

/// The list of `.based` files is what clients edit next, so nothing else stands there; and what stood in two lists would
/// be shown twice.
#[test]
fn each_file_of_a_chat_stands_in_one_list_of_the_first_generation() {
    let house = House::open();
    let chat = house.chat(&[]);
    let (mut socket, _) = house.enter(&chat);
    for name in ["flow.based", "notes.txt", "later.csv"] {
        upload(&mut socket, name, NOTES);
    }
    // Written in the chat, with versions; and one that got its name after it had come.
    let files = format!("/api/v1/chats/{chat}/files");
    let written = house.api.post(&files, &json!({"filename": "plan.md", "content": "one"}));
    let versions = format!("/api/v1/chat-files/{}/versions", text(&written, "/id"));
    house.api.post(&versions, &json!({"content": "two"}));
    let (_, opening) = house.enter(&chat);
    let later = text(&opening, "/chat_files/2/id");
    Form::default().field("file_id", later).field("new_name", "later.based").ok(
        &house.api,
        "PATCH",
        "/file/rename",
    );

    let (_, opening) = house.enter(&chat);
    let names = |list: &str| {
        let files = opening[list].as_array().unwrap().iter();
        files.map(|file| text(file, "/name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("chat_files_based"), ["flow.based"]);
    assert_eq!(names("chat_files_text"), ["notes.txt", "later.based", "plan.md"]);
    assert_eq!(names("chat_files"), ["flow.based", "notes.txt", "later.based", "plan.md"]);
    assert_eq!(opening["chat_files_text"][2]["content"], "two");
}
