//! The vector of a question: asked for, and counted before it is used.

use super::cost;
use crate::{
    base::{
        cancel::CancelToken,
        day::Day,
        error::{Error, ErrorKind, Result},
        id::UserId,
    },
    service::installation::Installation,
};

/// So much of a question is looked at: its model takes no more in.
const MOST_BYTES: usize = 2048;

/// Who pays, and what that one's plan has room for; none is no bound.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Payer {
    pub(in crate::service) account: Option<UserId>,
    pub(in crate::service) left: Option<u64>,
}

impl Payer {
    /// Whoever runs the installation.
    pub(in crate::service) const OPERATOR: Payer = Payer { account: None, left: None };
}

/// Fails where the endpoint does, where what it costs is more than the payer has left of the day (`QuotaExceeded`), and
/// where it cannot be counted; then words have to do.
pub(in crate::service) fn vector(
    installation: &Installation,
    text: &str,
    payer: Payer,
    cancel: &CancelToken,
) -> Result<Vec<f32>> {
    ask(installation, text, payer, cancel).map_err(|error| {
        if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::QuotaExceeded) {
            return error;
        }
        installation.embedding().complain(installation, &error);
        // Who asks is told nothing of where the endpoint is.
        let sentence = "The service that makes vectors gives none now; search by text, or try again later.";
        Error::new(error.kind(), error.code(), sentence)
    })
}

/// Whether the endpoint gives a vector, and if not, why. For whoever runs the installation.
pub(in crate::service) fn probe(installation: &Installation) -> Result<()> {
    ask(installation, "word", Payer::OPERATOR, &CancelToken::new()).map(drop)
}

fn ask(installation: &Installation, text: &str, payer: Payer, cancel: &CancelToken) -> Result<Vec<f32>> {
    let embedding = installation.embedding();
    let text = &text[..text.floor_char_boundary(MOST_BYTES)];
    let now = installation.now();
    if payer.left.is_some_and(|left| cost::of_bytes(text.len() as u64) > left) {
        let sentence = "The plan has no tokens left today for finding by meaning; search by words with the mode text, \
                        wait for midnight UTC, or ask for a larger plan.";
        return Err(Error::new(ErrorKind::QuotaExceeded, "quota_exceeded", sentence)
            .with_retry_after(Day::left_at(now)));
    }
    let embedded = embedding.of_question(text, cancel)?;
    embedding.note_success(installation);
    let tokens = cost::tokens(&embedded, &[text]);
    let (model, day) = (embedding.model().unwrap_or_default().to_owned(), Day::of(now));
    installation.storage().write(move |tx| cost::count(tx, payer.account, day, &model, tokens))?;
    let vector = embedded.vectors.into_iter().next().unwrap_or_default();
    embedding.length.note(vector.len());
    Ok(vector)
}
