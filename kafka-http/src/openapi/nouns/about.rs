//! The server itself.

use serde_json::json;

use crate::openapi::{document::Operations, samples::AT};

pub(super) fn describe(on: &mut Operations) {
    let text = || json!({"type": "string"});
    let count = || json!({"type": ["integer", "null"]});
    let route = json!({
        "type": "object",
        "required": ["method", "path", "summary"],
        "properties": {"method": text(), "path": text(), "summary": text()},
    });
    on.on("GET", "/")
        .about(
            "Whoever accepts `text/html`, as browsers do, gets the chat page; everyone else JSON. How many conversations and \
             messages there are is told to whoever sees everything: the local operator, and administrators.",
        )
        .gives_json(
            200,
            "What this is.",
            json!({
                "type": "object",
                "required": [
                    "name", "version", "description", "message", "status", "service", "conversations", "total_messages",
                    "routes",
                ],
                "properties": {
                    "name": text(), "version": text(), "description": text(), "message": text(), "status": text(),
                    "service": text(), "conversations": count(), "total_messages": count(), "routes": {"type": "array", "items": route},
                },
            }),
            json!({
                "name": "kafka", "version": "0.1.0", "description": "Chat backend. Not Apache Kafka.",
                "message": "Welcome to Kafka, a chat backend.", "status": "online", "service": "kafka",
                "conversations": 3, "total_messages": 14,
                "routes": [{"method": "GET", "path": "/health", "summary": "Whether the process serves"}],
            }),
        )
        .gives_as(200, "", "text/html", json!({"schema": text()}));
    on.on("GET", "/health")
        .about("Asks nothing but the process; for load balancers and supervisors.")
        .gives_json(
            200,
            "It serves.",
            json!({
                "type": "object",
                "required": ["status", "version", "timestamp"],
                "properties": {
                    "status": {"const": "ok"}, "version": text(), "timestamp": {"type": "string", "format": "date-time"},
                },
            }),
            json!({"status": "ok", "version": "0.1.0", "timestamp": AT}),
        );
    on.on("GET", "/ready").about("Asks the database, too.").gives_json(
        200,
        "It answers.",
        json!({"type": "object", "required": ["status"], "properties": {"status": {"const": "ready"}}}),
        json!({"status": "ready"}),
    );
    on.on("GET", "/openapi.json")
        .about("OpenAPI 3.1. Routes of dialects that are not served are left out.")
        .gives_json(
            200,
            "The document.",
            json!({"type": "object", "required": ["openapi", "paths"]}),
            json!({"openapi": "3.1.0", "paths": {}}),
        );
    on.on("GET", "/docs")
        .about("Swagger UI on this document: a page that asks nothing of anyone but this server, and works offline.")
        .gives_as(200, "The page.", "text/html", json!({"schema": text()}));
    let file = json!({"type": "string", "enum": ["swagger-ui.js", "swagger-ui.css"]});
    on.on("GET", "/docs/{file}")
        .about("Compressed by Brotli for whoever accepts it, else as it is.")
        .path("file", file, json!("swagger-ui.css"))
        .gives_as(200, "The file.", "text/javascript", json!({"schema": text()}))
        .gives_as(200, "The file.", "text/css", json!({"schema": text()}))
        .refuses(&["route_not_found"]);
}
