//! Since when the endpoint gives no vectors, and why, for operators: other processes ask, so it is stored.

use crate::{
    base::{error::Result, time::Timestamp},
    repo::jobs,
    service::installation::Installation,
    storage::Storage,
};

/// The kind of the row that holds it, beside those of the models in use: a job of the node that met it. When that has ended,
/// the next node that starts forgets it, as it does those.
const KIND: &str = "embedding_failure";

/// That the endpoint gives no vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingFailure {
    /// Since when.
    pub since: Timestamp,
    /// Why, in a sentence for operators: it may name the endpoint.
    pub sentence: String,
}

/// Notes it. What cannot be noted is in the log at least.
pub(super) fn note(installation: &Installation, sentence: &str) {
    let (sentence, now, node) = (sentence.to_owned(), installation.now(), installation.node_id());
    let _ = installation.storage().write(move |tx| {
        jobs::forget(tx, KIND)?;
        jobs::claim(tx, KIND, &sentence, now, node).map(drop)
    });
}

/// Notes that it works again.
pub(super) fn forget(installation: &Installation) {
    let _ = installation.storage().write(|tx| jobs::forget(tx, KIND));
}

/// The last one, and no success since.
pub(crate) fn last(storage: &Storage) -> Result<Option<EmbeddingFailure>> {
    let last = storage.read_one(|conn| jobs::newest(conn, KIND))?;
    Ok(last.map(|(sentence, since)| EmbeddingFailure { since, sentence }))
}
