//! Errors in the document: those that any route may have, and the form that all have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{codes, operation::reference};
use crate::router::Access;

/// Codes that come as problems in dialects, too: of a head that cannot be read nobody knows whose path it has, and ranges
/// of files are the server's own.
const ALWAYS_PROBLEMS: [&str; 5] =
    ["bad_request_head", "head_timeout", "head_too_large", "range_not_satisfiable", "too_many_header_fields"];

/// What a route may refuse whatever it does.
pub(super) fn of_all(access: Access, has_body: bool) -> Vec<(u16, &'static str)> {
    let mut found = vec![
        "bad_request_head",
        "address_not_allowed",
        "host_not_allowed",
        "origin_not_allowed",
        "proxy_not_trusted",
        "proxy_not_understood",
        "head_timeout",
        "head_too_large",
        "too_many_header_fields",
    ];
    if access != Access::Public {
        found.extend(["credential_missing", "credential_malformed", "token_invalid"]);
    }
    if let Access::Needs(_) = access {
        found.push("scope_missing");
    }
    if has_body {
        found.extend([
            "bad_body_framing",
            "body_incomplete",
            "body_timeout",
            "body_too_large",
            "unsupported_media_type",
        ]);
    }
    let statuses =
        found.into_iter().flat_map(|code| codes::statuses_of(code).map(move |status| (status, code)));
    // What the server itself may fail at has no list.
    statuses.chain([(500, ""), (503, "")]).collect()
}

/// A reply for each status, with the codes that it may have.
pub(super) fn replies(codes: &BTreeSet<(u16, &'static str)>, is_dialect: bool) -> BTreeMap<u16, Value> {
    let mut by_status: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for (status, code) in codes {
        by_status.entry(*status).or_default().extend((!code.is_empty()).then_some(*code));
    }
    by_status.into_iter().map(|(status, codes)| (status, reply(status, &codes, is_dialect))).collect()
}

fn reply(status: u16, codes: &[&'static str], is_dialect: bool) -> Value {
    let lines = codes.iter().map(|code| format!("* `{code}`: {}", codes::sentence_of(status, code)));
    let said = match codes {
        [] => sentence_of_status(status).to_owned(),
        _ => lines.collect::<Vec<_>>().join("\n"),
    };
    let (problems, own): (Vec<&str>, Vec<&str>) =
        codes.iter().partition(|code| !is_dialect || ALWAYS_PROBLEMS.contains(*code));
    let mut content = Map::new();
    if is_dialect && (!own.is_empty() || codes.is_empty()) {
        content.insert("application/json".to_owned(), shown("Detail", status, &own, true));
    }
    if !is_dialect || !problems.is_empty() {
        content.insert("application/problem+json".to_owned(), shown("Problem", status, &problems, false));
    }
    let mut reply = json!({"description": said, "content": content});
    let headers = headers(status);
    if !headers.is_empty() {
        reply["headers"] = headers.into();
    }
    reply
}

/// What a body looks like, and an example.
fn shown(form: &str, status: u16, codes: &[&str], is_dialect: bool) -> Value {
    let schema = match codes {
        [] => reference(form),
        _ => json!({"allOf": [reference(form), {"properties": {"code": {"enum": codes}}}]}),
    };
    let code = codes.first().copied().unwrap_or("internal");
    json!({"schema": schema, "example": example(status, code, is_dialect)})
}

fn headers(status: u16) -> Map<String, Value> {
    let (name, about, schema) = match status {
        401 => ("WWW-Authenticate", "Always `Bearer`.", json!({"type": "string"})),
        429 | 503 => ("Retry-After", "Seconds to wait.", json!({"type": "integer", "minimum": 1})),
        _ => return Map::new(),
    };
    Map::from_iter([(name.to_owned(), json!({"description": about, "schema": schema}))])
}

fn sentence_of_status(status: u16) -> &'static str {
    match status {
        503 => "The server is at capacity, or its database is; the same request may succeed later.",
        _ => "The server failed; its log says why, and this answer does not.",
    }
}

fn example(status: u16, code: &str, is_dialect: bool) -> Value {
    let sentence = match codes::sentence_of(status, code) {
        "" => sentence_of_status(status),
        sentence => sentence,
    };
    let request_id = "0197d1a0c0de7000";
    if !is_dialect {
        let title = crate::server::reason_phrase(status);
        return json!({
            "type": "about:blank", "title": title, "status": status, "detail": sentence, "code": code,
            "request_id": request_id,
        });
    }
    let detail = match status {
        422 => json!([{"type": "value_error", "loc": ["body"], "msg": sentence, "input": null}]),
        _ => sentence.into(),
    };
    json!({"detail": detail, "code": code, "request_id": request_id})
}

/// Takes errors that several operations have out of them, and gives them by their names.
pub(super) fn share(paths: &mut BTreeMap<&str, Map<String, Value>>) -> Map<String, Value> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut shared = Map::new();
    // First they are counted, then replaced.
    for is_replacing in [false, true] {
        let responses = paths
            .values_mut()
            .flat_map(Map::values_mut)
            .filter_map(|operation| operation["responses"].as_object_mut());
        for (status, response) in responses.flatten().filter(|(status, _)| status.as_str() >= "400") {
            let text = response.to_string();
            if !is_replacing {
                *counts.entry(text).or_default() += 1;
            } else if counts[&text] > 1 {
                // A name that stays when others come: by what it says.
                let digest = Sha256::digest(&text);
                let name = format!("E{status}_{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2]);
                let reference = json!({"$ref": format!("#/components/responses/{name}")});
                shared.insert(name, std::mem::replace(response, reference));
            }
        }
    }
    shared
}

/// The schemas of errors.
pub(super) fn schemas() -> [(&'static str, Value); 2] {
    let code = json!({"type": "string", "description": "A stable word, which programs may rely on."});
    let request_id = json!({"type": "string", "description": "What the server's log calls the request; also in `x-request-id`."});
    let problem = json!({
        "type": "object",
        "description": "An error (RFC 9457). There may be further members: `allow` of 405, `current` of a stale version, \
            `items` of an upload that was done in part, `response_id` and `user_message_id` of a failed answer.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string", "description": "The status in words."},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "One sentence for a person: what happened, to what, and what to do."},
            "code": code,
            "request_id": request_id,
            "errors": {
                "type": "array",
                "description": "The refused fields of the input.",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                },
            },
        },
    });
    let mistake = json!({
        "type": "object",
        "required": ["type", "loc", "msg", "input"],
        "properties": {
            "type": {"type": "string"},
            "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
            "msg": {"type": "string"},
            "input": {},
            "ctx": {"type": "object"},
        },
    });
    let detail = json!({
        "type": "object",
        "description": "An error as the replaced systems tell it.",
        "required": ["detail", "code", "request_id"],
        "properties": {
            "detail": {
                "description": "A sentence; of 422 a list of what is wrong, and where.",
                "anyOf": [{"type": "string"}, {"type": "array", "items": mistake}],
            },
            "code": code,
            "request_id": request_id,
        },
    });
    [("Problem", problem), ("Detail", detail)]
}
