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

/// Fails where the endpoint does, and where what it cost cannot be counted for `payer`; then words have to do.
pub(in crate::service) fn vector(
    installation: &Installation,
    text: &str,
    payer: Option<UserId>,
    cancel: &CancelToken,
) -> Result<Vec<f32>> {
    ask(installation, text, payer, cancel).map_err(|error| {
        if error.kind() == ErrorKind::Cancelled {
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
    ask(installation, "word", None, &CancelToken::new()).map(drop)
}

fn ask(
    installation: &Installation,
    text: &str,
    payer: Option<UserId>,
    cancel: &CancelToken,
) -> Result<Vec<f32>> {
    let embedding = installation.embedding();
    let embedded = embedding.of_question(text, cancel)?;
    embedding.note_success();
    let tokens = cost::tokens(&embedded, &[text]);
    let (model, day) = (embedding.model().unwrap_or_default().to_owned(), Day::of(installation.now()));
    installation.storage().write(move |tx| cost::count(tx, payer, day, &model, tokens))?;
    let vector = embedded.vectors.into_iter().next().unwrap_or_default();
    embedding.length.note(vector.len());
    Ok(vector)
}
