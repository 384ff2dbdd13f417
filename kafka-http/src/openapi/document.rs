//! The whole document, made of the routes, of what is said of them and of the types.

use std::collections::{BTreeMap, BTreeSet};

use kafka_core::Limits;
use serde_json::{Map, Value, json};

use super::{bounds, nouns, operation::Operation, refusals};
use crate::router::{ROUTES, Route};

const ABOUT: &str = "\
Chats, messages, durable answers of models, files and their versions.

* **Form**: JSON in UTF-8 with snake_case names. Ids are UUIDv7 in lower case, instants RFC 3339 in UTC with milliseconds. \
Unknown fields of a request are ignored. In an answer a field without value is `null`, not absent. A slash at the end of a \
path changes nothing. HEAD works where GET does.
* **Credentials**: `Authorization: Bearer` and the token of a login or an API key. In open mode, which serves this machine \
only, none is needed: who sends none is the local operator, who sees everything.
* **Errors** are `application/problem+json` with a stable `code`, those of the dialects `application/json`. A method \
that a path does not have is 405 `method_not_allowed`, an unknown path 404 `route_not_found`, an expectation other than \
`100-continue` 417, a version of HTTP other than 1.0 and 1.1 505.
* **Limits**: 32 KiB and 64 fields of head, which must come within 10 s; 16 MiB of JSON; 20 MiB a file; 1 MiB the text of a \
message. `kafka config show` lists them all.
* **Dialects**: the chapters `kafka`, `chat-history` and `open-chat` are the wire formats of systems that this one \
replaces. `--dialect` chooses those that are served, and only those stand here.";

/// Every entry of a description of a route.
pub(crate) struct Operations {
    found: Vec<Operation>,
    complaints: Vec<String>,
}

impl Operations {
    /// Describes a route, which has to be in the table. What is said of the others, for want of one, is said of the first.
    pub(super) fn on(&mut self, method: &str, path: &str) -> &mut Operation {
        let found = ROUTES.iter().find(|route| route.method == method && route.path == path);
        if found.is_none() {
            self.complaints.push(format!("{method} {path} is described, and no route"));
        }
        if self.found.iter().any(|other| other.route.method == method && other.route.path == path) {
            self.complaints.push(format!("{method} {path} is described twice"));
        }
        let at = self.found.len();
        self.found.push(Operation::of(found.unwrap_or(&ROUTES[0])));
        &mut self.found[at]
    }
}

/// The document of every route there is, whatever is served.
///
/// # Errors
/// What is missing in it or wrong with it, a line each.
pub fn document() -> Result<Value, String> {
    let mut operations = Operations { found: Vec::new(), complaints: Vec::new() };
    nouns::describe(&mut operations);
    let Operations { mut found, mut complaints } = operations;
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for (name, schema) in refusals::schemas() {
        schemas.insert(name.to_owned(), schema);
    }
    for operation in &mut found {
        let Route { method, path, .. } = operation.route;
        paths.entry(path).or_default().insert(method.to_lowercase(), operation.written());
        complaints.extend(operation.complaints.iter().map(|what| format!("{method} {path}: {what}")));
        schemas.extend(operation.types.drain(..));
    }
    for Route { method, path, .. } in ROUTES {
        if !paths.get(path).is_some_and(|found| found.contains_key(&method.to_lowercase())) {
            complaints
                .push(format!("{method} {path} is not described; do so in kafka-http/src/openapi/nouns"));
        }
    }
    complaints.extend(bounds::set(&mut schemas, &Limits::default()));
    require_all(&paths, &mut schemas);
    if !complaints.is_empty() {
        return Err(complaints.join("\n"));
    }
    let responses = refusals::share(&mut paths);
    let mut written = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kafka, a chat backend (not Apache Kafka)",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "The token of a login, or an API key.",
            }},
        },
    });
    in_plain_words(&mut written);
    Ok(written)
}

/// A field without value is `null` in an answer, not absent: what stands in answers alone has every field.
fn require_all(paths: &BTreeMap<&str, Map<String, Value>>, schemas: &mut BTreeMap<String, Value>) {
    let mut sent = BTreeSet::new();
    for operation in paths.values().flat_map(Map::values) {
        reach(&operation["requestBody"], schemas, &mut sent);
    }
    for (name, schema) in schemas.iter_mut().filter(|(name, _)| !sent.contains(*name)) {
        let Some(Value::Object(properties)) = schema.get("properties") else { continue };
        let all = properties.keys().filter(|field| !bounds::MAY_BE_ABSENT.contains(&(name, field)));
        let all: Vec<String> = all.cloned().collect();
        schema["required"] = all.into();
    }
}

/// Adds the names of all schemas that this one leads to.
fn reach(value: &Value, schemas: &BTreeMap<String, Value>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
            if let Some(name) = name.filter(|name| found.insert((*name).to_owned())) {
                reach(&schemas[name], schemas, found);
            }
            object.values().for_each(|value| reach(value, schemas, found));
        }
        Value::Array(values) => values.iter().for_each(|value| reach(value, schemas, found)),
        _ => {}
    }
}

/// Takes the targets of rustdoc's links out of descriptions.
fn in_plain_words(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = without_links(text);
            }
            object.values_mut().for_each(in_plain_words);
        }
        Value::Array(values) => values.iter_mut().for_each(in_plain_words),
        _ => {}
    }
}

fn without_links(text: &str) -> String {
    let mut parts = text.split("[`");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("`]").unwrap_or((part, ""));
        let target = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        plain.push_str(&format!("`{name}`{}", target.map_or(rest, |(_, rest)| rest)));
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;
    use crate::dialects::Dialect;

    fn committed() -> String {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOT)).unwrap_or_default()
    }

    const SNAPSHOT: &str = "src/openapi/openapi.json";

    #[test]
    fn the_document_is_the_one_that_was_last_looked_at() {
        let document = document().unwrap_or_else(|complaints| panic!("\n{complaints}\n"));
        let written = serde_json::to_string_pretty(&document).unwrap() + "\n";
        if env::var_os("RENEW_SNAPSHOTS").is_some() {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOT), &written).unwrap();
        }
        assert!(
            written == committed(),
            "the document of the API changed; look at it and renew: RENEW_SNAPSHOTS=1 cargo test -p kafka-http openapi"
        );
    }

    /// Every method and path of the document.
    fn routes_of(document: &Value) -> BTreeSet<(String, String)> {
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        });
        operations.collect()
    }

    fn names(routes: &[&Route]) -> BTreeSet<(String, String)> {
        routes.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect()
    }

    #[test]
    fn what_is_served_is_described_and_nothing_else() {
        let tables: [&[Dialect]; 3] = [&Dialect::ALL, &[Dialect::OpenChat], &[]];
        for dialects in tables {
            let served =
                ROUTES.iter().filter(|route| route.dialect.is_none_or(|own| dialects.contains(&own)));
            let served: Vec<&Route> = served.collect();
            for needs_credential in [true, false] {
                let document = crate::openapi::of(served.iter().copied(), needs_credential).unwrap();
                let document: Value = serde_json::from_slice(&document).unwrap();
                assert_eq!(routes_of(&document), names(&served), "{dialects:?}");
                let needs = &document["paths"]["/api/v1/chats"]["get"]["security"];
                let bearer = json!({"bearer": ["chats:read"]});
                assert_eq!(*needs, if needs_credential { json!([bearer]) } else { json!([{}, bearer]) });
                assert_eq!(document["paths"]["/health"]["get"]["security"], json!([]));
            }
        }
    }

    #[test]
    fn every_schema_is_used_and_every_operation_has_its_own_name() {
        let document = document().unwrap();
        let schemas: BTreeMap<String, Value> =
            serde_json::from_value(document["components"]["schemas"].clone()).unwrap();
        let mut reached = BTreeSet::new();
        reach(&document["components"]["responses"], &schemas, &mut reached);
        for operation in document["paths"].as_object().unwrap().values() {
            reach(&without_shared(operation), &schemas, &mut reached);
        }
        let idle: Vec<&String> = schemas.keys().filter(|name| !reached.contains(*name)).collect();
        assert_eq!(idle, ["AnswerEvent"], "only events are in no schema: their media type has none");
        let ids: Vec<&Value> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|methods| {
                methods.as_object().unwrap().values().map(|operation| &operation["operationId"])
            })
            .collect();
        let once: BTreeSet<&str> = ids.iter().map(|id| id.as_str().unwrap()).collect();
        assert_eq!(once.len(), ids.len(), "each operation has a name of its own");
    }

    /// The same without references to responses that several share.
    fn without_shared(value: &Value) -> Value {
        let is_shared =
            |value: &Value| value["$ref"].as_str().is_some_and(|path| path.contains("/responses/"));
        match value {
            Value::Object(object) => {
                let own = object.iter().filter(|(_, value)| !is_shared(value));
                own.map(|(name, value)| (name.clone(), without_shared(value))).collect::<Map<_, _>>().into()
            }
            Value::Array(values) => values.iter().map(without_shared).collect(),
            other => other.clone(),
        }
    }

    /// An error of an operation, with what many share looked up.
    fn refusal<'d>(document: &'d Value, method: &str, path: &str, status: u16) -> &'d Value {
        let reply = &document["paths"][path][method.to_lowercase()]["responses"][status.to_string()];
        match reply["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => &document["components"]["responses"][name],
            None => reply,
        }
    }

    #[test]
    fn errors_stand_where_they_happen_and_mean_what_their_status_says() {
        let document = document().unwrap();
        let (too_long, of_field) =
            ("The text is too long: 1 MiB is the most.", "A text is longer than its field allows.");
        for (method, path, status, line, stands) in [
            ("POST", "/api/v1/search", 429, "`search_waits`", true),
            ("GET", "/api/v1/chats", 429, "`search_waits`", true),
            ("GET", "/api/v1/tags", 429, "`search_waits`", true),
            ("POST", "/api/v1/chats/{id}/responses", 429, "`owner_busy`", true),
            ("GET", "/conversations/{id}/stream", 429, "`owner_busy`", true),
            ("DELETE", "/api/v1/messages/{id}", 409, "", false),
            ("DELETE", "/api/messages/{id}", 409, "", false),
            ("PATCH", "/api/v1/messages/{id}", 409, "`message_streaming`", true),
            ("GET", "/api/messages/chat/{id}", 422, "`page_too_large`", false),
            ("GET", "/api/chats", 422, "`page_too_large`", false),
            ("GET", "/api/v1/chats", 422, "`page_too_large`", true),
            ("POST", "/api/v1/chats", 422, of_field, true),
            ("POST", "/api/v1/chats", 422, too_long, false),
            ("POST", "/api/v1/chats/{id}/messages", 413, too_long, true),
            ("POST", "/api/v1/chats/{id}/messages", 413, of_field, false),
            // Here the status is another than in the table.
            ("GET", "/conversations/{id}/stream", 400, "There is no question that could be answered.", true),
        ] {
            let said = refusal(&document, method, path, status)["description"].as_str().unwrap_or_default();
            let is_there = if line.is_empty() { !said.is_empty() } else { said.contains(line) };
            assert_eq!(is_there, stands, "{method} {path} {status}: {line} in\n{said}");
        }
    }

    /// But for pages and bytes, which nobody writes by hand.
    #[test]
    fn whoever_sends_or_gets_something_finds_an_example() {
        let document = document().unwrap();
        let operations = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, of)| (format!("{method} {path}"), of))
        });
        let mut lacking = Vec::new();
        for (name, operation) in operations {
            let replies = operation["responses"].as_object().unwrap();
            let good = replies.iter().filter(|(status, _)| status.starts_with('2')).map(|(_, reply)| reply);
            for body in good.chain([&operation["requestBody"]]) {
                for (media_type, content) in body["content"].as_object().into_iter().flatten() {
                    let is_page =
                        ["*/*", "text/html", "text/css", "text/javascript"].contains(&&**media_type);
                    if !is_page && content["example"].is_null() {
                        lacking.push(format!("{name}: {media_type}"));
                    }
                }
            }
        }
        assert!(lacking.is_empty(), "{lacking:#?}");
        for (path, method, pointer) in [
            ("/conversations", "get", "/conversations/0/message_count"),
            ("/api/chats/{id}", "get", "/messages_count"),
        ] {
            let shown = &document["paths"][path][method]["responses"]["200"]["content"]["application/json"];
            assert!(shown["example"].pointer(pointer).is_some_and(Value::is_u64), "{path} {pointer}");
        }
    }

    #[test]
    fn links_of_rustdoc_become_names() {
        let table = [
            ("plain", "plain"),
            ("see [`Limits`](crate::Limits).", "see `Limits`."),
            ("[`a`] and [`b`](c)", "`a` and `b`"),
        ];
        for (text, expected) in table {
            assert_eq!(without_links(text), expected);
        }
    }
}
