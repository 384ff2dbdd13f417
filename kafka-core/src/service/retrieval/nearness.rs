//! The passages whose vectors are nearest to a question's.

use super::content_words;
use crate::{
    base::{
        actor::Scope,
        cancel::CancelToken,
        error::{ErrorKind, Result},
        id::{ChatId, MessageId},
        shares::Whose,
    },
    repo::{chats, embeddings, messages},
    service::{
        embedding::question::{self, Payer},
        installation::Installation,
        quotas::Reservation,
    },
};

/// How many.
const NEAREST: usize = 12;

/// Of what the chat may be answered from; the question's vector is counted for the chat's owner, besides what is
/// `reserved` for the answer. Where there are no vectors, or the endpoint gives none for the question, or the owner has
/// no room for it, words have to do.
pub(in crate::service) fn nearest(
    installation: &Installation,
    scope: Scope,
    chat: ChatId,
    question: MessageId,
    reserved: Reservation,
    cancel: &CancelToken,
) -> Result<Vec<i64>> {
    let (storage, embedding) = (installation.storage(), installation.embedding());
    let Some(model) = embedding.model() else { return Ok(Vec::new()) };
    let (quotas, now) = (installation.quotas(), installation.now());
    let (documents, question, payer) = storage.read(|conn| {
        let nobody = Payer::OPERATOR;
        let Some(found) = chats::find(conn, scope, chat)? else { return Ok((Vec::new(), None, nobody)) };
        let documents = embeddings::for_chat(conn, scope, model, chat, found.workspace_id)?;
        let question = match documents.is_empty() {
            true => None,
            false => messages::ancestors(conn, question, 1)?.pop().map(|line| line.content),
        };
        // It comes with the passages, and has no more room than they have.
        let left = quotas.room_for_passages(conn, chat, now, reserved)?;
        Ok((documents, question, Payer { account: found.user_id, left }))
    })?;
    let has_content = |question: &String| !content_words::query(question, None).wanted.is_empty();
    let Some(question) = question.filter(has_content) else { return Ok(Vec::new()) };
    match question::vector(installation, &question, payer, cancel) {
        Ok(vector) => {
            let turn = (installation.searches(), Whose::Owner(payer.account));
            Ok(embedding.nearest(storage, turn, &documents, &vector, NEAREST).unwrap_or_default())
        }
        Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}
