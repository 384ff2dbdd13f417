//! The passages whose vectors are nearest to a query's.

use crate::{
    base::{actor::Scope, cancel::CancelToken, error::Result, id::UserId, shares::Whose},
    entity::search::{SearchMode, SearchRequest},
    repo::embeddings::{self, Narrowed},
    service::{
        embedding::{
            self, Near,
            question::{self, Payer},
        },
        installation::Installation,
    },
};

/// Passages that are found so.
const NEAREST: usize = 100;

/// Of the documents that the scope may read, as the request narrows them; none by words alone. Who asks for both is
/// not refused where the endpoint fails, or too many search. The query's vector is counted for `account`.
pub(super) fn nearest(
    installation: &Installation,
    (scope, whose, account): (Scope, Whose, Option<UserId>),
    request: &SearchRequest,
    mode: SearchMode,
) -> Result<Near> {
    let (storage, embedding) = (installation.storage(), installation.embedding());
    let Some(model) = embedding.model().filter(|_| mode != SearchMode::Text) else {
        return if mode == SearchMode::Vector { Err(embedding::missing()) } else { Ok(Near::default()) };
    };
    let narrowed = Narrowed {
        chat: request.chat_id,
        workspace: request.workspace_id,
        from: request.from,
        to: request.to,
    };
    let (quotas, now) = (installation.quotas(), installation.now());
    let documents = storage.read_one_anywhere(|conn| embeddings::visible(conn, scope, model, narrowed))?;
    if documents.is_empty() || request.query.trim().is_empty() {
        return Ok(Near::default());
    }
    let left = storage.read(|conn| quotas.left(conn, account, now))?;
    let payer = Payer { account, left };
    let near = match question::vector(installation, &request.query, payer, &CancelToken::new()) {
        Ok(vector) => {
            embedding.nearest(storage, (installation.searches(), whose), &documents, &vector, NEAREST)
        }
        Err(error) => Err(error),
    };
    match near {
        Err(error) if mode == SearchMode::Vector => Err(error),
        near => Ok(near.unwrap_or_default()),
    }
}
