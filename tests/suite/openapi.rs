//! The document of the API as it is served, the page on it, and the client made of it.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::Api,
    process::{Binary, RunningServer},
};

#[test]
fn the_document_says_what_is_served_and_whether_it_needs_a_credential() {
    for binary in Binary::both() {
        let data = [(); 2].map(|()| TempDir::new().unwrap());
        let open = RunningServer::start(&binary, data[0].path(), &["--dialect=open-chat"]);
        let closed = RunningServer::start(&binary, data[1].path(), &["--auth=password"]);
        let [open, closed] = [&open, &closed].map(|server| Api::of(server).get("/openapi.json"));
        assert_eq!(open["openapi"], "3.1.0");
        let needs = |document: &Value| document["paths"]["/api/v1/chats"]["post"]["security"].clone();
        assert_eq!(needs(&open), json!([{}, {"bearer": ["chats:write"]}]));
        assert_eq!(needs(&closed), json!([{"bearer": ["chats:write"]}]));
        for path in ["/conversations", "/api/chats", "/auth", "/docs", "/openapi.json"] {
            let is_left_out = ["/api/chats", "/auth"].contains(&path);
            assert_eq!(open["paths"][path].is_null(), is_left_out, "{path}");
            assert!(closed["paths"][path].is_object(), "{path}");
        }
    }
}

#[test]
fn the_page_s_files_are_packed_for_who_takes_them_so() {
    let data = TempDir::new().unwrap();
    let server = RunningServer::start(&Binary::kafka(), data.path(), &[]);
    let api = Api::of(&server);
    let page = api.send("GET", "/docs", &[], None);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe-"), "{policy}");
    let html = String::from_utf8_lossy(&page.body).into_owned();
    assert!(!html.contains("http"), "it leads to this server only: {html}");
    for (name, bytes) in [("swagger-ui.js", 1_732_839), ("swagger-ui.css", 187_956)] {
        let path = format!("/docs/{name}");
        let plain = api.send("GET", &path, &[], None);
        assert_eq!((plain.body.len(), plain.header("content-encoding")), (bytes, None));
        let packed = api.send("GET", &path, &[("Accept-Encoding", "gzip, br")], None);
        assert!(packed.body.len() < bytes / 4 && packed.header("content-encoding") == Some("br"));
        let varies = ("vary".to_owned(), "Accept-Encoding".to_owned());
        assert!([&plain, &packed].iter().all(|reply| reply.headers.contains(&varies)));
    }
    assert_eq!(api.send("GET", "/docs/swagger-ui.map", &[], None).status, 404);
}

mod slow {
    use std::process::Command;

    use crate::support::browser;

    use super::*;

    /// A server without passwords, and one with them and an account; and a token of that.
    fn servers(data: &[TempDir; 2]) -> (RunningServer, RunningServer, String) {
        let open = RunningServer::start(&Binary::kafka(), data[0].path(), &[]);
        let closed = RunningServer::start(&Binary::kafka(), data[1].path(), &["--auth=password"]);
        let account = json!({"email": "k@example.org", "password": "the castle"});
        let token = Api::of(&closed).post("/api/v1/auth/register", &account)["token"].clone();
        (open, closed, token.as_str().unwrap().to_owned())
    }

    #[test]
    fn the_api_is_read_and_tried_in_a_browser() {
        let data = [(); 2].map(|()| TempDir::new().unwrap());
        let (open, closed, token) = servers(&data);
        let journeys = browser::drive("docs.mjs", &[open.url(), closed.url(), &token], |_| false);
        assert_eq!(journeys, 2, "every journey was made");
    }

    #[test]
    fn the_readme_of_the_client_is_true() {
        let data = TempDir::new().unwrap();
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), &[]);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client_readme.mjs");
        let status = Command::new("node").arg(script).env("KAFKA_URL", server.url()).status();
        assert!(status.expect("node is installed; `tests/run` installs it").success());
    }

    #[test]
    fn the_client_talks_from_a_browser() {
        let data = [(); 2].map(|()| TempDir::new().unwrap());
        let (open, closed, _) = servers(&data);
        let journeys = browser::drive("client.mjs", &[open.url(), closed.url()], |_| false);
        assert_eq!(journeys, 2, "every journey was made");
    }
}
