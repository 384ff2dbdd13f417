//! Whose long body is worked on.
//!
//! Taking in megabytes and decoding them keeps a processor busy, and whoever sends many long bodies at once
//! would have all of them. So long bodies are worked on one after the other. A client is never waited for
//! meanwhile: who sends slowly holds nobody up.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a body may have without waiting for its turn, in bytes.
pub(super) const SHORT_BYTES: u64 = 256 << 10;

/// The turn of a body; none for a short one. Others wait until it is dropped.
pub(crate) type Turn<'t> = Option<MutexGuard<'t, ()>>;

/// Gives the long bodies of a server their turns.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<()>);

impl Turns {
    /// Waits for the turn of a body with so many bytes.
    pub(crate) fn wait(&self, bytes: u64) -> Turn<'_> {
        (bytes > SHORT_BYTES).then(|| self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
