//! Seals the keys of model endpoints for storage, and tickets (XChaCha20-Poly1305).
//!
//! The associated data is the owner of the row and the origin of the endpoint: a row that is given
//! to someone else, or whose endpoint is pointed elsewhere, cannot open its key any more. A ticket is
//! bound to what it opens in the same way.

use std::fmt;

use chacha20poly1305::{
    Key, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use sha2::{Digest as _, Sha256};

use super::hex;
use crate::base::{
    error::{Error, ErrorKind, Result},
    random::Random,
    secret::Secret,
};

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES;

/// Seals and opens texts with one secret of 32 bytes.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    /// Version and key id, in front of everything sealed.
    header: [u8; HEADER_BYTES],
}

impl Sealer {
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Sealer {
        let digest = Sha256::new().chain_update(b"kafka key id").chain_update(key.expose()).finalize();
        let mut header = [VERSION; HEADER_BYTES];
        header[1..].copy_from_slice(&digest[..KEY_ID_BYTES]);
        Sealer { cipher: XChaCha20Poly1305::new(&Key::from(*key.expose())), header }
    }

    /// The sealed form of `plain`: version, key id, nonce and ciphertext in hexadecimal. Only
    /// [`open`](Sealer::open) with the same secret, owner and origin gives the text back.
    pub(crate) fn seal(&self, plain: &str, owner: &str, origin: &str, random: &dyn Random) -> Result<String> {
        let mut nonce = [0u8; NONCE_BYTES];
        random.fill(&mut nonce);
        let aad = self.associated_data(owner, origin);
        let payload = Payload { msg: plain.as_bytes(), aad: &aad };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| {
            Error::new(ErrorKind::Internal, "key_unsealable", "The key could not be sealed for storage.")
        })?;
        Ok(hex::encode(&[&self.header[..], &nonce, &sealed].concat()))
    }

    /// Names the secret without telling it: 8 hex digits.
    pub(crate) fn id(&self) -> String {
        hex::encode(&self.header[1..])
    }

    /// Whether `sealed` says that this secret has sealed it.
    pub(crate) fn has_sealed(&self, sealed: &str) -> bool {
        sealed.starts_with(&hex::encode(&self.header))
    }

    /// The text that was sealed.
    ///
    /// # Errors
    /// Busy (`key_unreadable`) when the secret, the owner or the origin is another one, or the stored
    /// text was changed. The endpoint cannot be used until its key is given again.
    pub(crate) fn open(&self, sealed: &str, owner: &str, origin: &str) -> Result<Secret<String>> {
        self.try_open(sealed, owner, origin).map(Secret::new).ok_or_else(|| {
            Error::new(
                ErrorKind::Busy,
                "key_unreadable",
                "The stored key of this model cannot be read, because the secret of this installation \
                 differs from the one it was sealed with or the model's endpoint changed; give the key again.",
            )
        })
    }

    fn try_open(&self, sealed: &str, owner: &str, origin: &str) -> Option<String> {
        let bytes = hex::decode(sealed)?;
        let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
        if *header != self.header {
            return None;
        }
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let aad = self.associated_data(owner, origin);
        let payload = Payload { msg: sealed, aad: &aad };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        String::from_utf8(plain).ok()
    }

    /// Owner and origin with the owner's length in front, so that no two pairs read the same.
    fn associated_data(&self, owner: &str, origin: &str) -> Vec<u8> {
        let owner_bytes = (owner.len() as u64).to_be_bytes();
        [&self.header[..], &owner_bytes, owner.as_bytes(), origin.as_bytes()].concat()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(key {})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::random::SystemRandom;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&Secret::new([byte; 32]))
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_with_the_same_secret_owner_and_origin(
            plain in ".*", owner in ".*", origin in ".*",
        ) {
            let sealed = sealer(7).seal(&plain, &owner, &origin, &SystemRandom).unwrap();
            let opened = sealer(7).open(&sealed, &owner, &origin).unwrap();
            prop_assert_eq!(opened.expose(), &plain);
        }

        #[test]
        fn no_flipped_bit_goes_unnoticed(plain in ".{0,40}", at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let sealed = sealer(7).seal(&plain, "owner", "origin", &SystemRandom).unwrap();
            let mut bytes = hex::decode(&sealed).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(sealer(7).open(&hex::encode(&bytes), "owner", "origin").is_err());
        }
    }

    #[test]
    fn another_secret_owner_or_origin_cannot_open_it() {
        let sealed = sealer(7).seal("sk-1", "ab", "c", &SystemRandom).unwrap();
        assert!(!sealed.contains(&hex::encode(b"sk-1")), "the key itself is not in the stored text");
        for (key, owner, origin) in
            [(8, "ab", "c"), (7, "a", "c"), (7, "ab", "d"), (7, "a", "bc"), (7, "abc", "")]
        {
            let error = sealer(key).open(&sealed, owner, origin).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Busy, "key_unreadable"));
            assert!(error.message().contains("give the key again"), "{error}");
        }
    }

    #[test]
    fn any_stored_text_is_refused_without_panic() {
        for text in ["", "01", "zz", "é", &"01".repeat(5), &"01".repeat(29), &"01".repeat(60)] {
            assert!(sealer(7).open(text, "o", "o").is_err(), "{text}");
        }
    }

    #[test]
    fn one_text_sealed_twice_differs() {
        let seal = || sealer(7).seal("sk-1", "o", "o", &SystemRandom).unwrap();
        assert_ne!(seal(), seal());
    }
}
