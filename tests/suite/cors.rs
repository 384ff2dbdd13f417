//! Pages of other origins.

use tempfile::TempDir;

use crate::support::{
    api::{Api, Scenario},
    process::{Binary, RunningServer},
};

#[test]
fn pages_that_may_ask_may_read_the_answer_errors_included() {
    let data = TempDir::new().unwrap();
    for flags in [
        &["--allow-origin=https://app.example"][..],
        &["--auth=password", "--allow-origin=https://app.example"],
    ] {
        let server = RunningServer::start(&Binary::kafka_http(), data.path(), flags);
        let configured = &[("Origin", "https://app.example")][..];
        let is_open = flags.len() == 1;
        let allowed = &[
            "access-control-allow-origin: https://app.example",
            "access-control-allow-credentials: true",
            "access-control-expose-headers: accept-ranges, content-disposition, content-range, etag, retry-after, x-request-id",
            "vary: Origin",
        ][..];
        Api::of(&server).run(&[
            Scenario { path: "/health", headers: configured, contains: allowed, ..Scenario::default() },
            Scenario {
                path: "/nothing",
                headers: configured,
                status: 404,
                contains: allowed,
                ..Scenario::default()
            },
            Scenario {
                path: "/health",
                headers: &[("Origin", "http://localhost:5173")],
                contains: if is_open { &["access-control-allow-origin: http://localhost:5173"] } else { &[] },
                lacks: if is_open { &[] } else { &["access-control"] },
                ..Scenario::default()
            },
            Scenario {
                path: "/health",
                lacks: &["access-control"],
                contains: &["vary: Origin"],
                ..Scenario::default()
            },
            Scenario {
                method: "OPTIONS",
                path: "/api/v1/chats",
                headers: &[
                    ("Origin", "https://app.example"),
                    ("Access-Control-Request-Method", "PATCH"),
                    ("Access-Control-Request-Headers", "content-type, x-mine"),
                ],
                status: 204,
                contains: &[
                    "access-control-allow-origin: https://app.example",
                    "access-control-allow-methods: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
                    "access-control-allow-headers: content-type, x-mine",
                    "access-control-max-age: 600",
                ],
                ..Scenario::default()
            },
            Scenario {
                method: "OPTIONS",
                path: "/api/v1/chats",
                headers: &[("Origin", "https://evil.example"), ("Access-Control-Request-Method", "PATCH")],
                status: if is_open { 403 } else { 204 },
                lacks: &["access-control-allow-origin"],
                ..Scenario::default()
            },
            Scenario {
                method: "OPTIONS",
                path: "/api/v1/chats",
                status: 204,
                contains: &["allow: "],
                lacks: &["access-control"],
                ..Scenario::default()
            },
        ]);
    }
}
