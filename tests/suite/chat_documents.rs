//! Documents of chats, over HTTP and by the command: uploading, following, asking, reading what is cited, deleting; and
//! a server that is killed while it reads.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    beside::kafka,
    support::{
        api::{Api, id},
        form::Form,
        process::{Binary, RunningServer},
    },
};

const PATIENCE: Duration = Duration::from_secs(60);

/// The document once it is completed or failed.
pub(crate) fn read(api: &Api, document: &str) -> Value {
    let began = Instant::now();
    loop {
        let found = api.get(&format!("/api/v1/documents/{document}"));
        if ["completed", "failed"].contains(&found["processing_status"].as_str().unwrap()) {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{found}");
    }
}

#[test]
fn documents_are_uploaded_read_cited_and_deleted() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    let path = format!("/api/v1/chats/{chat}/documents");
    let said = "The horn is sounded in fog.";
    let reply = api.upload(&path, &[], &[("horn.txt", said.as_bytes()), ("x.bin", b"\0\x01")]);
    assert_eq!(reply.status, 201, "{reply:?}");
    let items = reply.json()["items"].clone();
    let mut pending = items[0].clone();
    let [horn, file] = ["id", "file_id"].map(|field| pending[field].as_str().unwrap().to_owned());
    pending.as_object_mut().unwrap().remove("created_at").unwrap();
    let expected = json!({
        "id": horn, "file_id": file, "chat_id": chat, "filename": "horn.txt", "processing_status": "pending",
        "error_message": null, "tokens_used": 0, "chunk_count": 0, "embedding_model": null, "replaces": null,
    });
    assert_eq!(pending, expected);
    let broken = read(&api, &id(&items[1]));
    assert!(broken["processing_status"] == "failed" && broken["error_message"].is_string(), "{broken}");
    let done = read(&api, &horn);
    assert!(done["processing_status"] == "completed" && done["chunk_count"] == 1, "{done}");
    assert_eq!(api.get(&path)["items"], json!([done, broken]));

    let answer = api
        .post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "When is the horn sounded?"}));
    let mut sources = answer["sources"].clone();
    let hash = sources[0].as_object_mut().unwrap().remove("sha256").unwrap();
    let cited = json!([{
        "n": 1, "document_id": horn, "stale": false, "filename": "horn.txt", "start": 0, "end": 27, "text": said,
    }]);
    assert_eq!((sources, hash.as_str().unwrap().len()), (cited, 64));
    let message = format!("/api/v1/messages/{}", id(&answer["message"]));
    assert_eq!(api.get(&message)["sources"][0]["document_id"], json!(horn));
    let passage = api.get(&format!("/api/v1/documents/{horn}/passages?start=4&end=8"));
    let expected = json!({"document_id": horn, "filename": "horn.txt", "start": 4, "end": 8, "text": "horn"});
    assert_eq!(passage, expected);
    for (query, status, code) in
        [("passages?start=x", 422, "query_invalid"), ("passages?end=28", 422, "passage_out_of_range")]
    {
        let refused = api.expect(status, "GET", &format!("/api/v1/documents/{horn}/{query}"), None);
        assert_eq!(refused["code"], code, "{query}");
    }
    let search = json!({"query": "sounded", "in": ["documents"]});
    let found = api.expect(200, "POST", "/api/v1/search", Some(&search));
    let hit = &found["items"][0];
    assert_eq!(
        (&hit["kind"], &hit["document_id"], &hit["text"]),
        (&json!("document"), &json!(horn), &json!(said))
    );

    api.expect(204, "DELETE", &format!("/api/v1/documents/{horn}"), None);
    api.expect(404, "GET", &format!("/api/v1/documents/{horn}"), None);
    assert_eq!(api.get(&message)["sources"][0]["stale"], true);
    api.expect(415, "POST", &path, Some(&json!({})));
}

#[test]
fn a_document_is_replaced_when_the_new_one_is_read() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let chat = api.chat();
    let path = format!("/api/v1/chats/{chat}/documents");
    let old = id(&api.upload(&path, &[], &[("horn.txt", b"The horn is sounded in fog.")]).json()["items"][0]);
    let found = read(&api, &old);
    let document = format!("/api/v1/documents/{old}");
    let horn = || Form::default().file("horn.txt", b"The horn is sounded in fog.");
    for (form, status, code) in [
        (Form::default().field("other", "x"), 422, "field_missing"),
        (Form::default().field("files", "x"), 422, "field_invalid"),
        (horn().file("second.txt", b"Never in fog."), 422, "field_invalid"),
    ] {
        let refused = form.send(&api, "PUT", &document, &[]);
        assert_eq!((refused.status, &refused.json()["code"]), (status, &json!(code)), "{refused:?}");
    }
    assert_eq!(api.expect(415, "PUT", &document, Some(&json!({})))["code"], "unsupported_media_type");
    assert_eq!(horn().ok(&api, "PUT", &document), found, "the same is as it was");
    assert_eq!(api.get(&path)["items"], json!([found]), "nothing was taken yet");

    let reply = Form::default().file("fog.txt", b"In fog a bell is rung.").send(&api, "PUT", &document, &[]);
    let pending = reply.json();
    assert_eq!((reply.status, &pending["replaces"]), (201, &json!(old)), "{pending}");
    let new = id(&pending);
    let done = read(&api, &new);
    let expected = [json!("fog.txt"), json!("completed"), Value::Null];
    assert_eq!(["filename", "processing_status", "replaces"].map(|field| done[field].clone()), expected);
    assert_eq!(api.get(&path)["items"], json!([done]));
    let gone = horn().send(&api, "PUT", &document, &[]);
    assert_eq!((gone.status, &gone.json()["code"]), (404, &json!("document_not_found")));
}

#[test]
fn the_command_adds_documents_without_and_beside_a_server() {
    let data = TempDir::new().unwrap();
    let handbook = data.path().join("handbook.md");
    fs::write(&handbook, "# Horn\n\nThe horn is sounded in fog.\n").unwrap();
    let (handbook, run) = (handbook.to_str().unwrap(), |args: &[&str]| kafka(data.path(), args));
    let chat = run(&["chats", "add", "-q", "Lighthouse"]).trim().to_owned();
    let add = || {
        let added: Value =
            serde_json::from_str(&run(&["document", "add", handbook, "--chat", &chat, "--json"])).unwrap();
        assert_eq!(added["items"][0]["processing_status"], "completed", "{added}");
        id(&added["items"][0])
    };
    let alone = add();
    assert!(run(&["document", "show", &alone]).contains("handbook.md"));
    assert_eq!(run(&["document", "show", &alone, "--text"]), "# Horn\n\nThe horn is sounded in fog.\n");
    assert!(run(&["search", "sounded", "--in", "documents"]).contains(&alone));
    let answer: Value =
        serde_json::from_str(&run(&["chat", "--chat", &chat, "--json", "When is the horn sounded?"]))
            .unwrap();
    assert_eq!(answer["sources"][0]["document_id"], json!(alone));
    let server = RunningServer::start(&Binary::kafka(), data.path(), &[]);
    let beside = add();
    drop(server);
    assert_eq!(run(&["document", "replace", &beside, handbook, "-q"]).trim(), beside, "it says that already");
    fs::write(handbook, "# Bell\n\nA bell is rung in fog.\n").unwrap();
    let replaced: Value =
        serde_json::from_str(&run(&["document", "replace", &beside, handbook, "--json"])).unwrap();
    assert_eq!(
        (&replaced["processing_status"], &replaced["replaces"]),
        (&json!("completed"), &Value::Null),
        "{replaced}"
    );
    let beside = id(&replaced);
    run(&["document", "delete", &alone]);
    assert_eq!(run(&["document", "list", "--chat", &chat, "-q"]).trim(), beside);
    assert_eq!(run(&["document", "show", &beside, "--text"]), "# Bell\n\nA bell is rung in fog.\n");
    let usage: Value = serde_json::from_str(&run(&["usage", "--json"])).unwrap();
    assert_eq!(usage["doc_count"], 1);
}

#[test]
fn documents_of_a_workspace_answer_in_all_its_chats_and_in_no_other() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
    let api = Api::of(&server);
    let workspace = id(&api.post("/api/v1/workspaces", &json!({"name": "Lighthouse"})));
    let path = format!("/api/v1/workspaces/{workspace}/documents");
    let reply = api.upload(&path, &[], &[("horn.txt", b"The horn is sounded in fog.")]);
    assert_eq!(reply.status, 201, "{reply:?}");
    let shared = &reply.json()["items"][0];
    assert_eq!((&shared["chat_id"], &shared["processing_status"]), (&Value::Null, &json!("pending")));
    let horn = id(shared);
    let done = read(&api, &horn);
    assert_eq!(done["processing_status"], "completed", "{done}");
    assert_eq!(api.get(&path)["items"], json!([done]));
    let ask = |chat: Value| {
        let chat = id(&api.post("/api/v1/chats", &chat));
        assert_eq!(api.get(&format!("/api/v1/chats/{chat}/documents"))["items"], json!([]));
        let asked = json!({"content": "When is the horn sounded?"});
        api.post(&format!("/api/v1/chats/{chat}/responses"), &asked)["sources"].clone()
    };
    for _ in 0..2 {
        assert_eq!(ask(json!({"workspace_id": workspace}))[0]["document_id"], json!(horn));
    }
    assert_eq!(ask(json!({})), json!([]));
    let nothing = api.expect(404, "GET", &format!("/api/v1/workspaces/{horn}/documents"), None);
    assert_eq!(nothing["code"], "workspace_not_found");
    api.expect(204, "DELETE", &format!("/api/v1/documents/{horn}"), None);
    assert_eq!(api.get(&path)["items"], json!([]));
}

mod slow {
    use super::*;

    /// So long that reading it takes some commits.
    fn long_text() -> String {
        (0..20_000).map(|number| format!("Sentence {number} of a long document.\n\n")).collect()
    }

    #[test]
    fn a_server_that_is_killed_while_it_reads_begins_anew_and_leaves_nothing_twice() {
        let (data, text) = (TempDir::new().unwrap(), long_text());
        let start = || RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let server = start();
        let api = Api::of(&server);
        let chat = api.chat();
        let path = format!("/api/v1/chats/{chat}/documents");
        let document = id(&api.upload(&path, &[], &[("long.txt", text.as_bytes())]).json()["items"][0]);
        let began = Instant::now();
        let of = format!("/api/v1/documents/{document}");
        while api.get(&of)["processing_status"] == "pending" {
            assert!(began.elapsed() < PATIENCE);
        }
        server.kill9();
        let server = start();
        let api = Api::of(&server);
        let done = read(&api, &document);
        assert_eq!(done["processing_status"], "completed", "{done}");
        // Each passage stands once: the last sentence is found in one.
        let search = json!({"query": "\"sentence 19999\"", "mode": "text", "in": ["documents"]});
        let found = api.expect(200, "POST", "/api/v1/search", Some(&search));
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
        let again = id(&api.upload(&path, &[], &[("again.txt", text.as_bytes())]).json()["items"][0]);
        assert_eq!(read(&api, &again)["chunk_count"], done["chunk_count"]);
    }
}
