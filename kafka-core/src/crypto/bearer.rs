//! Texts that open doors: bearer tokens, invitations and passwords made for someone else. Of all
//! but the last only the hash is stored.

use super::hex;
use crate::base::{random::Random, secret::Secret};

/// A new token, with a prefix by which people and scanners recognise it.
pub(crate) fn generate(random: &dyn Random) -> Secret<String> {
    Secret::new(format!("kafka_{}", hex::encode(&bytes::<32>(random))))
}

/// The token of a new link to a chat, which opens nothing else.
pub(crate) fn share(random: &dyn Random) -> Secret<String> {
    Secret::new(format!("share_{}", hex::encode(&bytes::<32>(random))))
}

/// The code of a new invitation. It is no token, and looks like none.
pub(crate) fn invitation(random: &dyn Random) -> Secret<String> {
    Secret::new(format!("invite_{}", hex::encode(&bytes::<16>(random))))
}

/// A password for someone who shall choose another one.
pub(crate) fn password(random: &dyn Random) -> Secret<String> {
    Secret::new(hex::encode(&bytes::<10>(random)))
}

fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}
