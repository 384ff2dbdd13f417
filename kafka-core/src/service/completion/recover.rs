//! Answers whose process is gone: what came is kept, and their end is stored as interrupted.

use super::{
    finish::{self, Ending},
    opaque::Source,
    prompt::{self, PromptBuilder},
};
use crate::{
    base::{
        day::Day,
        error::{ErrorKind, Result},
        id::{NodeId, ResponseId},
        time::Timestamp,
    },
    entity::{
        event::{Event, EventKind},
        params::Params,
        response::{Response, ResponseStatus},
    },
    repo::{messages, response_events, responses},
    service::{feed::Feed, installation::Installation},
    storage::{Tx, blob::Blobs},
};

/// Ends the answers of every dead node, and returns how many there were.
///
/// What cannot be ended holds up nothing else, and is looked at again the next time.
///
/// Two processes may do this at the same time: each answer is ended by the one whose write comes first.
///
/// # Errors
/// Those of reading, and `Busy`: nothing can be ended then.
pub(crate) fn run(installation: &Installation) -> Result<usize> {
    let mut ended = 0;
    for node in installation.storage().dead_nodes()? {
        ended += end_all_of(installation, node.id)?;
    }
    ended += end_all(installation, &installation.storage().read_one(responses::running_of_nobody)?)?;
    Ok(ended)
}

/// Ends what a dead node ran, and forgets the node, unless something of it is left.
fn end_all_of(installation: &Installation, node: NodeId) -> Result<usize> {
    let ids = installation.storage().read_one(|conn| responses::running_of_node(conn, node))?;
    let ended = end_all(installation, &ids)?;
    if ended == ids.len() {
        installation.storage().remove_node(node)?;
    }
    Ok(ended)
}

/// Ends those that can be, and returns how many. The last comes first, so that each is still seen to wait
/// behind others.
fn end_all(installation: &Installation, ids: &[ResponseId]) -> Result<usize> {
    let mut ended = 0;
    for id in ids.iter().rev() {
        match end(installation, *id, ResponseStatus::Interrupted) {
            Ok(()) => ended += 1,
            // The others would wait as long for nothing.
            Err(error) if error.kind() == ErrorKind::Busy => return Err(error),
            // A damaged row, say: the others are none the worse for it.
            Err(_) => {}
        }
    }
    Ok(ended)
}

/// Ends an answer if the process that ran it is dead, and whatever else that process ran.
pub(crate) fn end_if_abandoned(installation: &Installation, id: ResponseId) -> Result<()> {
    for node in installation.storage().dead_nodes()? {
        if installation.storage().read_one(|conn| responses::running_of_node(conn, node.id))?.contains(&id) {
            return end_all_of(installation, node.id).map(drop);
        }
    }
    Ok(())
}

/// Stores the end of an answer that no thread of this process runs, with what its log holds.
pub(crate) fn end(installation: &Installation, id: ResponseId, status: ResponseStatus) -> Result<()> {
    let ender = Ender::new(installation);
    installation.storage().write(move |tx| ender.end(tx, id, status).map(drop))
}

/// Stores ends inside a transaction: also of answers whose chat is about to be deleted, because what they
/// cost has to be counted all the same.
pub(crate) struct Ender {
    feed: Feed,
    context_tokens: u32,
    blobs: Blobs,
    now: Timestamp,
}

impl Ender {
    pub(crate) fn new(installation: &Installation) -> Ender {
        let (feed, context_tokens) = (installation.feed().clone(), installation.limits().context_tokens);
        let blobs = installation.storage().blobs().clone();
        Ender { feed, context_tokens, blobs, now: installation.now() }
    }

    /// Ends an answer with what its log holds, and returns its whole log. None when it has ended before. It is
    /// counted on the day on which it was asked for: when it ended nobody knows.
    ///
    /// Of several of a chat the last is to be ended first: one that waits behind others has asked no endpoint.
    pub(crate) fn end(
        &self,
        tx: &Tx<'_>,
        id: ResponseId,
        status: ResponseStatus,
    ) -> Result<Option<Vec<Event>>> {
        let Some(response) = responses::find_running(tx, id)? else { return Ok(None) };
        let events = response_events::list(tx, id)?;
        let mut ending = Ending { is_afterwards: true, ..Ending::of(status) };
        let is_first = responses::running_in_chat(tx, response.chat_id)?.first() == Some(&id);
        if is_first || events.len() > 1 {
            // Each stage of one that composed was a call of its own.
            let calls = events.iter().filter(|event| event.kind == EventKind::Stage).count().max(1) as u64;
            ending.prompt_tokens_estimate = Some(calls * self.prompt_tokens(tx, &response)?);
        }
        let day = Day::of(response.created_at);
        finish::store(tx, &self.feed, &response, &ending, events, day, self.now)
    }

    /// What was sent, by estimate: its count was in the memory of whoever sent it.
    fn prompt_tokens(&self, tx: &Tx<'_>, response: &Response) -> Result<u64> {
        let lines = messages::ancestors(tx, response.message_id, 1)?;
        let Some(question) = lines.first().and_then(|answer| answer.parent_id) else { return Ok(0) };
        let builder = PromptBuilder {
            params: &Params::default(),
            default_context: self.context_tokens,
            source: &Source::default(),
            blobs: &self.blobs,
            documents: None,
        };
        Ok(prompt::cost(&builder.build(tx, response.chat_id, question)?.0))
    }
}
