//! The dialect where a password is asked for.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::recording::text;
use crate::support::{
    api::{Api, Scenario},
    form::Form,
    process::{Binary, RunningServer},
    websocket::Socket,
};

mod slow {
    use super::*;

    #[test]
    fn logging_in_needs_a_password_and_gives_a_token_that_opens_the_rest() {
        let data = TempDir::new().unwrap();
        let flags = ["--auth=password", "--registration=open"];
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &flags);
        let api = Api::of(&server);
        let enter = |email: &str| -> (Api, Value) {
            let account = json!({"email": email, "password": "the castle"});
            api.post("/api/v1/auth/register", &account);
            let shown = api.expect(200, "POST", "/auth/login", Some(&account));
            (api.with_token(text(&shown, "/token")), shown)
        };
        // The first administers.
        enter("klamm@example.org");
        let ((k, account), (other, others)) = (enter("k@example.org"), enter("frieda@example.org"));
        let refused = |body, contains| Scenario {
            method: "POST",
            path: "/auth/login",
            body: Some(body),
            status: 401,
            contains,
            lacks: &["workspaces"],
            ..Scenario::default()
        };
        let missing: &[&str] = &["www-authenticate: Bearer", "\"detail\":", "\"code\":\"password_missing\""];
        let wrong: &[&str] = &["www-authenticate: Bearer", "\"detail\":"];
        api.run(&[
            refused(r#"{"email":"k@example.org"}"#, missing),
            refused(r#"{"email":"k@example.org","password":"the trial"}"#, wrong),
            // Nobody is made by logging in.
            refused(r#"{"email":"nobody@example.org","password":"the castle"}"#, wrong),
            refused(r#"{"email":"nobody@example.org"}"#, missing),
        ]);
        let no_text = json!({"email": "k@example.org", "password": 5});
        assert_eq!(api.expect(422, "POST", "/auth/login", Some(&no_text))["code"], "request_invalid");

        let (user, workspace) = (text(&account, "/user_id"), text(&account, "/workspaces/0/id"));
        let chat_form = || {
            let form = Form::default().field("user_id", user).field("workspace_id", workspace);
            form.field("chat_name", "The trial")
        };
        let chat = chat_form().ok(&k, "POST", "/chat/new");
        let chat = text(&chat, "/chat_id");
        let upload = || {
            let form = Form::default().field("target_id", chat).field("is_chat", "true");
            form.file("a.txt", b"Hello")
        };
        let file = upload().ok(&k, "POST", "/file/upload");
        let place = format!("/uploads/files/{}_a.txt", text(&file, "/files/0"));
        for (api, statuses) in [(&api, [401; 4]), (&other, [403, 404, 404, 404])] {
            let got = [
                chat_form().send(api, "POST", "/chat/new", &[]).status,
                upload().send(api, "POST", "/file/upload", &[]).status,
                api.send("GET", &place, &[], None).status,
                api.send("DELETE", &format!("/chat/{chat}"), &[], None).status,
            ];
            assert_eq!(got, statuses);
        }
        // Under one's own name nothing is put into what is another's.
        let form = Form::default().field("user_id", text(&others, "/user_id"));
        let form = form.field("workspace_id", workspace).field("chat_name", "Mine");
        assert_eq!(form.send(&other, "POST", "/chat/new", &[]).status, 404);
        assert_eq!(k.send("GET", &place, &[], None).body, b"Hello");
        let token = text(&account, "/token");
        let mut socket =
            Socket::connect(server.address(), &format!("/ws/{chat}?token={token}"), &[]).unwrap();
        assert_eq!(socket.json()["chat_files_text"][0]["content"], "Hello");
        let log = server.terminate().stderr;
        assert!(!log.contains(token) && !log.contains("the castle"), "{log}");
    }
}
