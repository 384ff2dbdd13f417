//! What was wrong with the original, each shown to be gone.

use std::thread;

use kafka_core::{Timestamp, testing::ScriptedEndpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::recording::{login, new_chat, text};
use crate::support::{
    api::{Api, id},
    form::Form,
    model,
    process::{Binary, RunningServer},
    websocket::{CLOSE, FIN, Socket},
};

/// `one` and a line's end, in base64.
const ONE: &str = "b25lCg==";

/// A server with an account.
pub(super) struct House {
    _data: TempDir,
    server: RunningServer,
    pub(super) api: Api,
    pub(super) user: String,
    pub(super) workspace: String,
}

impl House {
    pub(super) fn open() -> House {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let api = Api::of(&server);
        let (user, workspace) = account(&api, "josef@example.org");
        House { _data: data, server, api, user, workspace }
    }

    pub(super) fn chat(&self, files: &[&str]) -> String {
        new_chat(&self.api, &self.user, &self.workspace, "The trial", files)
    }

    /// A socket, and the payload that it opens with.
    pub(super) fn enter(&self, chat: &str) -> (Socket, Value) {
        Socket::open(self.server.address(), chat)
    }

    /// The files that one login shows in the first workspace.
    fn names_of_files(&self) -> Vec<String> {
        let account = login(&self.api, "josef@example.org");
        let files = account["workspaces"][0]["files"].as_array().unwrap().clone();
        files.iter().map(|file| text(file, "/filename").to_owned()).collect()
    }
}

fn account(api: &Api, email: &str) -> (String, String) {
    let account = login(api, email);
    let texts = ["/user_id", "/workspaces/0/id"].map(|pointer| text(&account, pointer).to_owned());
    texts.into()
}

pub(super) fn add_model(api: &Api, user: &str, key: &str, endpoint: &ScriptedEndpoint) {
    let form = Form::default().field("user_id", user).field("name", "m").field("ak", key);
    form.field("base_url", &endpoint.base_url()).ok(api, "POST", "/models/new");
}

/// Puts a file in base64 into the chat of a socket, and gives what the answer says of it.
pub(super) fn upload(socket: &mut Socket, filename: &str, data: &str) -> Value {
    socket.say(&json!({"action": "upload_file", "filename": filename, "file_data": data}));
    let answer = socket.json();
    assert_eq!(answer["action"], "file_uploaded", "{answer}");
    serde_json::from_str(text(&answer, "/message/content")).unwrap()
}

fn told(opening: &Value) -> Vec<&str> {
    opening["conversation"].as_array().unwrap().iter().map(|entry| text(entry, "/content")).collect()
}

/// Says something, and waits for the answer among what others do.
fn talk(socket: &mut Socket, prompt: &str) -> String {
    socket.text(prompt);
    loop {
        let frame = socket.next_text();
        if !frame.starts_with('{') {
            return frame;
        }
    }
}

#[test]
fn a_socket_that_opens_while_the_last_one_closes_shows_everything() {
    let house = House::open();
    let chat = house.chat(&[]);
    let (mut socket, _) = house.enter(&chat);
    let mut said = Vec::new();
    for round in 0..20 {
        let prompt = format!("round {round}");
        assert_eq!(talk(&mut socket, &prompt), format!("Echo: {prompt}"));
        said.extend([prompt.clone(), format!("Echo: {prompt}")]);
        // Nobody waits until the server has seen it leave.
        socket.frame(FIN | CLOSE, &1000u16.to_be_bytes());
        let (next, opening) = house.enter(&chat);
        assert_eq!(told(&opening), said);
        socket = next;
    }
}

#[test]
fn two_tabs_keep_what_is_said_in_either() {
    let house = House::open();
    let chat = house.chat(&[]);
    let ((mut one, _), (mut other, _)) = (house.enter(&chat), house.enter(&chat));
    assert_eq!(talk(&mut one, "a"), "Echo: a");
    assert_eq!(talk(&mut other, "b"), "Echo: b");
    assert_eq!(talk(&mut one, "c"), "Echo: c");
    // The last to close has not seen what the first said at the end.
    drop(one);
    other.frame(FIN | CLOSE, &1000u16.to_be_bytes());
    assert_eq!(other.closed(), 1000);
    let (_, opening) = house.enter(&chat);
    assert_eq!(told(&opening), ["a", "Echo: a", "b", "Echo: b", "c", "Echo: c"]);
}

#[test]
fn a_model_of_the_same_name_is_ones_own_and_the_newest() {
    let house = House::open();
    let [first, second, third] =
        ["first", "second", "third"].map(|name| ScriptedEndpoint::start(move |_| model::plain(name)));
    let (other, workspace) = account(&house.api, "leni@example.org");
    add_model(&house.api, &house.user, "sk-josef", &first);
    add_model(&house.api, &other, "sk-leni", &second);
    let chat = new_chat(&house.api, &other, &workspace, "Hers", &[]);
    let (mut socket, opening) = house.enter(&chat);
    assert_eq!(opening["models"], json!(["m"]));
    let ask = json!({"action": "new_message", "prompt": "Who are you?", "model": "m"});
    socket.say(&ask);
    assert_eq!(socket.next_text(), "second");
    add_model(&house.api, &other, "sk-newer", &third);
    socket.say(&ask);
    assert_eq!(socket.next_text(), "third");
    let keys = |endpoint: &ScriptedEndpoint| {
        endpoint
            .requests()
            .iter()
            .map(|it| it.header("authorization").unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&first), Vec::<String>::new());
    assert_eq!(
        (keys(&second), keys(&third)),
        (vec!["Bearer sk-leni".into(); 2], vec!["Bearer sk-newer".into(); 2])
    );
    // No key comes back, or stands in the log.
    assert!(!login(&house.api, "leni@example.org").to_string().contains("sk-"));
    let log = house.server.terminate().stderr;
    assert!(log.contains("POST /models/new") && !log.contains("sk-"), "{log}");
}

#[test]
fn a_file_made_in_a_connection_is_taken_back_and_deleted_in_it() {
    let house = House::open();
    let chat = house.chat(&[]);
    let (mut socket, _) = house.enter(&chat);
    let file = upload(&mut socket, "flow.based", ONE);
    upload(&mut socket, "later.based", ONE);
    let files = house.api.get(&format!("/api/v1/chats/{chat}/files"));
    let path = format!("/api/v1/chat-files/{}/versions", id(&files["items"][0]));
    let first = house.api.get(&path)["items"][0]["id"].clone();
    house.api.post(&path, &json!({"content": "two\n"}));

    socket.say(&json!({"action": "revert_version", "version_id": first, "filename": "flow.based"}));
    let answer = socket.json();
    assert_eq!(answer["action"], "revert_complete", "{answer}");
    assert_eq!(answer["message"]["content"]["based_content"], "one\n");
    // The file that was changed last comes first, because clients show that.
    let shown = &answer["chat_files_based"][0];
    assert_eq!((&shown["name"], &shown["latest_content"]), (&json!("flow.based"), &json!("one\n")));
    let versions = shown["versions"].as_array().unwrap();
    let diffs: Vec<_> = versions.iter().map(|version| text(version, "/diff")).collect();
    assert_eq!(diffs, ["", "@@ -1 +1 @@\n-two\n+one\n", ""]);
    let times: Vec<Timestamp> =
        versions.iter().map(|version| text(version, "/timestamp").parse().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");

    // Versions of all `.based` files of a chat are counted; of others there are none here.
    upload(&mut socket, "notes.txt", ONE);
    let account = login(&house.api, "josef@example.org");
    assert_eq!(account["workspaces"][0]["chats"][0]["num_versions"], 4);

    socket.say(&json!({"action": "delete_file", "file_id": file["file_id"]}));
    let answer = socket.json();
    assert_eq!(answer["message"]["deleted_file_id"], file["file_id"], "{answer}");
    upload(&mut socket, "flow.based", ONE);
    let (_, opening) = house.enter(&chat);
    assert_eq!(opening["chat_files_based"][0]["name"], "flow.based");
    assert_eq!(opening["chat_files_based"].as_array().unwrap().len(), 2);
}

#[test]
fn a_file_is_in_as_many_chats_as_one_likes_and_goes_with_the_last_that_had_it_alone() {
    let house = House::open();
    let upload = |target: &str, is_chat: &str, filename: &str| {
        let form = Form::default().field("target_id", target).field("is_chat", is_chat);
        let made = form.file(filename, b"one").ok(&house.api, "POST", "/file/upload");
        text(&made, "/files/0").to_owned()
    };
    let shared = upload(&house.workspace, "false", "shared.txt");
    let chats = [&*shared; 2].map(|file| house.chat(&[file, file]));
    let own = upload(&chats[0], "true", "own.txt");
    for (chat, files) in chats.iter().zip([&[&*shared, &own][..], &[&shared]]) {
        let (_, opening) = house.enter(chat);
        let shown = opening["chat_files"].as_array().unwrap();
        assert_eq!(shown.iter().map(|file| text(file, "/id")).collect::<Vec<_>>(), files);
        let texts = opening["chat_files_text"].as_array().unwrap();
        assert!(texts.iter().all(|file| file["content"] == "one"), "{texts:?}");
    }
    let (_, opening) = house.enter(&chats[1]);
    assert_eq!(opening["workspace_files"], json!([{"file_id": own, "name": "own.txt"}]));
    assert_eq!(house.names_of_files(), ["shared.txt", "own.txt"]);
    house.api.expect(200, "DELETE", &format!("/chat/{}", chats[0]), None);
    assert_eq!(house.names_of_files(), ["shared.txt"]);
    house.api.expect(404, "GET", &format!("/uploads/files/{own}_own.txt"), None);
    house.api.expect(200, "DELETE", &format!("/chat/{}", chats[1]), None);
    assert_eq!(house.names_of_files(), ["shared.txt"]);
}

#[test]
fn a_path_for_a_name_is_its_last_component_at_every_door() {
    let house = House::open();
    let chat = house.chat(&[]);
    let (mut socket, _) = house.enter(&chat);
    for (path, name) in [("../../etc/passwd", "passwd"), ("a/b.txt", "b.txt"), ("..", "unnamed")] {
        let file = upload(&mut socket, path, ONE);
        let (id, place) = (text(&file, "/file_id"), text(&file, "/path"));
        assert_eq!((file["filename"].as_str(), place), (Some(name), &*format!("uploads/files/{id}_{name}")));
        assert_eq!(house.api.send("GET", &format!("/{place}"), &[], None).body, b"one\n");
        let form = Form::default().field("file_id", id).field("new_name", path);
        let renamed = form.ok(&house.api, "PATCH", "/file/rename");
        assert_eq!((renamed["new_filename"].as_str(), text(&renamed, "/new_path")), (Some(name), place));
    }
}

#[test]
fn whatever_is_refused_says_why_and_the_socket_goes_on() {
    let house = House::open();
    let chat = house.chat(&[]);
    let (mut socket, _) = house.enter(&chat);
    let upload =
        |name: Value, data: Value| json!({"action": "upload_file", "filename": name, "file_data": data});
    let revert =
        |id: &str, name: &str| json!({"action": "revert_version", "version_id": id, "filename": name});
    let table = [
        (upload(json!("x.txt"), json!("@@@")), "not base64"),
        (upload(json!("x.txt"), json!("b25lCg")), "not base64"),
        (upload(json!("x.txt"), json!("b25l Cg==")), "not base64"),
        (upload(json!("x.txt"), json!("b25lCg==b25lCg==")), "not base64"),
        (upload(json!("x.based"), json!("//79")), "text"),
        (upload(json!(5), json!(ONE)), "not well formed"),
        (upload(json!(["x.txt"]), json!(ONE)), "not well formed"),
        (upload(json!("x.txt"), json!({})), "not well formed"),
        (upload(json!(null), json!(ONE)), "Missing filename"),
        (json!({"action": "delete_file", "file_id": 5}), "not well formed"),
        (json!({"action": "delete_file", "file_id": "nope"}), "No file found for file_id=nope"),
        (json!({"action": "delete_file", "file_id": null}), "Missing file_id"),
        (revert("nope", "flow.based"), "No version found"),
        (revert("01890000-0000-7000-8000-000000000000", "flow.based"), "No version found"),
        (revert("", "flow.based"), "Missing version_id"),
        (json!({"action": "revert_version"}), "Missing version_id"),
    ];
    for (at, (action, sentence)) in table.iter().enumerate() {
        socket.say(action);
        let answer = socket.json();
        assert!(text(&answer, "/error").contains(sentence), "{action}: {answer}");
        assert_eq!(talk(&mut socket, "and?"), "Echo: and?", "{action}");
        // Two lines of talk for each, and nothing else, are kept.
        let (_, opening) = house.enter(&chat);
        assert_eq!(told(&opening).len(), 2 * (at + 1), "{action}");
        assert_eq!(opening["chat_files"], json!([]), "{action}");
    }
    assert_eq!(house.names_of_files(), Vec::<String>::new());
}

/// A version of another chat, or of a file with another name, is none.
#[test]
fn a_version_is_taken_back_under_its_own_name_in_its_own_chat() {
    let house = House::open();
    let (here, elsewhere) = (house.chat(&[]), house.chat(&[]));
    let (mut socket, _) = house.enter(&elsewhere);
    upload(&mut socket, "flow.based", ONE);
    let (_, opening) = house.enter(&elsewhere);
    let version = &opening["chat_files_based"][0]["versions"][0]["version_id"];
    let (mut other, _) = house.enter(&here);
    for (socket, name) in [(&mut other, "flow.based"), (&mut socket, "other.based")] {
        socket.say(&json!({"action": "revert_version", "version_id": version, "filename": name}));
        assert!(text(&socket.json(), "/error").contains("No version found"));
    }
}

#[test]
fn who_deletes_the_last_workspace_finds_a_new_one() {
    let house = House::open();
    house.api.expect(200, "DELETE", &format!("/workspace/delete/{}", house.workspace), None);
    let account = login(&house.api, "josef@example.org");
    assert_eq!(account["workspaces"].as_array().unwrap().len(), 1);
    assert_eq!(account["workspaces"][0]["name"], "Default Workspace");
    assert_ne!(account["workspaces"][0]["id"], house.workspace);
}

/// The front end reads it as a whole, which no generation of the original gave.
#[test]
fn a_new_workspace_is_shown_as_logging_in_shows_it() {
    let house = House::open();
    let form = Form::default().field("owner_id", &house.user).field("name", "Castle");
    let form = form.file("a.txt", b"one").file("../b.txt", b"two");
    let made = form.ok(&house.api, "POST", "/workspace/new");
    let account = login(&house.api, "josef@example.org");
    assert_eq!(made["workspace"], account["workspaces"][1]);
    let names = made["workspace"]["files"].as_array().unwrap().iter().map(|file| text(file, "/filename"));
    assert_eq!(names.collect::<Vec<_>>(), ["a.txt", "b.txt"]);
}

/// Pages that are drawn twice log in twice.
#[test]
fn who_comes_several_times_at_once_is_one_account_with_one_workspace() {
    let house = House::open();
    let come = || login(&house.api, "leni@example.org");
    let shown: Vec<Value> = thread::scope(|scope| {
        let coming: Vec<_> = (0..8).map(|_| scope.spawn(come)).collect();
        coming.into_iter().map(|who| who.join().unwrap()).collect()
    });
    assert!(shown.iter().all(|account| *account == shown[0]), "{shown:?}");
    assert_eq!(shown[0]["workspaces"].as_array().unwrap().len(), 1);
}

#[test]
fn a_server_without_dialects_has_none_of_their_routes() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--dialect=none"]);
    let api = Api::of(&server);
    let listed = api.get("/")["routes"].to_string();
    let of_dialects = kafka_http::router::ROUTES.iter().filter(|route| route.dialect.is_some());
    let mut tried = 0;
    for route in of_dialects {
        let path = route.path.replace("{id}", "x").replace("{path}", "x");
        let reply = api.send(route.method, &path, &[], (route.method != "GET").then_some("{}"));
        assert_eq!((reply.status, &reply.json()["code"]), (404, &json!("route_not_found")), "{path}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path}");
        assert!(!listed.contains(&format!("\"{}\"", route.path)), "{path}");
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
    // What is the product's own stays, the WebSocket with it.
    let (_, opening) = Socket::open(server.address(), &api.chat());
    assert_eq!(opening["initial"], true);
}
