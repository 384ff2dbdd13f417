//! What vectors cost, and for whom it is counted.

use super::Embedded;
use crate::{
    base::{day::Day, error::Result, id::UserId},
    repo::{usage_daily, users},
    storage::Tx,
};

/// What the vectors of so many bytes will cost, by estimate.
pub(super) fn of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// The tokens of a call, as its endpoint counted them, or by estimate.
pub(super) fn tokens(embedded: &Embedded, texts: &[&str]) -> i64 {
    let estimate = || of_bytes(texts.iter().map(|text| text.len() as u64).sum());
    i64::try_from(embedded.tokens.unwrap_or_else(estimate)).unwrap_or(i64::MAX)
}

/// Counts them for an account, or for nobody.
pub(super) fn count(tx: &Tx<'_>, payer: Option<UserId>, day: Day, model: &str, tokens: i64) -> Result<()> {
    usage_daily::count_embedding(tx, payer, day, model, tokens)?;
    payer.map_or(Ok(()), |payer| users::spend_of(tx, payer, tokens))
}
