//! Branches at every door of the server: edits, further answers, choices and forks, and what clients see of them that
//! know no branches.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, id},
    process::{Binary, RunningServer},
    websocket::Socket,
};

/// A server, and a chat in which a question was answered.
struct Room {
    _data: TempDir,
    server: RunningServer,
    api: Api,
    chat: String,
    question: String,
    answer: String,
}

impl Room {
    fn open() -> Room {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let api = Api::of(&server);
        let chat = id(&api.post("/api/v1/chats", &json!({"title": "The trial", "default_model": "echo"})));
        let asked = api.post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "old"}));
        let (question, answer) = (id(&asked["user_message"]), id(&asked["message"]));
        Room { _data: data, server, api, chat, question, answer }
    }

    fn of_chat(&self, rest: &str) -> String {
        format!("/api/v1/chats/{}{rest}", self.chat)
    }

    fn contents(&self) -> Vec<String> {
        contents(&self.api.get(&self.of_chat("/messages"))["items"])
    }

    fn ask(&self, body: &Value) -> Value {
        self.api.post(&self.of_chat("/responses"), body)
    }

    fn activate(&self, message: &str) -> Value {
        self.api.expect(200, "POST", &format!("/api/v1/messages/{message}/activate"), None)
    }

    fn points(&self) -> Value {
        self.api.get(&self.of_chat("/branches"))["items"].clone()
    }
}

fn contents(messages: &Value) -> Vec<String> {
    messages.as_array().unwrap().iter().map(|it| it["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_edit_keeps_the_old_text_with_its_answer_and_either_can_be_chosen() {
    let room = Room::open();
    assert_eq!(
        room.api.get(&room.of_chat("/branches")),
        json!({"items": [], "next_cursor": null, "prev_cursor": null})
    );
    let edit = room.ask(&json!({"content": "new", "parent_id": null}));
    let (new_question, new_answer) = (id(&edit["user_message"]), id(&edit["message"]));
    assert_eq!(room.contents(), ["new", "Echo: new"]);
    let again = id(&room.ask(&json!({}))["message"]);
    assert_eq!(room.contents(), ["new", "Echo: new"]);
    let expected = json!([
        {"parent_id": null, "message_ids": [room.question, new_question], "active_id": new_question},
        {"parent_id": new_question, "message_ids": [new_answer, again], "active_id": again},
    ]);
    assert_eq!(room.points(), expected);
    let page = room.api.get(&room.of_chat("/branches?limit=1"));
    assert_eq!(page["items"][0], expected[1], "without a cursor it is the last page");
    let before = page["prev_cursor"].as_str().unwrap();
    assert_eq!(
        room.api.get(&room.of_chat(&format!("/branches?limit=1&before={before}")))["items"][0],
        expected[0]
    );

    let chosen = room.activate(&room.question);
    assert_eq!((&chosen["id"], &chosen["active_leaf_id"]), (&json!(room.chat), &json!(room.answer)));
    assert_eq!(room.contents(), ["old", "Echo: old"]);
    room.activate(&new_answer);
    assert_eq!(room.points()[1]["active_id"], json!(new_answer));
    room.activate(&room.question);
    room.activate(&new_question);
    assert_eq!(room.points()[1]["active_id"], json!(again), "of several the one that was written to last");
    let nothing = "01890000-0000-7000-8000-000000000000";
    room.api.expect(404, "POST", &format!("/api/v1/messages/{nothing}/activate"), None);
    room.api.expect(404, "GET", &format!("/api/v1/chats/{nothing}/branches"), None);
}

#[test]
fn a_fork_is_a_chat_of_its_own_and_made_once_for_a_key() {
    let room = Room::open();
    room.ask(&json!({"content": "more"}));
    let path = room.of_chat("/fork");
    let body = json!({"message_id": room.answer, "title": "Another way"}).to_string();
    let once = || room.api.send("POST", &path, &[("Idempotency-Key", "fork")], Some(&body));
    let (first, twin) = (once(), once());
    assert_eq!((first.status, first.json()), (201, twin.json()));
    let fork = first.json();
    assert_eq!(
        (&fork["title"], &fork["message_count"], &fork["total_tokens"]),
        (&json!("Another way"), &json!(2), &json!(0))
    );
    let messages = room.api.get(&format!("/api/v1/chats/{}/messages", id(&fork)));
    assert_eq!(contents(&messages["items"]), ["old", "Echo: old"]);
    assert_eq!(
        (&messages["items"][1]["response"], &messages["items"][1]["model"]),
        (&Value::Null, &json!("echo"))
    );
    assert_eq!(room.contents().len(), 4);
    assert_eq!(room.api.post(&path, &json!({}))["message_count"], 4);
    let elsewhere = json!({"message_id": id(&fork)});
    assert_eq!(room.api.expect(422, "POST", &path, Some(&elsewhere))["code"], "message_unknown");
    let listed = room.api.get("/api/v1/chats");
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
}

/// What every client sees of the chat that knows one branch of it.
fn seen_by_dialects(room: &Room) -> [Vec<String>; 3] {
    let number = room.api.get("/api/chats/")["items"][0]["id"].clone();
    let chat_history = room.api.get(&format!("/api/messages/chat/{number}"));
    assert_eq!(
        room.api.get(&format!("/api/chats/{number}"))["messages_count"],
        chat_history["items"].as_array().unwrap().len()
    );
    let open_chat = room.api.get(&format!("/conversations/{}/messages", room.chat));
    let (_, kafka) = Socket::open(room.server.address(), &room.chat);
    [contents(&chat_history["items"]), contents(&open_chat["messages"]), contents(&kafka["conversation"])]
}

#[test]
fn clients_that_know_no_branches_see_the_active_one_in_order() {
    let room = Room::open();
    let all_see = |expected: &[&str]| {
        for seen in seen_by_dialects(&room) {
            assert_eq!(seen, expected);
        }
    };
    all_see(&["old", "Echo: old"]);
    room.ask(&json!({"content": "new", "parent_id": null}));
    all_see(&["new", "Echo: new"]);
    room.ask(&json!({}));
    all_see(&["new", "Echo: new"]);
    room.ask(&json!({"content": "more"}));
    all_see(&["new", "Echo: new", "more", "Echo: more"]);
    room.activate(&room.question);
    all_see(&["old", "Echo: old"]);
    // What they say goes on from there.
    room.api.expect(
        200,
        "POST",
        &format!("/conversations/{}/messages", room.chat),
        Some(&json!({"message": "and?"})),
    );
    all_see(&["old", "Echo: old", "and?"]);
    room.api.delete(&format!("/api/v1/messages/{}", room.answer));
    all_see(&["old", "and?"]);
}

/// What a frame says of its message.
fn told(frame: &Value) -> [&Value; 4] {
    let message = &frame["message"];
    [&frame["action"], &message["role"], &message["content"], &message["status"]]
}

/// An answer as others are told it: that it is being written, unless it is there before that is told, and then whole.
fn answer(socket: &mut Socket) -> Value {
    let frame = socket.json();
    if frame["message"]["status"] != "streaming" {
        return frame;
    }
    assert_eq!(told(&frame), ["message", "assistant", "", "streaming"]);
    socket.json()
}

#[test]
fn over_a_socket_one_edits_answers_anew_and_chooses_and_the_others_are_told() {
    let room = Room::open();
    let enter = || Socket::open(room.server.address(), &room.chat).0;
    let (mut me, mut other) = (enter(), enter());
    me.say(&json!({"action": "edit_message", "message_id": room.question, "prompt": "new", "stream": true}));
    for socket in [&mut me, &mut other] {
        assert_eq!(socket.json(), json!({"action": "branch", "active_leaf_id": null, "conversation": []}));
        let said = socket.json();
        assert_eq!(told(&said), ["message", "user", "new", "complete"]);
        assert_eq!(said["message"]["parent_id"], Value::Null);
    }
    let mut text = String::new();
    let last = loop {
        let frame = me.next_text();
        match serde_json::from_str::<Value>(&frame) {
            Ok(delta) => text += delta["text"].as_str().expect("a delta"),
            Err(_) => break frame,
        }
    };
    assert_eq!((&*text, &*last), ("Echo: new", "Echo: new"));
    let answered = answer(&mut other);
    assert_eq!(told(&answered), ["message", "assistant", "Echo: new", "complete"]);
    let question = answered["message"]["parent_id"].clone();

    // By the answer, by the question, and the last one.
    for named in [answered["message"]["id"].clone(), question.clone(), Value::Null] {
        me.say(&json!({"action": "regenerate", "message_id": named}));
        for socket in [&mut me, &mut other] {
            let branch = socket.json();
            assert_eq!((&branch["action"], &branch["active_leaf_id"]), (&json!("branch"), &question));
            assert_eq!(contents(&branch["conversation"]), ["new"]);
        }
        assert_eq!(me.next_text(), "Echo: new");
        assert_eq!(told(&answer(&mut other)), ["message", "assistant", "Echo: new", "complete"]);
    }
    assert_eq!(room.points()[1]["message_ids"].as_array().unwrap().len(), 4);

    me.say(&json!({"action": "activate_branch", "message_id": room.question}));
    for socket in [&mut me, &mut other] {
        let branch = socket.json();
        assert_eq!(branch["active_leaf_id"], json!(room.answer));
        assert_eq!(contents(&branch["conversation"]), ["old", "Echo: old"]);
        assert_eq!(branch["conversation"][1]["parent_id"], json!(room.question));
    }
    // What is so already is told to who asks, and to nobody else.
    me.say(&json!({"action": "activate_branch", "message_id": room.question}));
    assert_eq!(me.json()["active_leaf_id"], json!(room.answer));
    let elsewhere = room.api.message(&room.api.chat(), "elsewhere");
    for (action, sentence) in [
        (json!({"action": "edit_message", "message_id": elsewhere, "prompt": "x"}), "Message not found."),
        (json!({"action": "regenerate", "message_id": elsewhere}), "Message not found."),
        (json!({"action": "activate_branch", "message_id": elsewhere}), "Message not found."),
        (
            json!({"action": "edit_message", "message_id": room.answer, "prompt": "x"}),
            "Only what a user said can be said anew.",
        ),
    ] {
        me.say(&action);
        assert_eq!(me.json()["error"], sentence, "{action}");
    }
    // What is not answered is kept all the same.
    let edit =
        json!({"action": "edit_message", "message_id": room.question, "prompt": "kept", "model": "nowhere"});
    me.say(&edit);
    assert_eq!(other.json()["action"], "branch", "nothing was told since");
    assert_eq!(told(&other.json()), ["message", "user", "kept", "complete"]);
    assert_eq!(room.contents(), ["kept"]);
    assert_eq!(room.points()[0]["message_ids"].as_array().unwrap().len(), 3);

    // Other doors are told here, too.
    room.activate(&room.question);
    assert_eq!(other.json()["active_leaf_id"], json!(room.answer));
    room.api.delete(&format!("/api/v1/messages/{}", room.answer));
    let left = other.json();
    assert_eq!((&left["action"], &left["active_leaf_id"]), (&json!("branch"), &json!(room.question)));
    assert_eq!(contents(&left["conversation"]), ["old"]);
}
