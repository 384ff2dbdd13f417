//! What is got ready for a prompt before anything is read for it: the passages whose vectors are nearest to the question's.

use super::{content_words, said, told};
use crate::{
    base::{
        actor::Scope,
        cancel::CancelToken,
        error::{ErrorKind, Result},
        id::{ChatId, MessageId},
        shares::Whose,
    },
    repo::{chats, embeddings},
    service::{
        embedding::{
            Near,
            question::{self, Payer},
        },
        installation::Installation,
        quotas::Reservation,
    },
};

/// How many.
const NEAREST: usize = 12;

/// What a prompt tells documents by.
#[derive(Debug)]
pub(in crate::service) struct Prepared {
    pub(super) near: Near,
    /// Stands around what documents say.
    pub(super) mark: String,
}

/// For what the chat may be answered from; the question's vector is counted for the chat's owner, besides what is
/// `reserved` for the answer. Where there are no vectors, or the endpoint gives none for the question, or the owner has
/// no room for it, words have to do.
pub(in crate::service) fn prepare(
    installation: &Installation,
    scope: Scope,
    chat: ChatId,
    question: MessageId,
    reserved: Reservation,
    cancel: &CancelToken,
) -> Result<Prepared> {
    let near = nearest(installation, scope, (chat, question), reserved, cancel)?;
    Ok(Prepared { near, mark: told::mark(installation.random()) })
}

fn nearest(
    installation: &Installation,
    scope: Scope,
    (chat, question): (ChatId, MessageId),
    reserved: Reservation,
    cancel: &CancelToken,
) -> Result<Near> {
    let (storage, embedding) = (installation.storage(), installation.embedding());
    let Some(model) = embedding.model() else { return Ok(Near::default()) };
    let (quotas, now) = (installation.quotas(), installation.now());
    let (documents, question, payer) = storage.read(|conn| {
        let nobody = Payer::OPERATOR;
        let Some(found) = chats::find(conn, scope, chat)? else { return Ok((Vec::new(), None, nobody)) };
        let documents = embeddings::for_chat(conn, scope, model, chat, found.workspace_id)?;
        if documents.is_empty() {
            return Ok((documents, None, nobody));
        }
        let question = Some(said(conn, question)?.0);
        // It comes with the passages, and has no more room than they have.
        let left = quotas.room_for_passages(conn, chat, now, reserved)?;
        Ok((documents, question, Payer { account: found.user_id, left }))
    })?;
    let has_content = |said: &String| !content_words::question(said, None).query.wanted.is_empty();
    let Some(question) = question.filter(has_content) else { return Ok(Near::default()) };
    match question::vector(installation, &question, payer, cancel) {
        Ok(vector) => {
            let turn = (installation.searches(), Whose::Owner(payer.account));
            Ok(embedding.nearest(storage, turn, &documents, &vector, NEAREST).unwrap_or_default())
        }
        Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
        Err(_) => Ok(Near::default()),
    }
}
