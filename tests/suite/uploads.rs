//! Documents that come over WebSockets, and files of the Kafka dialect that are documents as well.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    chat_documents::read,
    support::{
        api::{Api, id},
        form::Form,
        office::docx,
        pdf::{encrypted_pdf, pdf},
        process::{Binary, RunningServer},
        websocket::Socket,
    },
};

const SAID: &str = "The horn is sounded in fog.";

/// A server, with a chat in a workspace as the dialect's front end makes them.
struct House {
    _data: TempDir,
    server: RunningServer,
    api: Api,
    workspace: String,
    chat: String,
}

impl House {
    fn open() -> House {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let api = Api::of(&server);
        let account = login(&api);
        let [user, workspace] = ["/user_id", "/workspaces/0/id"]
            .map(|at| account.pointer(at).unwrap().as_str().unwrap().to_owned());
        let form = Form::default().field("user_id", &user).field("workspace_id", &workspace);
        let chat = form.field("chat_name", "Fog").ok(&api, "POST", "/chat/new");
        let chat = chat["chat_id"].as_str().unwrap().to_owned();
        House { _data: data, server, api, workspace, chat }
    }

    fn upload(&self, is_chat: bool) -> Form {
        let target = if is_chat { &self.chat } else { &self.workspace };
        Form::default().field("target_id", target).field("is_chat", &is_chat.to_string())
    }

    fn documents(&self) -> Value {
        self.api.get(&format!("/api/v1/chats/{}/documents", self.chat))["items"].clone()
    }

    fn enter(&self) -> Socket {
        Socket::open(self.server.address(), &self.chat).0
    }
}

fn login(api: &Api) -> Value {
    api.expect(200, "POST", "/auth/login", Some(&json!({"email": "josef@example.org"})))
}

fn ask(api: &Api, chat: &str) -> Value {
    let asked = json!({"content": "When is the horn sounded?"});
    api.post(&format!("/api/v1/chats/{chat}/responses"), &asked)
}

fn sent(action: &str, name: &str, bytes: &[u8]) -> Value {
    json!({"action": action, "filename": name, "file_data": BASE64_STANDARD.encode(bytes)})
}

#[test]
fn what_the_dialect_uploads_and_has_to_be_read_is_cited_and_goes_with_its_file() {
    let house = House::open();
    let form = house.upload(true).file("horn.pdf", &pdf(&[SAID])).file("notes.md", b"# Notes");
    let uploaded = form.file("horn.docx", &docx("<w:p/>")).ok(&house.api, "POST", "/file/upload");
    let ids = &uploaded["document_ids"];
    assert!(ids[0].is_string() && ids[1].is_null() && ids[2].is_string(), "{uploaded}");
    assert!(uploaded["files"].as_array().unwrap().iter().all(Value::is_string), "{uploaded}");
    let (document, file) = (ids[0].as_str().unwrap(), uploaded["files"][0].as_str().unwrap());
    let done = read(&house.api, document);
    let at = |field: &str| done[field].as_str().unwrap();
    assert_eq!(["processing_status", "file_id", "chat_id"].map(at), ["completed", file, &house.chat]);
    let answer = ask(&house.api, &house.chat);
    assert_eq!(answer["sources"][0]["document_id"], json!(document), "{answer}");

    // Each file stands once in the lists of the front end.
    let times = |list: &Value, field: &str| {
        list.as_array().unwrap().iter().filter(|shown| shown[field] == json!(file)).count()
    };
    let (mut socket, opening) = Socket::open(house.server.address(), &house.chat);
    assert_eq!(times(&opening["chat_files"], "id"), 1, "{opening}");
    assert_eq!(times(&opening["chat_files_text"], "file_id"), 1, "{opening}");
    assert_eq!(times(&opening["workspace_files"], "file_id"), 0, "{opening}");
    assert_eq!(times(&login(&house.api)["workspaces"][0]["files"], "id"), 1);

    let rename = Form::default().field("file_id", file).field("new_name", "fog.pdf");
    rename.ok(&house.api, "PATCH", "/file/rename");
    assert_eq!(read(&house.api, document)["filename"], "fog.pdf");
    house.api.expect(200, "DELETE", &format!("/file/delete/{file}"), None);
    house.api.expect(404, "GET", &format!("/api/v1/documents/{document}"), None);
    let message = format!("/api/v1/messages/{}", id(&answer["message"]));
    assert_eq!(house.api.get(&message)["sources"][0]["stale"], true);

    // The same by the socket, whose frames are what they were: nothing comes between.
    socket.say(&sent("upload_file", "horn.pdf", &pdf(&[SAID])));
    let told = socket.json();
    assert_eq!(told["action"], "file_uploaded", "{told}");
    let document = told["document_id"].as_str().unwrap();
    assert_eq!(read(&house.api, document)["processing_status"], "completed");
    socket.say(&json!("hello"));
    assert_eq!(socket.next_text(), "Echo: \"hello\"");
    let content: Value = serde_json::from_str(told["message"]["content"].as_str().unwrap()).unwrap();
    socket.say(&json!({"action": "delete_file", "file_id": content["file_id"]}));
    assert_eq!(socket.json()["action"], "file_deleted");
    house.api.expect(404, "GET", &format!("/api/v1/documents/{document}"), None);
    socket.say(&sent("upload_file", "notes.txt", b"Mind the door."));
    let told = socket.json();
    assert_eq!((&told["action"], &told["document_id"]), (&json!("file_uploaded"), &Value::Null));
}

#[test]
fn what_the_dialect_puts_into_a_workspace_answers_in_its_chats() {
    let house = House::open();
    let form = house.upload(false).field("s3_urls", "").file("horn.pdf", &pdf(&[SAID]));
    let uploaded = form.ok(&house.api, "POST", "/file/upload");
    assert_eq!(uploaded["files"][0]["content"], SAID, "{uploaded}");
    let document = uploaded["document_ids"][0].as_str().unwrap();
    let done = read(&house.api, document);
    assert_eq!((&done["processing_status"], &done["chat_id"]), (&json!("completed"), &Value::Null));
    assert_eq!(ask(&house.api, &house.chat)["sources"][0]["document_id"], json!(document));
    let user = login(&house.api)["user_id"].as_str().unwrap().to_owned();
    let form = Form::default().field("owner_id", &user).field("name", "New").file("horn.pdf", &pdf(&[SAID]));
    let made = form.ok(&house.api, "POST", "/workspace/new");
    assert_eq!(made["workspace"]["files"].as_array().unwrap().len(), 1);
    let path = format!("/api/v1/workspaces/{}/documents", made["workspace_id"].as_str().unwrap());
    assert_eq!(house.api.get(&path)["items"][0]["file_id"], made["files"][0]["file_id"]);
}

#[test]
fn documents_come_over_a_socket_and_everyone_in_the_chat_is_told_what_becomes_of_them() {
    let house = House::open();
    let (mut socket, mut other) = (house.enter(), house.enter());
    let mut stranger = Socket::open(house.server.address(), &house.api.chat()).0;
    let mut told = |action: &str| {
        let frames = [socket.json(), other.json()];
        assert_eq!(frames.each_ref().map(|frame| frame["action"].as_str().unwrap()), [action; 2]);
        assert_eq!(frames[0]["document"]["id"], frames[1]["document"]["id"]);
        frames.into_iter().next().unwrap()
    };
    let mut says = house.enter();
    for (name, bytes, end, reason) in [
        ("horn.pdf", pdf(&[SAID]), "completed", None),
        ("notes.txt", SAID.as_bytes().to_vec(), "completed", None),
        ("sealed.pdf", encrypted_pdf(), "failed", Some("encrypted")),
    ] {
        says.say(&sent("upload_document", name, &bytes));
        let come = told("document_uploaded")["document"].clone();
        assert_eq!((&come["filename"], &come["chat_id"]), (&json!(name), &json!(house.chat)));
        let read = told("document_status")["document"].clone();
        assert_eq!((&read["id"], &read["processing_status"]), (&come["id"], &json!(end)));
        assert_eq!(read, house.api.get(&format!("/api/v1/documents/{}", id(&read))));
        let says_why = |reason| read["error_message"].as_str().unwrap().contains(reason);
        assert!(reason.is_none_or(says_why), "{read}");
        // Whoever uploads it is told like the others.
        for action in ["document_uploaded", "document_status"] {
            let frame = says.json();
            assert_eq!((&frame["action"], &frame["document"]["id"]), (&json!(action), &read["id"]));
        }
    }
    let ids: Vec<String> = house.documents().as_array().unwrap().iter().map(id).collect();
    assert_eq!(ask(&house.api, &house.chat)["sources"].as_array().unwrap().len(), 2);
    for socket in [&mut says, &mut socket, &mut other] {
        while socket.json()["message"]["status"] != "complete" {}
        while socket.json()["message"]["role"] != "assistant" {}
        while socket.json()["message"]["status"] != "complete" {}
    }
    says.say(&json!({"action": "delete_document", "document_id": ids[0]}));
    for socket in [&mut says, &mut socket, &mut other] {
        assert_eq!(socket.json(), json!({"action": "document_deleted", "document_id": ids[0]}));
    }
    assert_eq!(house.documents().as_array().unwrap().len(), 2);
    // By HTTP it is told, too, and a replacement takes the old one away; in another chat nothing is.
    let reply = Form::default().file("fog.txt", b"In fog a bell is rung.").send(
        &house.api,
        "PUT",
        &format!("/api/v1/documents/{}", ids[1]),
        &[],
    );
    let new = id(&reply.json());
    let frames = [socket.json(), socket.json(), socket.json()];
    let actions = ["document_uploaded", "document_status", "document_deleted"];
    assert_eq!(frames.each_ref().map(|frame| frame["action"].as_str().unwrap()), actions);
    assert_eq!((&frames[1]["document"]["id"], &frames[2]["document_id"]), (&json!(new), &json!(ids[1])));
    stranger.say(&json!({"action": "delete_document", "document_id": new}));
    let refused = stranger.json();
    let sentence = format!("No document found for document_id={new} in this chat.");
    assert_eq!(refused["error"], json!(sentence));
}

#[test]
fn what_is_no_document_is_refused_over_a_socket_and_the_connection_stays() {
    let house = House::open();
    let mut socket = house.enter();
    for (said, contains) in [
        (json!({"action": "upload_document"}), "Missing filename or file_data."),
        (sent("upload_document", "a.pdf", b""), "Missing filename or file_data."),
        (sent("upload_document", "", b"a"), "Missing filename or file_data."),
        (
            json!({"action": "upload_document", "filename": "a.pdf", "file_data": "@@@"}),
            "The file_data of a.pdf is not base64",
        ),
        (json!({"action": "upload_document", "filename": 5}), "not well formed"),
        (json!({"action": "delete_document"}), "Missing document_id for delete_document."),
        (
            json!({"action": "delete_document", "document_id": "x"}),
            "No document found for document_id=x in this chat.",
        ),
    ] {
        socket.say(&said);
        let refused = socket.json();
        assert!(refused["error"].as_str().unwrap().contains(contains), "{said}: {refused}");
    }
    assert_eq!(house.documents(), json!([]));
    socket.say(&sent("upload_document", "a.txt", SAID.as_bytes()));
    assert_eq!(socket.json()["action"], "document_uploaded");
}

mod slow {
    use super::*;

    #[test]
    fn plans_and_keys_hold_for_uploads_of_every_sort() {
        let data = TempDir::new().unwrap();
        let flags = ["--auth=password", "--registration=open", "--quotas=on"];
        let server = RunningServer::start(&Binary::kafka(), data.path(), &flags);
        let api = Api::of(&server);
        let register = |email: &str| {
            let account = json!({"email": email, "password": "a long password"});
            let made = api.post("/api/v1/auth/register", &account);
            (id(&made["user"]), api.with_token(made["token"].as_str().unwrap()))
        };
        register("klamm@example.org");
        let (user, k) = register("k@example.org");
        let (_, other) = register("frieda@example.org");
        let mut command = Binary::kafka().command(data.path());
        command.args(["plan", "set", "free", "--documents", "1", "--data-dir"]).arg(data.path());
        assert!(command.output().unwrap().status.success());
        let chat = k.chat();
        let upload = |names: &[&str]| {
            let form = Form::default().field("target_id", &chat).field("is_chat", "true");
            names.iter().fold(form, |form, name| form.file(name, &pdf(&[SAID])))
        };
        let count = |noun: &str| {
            let listed = k.get(&format!("/api/v1/chats/{chat}/{noun}"));
            listed["items"].as_array().unwrap().len()
        };
        let refused = upload(&["a.pdf", "b.pdf"]).send(&k, "POST", "/file/upload", &[]);
        let problem = refused.json();
        assert_eq!((refused.status, &problem["code"]), (429, &json!("quota_exceeded")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("allows 1 documents a chat"), "{problem}");
        assert!(refused.header("retry-after").is_some());
        assert_eq!((count("files"), count("documents")), (0, 0));
        let form = Form::default().field("owner_id", &user).field("name", "New");
        let form = form.file("a.pdf", &pdf(&[SAID])).file("b.pdf", &pdf(&[SAID]));
        assert_eq!(form.send(&k, "POST", "/workspace/new", &[]).status, 429);
        assert_eq!(k.get("/api/v1/workspaces")["items"], json!([]));

        upload(&["a.pdf"]).ok(&k, "POST", "/file/upload");
        let enter = |api: &Api, scopes: &[&str]| {
            let key = api.post("/api/v1/tokens", &json!({"name": "k", "scopes": scopes}));
            let path = format!("/ws/{chat}?token={}", key["token"].as_str().unwrap());
            Socket::connect(server.address(), &path, &[]).unwrap()
        };
        let mut socket = enter(&k, &["chats:write", "documents:write"]);
        socket.json();
        for action in ["upload_document", "upload_file"] {
            socket.say(&sent(action, "c.pdf", &pdf(&[SAID])));
            let refused = socket.json();
            assert!(refused["error"].as_str().unwrap().contains("allows 1 documents a chat"), "{refused}");
        }
        assert_eq!((count("files"), count("documents")), (1, 1));

        // Without the right to make documents files are stored as they were before there were any.
        let mut socket = enter(&k, &["chats:write"]);
        socket.json();
        socket.say(&sent("upload_document", "c.pdf", &pdf(&[SAID])));
        let refused = socket.json();
        assert!(refused["error"].as_str().unwrap().contains("documents:write"), "{refused}");
        socket.say(&sent("upload_file", "c.pdf", &pdf(&[SAID])));
        let told = socket.json();
        assert_eq!((&told["action"], &told["document_id"]), (&json!("file_uploaded"), &Value::Null));
        assert_eq!((count("files"), count("documents")), (2, 1));

        let gone = upload(&["d.pdf"]).send(&other, "POST", "/file/upload", &[]);
        assert_eq!((gone.status, &gone.json()["code"]), (404, &json!("chat_not_found")));
        let mut stranger = enter(&other, &["chats:write", "documents:write"]);
        assert_eq!(stranger.json(), json!({"error": "Chat not found."}));
        assert_eq!(stranger.closed(), 1000);
    }
}

#[cfg(feature = "postgres")]
#[test]
fn documents_that_another_node_takes_and_reads_are_told() {
    let data = TempDir::new().unwrap();
    let [a, b] = [(); 2].map(|()| RunningServer::start(&Binary::kafka(), data.path(), &[]));
    let chat = Api::of(&a).chat();
    let [mut says, mut hears] = [&a, &b].map(|server| Socket::open(server.address(), &chat).0);
    says.say(&sent("upload_document", "horn.txt", SAID.as_bytes()));
    for socket in [&mut says, &mut hears] {
        for action in ["document_uploaded", "document_status"] {
            assert_eq!(socket.json()["action"], action);
        }
    }
}
