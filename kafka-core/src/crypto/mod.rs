//! Digests, passwords, tokens, and the seal that keeps keys unreadable at rest. Pure: randomness is passed in.

pub(crate) mod bearer;
pub(crate) mod digest;
pub(crate) mod hex;
pub(crate) mod password;
pub(crate) mod seal;
