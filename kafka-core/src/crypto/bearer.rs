//! Bearer tokens: 32 random bytes as text. Only their hash is stored.

use super::hex;
use crate::base::{random::Random, secret::Secret};

/// A new token, with a prefix by which people and scanners recognise it.
pub(crate) fn generate(random: &dyn Random) -> Secret<String> {
    let mut bytes = [0u8; 32];
    random.fill(&mut bytes);
    Secret::new(format!("kafka_{}", hex::encode(&bytes)))
}
