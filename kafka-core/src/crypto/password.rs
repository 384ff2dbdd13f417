//! Password hashes: bcrypt, as the replaced systems have them.

use crate::base::{
    error::{Error, ErrorKind, Result},
    secret::Secret,
};

/// Shortest password, in characters.
const LEAST_CHARS: usize = 8;
/// What bcrypt reads; it would silently ignore the rest.
const MOST_BYTES: usize = 72;
/// Salt and digest of a hash that no password has, so that an unknown account costs as long as a wrong
/// password.
const NOBODY: &str = "CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy";

/// Whether a password may be chosen.
///
/// # Errors
/// `Invalid` for fewer than 8 characters or more than 72 bytes.
pub(crate) fn check(password: &Secret<String>) -> Result<()> {
    let text = password.expose();
    if text.chars().count() < LEAST_CHARS {
        let message = format!("use at least {LEAST_CHARS} characters");
        return Err(Error::invalid("password_too_short", "password", message));
    }
    if text.len() > MOST_BYTES {
        let message = format!("it has {} bytes; bcrypt reads only {MOST_BYTES}, so use fewer", text.len());
        return Err(Error::invalid("password_too_long", "password", message));
    }
    Ok(())
}

/// The hash to store.
///
/// # Errors
/// Those of [`check`].
pub(crate) fn hash(password: &Secret<String>, cost: u32) -> Result<Secret<String>> {
    check(password)?;
    // Not `non_truncating_hash`: that counts a closing NUL, too, and would refuse the 72nd byte. What it
    // guards against has been refused above.
    bcrypt::hash(password.expose(), cost).map(Secret::new).map_err(|error| {
        Error::new(ErrorKind::Internal, "password_unhashable", "The password could not be hashed.")
            .with_source(error)
    })
}

/// Whether the password is the one that was hashed. Without a hash the answer is no, at the cost of one.
pub(crate) fn verify(password: &Secret<String>, hash: Option<&Secret<String>>, cost: u32) -> bool {
    let stored = hash.map_or_else(|| nobody(cost), |hash| hash.expose().clone());
    let matches = bcrypt::verify(password.expose(), &stored).unwrap_or(false);
    // A longer one would match by its first 72 bytes.
    matches && hash.is_some() && password.expose().len() <= MOST_BYTES
}

fn nobody(cost: u32) -> String {
    format!("$2b${cost:02}${NOBODY}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_no_other() {
        let hashed = hash(&Secret::new("correct horse".to_owned()), 4).unwrap();
        assert!(hashed.expose().starts_with("$2b$"));
        assert!(verify(&Secret::new("correct horse".to_owned()), Some(&hashed), 4));
        assert!(!verify(&Secret::new("correct horsE".to_owned()), Some(&hashed), 4));
        assert!(!verify(&Secret::new("correct horse".to_owned()), None, 4));
    }

    #[test]
    fn lengths_that_bcrypt_would_cut_are_refused() {
        let longest = Secret::new("ü".repeat(36));
        let hashed = hash(&longest, 4).unwrap();
        assert!(verify(&longest, Some(&hashed), 4));
        assert!(!verify(&Secret::new(format!("{}x", longest.expose())), Some(&hashed), 4));
        assert_eq!(hash(&Secret::new("ü".repeat(37)), 4).unwrap_err().code(), "password_too_long");
        assert_eq!(hash(&Secret::new("seven77".to_owned()), 4).unwrap_err().code(), "password_too_short");
    }

    #[test]
    fn the_hash_of_nobody_is_one_that_bcrypt_reads() {
        assert!(bcrypt::verify("x", &nobody(4)).is_ok());
    }
}
