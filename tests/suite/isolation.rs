//! Nobody gets in where they do not belong: every route × every sort of caller × whose thing it is.

mod slow {
    use std::thread;

    use kafka_core::testing::{Gate, Script, ScriptedEndpoint};
    use kafka_http::router::{Access, ROUTES, Route};
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use crate::{
        chat_documents::read,
        support::{
            api::{Api, id},
            process::{Binary, RunningServer},
            rows::run_sql,
            websocket::Socket,
        },
    };

    /// There is no route yet by which a workspace is shared.
    const SHARE: &str = "INSERT INTO workspace_members (workspace_id, user_id, role, created_at, updated_at) \
         VALUES ($1, $2, 'viewer', 1, 1)";

    /// The matrix itself is that of `kafka selfcheck`, so that operators can walk it on their own servers.
    #[test]
    fn each_route_lets_in_whom_it_must_and_nobody_else() {
        let modes: [(&[&str], Binary); 5] = [
            (&["--auth", "password"], Binary::kafka()),
            (&["--auth", "password"], Binary::kafka_http()),
            (&["--auth", "password", "--anonymous", "on"], Binary::kafka()),
            (&["--auth", "open"], Binary::kafka()),
            (&["--auth", "open", "--dialect", "none"], Binary::kafka()),
        ];
        thread::scope(|scope| {
            let walks: Vec<_> =
                modes.iter().map(|(mode, binary)| scope.spawn(|| walk(binary, mode))).collect();
            for (walk, (mode, _)) in walks.into_iter().zip(&modes) {
                let report = walk.join().unwrap();
                eprintln!("{}: {} calls, {} routes", mode.join(" "), report["calls"], count(&report));
                assert_eq!(report["holes"], Value::Array(Vec::new()));
                assert!(report["calls"].as_u64().unwrap() > 1000, "{}", report["calls"]);
                for route in report["routes"].as_array().unwrap() {
                    let (name, number) = (&route["route"], |member: &str| route[member].as_u64().unwrap());
                    let name = name.as_str().unwrap();
                    // What a page is made of belongs to nobody.
                    let has_thing = name.contains('{') && name != "GET /docs/{file}";
                    assert!(number("calls") > 0, "{name}");
                    let is_hidden = has_thing && !name.contains('?') && !name.contains("/users/");
                    assert!(!is_hidden || number("hidden") > 0, "{route}");
                    assert!(!has_thing || (number("allowed") > 0 && number("refused") > 0), "{route}");
                }
            }
        });
    }

    /// The caller that the matrix has not: a session lasts for 30 days, so the row of one is changed to have
    /// ended. It is an administrator's, and asks for what is its own.
    #[test]
    fn an_expired_session_opens_no_route() {
        const HANDSHAKE: [(&str, &str); 4] = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        /// The year 2100.
        const FAR: i64 = 4_102_444_800_000;
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &["--auth=password"]);
        let account = json!({"email": "k@example.org", "password": "the castle"});
        let made = Api::of(&server).post("/api/v1/auth/register", &account);
        let mut api = Api::of(&server).with_token(made["token"].as_str().unwrap());
        let chat = api.chat();
        let answer = api.post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "mine"}));
        let model = json!({"name": "mine", "base_url": "http://192.0.2.1/v1"});
        let workspace = id(&api.post("/api/v1/workspaces", &json!({"name": "mine"})));
        let files = format!("/api/v1/workspaces/{workspace}/files");
        let file = id(&api.upload(&files, &[], &[("mine", b"mine")]).json()["items"][0]);
        let model = id(&api.post("/api/v1/models", &model));
        let documents = format!("/api/v1/chats/{chat}/documents");
        let document = id(&api.upload(&documents, &[], &[("mine", b"mine")]).json()["items"][0]);
        let text = json!({"filename": "mine", "content": "mine"});
        let things = [
            ("workspace/delete", workspace.clone()),
            ("models/delete", model.clone()),
            ("file/delete", file.clone()),
            ("chat-files", id(&api.post(&format!("/api/v1/chats/{chat}/files"), &text))),
            ("documents", document),
            ("files", file),
            ("workspaces", workspace),
            ("messages", id(&answer["message"])),
            ("responses", id(&answer["response"])),
            ("models", model),
            ("tokens", id(&api.post("/api/v1/tokens", &json!({"name": "mine"})))),
            ("users", id(&made["user"])),
            ("chats", chat.clone()),
            ("conversations", chat.clone()),
            ("share-links", id(&api.post(&format!("/api/v1/chats/{chat}/share"), &json!({})))),
            ("ws", chat.clone()),
            ("chat", chat),
        ];
        let end = |at: i64| {
            let sql = "UPDATE access_tokens SET expires_at = $1 WHERE kind = 'session'";
            run_sql(data.path(), sql, &[&at.to_string()])
        };
        // Expired sessions are swept away, at most once an hour; what was swept away tells nothing.
        loop {
            assert_eq!(end(1), 1);
            // Who logs out is told nothing, whatever they present.
            let is_open = |route: &Route| route.access == Access::Public || route.path.ends_with("/logout");
            for route in ROUTES.iter().filter(|route| !is_open(route)) {
                let mut path = route.path.to_owned();
                if let Some((before, _)) = path.split_once("/{") {
                    let (noun, thing) = things.iter().find(|(noun, _)| before.ends_with(noun)).unwrap();
                    path = path.replace(if *noun == "ws" { "{chat_id}" } else { "{id}" }, thing);
                    path = path.replace("{path}", thing).replace("{n}", "1");
                }
                let headers = if path.starts_with("/ws/") { &HANDSHAKE[..] } else { &[] };
                let reply = api.send(route.method, &path, headers, (route.method != "GET").then_some("{}"));
                let text = String::from_utf8_lossy(&reply.body);
                assert_eq!(reply.status, 401, "{} {path}: {text}", route.method);
                assert!(!text.contains("mine"), "{} {path}: {text}", route.method);
            }
            if end(FAR) == 1 {
                break;
            }
            let again = Api::of(&server).expect(200, "POST", "/api/v1/auth/login", Some(&account));
            api = api.with_token(again["token"].as_str().unwrap());
        }
        api.get("/api/v1/users/me");
    }

    /// Frames are no second door: whichever way a socket was opened, it acts as whose token it was, and a viewer
    /// who writes is refused, with nothing stored and nothing ended.
    #[test]
    fn a_viewers_frames_write_nothing_however_the_socket_was_opened() {
        let data = TempDir::new().unwrap();
        let flags = ["--auth=password", "--registration=open"];
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &flags);
        let [owner, viewer, stranger] = ["owner", "viewer", "stranger"].map(|name| {
            let account = json!({"email": format!("{name}@example.org"), "password": "the castle"});
            let made = Api::of(&server).post("/api/v1/auth/register", &account);
            (id(&made["user"]), made["token"].as_str().unwrap().to_owned())
        });
        let api = Api::of(&server).with_token(&owner.1);
        let workspace = id(&api.post("/api/v1/workspaces", &json!({"name": "shared"})));
        let chat = id(&api.post("/api/v1/chats", &json!({"workspace_id": workspace})));
        run_sql(data.path(), SHARE, &[&workspace, &viewer.0]);
        let files = format!("/api/v1/chats/{chat}/files");
        let made = api.post(&files, &json!({"filename": "mine.based", "content": "mine"}));
        let versions = format!("/api/v1/chat-files/{}/versions", id(&made));
        let version = id(&api.get(&versions)["items"][0]);
        let documents = format!("/api/v1/chats/{chat}/documents");
        let document = id(&api.upload(&documents, &[], &[("mine", b"\0\x01")]).json()["items"][0]);
        // Else the sockets would be told that it fails; one that is read would be cited.
        read(&api, &document);
        let gate = Gate::new();
        let held = gate.clone();
        let endpoint = ScriptedEndpoint::start(move |_| {
            Script::events().token("Half ").wait_for(&held).token("more").finish("stop").done()
        });
        let model = json!({"name": "slow", "base_url": endpoint.base_url()});
        api.post("/api/v1/models", &model);
        let question = json!({"content": "mine", "model": "slow", "stream": true});
        let asked =
            api.open("POST", &format!("/api/v1/chats/{chat}/responses"), &[], Some(&question.to_string()));
        let messages = |api: &Api| api.get(&format!("/api/v1/chats/{chat}/messages"))["items"].clone();
        let stored = loop {
            let stored = messages(&api);
            if stored.as_array().unwrap().len() == 2 {
                break stored;
            }
        };
        let response = id(&stored[1]["response"]);
        let path = format!("/ws/{chat}");
        let doors = |token: &str| {
            let protocol = format!("kafka.v1, bearer.{token}");
            [
                Socket::connect(server.address(), &format!("{path}?token={token}"), &[]).unwrap(),
                Socket::connect(server.address(), &path, &[("Sec-WebSocket-Protocol", &protocol)]).unwrap(),
            ]
        };
        for mut socket in doors(&viewer.1) {
            assert_eq!(socket.json()["conversation"][0]["content"], "mine", "a viewer reads");
            for refused in [
                json!("a bare prompt"),
                json!({"action": "new_message", "prompt": "theirs"}),
                json!({"action": "new_message", "prompt": "theirs", "stream": true, "model": "echo"}),
                json!({"action": "cancel", "response_id": response}),
                json!({"action": "upload_file", "filename": "theirs", "file_data": "bWluZQ=="}),
                json!({"action": "delete_file", "file_id": id(&made)}),
                json!({"action": "upload_document", "filename": "theirs", "file_data": "bWluZQ=="}),
                json!({"action": "delete_document", "document_id": document}),
                json!({"action": "revert_version", "version_id": version, "filename": "mine.based"}),
            ] {
                socket.say(&refused);
                let answer = socket.json();
                assert!(answer["error"].is_string(), "{refused}: {answer}");
                assert_eq!(messages(&api), stored, "{refused}");
                assert_eq!(api.get(&files)["items"].as_array().unwrap().len(), 1, "{refused}");
                assert_eq!(api.get(&versions)["items"].as_array().unwrap().len(), 1, "{refused}");
                assert_eq!(id(&api.get(&documents)["items"][0]), document, "{refused}");
            }
            // Without a name this ends what the socket asked for, which is nothing.
            socket.say(&json!({"action": "cancel"}));
            socket.say(&json!({"action": "dance"}));
            assert!(socket.json()["error"].as_str().unwrap().contains("dance"));
            let running = api.get(&format!("/api/v1/responses/{response}"));
            assert_eq!(running["status"], "streaming");
        }
        for mut socket in doors(&stranger.1) {
            assert_eq!(socket.json(), json!({"error": "Chat not found."}));
            assert_eq!(socket.closed(), 1000);
        }
        // The owner does all of it by the same doors.
        for mut socket in doors(&owner.1) {
            socket.json();
            socket.say(&json!({"action": "upload_file", "filename": "ours", "file_data": "bWluZQ=="}));
            while socket.json()["action"] != "file_uploaded" {}
            socket.say(&json!({"action": "revert_version", "version_id": version, "filename": "mine.based"}));
            while socket.json()["action"] != "revert_complete" {}
            socket.say(&json!({"action": "cancel", "response_id": response}));
            socket.say(&json!({"action": "new_message", "prompt": "ours", "model": "echo"}));
            while socket.next_text() != "Echo: ours" {}
        }
        gate.open();
        drop(asked);
        let ended = api.get(&format!("/api/v1/responses/{response}"));
        assert_eq!(ended["status"], "cancelled");
        assert_eq!(messages(&api).as_array().unwrap().len(), 10);
    }

    fn count(report: &Value) -> usize {
        report["routes"].as_array().map_or(0, Vec::len)
    }

    fn walk(binary: &Binary, mode: &[&str]) -> Value {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(binary, data.path(), mode);
        let mut command = Binary::kafka().command(data.path());
        command.args(["selfcheck", "--isolation", "--json", "--url", server.url()]);
        let output = command.args(["--data-dir", data.path().to_str().unwrap()]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}\n{}", server.terminate().stderr);
        for noun in ["user", "chats", "workspace", "model"] {
            let mut command = Binary::kafka().command(data.path());
            command.args([noun, "list", "-q", "--data-dir", data.path().to_str().unwrap()]);
            let left = command.output().unwrap();
            assert!(left.status.success(), "{}", String::from_utf8_lossy(&left.stderr));
            let left = String::from_utf8_lossy(&left.stdout);
            assert!(left.is_empty(), "{noun} that it made and left: {left}");
        }
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
