//! The vector of a question: asked for, and counted before it is used.

use super::cost;
use crate::{
    base::{cancel::CancelToken, day::Day, error::Result, id::UserId},
    service::installation::Installation,
};

/// Fails where the endpoint does, and where what it cost cannot be counted for `payer`; then words have to do.
pub(in crate::service) fn vector(
    installation: &Installation,
    text: &str,
    payer: Option<UserId>,
    cancel: &CancelToken,
) -> Result<Vec<f32>> {
    let embedding = installation.embedding();
    let embedded = embedding.of_question(text, cancel)?;
    let tokens = cost::tokens(&embedded, &[text]);
    let (model, day) = (embedding.model().unwrap_or_default().to_owned(), Day::of(installation.now()));
    installation.storage().write(move |tx| cost::count(tx, payer, day, &model, tokens))?;
    let vector = embedded.vectors.into_iter().next().unwrap_or_default();
    embedding.length.note(vector.len());
    Ok(vector)
}
