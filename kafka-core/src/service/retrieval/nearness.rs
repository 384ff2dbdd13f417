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
    service::{embedding::question, installation::Installation},
};

/// How many.
const NEAREST: usize = 12;

/// Of what the chat may be answered from; the question's vector is counted for the chat's owner. Where there are no vectors, or the endpoint gives none for the question, words
/// have to do.
pub(in crate::service) fn nearest(
    installation: &Installation,
    scope: Scope,
    chat: ChatId,
    question: MessageId,
    cancel: &CancelToken,
) -> Result<Vec<i64>> {
    let (storage, embedding) = (installation.storage(), installation.embedding());
    let Some(model) = embedding.model() else { return Ok(Vec::new()) };
    let (documents, question, owner) = storage.read(|conn| {
        let Some(found) = chats::find(conn, scope, chat)? else { return Ok((Vec::new(), None, None)) };
        let documents = embeddings::for_chat(conn, scope, model, chat, found.workspace_id)?;
        let question = match documents.is_empty() {
            true => None,
            false => messages::ancestors(conn, question, 1)?.pop().map(|line| line.content),
        };
        Ok((documents, question, found.user_id))
    })?;
    let has_content = |question: &String| !content_words::query(question, None).wanted.is_empty();
    let Some(question) = question.filter(has_content) else { return Ok(Vec::new()) };
    match question::vector(installation, &question, owner, cancel) {
        Ok(vector) => {
            let turn = (installation.searches(), Whose::Owner(owner));
            Ok(embedding.nearest(storage, turn, &documents, &vector, NEAREST).unwrap_or_default())
        }
        Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}
