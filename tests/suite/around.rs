//! What stands around a chat, over HTTP: tags, copies of it, and links by which others read it.

use kafka_http::router::ROUTES;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario, id},
    process::{Binary, RunningServer},
};

const HANDSHAKE: [(&str, &str); 4] = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn server(data: &TempDir, flags: &[&str]) -> RunningServer {
    RunningServer::start(&Binary::kafka_http(), data.path(), flags)
}

#[test]
fn chats_are_pinned_tagged_and_listed_by_that() {
    let data = TempDir::new().unwrap();
    let server = server(&data, &[]);
    let api = Api::of(&server);
    let [plain, tagged] = [api.chat(), api.chat()];
    let path = format!("/api/v1/chats/{tagged}");
    let chat = api.patch(&path, &json!({"tags": [" Work", "work", "x y"], "pinned": true}));
    assert_eq!(chat["tags"], json!(["Work", "x y"]));
    let ids = |query: &str| -> Vec<String> {
        let page = api.get(&format!("/api/v1/chats?{query}"));
        page["items"].as_array().unwrap().iter().map(id).collect()
    };
    for (query, expected) in [
        ("tag=WORK", vec![&tagged]),
        ("tag=x+y&archived=false", vec![&tagged]),
        ("tag=w", vec![]),
        ("pinned=true", vec![&tagged]),
        ("pinned=false", vec![&plain]),
        ("tag=", vec![&tagged, &plain]),
    ] {
        assert_eq!(ids(query).iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let tags = json!({"items": [{"tag": "Work", "chats": 1}, {"tag": "x y", "chats": 1}]});
    assert_eq!(api.get("/api/v1/tags"), tags);
    api.run(&[
        Scenario {
            path: "/api/v1/chats?pinned=maybe",
            status: 422,
            contains: &["pinned"],
            ..Scenario::default()
        },
        Scenario {
            path: "/api/v1/chats?tag=%20",
            status: 422,
            contains: &["tag_empty"],
            ..Scenario::default()
        },
    ]);
    let refused = api.expect(422, "PATCH", &path, Some(&json!({"tags": [7]})));
    assert!(refused.to_string().contains("tags[0]"), "{refused}");
}

#[test]
fn a_chat_is_exported_as_a_file_that_runs_nothing() {
    let data = TempDir::new().unwrap();
    let server = server(&data, &[]);
    let api = Api::of(&server);
    let chat = id(&api.post("/api/v1/chats", &json!({"title": "Über <all> \"that\""})));
    api.message(&chat, "<script>alert(1)</script>");
    let read = |query: &str| api.send("GET", &format!("/api/v1/chats/{chat}/export{query}"), &[], None);
    for (query, media_type, ending, contains) in [
        ("", "text/markdown; charset=utf-8", "md", "> <script>alert(1)</script>"),
        ("?format=md", "text/markdown; charset=utf-8", "md", "# Über"),
        ("?format=json", "application/json", "json", "\"<script>alert(1)</script>\""),
        ("?format=html", "text/html; charset=utf-8", "html", "&lt;script&gt;alert(1)"),
    ] {
        let reply = read(query);
        let text = String::from_utf8(reply.body.clone()).unwrap();
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(media_type)));
        let name = format!(
            "attachment; filename=\"_ber -all- -that-.{ending}\"; filename*=UTF-8''%C3%9Cber%20-all-%20-that-.{ending}"
        );
        assert_eq!(reply.header("content-disposition"), Some(&*name));
        assert_eq!(reply.header("content-security-policy"), Some("sandbox"));
        assert!(text.contains(contains), "{text}");
    }
    assert_eq!(read("?format=pdf").status, 422);
}

fn share(api: &Api, chat: &str, body: &Value) -> (String, Api) {
    let made = api.post(&format!("/api/v1/chats/{chat}/share"), body);
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["url"], format!("/share#{token}"));
    (id(&made), api.with_token(token))
}

/// In both modes: what a link opens, and that it opens nothing else.
#[test]
fn a_link_opens_one_chat_to_be_read_and_nothing_else() {
    for flags in [&["--auth=password"][..], &[]] {
        let data = TempDir::new().unwrap();
        let server = server(&data, flags);
        let anyone = Api::of(&server);
        let account = json!({"email": "k@example.org", "password": "a long password"});
        let k = anyone.post("/api/v1/auth/register", &account);
        let k = anyone.with_token(k["token"].as_str().unwrap());
        let chat = id(&k.post("/api/v1/chats", &json!({"title": "Castle"})));
        k.post(&format!("/api/v1/chats/{chat}/responses"), &json!({"content": "Is it open?"}));
        let (link, visitor) = share(&k, &chat, &json!({"expires_in": 3600}));
        assert_eq!(visitor.get("/api/v1/shared")["title"], "Castle");
        let said = visitor.get("/api/v1/shared/messages?limit=1");
        assert_eq!(said["items"][0]["content"], "Echo: Is it open?");
        assert!(said["items"][0].get("id").is_none() && said["prev_cursor"].is_string());

        for route in ROUTES {
            let is_open = route.path.starts_with("/api/v1/shared")
                || route.path.starts_with("/docs")
                || ["/", "/health", "/ready", "/share", "/openapi.json"].contains(&route.path);
            let is_door =
                ["/auth", "/auth/login", "/api/v1/auth/login", "/api/v1/auth/register"].contains(&route.path);
            // Who logs out is told nothing, whatever they present.
            if is_open || is_door || route.path.ends_with("/logout") {
                continue;
            }
            let path = ["{id}", "{chat_id}", "{path}"]
                .iter()
                .fold(route.path.replace("{n}", "1"), |path, part| path.replace(part, &chat));
            let body = (route.method != "GET").then_some("{}");
            // A socket is asked for as its clients do.
            let headers = if path.starts_with("/ws/") { &HANDSHAKE[..] } else { &[] };
            let reply = visitor.send(route.method, &path, headers, body);
            assert!([401, 403, 404].contains(&reply.status), "{} {path}: {}", route.method, reply.status);
        }
        // The credentials of others are no links.
        assert_eq!(k.expect(404, "GET", "/api/v1/shared", None)["code"], "share_link_not_found");
        assert_eq!(anyone.expect(401, "GET", "/api/v1/shared", None)["code"], "credential_missing");

        let links = k.get(&format!("/api/v1/chats/{chat}/share"));
        assert_eq!((links["items"].as_array().unwrap().len(), links["items"][0].get("token")), (1, None));
        k.delete(&format!("/api/v1/share-links/{link}"));
        let revoked = visitor.expect(404, "GET", "/api/v1/shared", None);
        let unknown = anyone.with_token("share_0").expect(404, "GET", "/api/v1/shared/messages", None);
        assert_eq!((&revoked["code"], &revoked["detail"]), (&unknown["code"], &unknown["detail"]));
        assert_eq!(k.get(&format!("/api/v1/chats/{chat}/share"))["items"], json!([]));
        let (_, visitor) = share(&k, &chat, &json!({}));
        k.delete(&format!("/api/v1/chats/{chat}/share"));
        visitor.expect(404, "GET", "/api/v1/shared", None);
        let log = server.terminate().stderr;
        assert!(log.contains("/api/v1/shared") && !log.contains("share_"), "{log}");
    }
}

#[test]
fn the_page_of_a_link_is_sent_to_nobody_else_and_listed_nowhere() {
    let data = TempDir::new().unwrap();
    let server = server(&data, &["--auth=password"]);
    let api = Api::of(&server);
    let page = api.send("GET", "/share", &[], None);
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("x-robots-tag"), Some("noindex"));
    assert!(String::from_utf8_lossy(&page.body).contains("<meta name=\"robots\" content=\"noindex\">"));
}
