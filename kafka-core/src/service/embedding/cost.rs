//! What vectors cost, and for whom it is counted.

use super::Embedded;
use crate::{
    base::{day::Day, error::Result, id::UserId},
    repo::{usage_daily, users},
    storage::Tx,
    text::chunk::Chunk,
};

/// What the vectors of passages will cost, by estimate: each is of a passage under its heading.
pub(in crate::service) fn of_passages(chunks: &[Chunk]) -> u64 {
    let bytes = |chunk: &Chunk| (chunk.end - chunk.start + chunk.heading.len()) as u64;
    chunks.iter().map(bytes).sum::<u64>().div_ceil(4)
}

/// What the vector of a question will cost.
pub(super) fn of_question(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// The tokens of a call, as its endpoint counted them, or by estimate.
pub(super) fn tokens(embedded: &Embedded, texts: &[&str]) -> i64 {
    let estimate = || texts.iter().map(|text| text.len() as u64).sum::<u64>().div_ceil(4);
    i64::try_from(embedded.tokens.unwrap_or_else(estimate)).unwrap_or(i64::MAX)
}

/// Counts them for an account, or for nobody.
pub(super) fn count(tx: &Tx<'_>, payer: Option<UserId>, day: Day, model: &str, tokens: i64) -> Result<()> {
    usage_daily::count_embedding(tx, payer, day, model, tokens)?;
    payer.map_or(Ok(()), |payer| users::spend_of(tx, payer, tokens))
}
