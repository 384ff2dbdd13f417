//! Making the vectors of a document: batch by batch, each of which is stored and counted when it is there.

use super::{BATCH, cost};
use crate::{
    base::{
        cancel::CancelToken,
        day::Day,
        error::{ErrorKind, Result},
    },
    repo::{documents, embeddings},
    service::installation::Installation,
    storage::Tx,
};

/// Codes of what is wrong with the endpoint, whatever it is asked, and passes.
const PASSING: [&str; 4] =
    ["provider_unreachable", "provider_timeout", "provider_rate_limited", "provider_failed"];

/// What came of it.
pub(in crate::service) enum Made {
    /// All passages have their vectors, or there is no endpoint for any.
    All,
    /// The endpoint gave none, for this reason.
    Refused(String),
    /// The endpoint gives nobody any now; later it may.
    Unavailable,
    /// The document is gone, or this process ends.
    Stopped,
}

/// Makes the vectors of a document, as long as `is_wanted` inside the transactions that store them.
pub(in crate::service) fn make(
    installation: &Installation,
    (id, number): embeddings::Embedded,
    cancel: &CancelToken,
    is_wanted: impl Fn(&Tx<'_>) -> Result<bool> + Copy + Send + Sync + 'static,
) -> Result<Made> {
    let (embedding, storage) = (installation.embedding(), installation.storage());
    let Some(model) = embedding.model().map(str::to_owned) else { return Ok(Made::All) };
    let (mut behind, mut dims) = (0, None);
    loop {
        let texts = storage.read_one(|conn| embeddings::texts(conn, number, behind, BATCH))?;
        let Some((last, _)) = texts.last() else { break };
        behind = *last;
        let sent: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let embedded = match embedding.of_passages(&sent, cancel) {
            Ok(embedded) => embedded,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Ok(Made::Stopped),
            Err(error) if PASSING.contains(&error.code()) => return Ok(Made::Unavailable),
            Err(error) => {
                return Ok(Made::Refused(format!("Its vectors could not be made: {}", error.message())));
            }
        };
        let length = embedded.vectors.first().map_or(0, Vec::len);
        if *dims.get_or_insert(length) != length {
            let sentence = "Its vectors could not be made: the endpoint gives vectors of different lengths.";
            return Ok(Made::Refused(sentence.to_owned()));
        }
        let tokens = cost::tokens(&embedded, &sent);
        let (model, day) = (model.clone(), Day::of(installation.now()));
        let chunks: Vec<i64> = texts.iter().map(|(chunk, _)| *chunk).collect();
        let is_stored = storage.write(move |tx| {
            if !is_wanted(tx)? {
                return Ok(false);
            }
            embeddings::store(tx, &chunks, &model, &embedded.vectors)?;
            let payer = documents::payer(tx, id)?;
            cost::count(tx, payer, day, &model, tokens)?;
            Ok(true)
        })?;
        if !is_stored {
            return Ok(Made::Stopped);
        }
    }
    storage.write(move |tx| {
        if !is_wanted(tx)? {
            return Ok(Made::Stopped);
        }
        embeddings::note_model(tx, id, &model)?;
        Ok(Made::All)
    })
}
