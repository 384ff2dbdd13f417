//! What is said of one route. Path, summary, who may call and the words for its errors are not said again: they come
//! from [`ROUTES`](crate::router::ROUTES) and [`codes`](super::codes).

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::{refusals, samples};
use crate::{
    dialects::Dialect,
    router::{Access, Route},
};

/// The description of a route, as it grows.
pub(crate) struct Operation {
    pub(super) route: &'static Route,
    about: &'static str,
    parameters: Vec<Value>,
    body: Map<String, Value>,
    is_body_required: bool,
    replies: BTreeMap<u16, Value>,
    codes: BTreeSet<(u16, &'static str)>,
    /// The schemas of the types that were named.
    pub(super) types: Vec<(String, Value)>,
    /// What is wrong with the description.
    pub(super) complaints: Vec<String>,
}

impl Operation {
    pub(super) fn of(route: &'static Route) -> Operation {
        let mut operation = Operation {
            route,
            about: "",
            parameters: Vec::new(),
            body: Map::new(),
            is_body_required: false,
            replies: BTreeMap::new(),
            codes: BTreeSet::new(),
            types: Vec::new(),
            complaints: Vec::new(),
        };
        for name in route.path.split(['{', '}']).skip(1).step_by(2) {
            let (schema, example) = match (name, route.dialect) {
                ("n", _) => (json!({"type": "integer", "minimum": 1}), json!(1)),
                (_, Some(Dialect::ChatHistory)) => (json!({"type": "integer"}), json!(1)),
                _ => (uuid(), json!(samples::ID)),
            };
            operation.path(name, schema, example);
        }
        operation
    }

    /// Whatever is to be known before calling it, limits included. Markdown.
    pub(super) fn about(&mut self, text: &'static str) -> &mut Operation {
        self.about = text;
        self
    }

    /// A segment of the path, where it is something else than an id.
    pub(super) fn path(&mut self, name: &str, schema: Value, example: Value) -> &mut Operation {
        self.parameters.retain(|parameter| parameter["name"] != name);
        self.parameters.push(
            json!({"name": name, "in": "path", "required": true, "schema": schema, "example": example}),
        );
        self
    }

    /// A parameter of the query that may be left out. An empty one is as good as none.
    pub(super) fn query(&mut self, name: &str, schema: Value, about: &str) -> &mut Operation {
        let schema = if schema["format"].is_null() { schema } else { or_empty(schema) };
        self.parameters.push(json!({"name": name, "in": "query", "description": about, "schema": schema}));
        self
    }

    /// One that must be there.
    pub(super) fn query_required(
        &mut self,
        name: &str,
        schema: Value,
        about: &str,
        example: Value,
    ) -> &mut Operation {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": true, "description": about, "schema": schema, "example": example,
        }));
        self
    }

    /// A field of the head.
    pub(super) fn header(&mut self, name: &str, schema: Value, about: &str) -> &mut Operation {
        self.parameters.push(json!({"name": name, "in": "header", "description": about, "schema": schema}));
        self
    }

    /// The same request may be sent twice.
    pub(super) fn once(&mut self) -> &mut Operation {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 255});
        let about = "Sent again within 24 hours with the same body, it has no second effect and gets the first answer.";
        self.header("Idempotency-Key", schema, about).refuses(&[
            "idempotency_key_invalid",
            "idempotency_mismatch",
            "account_required",
        ])
    }

    /// JSON of this type, for example this.
    pub(super) fn takes<T: ToSchema + DeserializeOwned>(&mut self, example: Value) -> &mut Operation {
        if let Err(error) = serde_json::from_value::<T>(example.clone()) {
            self.complaints.push(format!("the example of the request is none: {error}"));
        }
        let schema = self.schema::<T>();
        let needs = serde_json::to_value(T::schema()).unwrap_or_default();
        self.is_body_required = needs["required"].as_array().is_some_and(|fields| !fields.is_empty());
        self.takes_as("application/json", schema, example).refuses(&[
            "bad_json",
            "field_missing",
            "field_invalid",
        ])
    }

    /// JSON of this form, which no type has.
    pub(super) fn takes_json(&mut self, schema: Value, example: Value) -> &mut Operation {
        self.is_body_required = true;
        self.takes_as("application/json", schema, example)
    }

    /// A form with these fields, for example these.
    pub(super) fn takes_form(&mut self, schema: Value, example: Value) -> &mut Operation {
        self.is_body_required = true;
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required.filter(|name| example[name].is_null()) {
            self.complaints.push(format!("the example of the form has no {name}"));
        }
        self.takes_as("multipart/form-data", schema, example).refuses(&["bad_form", "form_too_large"])
    }

    fn takes_as(&mut self, media_type: &str, schema: Value, example: Value) -> &mut Operation {
        self.body.insert(media_type.to_owned(), json!({"schema": schema, "example": example}));
        self
    }

    /// What comes back, for example this.
    pub(super) fn gives<T: ToSchema>(&mut self, status: u16, about: &str, example: Value) -> &mut Operation {
        let schema = self.schema::<T>();
        self.gives_json(status, about, schema, example)
    }

    /// JSON of this form, which no type has.
    pub(super) fn gives_json(
        &mut self,
        status: u16,
        about: &str,
        schema: Value,
        example: Value,
    ) -> &mut Operation {
        self.gives_as(status, about, "application/json", json!({"schema": schema, "example": example}))
    }

    pub(super) fn gives_nothing(&mut self, status: u16, about: &str) -> &mut Operation {
        self.replies.insert(status, json!({"description": about}));
        self
    }

    /// A body of this media type. Several are possible for one status.
    pub(super) fn gives_as(
        &mut self,
        status: u16,
        about: &str,
        media_type: &str,
        content: Value,
    ) -> &mut Operation {
        let reply =
            self.replies.entry(status).or_insert_with(|| json!({"description": about, "content": {}}));
        reply["content"][media_type] = content;
        self
    }

    /// Server-sent events. The schema is that of one.
    pub(super) fn gives_events(&mut self, about: &str, example: &str) -> &mut Operation {
        let text = || json!({"type": "string"});
        let event = json!({
            "type": "object",
            "required": ["data"],
            "properties": {"id": text(), "event": text(), "data": text()},
        });
        let content = json!({"schema": event, "example": example});
        self.gives_as(200, about, "text/event-stream", content)
    }

    /// A part of a list, by cursor or by number.
    pub(super) fn pages<T: ToSchema>(&mut self, example: Value) -> &mut Operation {
        let items = json!({"type": "array", "items": self.schema::<T>()});
        let number =
            |minimum: u32, maximum: u32| json!({"type": "integer", "minimum": minimum, "maximum": maximum});
        let cursor = json!({"type": "string"});
        self.query("limit", number(1, 200), "Most entries wanted; 50 by default. There are fewer where their texts exceed 1 MiB.")
            .query("after", cursor.clone(), "A `next_cursor`: what comes behind it. Not together with `before`.")
            .query("before", cursor, "A `prev_cursor`: what comes before it.")
            .query("page", number(1, u32::MAX), "A numbered page, from 1, in place of a cursor.")
            .query("page_size", number(1, 100), "Entries of a numbered page; 20 by default.")
            .gives_json(
                200,
                "A part of the list: with cursors, or with numbers where `page` or `page_size` was given.",
                json!({
                    "type": "object",
                    "required": ["items"],
                    "properties": {
                        "items": items,
                        "next_cursor": {"type": ["string", "null"], "description": "For `after`; null at the end of the list."},
                        "prev_cursor": {"type": ["string", "null"], "description": "For `before`; null at its start."},
                        "total": {"type": "integer", "description": "Entries of the whole list."},
                        "page": {"type": "integer"},
                        "page_size": {"type": "integer"},
                        "total_pages": {"type": "integer"},
                    },
                }),
                json!({"items": [example], "next_cursor": null, "prev_cursor": null}),
            )
            .refuses(&[
                "query_invalid", "page_contradictory", "cursor_invalid", "limit_out_of_range", "page_out_of_range",
                "page_size_out_of_range", "page_too_large",
            ])
    }

    /// Errors beyond those that any route may have, by their codes.
    pub(super) fn refuses(&mut self, codes: &[&'static str]) -> &mut Operation {
        for code in codes {
            self.codes.extend(super::codes::statuses_of(code).map(|status| (status, *code)));
            if super::codes::statuses_of(code).next().is_none() {
                self.complaints.push(format!("codes.rs does not know {code}"));
            }
        }
        self
    }

    /// An error that has another status here than elsewhere.
    pub(super) fn refuses_with(&mut self, status: u16, code: &'static str) -> &mut Operation {
        self.codes.insert((status, code));
        self
    }

    /// A reference to the schema of a type.
    pub(super) fn schema<T: ToSchema>(&mut self) -> Value {
        let mut types: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut types);
        self.types.extend(
            types.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())),
        );
        reference(&T::name())
    }

    /// The same for what is no type by itself.
    pub(super) fn named(&mut self, name: &str, schema: Value) -> &mut Operation {
        self.types.push((name.to_owned(), schema));
        self
    }

    /// The operation as the document has it. Replies that many share are named in it.
    pub(super) fn written(&mut self) -> Value {
        if self.about.is_empty() {
            self.complaints.push("about() is missing".to_owned());
        }
        if self.replies.is_empty() {
            self.complaints.push("no reply is described".to_owned());
        }
        let mut codes = self.codes.clone();
        codes.extend(refusals::of_all(self.route.access, !self.body.is_empty()));
        let mut responses: Map<String, Value> =
            self.replies.iter().map(|(status, reply)| (status.to_string(), reply.clone())).collect();
        for (status, reply) in refusals::replies(&codes, self.route.dialect.is_some()) {
            responses.entry(status.to_string()).or_insert(reply);
        }
        let mut written = json!({
            "operationId": operation_id(self.route),
            "summary": self.route.summary,
            "description": self.about,
            "tags": [tag(self.route)],
            "parameters": self.parameters,
            "responses": responses,
            "security": match self.route.access {
                Access::Public => json!([]),
                Access::Anyone => json!([{"bearer": []}]),
                Access::Needs(permission) => json!([{"bearer": [permission.to_string()]}]),
            },
        });
        if !self.body.is_empty() {
            written["requestBody"] = json!({"required": self.is_body_required, "content": self.body});
        }
        written
    }
}

/// Where the schema of this name stands.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An id.
pub(super) fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// The same, or an empty text.
pub(super) fn or_empty(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "string", "maxLength": 0}]})
}

/// What a client's method is called, for example `get_chats_id_messages`.
fn operation_id(route: &Route) -> String {
    let path =
        route.path.strip_prefix("/api/v1").unwrap_or(route.path).replace(['/', '{', '}', '-', '.'], " ");
    let words: Vec<&str> = path.split_whitespace().collect();
    let words = if words.is_empty() { vec!["index"] } else { words };
    let prefix = if route.path.starts_with("/api/v1") { String::new() } else { dialect(route) };
    format!("{}_{prefix}{}", route.method.to_lowercase(), words.join("_"))
}

fn dialect(route: &Route) -> String {
    route.dialect.map(|dialect| format!("{}_", dialect.as_str().replace('-', "_"))).unwrap_or_default()
}

/// The chapter that a route stands in: its dialect, else its noun.
fn tag(route: &Route) -> &'static str {
    match (route.dialect, route.path.strip_prefix("/api/v1/")) {
        (Some(dialect), _) => dialect.as_str(),
        (None, Some(path)) => path.split('/').next().unwrap_or(path),
        (None, None) => "server",
    }
}
