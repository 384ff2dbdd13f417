//! Making the vectors of a document: batch by batch, each of which is stored and counted when it is there.

use super::{BATCH, cost, in_use, question};
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

/// Codes of what is wrong with the endpoint, whatever it is asked.
const OF_ENDPOINT: [&str; 5] = [
    "provider_unreachable",
    "provider_timeout",
    "provider_rate_limited",
    "provider_failed",
    "provider_key_refused",
];

/// Those of an endpoint that would keep the next document waiting, too.
const CANNOT_BE_REACHED: [&str; 2] = ["provider_unreachable", "provider_timeout"];

/// Said to whoever uploads; what the endpoint says is for the operator.
const REFUSED: &str = "Its vectors could not be made: the service that makes them refuses what it says; change it and \
                       upload it again, or ask whoever runs this installation.";

/// What jobs are called that make vectors anew, before the name of the model, and those that tell of the models of nodes.
pub(in crate::service) const JOBS: &str = "embedding";

/// What came of it.
pub(in crate::service) enum Made {
    /// All passages have their vectors, or there is no endpoint for any.
    All,
    /// The endpoint refuses what the document says, for the reason that the operator is told.
    Refused { said: &'static str, why: String },
    /// The endpoint gives none now, or no more of them; later it may, or another node's.
    Unavailable { has_made: bool },
    /// The document is gone, or this process ends.
    Stopped,
}

/// Makes the vectors that a document lacks, as long as `is_wanted`, and the model is in use, inside the transactions that store them.
pub(in crate::service) fn make(
    installation: &Installation,
    (id, number): embeddings::Embedded,
    cancel: &CancelToken,
    is_wanted: impl Fn(&Tx<'_>) -> Result<bool> + Copy + Send + Sync + 'static,
) -> Result<Made> {
    let (embedding, storage) = (installation.embedding(), installation.storage());
    let Some(model) = embedding.model().map(str::to_owned) else { return Ok(Made::All) };
    let clock = installation.clock();
    if embedding.is_away(clock.instant()) {
        return Ok(Made::Unavailable { has_made: false });
    }
    let (mut behind, mut dims) = (0, None);
    if !storage.read_one(|conn| in_use::is(conn, &model))? {
        return Ok(Made::Unavailable { has_made: false });
    }
    loop {
        let known = dims.or(embedding.length());
        let lacking = |length| {
            storage.read_one(|conn| embeddings::texts(conn, number, (model.as_str(), length), behind, BATCH))
        };
        let mut texts = lacking(known)?;
        if texts.is_empty() && known.is_none() {
            // All have vectors of the model: the answer for one tells whether they are as long as the endpoint's.
            texts = lacking(Some(0))?;
            texts.truncate(1);
        }
        let Some((last, _)) = texts.last() else { break };
        behind = *last;
        let sent: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let embedded = match embedding.of_passages(&sent, cancel) {
            Ok(embedded) => embedded,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Ok(Made::Stopped),
            Err(error) => {
                if CANNOT_BE_REACHED.contains(&error.code()) {
                    embedding.note_away(clock.instant());
                }
                // What it refuses may be any document: a key, a bill, or a name that it does not know.
                if OF_ENDPOINT.contains(&error.code())
                    || question::vector(installation, "word", question::Payer::OPERATOR, cancel).is_err()
                {
                    embedding.complain(installation, &error);
                    return Ok(Made::Unavailable { has_made: dims.is_some() });
                }
                return Ok(Made::Refused { said: REFUSED, why: error.message().to_owned() });
            }
        };
        let length = embedded.vectors.first().map_or(0, Vec::len);
        if *dims.get_or_insert(length) != length {
            let said = "Its vectors could not be made: the service that makes them gives some of different lengths; \
                        upload it again, or ask whoever runs this installation.";
            return Ok(Made::Refused { said, why: "It gives vectors of different lengths.".to_owned() });
        }
        embedding.note_success();
        embedding.length.note(length);
        if known != dims {
            // Of what comes before, some may have vectors of another length.
            behind = 0;
        }
        let tokens = cost::tokens(&embedded, &sent);
        let (model, day) = (model.clone(), Day::of(installation.now()));
        let chunks: Vec<i64> = texts.iter().map(|(chunk, _)| *chunk).collect();
        let is_stored = storage.write(move |tx| {
            if !is_wanted(tx)? || !in_use::is(tx, &model)? {
                return Ok(false);
            }
            // Until the last one is stored, the document has the vectors of no model.
            embeddings::forget_model(tx, id)?;
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
        if !is_wanted(tx)? || !in_use::is(tx, &model)? {
            return Ok(Made::Stopped);
        }
        embeddings::note_model(tx, id, &model)?;
        Ok(Made::All)
    })
}
