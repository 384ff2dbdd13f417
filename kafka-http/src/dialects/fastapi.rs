//! Errors and forms as the replaced systems have them, which were written with FastAPI: `detail` is a sentence,
//! or for 422 a list that says where each mistake is.

use kafka_core::{Actor, IdempotencyKey, NewFile, StagedFile};
use serde_json::{Map, Value, json};
use tiny_http::Method;

use crate::{
    error::{Failure, Problem},
    request::Call,
    server::{Reply, Request},
};

/// A problem as these systems tell it.
pub(crate) fn reply(problem: &Problem, request: &Request<'_>) -> Reply {
    // What has no body can be wrong in its query alone.
    let place = if matches!(request.method(), Method::Get | Method::Head) { "query" } else { "body" };
    let detail = match problem.members.get(DETAIL) {
        Some(list) => list.clone(),
        None if problem.status == 422 => listed(problem, place),
        None => Value::from(&*problem.detail),
    };
    let body = json!({"detail": detail, "code": problem.code, "request_id": request.id()});
    problem.with_headers(Reply::bytes(problem.status, "application/json", body.to_string().into_bytes()))
}

/// The member of a [`Problem`] that holds the list, where the mistakes are known more closely.
const DETAIL: &str = "detail";

/// What the library refused in this part of the request, as a list.
fn listed(problem: &Problem, place: &str) -> Value {
    let entry = |loc: Value, message: &str| json!({"type": "value_error", "loc": loc, "msg": message, "input": null, "ctx": {"reason": message}});
    match problem.errors.is_empty() {
        true => json!([entry(json!([place]), &problem.detail)]),
        false => {
            let of = |error: &kafka_core::FieldError| entry(json!([place, error.field]), &error.message);
            problem.errors.iter().map(of).collect()
        }
    }
}

/// One mistake of a request.
pub(super) struct Mistake {
    kind: &'static str,
    loc: Value,
    message: String,
    input: Value,
    /// More about it, or null.
    context: Value,
}

impl Mistake {
    pub(super) fn missing(loc: Value, input: Value) -> Mistake {
        Mistake::of_kind("missing", loc, "Field required", input)
    }

    pub(super) fn value(field: &str, message: impl Into<String>, input: Value) -> Mistake {
        let (loc, message) = (json!(["body", field]), message.into());
        let context = json!({"reason": message});
        Mistake { kind: "value_error", loc, message, input, context }
    }

    pub(super) fn of_kind(
        kind: &'static str,
        loc: Value,
        message: impl Into<String>,
        input: Value,
    ) -> Mistake {
        Mistake { kind, loc, message: message.into(), input, context: Value::Null }
    }

    /// The same with the bound that it is about.
    pub(super) fn with_context(self, name: &str, value: impl Into<Value>) -> Mistake {
        Mistake { context: json!({ name: value.into() }), ..self }
    }

    fn shown(self) -> Value {
        let mut shown = json!({"type": self.kind, "loc": self.loc, "msg": self.message, "input": self.input});
        if !self.context.is_null() {
            shown["ctx"] = self.context;
        }
        shown
    }
}

/// 422 for these mistakes.
pub(super) fn refused(mistakes: Vec<Mistake>) -> Failure {
    let said: Vec<_> =
        mistakes.iter().map(|mistake| format!("{}: {}", mistake.loc, mistake.message)).collect();
    let list: Value = mistakes.into_iter().map(Mistake::shown).collect();
    let sentence = format!("The request is not acceptable: {}.", said.join("; "));
    Problem::new(422, "request_invalid", sentence).with_member(DETAIL, list).into()
}

/// An outcome of the library, whose name for a field is another than the form's.
pub(super) fn of_field<T>(
    outcome: kafka_core::Result<T>,
    own: &str,
    in_form: &'static str,
) -> Result<T, Failure> {
    outcome.map_err(|error| {
        let mut problem = Problem::from(&error);
        let mut renamed = problem.errors.iter_mut().filter(|refused| refused.field == own).peekable();
        if renamed.peek().is_none() {
            return error.into();
        }
        renamed.for_each(|refused| in_form.clone_into(&mut refused.field));
        problem.into()
    })
}

/// What is not there, in the words that clients of the replaced systems show.
pub(super) fn unknown<T>(
    outcome: Result<T, impl Into<Failure>>,
    code: &'static str,
    sentence: impl FnOnce() -> String,
) -> Result<T, Failure> {
    outcome.map_err(|error| {
        let failure = error.into();
        match failure.cause().is_some_and(|error| error.code() == code) {
            true => Problem::new(404, code, sentence()).into(),
            false => failure,
        }
    })
}

/// The body as a JSON object.
pub(super) fn object(call: &mut Call<'_, '_>) -> Result<Map<String, Value>, Failure> {
    object_once(call).map(|(object, _)| object)
}

/// The same, and the key that lets the request take effect only once, if there is one.
pub(super) fn object_once(
    call: &mut Call<'_, '_>,
) -> Result<(Map<String, Value>, Option<IdempotencyKey>), Failure> {
    let bytes = call.request.body().read_all().map_err(|error| Problem::from(&error))?;
    let body = json!(["body"]);
    if bytes.is_empty() {
        return Err(refused(vec![Mistake::missing(body, Value::Null)]));
    }
    let no_object = |input: Value| {
        let message = "Input should be a valid dictionary or object to extract fields from";
        refused(vec![Mistake::of_kind("model_attributes_type", body.clone(), message, input)])
    };
    let sent = call.request.header("content-type").unwrap_or_default();
    if !sent.split(';').next().is_some_and(|essence| essence.trim().ends_with("json")) {
        return Err(no_object(String::from_utf8_lossy(&bytes).into()));
    }
    let _turn = call.request.body().turns().wait(bytes.len() as u64);
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok((object, call.idempotency_key_of(&bytes)?)),
        Ok(other) => Err(no_object(other)),
        Err(error) => {
            // Its lines are one, as clients write it, so the column is the place.
            let (loc, message) = (json!(["body", error.column()]), error.to_string());
            let mistake = Mistake::of_kind("json_invalid", loc, message.clone(), json!({}));
            Err(refused(vec![mistake.with_context("error", message)]))
        }
    }
}

/// The text of a field of an object.
pub(super) fn text(object: &Map<String, Value>, field: &str) -> Result<String, Failure> {
    match object.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => {
            let message = "Input should be a valid string";
            Err(refused(vec![Mistake::of_kind(
                "string_type",
                json!(["body", field]),
                message,
                other.clone(),
            )]))
        }
        None => Err(refused(vec![Mistake::missing(json!(["body", field]), object.clone().into())])),
    }
}

/// The fields of a form, and its files, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Fields {
    texts: Vec<(String, String)>,
    /// Those of the field `files`.
    pub(super) files: Vec<StagedFile>,
}

impl Fields {
    /// Reads all of the form. What is no form has no fields.
    pub(super) fn read(call: &mut Call<'_, '_>, actor: &Actor) -> Result<Fields, Failure> {
        let kafka = call.kafka();
        let mut fields = Fields::default();
        let mut form = match call.form() {
            Err(failure) if failure.problem().status == 415 => return Ok(fields),
            form => form?,
        };
        while let Some(mut part) = form.next_part()? {
            let Some(filename) = part.filename.take() else {
                fields.texts.push((part.name.clone(), part.text()?));
                continue;
            };
            // This is how browsers send that no file was chosen.
            if part.name != "files" || (filename.is_empty() && part.is_empty()?) {
                continue;
            }
            let staged = kafka.files(actor).stage(NewFile::named(filename), &mut part);
            if let Some(failure) = form.take_failure() {
                return Err(failure.into());
            }
            fields.files.push(staged?);
        }
        Ok(fields)
    }

    /// The texts of these fields; all that are missing are told at once.
    pub(super) fn required<const N: usize>(&self, names: [&str; N]) -> Result<[String; N], Failure> {
        let missing: Vec<_> = names.iter().filter(|name| self.find(name).is_none()).collect();
        if !missing.is_empty() {
            let mistake = |name: &&&str| Mistake::missing(json!(["body", name]), Value::Null);
            return Err(refused(missing.iter().map(mistake).collect()));
        }
        Ok(names.map(|name| self.find(name).unwrap_or_default().to_owned()))
    }

    /// Every text of a field that may be repeated.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.texts.iter().filter(move |(sent, _)| sent == name).map(|(_, text)| text.as_str())
    }

    /// Of a field that came twice the last holds.
    fn find(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }
}

/// What counts as true and false in a form.
pub(super) fn boolean(field: &str, text: &str) -> Result<bool, Failure> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "y" | "on" => Ok(true),
        "false" | "f" | "0" | "no" | "n" | "off" => Ok(false),
        _ => {
            let message = "Input should be a valid boolean, unable to interpret input";
            Err(refused(vec![Mistake::of_kind("bool_parsing", json!(["body", field]), message, text.into())]))
        }
    }
}
