//! Storing how an answer ended: one transaction for the text, the record, the log, the chat and its owner.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::prompt;
use crate::{
    base::{day::Day, error::Result, time::Timestamp},
    entity::{
        attempt::Attempt,
        event::{Event, EventKind},
        message::MessageStatus,
        response::{Response, ResponseError, ResponseStatus},
        tool_call::ToolCall,
    },
    provider::api::TokenUsage,
    repo,
    service::{composer::composition::Composition, feed::Feed},
    storage::Tx,
};

/// More than any answer can cost. Endpoints may state what they like, and a chat's sum must stay a number
/// that the database holds.
const MOST_TOKENS: u64 = 1 << 40;

/// How an answer ended, as far as its thread knows.
#[derive(Clone, Debug)]
pub(in crate::service) struct Ending {
    pub(in crate::service) status: ResponseStatus,
    pub(in crate::service) model_used: Option<String>,
    pub(in crate::service) finish_reason: Option<String>,
    pub(in crate::service) usage: Option<TokenUsage>,
    /// Whether something in that is this system's estimate.
    pub(in crate::service) is_usage_estimated: bool,
    /// What was sent, by estimate, for when the endpoint counts nothing; none when nothing was sent.
    pub(in crate::service) prompt_tokens_estimate: Option<u64>,
    /// What the endpoint was told that the answer may have; an estimate is no higher.
    pub(super) most_completion_tokens: Option<u64>,
    pub(in crate::service) first_token_ms: Option<u64>,
    pub(super) completion_time_ms: Option<u64>,
    pub(in crate::service) error: Option<ResponseError>,
    pub(super) tool_calls: Vec<ToolCall>,
    pub(super) provider_data: Option<Json>,
    /// The calls on the way to a composed answer.
    pub(in crate::service) attempts: Option<Vec<Attempt>>,
    /// The file that was composed.
    pub(in crate::service) composition: Option<Arc<Composition>>,
    /// Whether another than the answer's own thread ends it. Its last event then follows what was stored
    /// at once: the counts, which stand in the response, get no event of their own.
    pub(super) is_afterwards: bool,
}

impl Ending {
    /// An end of which nothing but the status is known.
    pub(super) fn of(status: ResponseStatus) -> Ending {
        Ending {
            status,
            model_used: None,
            finish_reason: None,
            usage: None,
            is_usage_estimated: false,
            prompt_tokens_estimate: None,
            most_completion_tokens: None,
            first_token_ms: None,
            completion_time_ms: None,
            error: None,
            tool_calls: Vec::new(),
            provider_data: None,
            attempts: None,
            composition: None,
            is_afterwards: false,
        }
    }
}

/// Stores the end of a running answer, with the file that was composed, whose events so far are `events`, and returns them with the
/// closing ones. None when it no longer ran. What it cost is counted on `day`.
pub(super) fn store(
    tx: &Tx<'_>,
    feed: &Feed,
    accepted: &Response,
    ending: &Ending,
    mut events: Vec<Event>,
    day: Day,
    now: Timestamp,
) -> Result<Option<Vec<Event>>> {
    let said = Said::in_events(&events);
    let mut response = ended(accepted, ending, &said);
    let composed = match &ending.composition {
        Some(composition) if response.status == ResponseStatus::Completed => {
            match composition.store(tx, feed, now)? {
                Ok(composed) => Some(composed),
                Err(refusal) => {
                    response.status = ResponseStatus::Failed;
                    response.error = Some(refusal);
                    None
                }
            }
        }
        _ => None,
    };
    if !repo::responses::finish(tx, &response, now)? {
        return Ok(None);
    }
    let tokens = response.tokens_total.and_then(|tokens| i64::try_from(tokens).ok());
    let parts = said.parts(&ending.tool_calls);
    let finished = repo::messages::Finished {
        kind: if composed.is_some() { "file" } else { "text" },
        content: composed.as_ref().map_or(&said.text, |composed| composed.content),
        parts: parts.as_ref(),
        provider_data: ending.provider_data.as_ref(),
        model: &response.model_used,
        status: message_status(response.status),
        token_count: response.tokens_completion.and_then(|tokens| i64::try_from(tokens).ok()),
    };
    repo::messages::finish(tx, response.message_id, &finished, now)?;
    feed.message(tx, response.chat_id, response.message_id);
    feed.response(tx, response.id);
    repo::chats::touch(tx, response.chat_id, tokens.unwrap_or(0), now)?;
    repo::users::spend(tx, response.chat_id, tokens.unwrap_or(0))?;
    repo::usage_daily::count_answer(tx, &response, day)?;
    if let Some(composed) = &composed {
        events.push(Event::with_file(events.len() as u64 + 1, composed.event, &composed.chat_file)?);
    }
    if response.tokens_total.is_some() && !ending.is_afterwards {
        events.push(Event::with_usage(events.len() as u64 + 1, &response)?);
    }
    events.push(Event::with_response(events.len() as u64 + 1, last_event(response.status), &response)?);
    repo::response_events::replace(tx, response.id, &events)?;
    Ok(Some(events))
}

/// What the events of an answer say together.
#[derive(Default)]
struct Said {
    text: String,
    /// Runs of text or reasoning, in the order in which they came.
    runs: Vec<(EventKind, String)>,
}

impl Said {
    fn in_events(events: &[Event]) -> Said {
        #[derive(serde::Deserialize)]
        struct Piece<'a> {
            #[serde(borrow)]
            text: std::borrow::Cow<'a, str>,
        }
        let mut said = Said::default();
        for event in events {
            if !matches!(event.kind, EventKind::Delta | EventKind::Reasoning) {
                continue;
            }
            let Ok(piece) = serde_json::from_str::<Piece<'_>>(event.data()) else { continue };
            if event.kind == EventKind::Delta {
                said.text.push_str(&piece.text);
            }
            match said.runs.last_mut().filter(|(kind, _)| *kind == event.kind) {
                Some((_, run)) => run.push_str(&piece.text),
                None => said.runs.push((event.kind, piece.text.into_owned())),
            }
        }
        said
    }

    /// Only where plain text is not all there is.
    fn parts(&self, calls: &[ToolCall]) -> Option<Json> {
        if calls.is_empty() && self.runs.iter().all(|(kind, _)| *kind == EventKind::Delta) {
            return None;
        }
        let runs = self.runs.iter().map(|(kind, text)| {
            let kind = if *kind == EventKind::Delta { "text" } else { "reasoning" };
            json!({"type": kind, "text": text})
        });
        Some(runs.chain(calls.iter().map(|call| json!(call))).collect())
    }
}

/// The record, with counts by estimate where an endpoint that was asked gave none, also when it said nothing.
fn ended(accepted: &Response, ending: &Ending, said: &Said) -> Response {
    let mut response = Response {
        status: ending.status,
        model_used: ending.model_used.clone().unwrap_or_else(|| accepted.model_used.clone()),
        finish_reason: ending.finish_reason.clone(),
        first_token_ms: ending.first_token_ms,
        completion_time_ms: ending.completion_time_ms,
        error: ending.error.clone(),
        attempts: ending.attempts.clone(),
        usage_estimated: ending.is_usage_estimated,
        ..accepted.clone()
    };
    let was_answered = !said.runs.is_empty() || !ending.tool_calls.is_empty();
    let usage = match (ending.usage, ending.prompt_tokens_estimate) {
        (Some(usage), _) => usage,
        (None, Some(prompt)) => {
            response.usage_estimated = true;
            let all: String = said.runs.iter().map(|(_, text)| text.as_str()).collect();
            let estimate = if was_answered { prompt::tokens(&all, &ending.tool_calls) } else { 0 };
            let completion = estimate.min(ending.most_completion_tokens.unwrap_or(u64::MAX));
            TokenUsage { prompt, completion, total: prompt + completion }
        }
        (None, None) => return response,
    };
    response.tokens_prompt = Some(usage.prompt.min(MOST_TOKENS));
    response.tokens_completion = Some(usage.completion.min(MOST_TOKENS));
    response.tokens_total = Some(usage.total.min(MOST_TOKENS));
    response
}

fn message_status(status: ResponseStatus) -> MessageStatus {
    match status {
        ResponseStatus::Streaming => MessageStatus::Streaming,
        ResponseStatus::Completed => MessageStatus::Complete,
        ResponseStatus::Interrupted => MessageStatus::Interrupted,
        ResponseStatus::Failed => MessageStatus::Failed,
        ResponseStatus::Cancelled => MessageStatus::Cancelled,
    }
}

fn last_event(status: ResponseStatus) -> EventKind {
    match status {
        ResponseStatus::Completed => EventKind::Completed,
        ResponseStatus::Failed => EventKind::Failed,
        ResponseStatus::Cancelled => EventKind::Cancelled,
        ResponseStatus::Interrupted | ResponseStatus::Streaming => EventKind::Interrupted,
    }
}
