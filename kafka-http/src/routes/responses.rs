//! Answers of models.

use kafka_core::{
    Answer, AnswerRequest, Clock as _, ComposeRequest, Day, Error, ErrorKind, Message, Response,
    ResponseStatus, SourceText, SystemClock,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    error::{Failure, Problem, status_of},
    reply,
    request::Call,
    server::Reply,
};

/// How the answer shall come.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Delivery {
    #[serde(default)]
    stream: Option<bool>,
    /// What is made of it; without it `chat`.
    #[serde(default)]
    mode: Option<String>,
    /// The file that the composer changes.
    #[serde(default)]
    selected_file: Option<String>,
}

/// The answer in one piece.
#[derive(Serialize)]
struct Answered<'a> {
    user_message: &'a Message,
    message: &'a Message,
    response: &'a Response,
    /// Passages of documents, with what they say.
    sources: &'a [SourceText],
}

pub(super) fn create(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let chat = call.id()?;
    let body = call.body()?;
    let request: AnswerRequest = body.decode()?;
    if request.content.as_deref() == Some("") {
        return Err(Error::invalid("content_empty", "content", "a message needs a text").into());
    }
    let Delivery { stream, mode, selected_file } = body.decode()?;
    let composes = composes(mode.as_deref())?;
    let key = call.idempotency_key(&body)?;
    let turn = if composes {
        let request = ComposeRequest { answer: request, selected_file, ..ComposeRequest::default() };
        call.kafka().composer(&actor).idempotent(key).start(chat, request)?
    } else {
        call.kafka().completions(&actor).idempotent(key).start(chat, request)?
    };
    if stream == Some(true) {
        return Ok(call.stream(turn.into_events()));
    }
    in_one_piece(&turn.wait()?)
}

/// Whether a file is to be made of it.
fn composes(mode: Option<&str>) -> Result<bool, Error> {
    match mode {
        None | Some("chat") => Ok(false),
        Some("composer") => Ok(true),
        Some(other) => {
            let message = format!("give \"chat\" or \"composer\", not {other:?}");
            Err(Error::invalid("mode_unknown", "mode", message))
        }
    }
}

fn in_one_piece(answer: &Answer) -> Result<Reply, Failure> {
    let Answer { user_message, message, response, sources } = answer;
    match &response.error {
        Some(error) if response.status == ResponseStatus::Failed => {
            let status = status_of(error.kind());
            let mut problem = Problem::new(status, error.code.clone(), error.detail.clone());
            if error.kind() == ErrorKind::QuotaExceeded {
                problem.retry_after = Some(Day::left_at(SystemClock.now()));
            }
            Err(problem
                .with_member("response_id", response.id.to_string())
                .with_member("user_message_id", user_message.id.to_string())
                .into())
        }
        _ => reply::created(&Answered { user_message, message, response, sources }),
    }
}

pub(super) fn get(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::ok(&call.kafka().responses(&actor).get(call.id()?)?)
}

pub(super) fn events(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let (id, after) = (call.id()?, call.last_event()?);
    let events = match call.query("ticket") {
        Some(ticket) => call.kafka().events_by_ticket(id, &ticket.into(), after)?,
        None => call.kafka().responses(&call.authenticate()?).events(id, after)?,
    };
    Ok(call.stream(events))
}

pub(super) fn ticket(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    reply::secret(201, &call.kafka().responses(&actor).ticket(call.id()?)?)
}

pub(super) fn cancel(call: &mut Call<'_, '_>) -> Result<Reply, Failure> {
    let actor = call.authenticate()?;
    let response = call.kafka().responses(&actor).cancel(call.id()?)?;
    reply::ok(&json!({"response": response}))
}
