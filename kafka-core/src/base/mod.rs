//! What everything else is made of: errors, ids, time, pages, secrets. No input or output, and no
//! clock or randomness but the injected ones.

pub(crate) mod actor;
pub(crate) mod cancel;
pub(crate) mod day;
pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod limits;
pub(crate) mod page;
pub(crate) mod patch;
pub(crate) mod permission;
pub(crate) mod random;
pub(crate) mod secret;
pub(crate) mod shares;
pub(crate) mod time;
pub(crate) mod warning;
