//! Password hashes: bcrypt, as the replaced systems have them.

use crate::base::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
};

/// About 0.4 s on a core of 2026. Tests use the least that bcrypt has.
const COST: u32 = if cfg!(any(test, feature = "testing")) { 4 } else { 12 };
/// Shortest password, in characters.
const LEAST_CHARS: usize = 8;
/// What bcrypt reads; it would silently ignore the rest.
const MOST_BYTES: usize = 72;
/// A hash that no password has, so that an unknown account costs as long as a wrong password.
const NOBODY: &str = if cfg!(any(test, feature = "testing")) {
    "$2b$04$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"
} else {
    "$2b$12$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"
};

/// The hash to store.
///
/// # Errors
/// `Invalid` for fewer than 8 characters or more than 72 bytes.
pub(crate) fn hash(password: &Secret<String>) -> Result<Secret<String>> {
    let text = password.expose();
    if text.chars().count() < LEAST_CHARS {
        let message = format!("use at least {LEAST_CHARS} characters");
        return Err(Error::invalid("password_too_short", "password", message));
    }
    if text.len() > MOST_BYTES {
        let message = format!("it has {} bytes; bcrypt reads only {MOST_BYTES}, so use fewer", text.len());
        return Err(Error::invalid("password_too_long", "password", message));
    }
    bcrypt::non_truncating_hash(text, COST).map(Secret::new).map_err(|error| {
        Error::new(ErrorKind::Internal, "password_unhashable", "The password could not be hashed.")
            .with_source(error)
    })
}

/// Whether the password is the one that was hashed. Without a hash the answer is no, at the same cost.
pub(crate) fn verify(password: &Secret<String>, hash: Option<&Secret<String>>) -> bool {
    let stored = hash.map_or(NOBODY, |hash| hash.expose().as_str());
    let matches = bcrypt::non_truncating_verify(password.expose(), stored).unwrap_or(false);
    matches && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_no_other() {
        let hashed = hash(&Secret::new("correct horse".to_owned())).unwrap();
        assert!(hashed.expose().starts_with("$2b$"));
        assert!(verify(&Secret::new("correct horse".to_owned()), Some(&hashed)));
        assert!(!verify(&Secret::new("correct horsE".to_owned()), Some(&hashed)));
        assert!(!verify(&Secret::new("correct horse".to_owned()), None));
    }

    #[test]
    fn lengths_that_bcrypt_would_cut_are_refused() {
        assert!(hash(&Secret::new("ü".repeat(36))).is_ok());
        assert_eq!(hash(&Secret::new("ü".repeat(37))).unwrap_err().code(), "password_too_long");
        assert_eq!(hash(&Secret::new("seven77".to_owned())).unwrap_err().code(), "password_too_short");
    }

    #[test]
    fn the_hash_of_nobody_is_one_that_bcrypt_reads() {
        assert!(bcrypt::verify("x", NOBODY).is_ok());
    }
}
