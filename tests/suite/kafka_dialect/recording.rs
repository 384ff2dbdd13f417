//! Plays recordings of the original system to this server: the requests in their order, the frames of sockets
//! in theirs.

use std::{collections::BTreeSet, fs, path::Path};

use kafka_core::testing::ScriptedEndpoint;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{compare::Comparison, differences::DIFFERENCES};
use crate::support::{
    api::Api,
    form::Form,
    http::Reply,
    model,
    process::{Binary, RunningServer},
    websocket::{BINARY, FIN, Said, Socket},
};

/// An id that nothing has.
const NOTHING: &str = "01890000-0000-7000-8000-000000000000";

/// What an account has, after it was made if it is new.
pub(super) fn login(api: &Api, email: &str) -> Value {
    api.expect(200, "POST", "/auth/login", Some(&json!({"email": email})))
}

/// A text of an object.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// The id of a new chat in a workspace, with files of it.
pub(super) fn new_chat(api: &Api, user: &str, workspace: &str, name: &str, files: &[&str]) -> String {
    let form =
        Form::default().field("user_id", user).field("workspace_id", workspace).field("chat_name", name);
    let form = files.iter().fold(form, |form, file| form.field("selected_file_ids", file));
    text(&form.ok(api, "POST", "/chat/new"), "/chat_id").to_owned()
}

struct Player {
    _data: TempDir,
    server: RunningServer,
    api: Api,
    mock: ScriptedEndpoint,
    found: BTreeSet<String>,
}

impl Player {
    /// Plays a recording, some of whose placeholders stand for what was made before.
    fn play(&mut self, name: &str, known: &[(u32, &str)]) {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/recordings/kafka/{name}.json"));
        let recording: Value = serde_json::from_slice(&fs::read(place).unwrap()).unwrap();
        let mock = self.mock.base_url().trim_end_matches("/v1").to_owned();
        let mut comparison = Comparison::with_mock(&mock);
        known.iter().for_each(|(number, id)| comparison.bind(*number, id));
        let mut socket = None;
        for entry in recording["entries"].as_array().unwrap() {
            match (entry["event"].as_str(), entry["dir"].as_str()) {
                (Some("open"), _) => {
                    let path = comparison.filled(text(entry, "/path"));
                    socket = Some(Socket::connect(self.server.address(), &path, &[]).unwrap());
                }
                (Some("client-close"), _) => socket = None,
                (None, Some("send")) => send(&comparison, socket.as_mut().unwrap(), entry),
                (None, Some("recv")) => hear(&mut comparison, name, socket.as_mut().unwrap(), entry),
                (None, None) if entry["calls"].is_array() => self.calls(&mut comparison, name, entry),
                (None, None) => self.request(&mut comparison, name, entry),
                other => panic!("{other:?} in {name}"),
            }
        }
        self.found.extend(comparison.found);
    }

    fn request(&self, comparison: &mut Comparison, name: &str, entry: &Value) {
        let at = format!("{name}, {}", text(entry, "/note"));
        let reply = ask(&self.api, comparison, &entry["request"]);
        let recorded = &entry["response"];
        if recorded["status"] != reply.status {
            comparison.differs(&format!("{at}: status"), &recorded["status"], reply.status);
            // Of what failed there nothing was left, and what follows was recorded without it.
            if recorded["status"] == 500 {
                self.take_back(&reply.json());
            }
            // A success and a failure have nothing to compare.
            if recorded["status"].as_u64().unwrap() / 100 != u64::from(reply.status) / 100 {
                return;
            }
        }
        let is_empty = reply.status == 204;
        for (header, value) in recorded["headers"].as_object().unwrap() {
            if is_empty && header == "content-type" {
                continue;
            }
            let at = format!("{at}: {header}");
            let value = comparison.filled(value.as_str().unwrap());
            match reply.header(header) {
                None => comparison.differs(&at, value, "nothing"),
                Some(ours) => compare_header(comparison, &at, header, &value, ours),
            }
        }
        if is_empty {
            return;
        }
        if let Some(text) = recorded["body"].as_str() {
            comparison.texts(&format!("{at}: body"), text, &String::from_utf8_lossy(&reply.body));
        } else {
            comparison.values(&format!("{at}: body"), &recorded["body"], &reply.json());
        }
    }

    /// What the model was asked. The original asked it for tools between the two steps, asked a service about
    /// what the model wrote, and did not have answers streamed.
    fn calls(&self, comparison: &mut Comparison, name: &str, entry: &Value) {
        let is_ours = |call: &&Value| call["route"] == "chat" && call["stage"] != "tools";
        let members = ["stage", "model", "authorization", "json_mode", "prompt", "roles"];
        let recorded = entry["calls"].as_array().unwrap().iter().filter(is_ours);
        let recorded: Value = recorded
            .map(|call| {
                members.iter().map(|name| ((*name).to_owned(), call[*name].clone())).collect::<Value>()
            })
            .collect();
        let requests = self.mock.requests();
        let ours: Value = requests
            .iter()
            .map(|request| {
                let body = request.json();
                let roles: Value = body["messages"].as_array().unwrap().iter().map(|it| it["role"].clone()).collect();
                json!({
                    "stage": model::step_of(request), "model": body["model"], "roles": roles,
                    "authorization": request.header("authorization"), "prompt": body["messages"][1]["content"],
                    "json_mode": body["response_format"]["type"] == "json_object",
                })
            })
            .collect();
        comparison.values(&format!("{name}: calls"), &recorded, &ours);
    }

    fn take_back(&self, made: &Value) {
        let delete = |path: &str, id: &Value| {
            self.api.expect(200, "DELETE", &format!("{path}/{}", id.as_str().unwrap()), None);
        };
        for file in made["files"].as_array().into_iter().flatten() {
            delete("/file/delete", if file.is_string() { file } else { &file["id"] });
        }
        if made["chat_id"].is_string() {
            delete("/chat", &made["chat_id"]);
        }
    }
}

/// Media types may have parameters, and lists may be longer than they were.
fn compare_header(comparison: &mut Comparison, at: &str, header: &str, recorded: &str, ours: &str) {
    let lists = ["allow", "access-control-allow-methods"];
    let parts = |text: &str| text.split(", ").map(str::to_owned).collect::<BTreeSet<_>>();
    let is_right = match header {
        "content-type" => recorded.split(';').next() == ours.split(';').next(),
        _ if lists.contains(&header) => parts(ours).is_superset(&parts(recorded)),
        _ => recorded == ours,
    };
    if !is_right {
        comparison.differs(at, recorded, ours);
    }
}

fn ask(api: &Api, comparison: &Comparison, request: &Value) -> Reply {
    let (method, path) = (text(request, "/method"), comparison.filled(text(request, "/path")));
    let headers: Vec<(&str, &str)> = request["headers"].as_object().map_or_else(Vec::new, |headers| {
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
    });
    let Some(fields) = request["form"].as_object() else {
        let json = request.get("json").map(Value::to_string);
        let body = request["raw"].as_str().map(str::to_owned).or(json);
        return api.send(method, &path, &headers, body.map(|body| comparison.filled(&body)).as_deref());
    };
    let mut form = Form::default();
    for (name, value) in fields {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values {
            form = form.field(name, &comparison.filled(value.as_str().unwrap()));
        }
    }
    for file in request["files"].as_array().into_iter().flatten() {
        assert_eq!(file["field"], "files");
        form = form.file(text(file, "/filename"), text(file, "/bytes_utf8").as_bytes());
    }
    form.send(api, method, &path, &headers)
}

fn send(comparison: &Comparison, socket: &mut Socket, entry: &Value) {
    match (&entry["json"], entry["text"].as_str(), entry["binary"].as_str()) {
        (_, Some(text), _) => socket.text(&comparison.filled(text)),
        (_, _, Some(bytes)) => socket.frame(FIN | BINARY, bytes.as_bytes()),
        (action, ..) => socket.text(&comparison.filled(&action.to_string())),
    }
}

fn hear(comparison: &mut Comparison, name: &str, socket: &mut Socket, entry: &Value) {
    match (socket.hear(), entry["closed"].as_u64()) {
        (Said::Close(code), Some(recorded)) if u64::from(code) == recorded => {}
        (Said::Text(ours), None) => match entry["text"].as_str() {
            Some(recorded) => comparison.texts(name, recorded, &ours),
            None => comparison.values(name, &entry["json"], &serde_json::from_str(&ours).unwrap_or_default()),
        },
        (Said::Text(ours), Some(code)) => {
            let shown = match serde_json::from_str::<Value>(&ours) {
                Ok(frame) if frame["error"].is_string() => "an error".to_owned(),
                Ok(frame) if frame["action"].is_string() => text(&frame, "/action").to_owned(),
                _ => ours,
            };
            comparison.differs(name, format!("closed {code}"), shown);
        }
        (ours, _) => comparison.differs(name, entry, format!("{ours:?}")),
    }
}

/// Each difference stands in the table with its reason, and nothing else does.
#[test]
fn the_recordings_are_answered_as_they_were_but_for_the_table_of_differences() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let mock = model::start();
    let mut player = Player { _data: data, server, api: api.clone(), mock, found: BTreeSet::new() };

    player.play("rest_auth", &[]);
    let account = login(&api, "cors-run@example.com");
    player.play("cors", &[(3, text(&account, "/workspaces/0/id"))]);

    // These four were recorded one after the other, with one account.
    let account = login(&api, "rest-run@example.com");
    let (user, workspace) = (text(&account, "/user_id"), text(&account, "/workspaces/0/id"));
    player.play("rest_workspace", &[(1, user)]);
    player.play("rest_models", &[(1, user)]);
    let chat = new_chat(&api, user, workspace, "F", &[]);
    player.play("rest_file", &[(1, workspace), (6, &chat)]);
    let form = Form::default().field("target_id", workspace).field("is_chat", "false");
    let files = form.file("ctx.py", b"x = 1\n").ok(&api, "POST", "/file/upload");
    player.play("rest_chat", &[(1, user), (2, workspace), (4, text(&files, "/files/0"))]);

    let of_a_new_account = |name: &str| {
        let account = login(&api, &format!("{name}-run@example.com"));
        let (user, workspace) = (text(&account, "/user_id"), text(&account, "/workspaces/0/id"));
        let form = Form::default().field("user_id", user).field("name", "mock-model");
        let form = form.field("ak", "sk-one").field("base_url", &player.mock.base_url());
        form.ok(&api, "POST", "/models/new");
        (new_chat(&api, user, workspace, &format!("Chat {name}"), &[]), workspace.to_owned())
    };
    let chats = ["basics", "kill30", "kill40", "kill50", "files"].map(|name| of_a_new_account(name).0);
    let (agent, chatmode) = (of_a_new_account("agent"), of_a_new_account("chatmode"));
    player.play("ws_basics", &[(1, NOTHING), (2, &chats[0]), (4, &chats[1]), (6, &chats[2]), (8, &chats[3])]);
    player.play("ws_files", &[(1, &chats[4])]);
    player.play("ws_agent", &[(1, &agent.0), (2, &agent.1), (6, &chatmode.0), (7, &chatmode.1)]);

    let found: BTreeSet<&str> = player.found.iter().map(String::as_str).collect();
    let known: BTreeSet<&str> = DIFFERENCES.iter().flat_map(|row| row.found).copied().collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    let unused: Vec<_> = known.difference(&found).collect();
    assert!(
        unknown.is_empty() && unused.is_empty(),
        "not in the table: {unknown:#?}\nnot found: {unused:#?}"
    );
}
