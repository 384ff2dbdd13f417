//! Decoding: what a handler may ask of a request.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use kafka_core::{
    Actor, ChatFileId, ChatId, Cursor, DocumentId, Error, ErrorKind, FileId, IdempotencyKey, Kafka,
    MessageId, ModelId, PageRequest, Place, ResponseId, Secret, ShareLinkId, TokenId, UserId, WorkspaceId,
};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{
    error::{Failure, Problem},
    form::{Coding, Form},
    router::{Access, Router},
    server::{Reply, Request, Turns},
    sse,
};

/// The customary `page_size`.
const PAGE_SIZE: u32 = 20;

/// A request that was matched to a route.
#[derive(Debug)]
pub(crate) struct Call<'r, 'c> {
    pub(crate) router: &'r Router,
    /// Who may make it.
    pub(crate) access: Access,
    pub(crate) request: &'r mut Request<'c>,
    /// The decoded path segments that stand for `{…}` in the route's pattern, in its order.
    pub(crate) segments: Vec<String>,
}

/// An id that stands in paths.
pub(crate) trait PathId: FromStr {
    const NOUN: &'static str;
    const NOT_FOUND: &'static str;
}

macro_rules! path_ids {
    ($($id:ty = $noun:literal, $code:literal;)*) => {$(
        impl PathId for $id {
            const NOUN: &'static str = $noun;
            const NOT_FOUND: &'static str = $code;
        }
    )*};
}

path_ids! {
    ChatFileId = "file of a chat", "chat_file_not_found";
    ChatId = "chat", "chat_not_found";
    DocumentId = "document", "document_not_found";
    FileId = "file", "file_not_found";
    MessageId = "message", "message_not_found";
    ModelId = "model", "model_not_found";
    ResponseId = "response", "response_not_found";
    ShareLinkId = "link", "share_link_not_found";
    TokenId = "API key", "token_not_found";
    UserId = "user", "user_not_found";
    WorkspaceId = "workspace", "workspace_not_found";
}

impl<'r, 'c> Call<'r, 'c> {
    pub(crate) fn kafka(&self) -> &'r Kafka {
        &self.router.kafka
    }

    /// The bearer token of the request, if it sent one.
    pub(crate) fn bearer(&self) -> Result<Option<Secret<String>>, Failure> {
        let Some(sent) = self.request.header("authorization") else { return Ok(None) };
        let token = sent.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token.map(|(_, token)| token.trim()) {
            Some(token) if !token.is_empty() => Ok(Some(token.to_owned().into())),
            _ => Err(Error::new(
                ErrorKind::Unauthenticated,
                "credential_malformed",
                "The Authorization header is not understood; send `Authorization: Bearer` and a token.",
            )
            .into()),
        }
    }

    /// Who acts.
    pub(crate) fn authenticate(&self) -> Result<Actor, Failure> {
        self.authenticate_by(self.bearer()?)
    }

    /// Who acts, by a token found elsewhere than in the header: the one place where requests become actors,
    /// and where what the route asks of them is enforced.
    pub(crate) fn authenticate_by(&self, token: Option<Secret<String>>) -> Result<Actor, Failure> {
        let actor = match token {
            Some(token) => self.kafka().authenticate(&token)?,
            None => self.kafka().local_actor()?,
        };
        if actor.is_anonymous() {
            self.router.guard.check_stranger(self.request)?;
        }
        if let Access::Needs(permission) = self.access {
            actor.require(permission)?;
        }
        Ok(actor)
    }

    /// The id in the path. What is no id names nothing.
    pub(crate) fn id<I: PathId>(&self) -> Result<I, Failure> {
        let segment = self.segments.first().map(String::as_str).unwrap_or_default();
        segment.parse().map_err(|_| Error::not_found(I::NOT_FOUND, I::NOUN, segment).into())
    }

    /// The number of a version at the end of the path. What is no number names nothing.
    pub(crate) fn version(&self) -> Result<u64, Failure> {
        let segment = self.segments.last().map(String::as_str).unwrap_or_default();
        segment.parse().map_err(|_| Error::not_found("version_not_found", "version", segment).into())
    }

    /// A parameter of the query. Nothing after its `=` is as good as absent; of several the last holds.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.query_as_sent(name).filter(|value| !value.is_empty())
    }

    /// The same where nothing is a value, too.
    pub(crate) fn query_as_sent(&self, name: &str) -> Option<String> {
        let parameters = self.request.query()?.split('&').rev();
        let mut pairs = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
        let (_, value) = pairs.find(|(sent, _)| percent_decoded(sent).is_some_and(|sent| sent == name))?;
        // In queries, a plus is a blank.
        let value = value.replace('+', " ");
        Some(percent_decoded(&value).unwrap_or(Cow::Borrowed(&value)).into_owned())
    }

    /// A parameter of the query that is not just any text.
    pub(crate) fn query_as<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.query(name) else { return Ok(None) };
        let refused = |_| refused_field("query_invalid", name, format!("give {expected}, not {text:?}"));
        Ok(Some(text.parse().map_err(refused)?))
    }

    /// The part of a list that is asked for.
    pub(crate) fn page(&self) -> Result<PageRequest, Failure> {
        let number = "a whole number";
        let limit = self.query_as("limit", number)?;
        let page = self.query_as("page", number)?;
        let page_size = self.query_as("page_size", number)?;
        let place = match (self.query("after"), self.query("before")) {
            (None, None) => Place::Start,
            (Some(after), None) => Place::After(Cursor::new(after).in_field("after")),
            (None, Some(before)) => Place::Before(Cursor::new(before).in_field("before")),
            (Some(_), Some(_)) => {
                return Err(refused_field("page_contradictory", "before", "give either after or before"));
            }
        };
        if page.is_none() && page_size.is_none() {
            return Ok(PageRequest::Cursor { limit, place });
        }
        if limit.is_some() || place != Place::Start {
            let message = "give either limit and a cursor, or page and page_size";
            return Err(refused_field("page_contradictory", "page", message));
        }
        Ok(PageRequest::Numbered { page: page.unwrap_or(1), page_size: page_size.unwrap_or(PAGE_SIZE) })
    }

    /// The number of the event after which a stream shall go on; 0 for all of it. A client that comes
    /// back says it in `Last-Event-ID`, which is newer than the query it first asked with.
    pub(crate) fn last_event(&self) -> Result<u64, Failure> {
        let number = "the number of an event";
        let asked = self.query_as("after", number)?;
        match self.request.header("last-event-id") {
            Some(sent) => sent.parse().map_err(|_| {
                refused_field("last_event_id_invalid", "Last-Event-ID", format!("give {number}"))
            }),
            None => Ok(asked.unwrap_or(0)),
        }
    }

    /// A parameter of the query that must be there and is not just any text.
    pub(crate) fn query_required<T: FromStr>(&self, name: &str, expected: &str) -> Result<T, Failure> {
        let missing = || refused_field("field_missing", name, format!("give {expected}"));
        self.query_as(name, expected)?.ok_or_else(missing)
    }

    /// Whether the body is a form that may hold files.
    pub(crate) fn has_files(&self) -> bool {
        let sent = self.request.header("content-type").and_then(|sent| sent.split(';').next());
        sent.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("multipart/form-data"))
    }

    /// The body as a form. With files it may be longer than others, and take longer.
    pub(crate) fn form<'f>(&'f mut self) -> Result<Form<'f>, Failure>
    where
        'c: 'f,
    {
        let Some(coding) = Coding::of(self.request.header("content-type").unwrap_or_default())? else {
            let detail = "The body is taken as a form; send it as `multipart/form-data`.";
            return Err(Problem::new(415, "unsupported_media_type", detail).into());
        };
        let limits = self.request.limits();
        if let Coding::Multipart(_) = coding {
            let part = self.kafka().limits().file_bytes.saturating_add(limits.form_head_bytes as u64);
            self.request.body().set_limit(part.saturating_mul(limits.form_parts as u64));
            self.request.body().set_timeout_ms(limits.upload_timeout_ms);
        }
        Ok(Form::new(&coding, self.request.body(), limits)?)
    }

    /// The JSON body. No body at all is an empty object.
    pub(crate) fn body(&mut self) -> Result<JsonBody<'c>, Failure> {
        let bytes = self.request.body().read_all().map_err(|error| Problem::from(&error))?;
        if !bytes.is_empty() && !self.request.header("content-type").is_some_and(is_json) {
            return Err(Problem::new(
                415,
                "unsupported_media_type",
                "The body is taken as JSON only; send it with `Content-Type: application/json`.",
            )
            .into());
        }
        Ok(JsonBody { bytes, turns: self.request.body().turns() })
    }

    /// The JSON body as `T`.
    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        self.body()?.decode()
    }

    /// The JSON body as `T`, and the key that lets it take effect only once, if there is one.
    pub(crate) fn json_once<T: DeserializeOwned>(&mut self) -> Result<(T, Option<IdempotencyKey>), Failure> {
        let body = self.body()?;
        Ok((body.decode()?, self.idempotency_key(&body)?))
    }

    /// The key that lets a request with this body take effect only once, if there is one.
    pub(crate) fn idempotency_key(&self, body: &JsonBody<'_>) -> Result<Option<IdempotencyKey>, Failure> {
        self.idempotency_key_of(&body.bytes)
    }

    /// The same for a body that was read otherwise.
    pub(crate) fn idempotency_key_of(&self, body: &[u8]) -> Result<Option<IdempotencyKey>, Failure> {
        let Some(key) = self.request.header("idempotency-key") else { return Ok(None) };
        let path = self.request.path().trim_end_matches('/');
        Ok(Some(IdempotencyKey::new(self.request.method().as_str(), path, key, body)?))
    }

    /// The JSON body as `T`, for a request whose answer shows a secret. Secrets are not stored, so there would
    /// be no answer for its twin: a key that promises one is refused, not ignored.
    pub(crate) fn json_for_secret<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        if self.request.header("idempotency-key").is_some() {
            return Err(Error::invalid(
                "idempotency_unsupported",
                "Idempotency-Key",
                "leave it out here: the answer shows a secret, which is not stored to be given again",
            )
            .into());
        }
        self.json()
    }

    /// The events of an answer as the reply.
    pub(crate) fn stream(&self, events: kafka_core::EventStream) -> Reply {
        sse::reply(events, self.router.heartbeat, self.router.log, self.request.id())
    }
}

/// A body that claims to be JSON.
#[derive(Debug)]
pub(crate) struct JsonBody<'c> {
    bytes: Vec<u8>,
    turns: &'c Turns,
}

impl JsonBody<'_> {
    /// Reads it as `T`, which must be an object.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let _turn = self.turns.wait(self.bytes.len() as u64);
        let text: &[u8] = if self.bytes.is_empty() { b"{}" } else { &self.bytes };
        if text.trim_ascii_start().first() != Some(&b'{') {
            // Serde would take an array for an object, its entries in the order of the fields.
            let IgnoredAny = serde_json::from_slice(text).map_err(|error| undecodable("", &error))?;
            return Err(refused_field("field_invalid", "body", "give an object"));
        }
        let mut json = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            undecodable(&path, error.inner())
        })?;
        json.end().map_err(|error| undecodable("", &error))?;
        Ok(value)
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Why a body is not what it should be: 400 when it is no JSON, 422 when it is another.
fn undecodable(path: &str, error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    if !error.is_data() {
        let (line, column) = (error.line(), error.column());
        let detail = format!("The body is not JSON: {message} in line {line}, column {column}.");
        return Problem::new(400, "bad_json", detail).into();
    }
    let path = if path == "." { "" } else { path };
    if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let field = if path.is_empty() { missing.to_owned() } else { format!("{path}.{missing}") };
        return refused_field("field_missing", field, "it must be given");
    }
    let field = if path.is_empty() { "body" } else { path };
    refused_field("field_invalid", field, plain(message))
}

/// What serde says, in the words of JSON instead of those of Rust.
fn plain(message: &str) -> String {
    if message.starts_with("UUID parsing failed") {
        return "give an id".to_owned();
    }
    let said = ["invalid type: ", "invalid value: "].iter().find_map(|prefix| message.strip_prefix(prefix));
    let Some((found, expected)) = said.and_then(|said| said.split_once(", expected ")) else {
        return message.to_owned();
    };
    let expected = match expected {
        "a map" => "an object",
        "a sequence" => "an array",
        "a formatted UUID string" => "an id",
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        expected if expected.starts_with("struct ") => "an object",
        expected => expected,
    };
    let found = match found {
        "map" => "an object",
        "sequence" => "an array",
        found => found,
    };
    format!("give {expected}, not {found}")
}

pub(crate) fn refused_field(code: &'static str, field: impl Into<String>, message: impl Display) -> Failure {
    Error::invalid(code, field, message.to_string()).into()
}

/// The text behind `%41` and the like; none if it is no text.
pub(crate) fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = tail else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use std::{sync::mpsc, thread, time::Duration};

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Wanted {
        name: String,
        #[serde(default)]
        params: Option<Params>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Params {
        temperature: f64,
        #[serde(default)]
        stop: Vec<String>,
    }

    #[test]
    fn long_bodies_are_decoded_one_after_the_other_and_short_ones_at_once() {
        let turns = Turns::default();
        let decoded = |bytes: usize| {
            let bytes = format!(r#"{{"name": "{}"}}"#, "x".repeat(bytes)).into_bytes();
            JsonBody { bytes, turns: &turns }.decode::<Wanted>().is_ok()
        };
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let turn = turns.wait(1 << 20);
            scope.spawn(move || tell.send(decoded(1 << 20)));
            assert!(decoded(1 << 10));
            assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "it did not wait for its turn");
            drop(turn);
            assert_eq!(told.recv(), Ok(true));
        });
    }

    fn decode<T: DeserializeOwned>(body: impl Into<Vec<u8>>) -> Result<T, Failure> {
        JsonBody { bytes: body.into(), turns: &Turns::default() }.decode()
    }

    #[test]
    fn what_is_wrong_with_a_body_is_named_with_its_place() {
        let table = [
            (r#"{"name":"a","else":1}"#, None),
            ("", Some((422, "field_missing", "name", "it must be given"))),
            ("{}", Some((422, "field_missing", "name", "it must be given"))),
            (r#"{"name":5}"#, Some((422, "field_invalid", "name", "give a string, not integer `5`"))),
            (" [\"a\"]", Some((422, "field_invalid", "body", "give an object"))),
            ("null", Some((422, "field_invalid", "body", "give an object"))),
            ("name=a", Some((400, "bad_json", "", ""))),
            (
                r#"{"name":"a","params":{}}"#,
                Some((422, "field_missing", "params.temperature", "it must be given")),
            ),
            (
                r#"{"name":"a","params":{"temperature":"hot"}}"#,
                Some((422, "field_invalid", "params.temperature", "give a number, not string \"hot\"")),
            ),
            (
                r#"{"name":"a","params":{"temperature":1,"stop":["a",{}]}}"#,
                Some((422, "field_invalid", "params.stop[1]", "give a string, not an object")),
            ),
            ("{", Some((400, "bad_json", "", ""))),
            (r#"{"name":"a"}{}"#, Some((400, "bad_json", "", ""))),
            (r#"{"name":"\ud800"}"#, Some((400, "bad_json", "", ""))),
        ];
        for (text, expected) in table {
            let refused = decode::<Wanted>(text).err();
            let problem = refused.as_ref().map(|failure| failure.problem().into_owned());
            let shown = problem.as_ref().map(|problem| {
                let (field, message) =
                    problem.errors.first().map_or(("", ""), |error| (&*error.field, &*error.message));
                (problem.status, &*problem.code, field, message)
            });
            assert_eq!(shown, expected, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |levels| format!(r#"{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        let decoded = |levels| decode::<BTreeMap<String, serde_json::Value>>(deep(levels));
        assert!(decoded(100).is_ok());
        assert_eq!(decoded(100_000).unwrap_err().problem().code, "bad_json");
    }

    #[test]
    fn percent_signs_are_decoded_or_refused() {
        let table = [
            ("a%20b", Some("a b")),
            ("%C3%bc", Some("ü")),
            ("plain", Some("plain")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%FF", None),
        ];
        for (text, expected) in table {
            assert_eq!(percent_decoded(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_survives_encoding(text: String) {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let decoded = percent_decoded(&encoded);
            prop_assert_eq!(decoded.as_deref(), Some(&*text));
        }

        #[test]
        fn no_body_is_answered_with_a_panic(bytes: Vec<u8>) {
            let _ = decode::<Wanted>(bytes);
        }
    }
}
