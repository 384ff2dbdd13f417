//! Accounts over HTTP. Passwords are slow to check on purpose, and so are these tests.

mod slow {
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use crate::support::{
        api::{Api, Scenario, id},
        form::Form,
        process::{Binary, RunningServer},
    };

    #[test]
    fn an_account_is_made_used_changed_and_deleted() {
        let data = TempDir::new().unwrap();
        let flags = ["--auth=password", "--registration=open"];
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &flags);
        let api = Api::of(&server);
        // Whoever comes first administers, and could not go.
        api.post("/api/v1/auth/register", &json!({"email": "a@example.org", "password": "the court"}));
        let account = json!({
            "email": "K@example.org", "username": "k", "full_name": "Josef K.", "password": "the castle",
        });
        let registered = api.post("/api/v1/auth/register", &account);
        assert!(registered["expires_at"].is_string());
        let user = &registered["user"];
        let fields: Vec<&String> = user.as_object().unwrap().keys().collect();
        let expected = [
            "created_at",
            "email",
            "full_name",
            "id",
            "is_active",
            "is_admin",
            "plan",
            "total_tokens_used",
            "updated_at",
            "username",
        ];
        assert_eq!(fields, expected);
        let k = api.with_token(registered["token"].as_str().unwrap());
        assert_eq!(k.get("/api/v1/users/me"), *user);
        assert_eq!(k.patch("/api/v1/users/me", &json!({"full_name": null}))["full_name"], Value::Null);
        let chat = k.chat();
        assert_eq!(k.get(&format!("/api/v1/chats/{chat}"))["user_id"], user["id"]);
        api.expect(401, "GET", &format!("/api/v1/chats/{chat}"), None);

        let by_name = json!({"username": "K", "password": "the castle"});
        let again = api.expect(200, "POST", "/api/v1/auth/login", Some(&by_name));
        let other = api.with_token(again["token"].as_str().unwrap());
        other.expect(204, "POST", "/api/v1/auth/logout", None);
        other.expect(401, "GET", "/api/v1/users/me", None);
        k.get("/api/v1/users/me");

        let change = json!({"current_password": "the castle", "new_password": "the trial"});
        k.expect(204, "POST", "/api/v1/users/me/password", Some(&change));
        k.expect(401, "GET", "/api/v1/users/me", None);
        let new = json!({"email": "k@example.org", "password": "the trial"});
        let k = api.expect(200, "POST", "/api/v1/auth/login", Some(&new));
        let k = api.with_token(k["token"].as_str().unwrap());
        k.delete("/api/v1/users/me");
        k.expect(401, "GET", "/api/v1/users/me", None);
        assert_eq!(api.expect(401, "POST", "/api/v1/auth/login", Some(&new))["code"], "login_failed");
        let log = server.terminate().stderr;
        assert!(!log.contains("castle") && !log.contains("K@example.org"), "{log}");
    }

    #[test]
    fn who_may_register_is_a_setting_and_the_first_is_the_administrator() {
        for (flags, second) in [
            (&["--auth=password"][..], 403),
            (&["--auth=password", "--registration=closed"], 403),
            (&["--auth=password", "--registration=open"], 201),
        ] {
            let data = TempDir::new().unwrap();
            let server = RunningServer::start(&Binary::kafka_http(), data.path(), flags);
            let api = Api::of(&server);
            let account = |email| json!({"email": email, "password": "a long password"});
            let first = api.post("/api/v1/auth/register", &account("first@example.org"));
            assert_eq!(first["user"]["is_admin"], true, "{flags:?}");
            let path = "/api/v1/auth/register";
            let other = api.expect(second, "POST", path, Some(&account("second@example.org")));
            match second {
                201 => assert_eq!(other["user"]["is_admin"], false),
                _ => assert_eq!(other["code"], "registration_closed"),
            }
        }
    }

    #[test]
    fn what_belongs_to_someone_else_is_not_found() {
        let data = TempDir::new().unwrap();
        // Open mode has no first administrator, so that both accounts are ordinary ones.
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let api = Api::of(&server);
        let register = |email: &str| {
            let account = json!({"email": email, "password": "a long password"});
            let registered = api.post("/api/v1/auth/register", &account);
            api.with_token(registered["token"].as_str().unwrap())
        };
        let (k, other) = (register("k@example.org"), register("other@example.org"));
        let chat = k.chat();
        let message = k.message(&chat, "private");
        let answer = k.post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "private"}));
        let response = id(&answer["response"]);
        let workspace = id(&k.post("/api/v1/workspaces", &json!({"name": "private"})));
        let model = json!({"name": "private", "base_url": "http://127.0.0.1:9", "is_default": false});
        let model = id(&k.post("/api/v1/models", &model));
        let key = id(&k.post("/api/v1/tokens", &json!({"name": "private"})));
        let files =
            k.upload(&format!("/api/v1/workspaces/{workspace}/files"), &[], &[("private", b"private")]);
        let file = id(&files.json()["items"][0]);
        let text = json!({"filename": "private", "content": "private"});
        let text = id(&k.post(&format!("/api/v1/chats/{chat}/files"), &text));
        let link = id(&k.post(&format!("/api/v1/chats/{chat}/share"), &json!({})));
        let documents = format!("/api/v1/chats/{chat}/documents");
        let document = id(&k.upload(&documents, &[], &[("private", b"private")]).json()["items"][0]);
        let mut tried = 0;
        for route in kafka_http::router::ROUTES.iter().filter(|route| route.path.contains("{id}")) {
            let id = match route.path.trim_start_matches("/api/v1").split('/').nth(1) {
                Some("chats" | "chat" | "conversations") => &chat,
                Some("chat-files") => &text,
                Some("share-links") => &link,
                Some("documents") => &document,
                Some("messages") => &message,
                Some("responses") => &response,
                Some("workspaces" | "workspace") => &workspace,
                Some("files" | "file") => &file,
                Some("models") => &model,
                Some("tokens") => &key,
                // Whose it is makes no difference there, or it is found by numbers, as tests of that dialect do.
                Some("admin" | "api") => continue,
                other => panic!("whose is {other:?}?"),
            };
            let path = route.path.replace("{id}", id).replace("{n}", "1");
            let query = if path.ends_with("/diff") { "?from=1&to=1" } else { "" };
            let path = path + query;
            let body = r#"{"role":"user","content":"x","number":1,"default_model":"echo","message":"x"}"#;
            let reply = match route.method {
                "POST" if path.ends_with("/files") || path.ends_with("/documents") => {
                    other.upload(&path, &[], &[("x", b"x")])
                }
                "PUT" if path.contains("/documents/") => {
                    Form::default().file("x", b"x").send(&other, "PUT", &path, &[])
                }
                "GET" => other.send("GET", &path, &[], None),
                method => other.send(method, &path, &[], Some(body)),
            };
            assert_eq!(reply.status, 404, "{} {path}: {reply:?}", route.method);
            tried += 1;
        }
        assert_ne!(tried, 0);
        for path in ["/api/v1/chats", "/api/v1/workspaces", "/api/v1/models", "/api/v1/tokens"] {
            let nothing = Scenario { path, lacks: &["private"], ..Scenario::default() };
            other.run(&[nothing]);
        }
        k.get(&format!("/api/v1/chats/{chat}"));
    }

    #[test]
    fn what_cannot_be_an_account_is_refused() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let api = Api::of(&server);
        api.post("/api/v1/auth/register", &json!({"email": "a@b.co", "password": "long enough"}));
        let post = |path, body, status, contains| Scenario {
            method: "POST",
            path,
            body: Some(body),
            status,
            contains,
            lacks: &["long enough"],
            ..Scenario::default()
        };
        let register = "/api/v1/auth/register";
        let login = "/api/v1/auth/login";
        api.run(&[
            post(register, r#"{"email":"A@B.co","password":"long enough"}"#, 409, &["email_taken"]),
            post(register, r#"{"email":"a","password":"long enough"}"#, 422, &["email_invalid"]),
            post(register, r#"{"email":"c@b.co","password":"short"}"#, 422, &["password"]),
            post(register, r#"{"email":"c@b.co"}"#, 422, &["field_missing", "password"]),
            post(login, r#"{"password":"long enough"}"#, 422, &["give email or username"]),
            post(login, r#"{"email":"a@b.co","password":"wrong one"}"#, 401, &["login_failed"]),
            post(login, r#"{"email":"no@b.co","password":"long enough"}"#, 401, &["login_failed"]),
            post("/api/v1/auth/logout", "", 401, &["account_required"]),
        ]);
    }
}
