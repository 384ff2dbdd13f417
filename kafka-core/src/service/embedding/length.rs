//! How long the vectors of the endpoint are, as its answers show. Another program may give longer ones under the same name.

use std::sync::{Mutex, PoisonError};

/// An endpoint whose vectors have changed their length so often has none: what is made anew for it would be so for ever.
const MOST_CHANGES: u32 = 3;

/// The length of the last vector, and how often it was another than that before.
#[derive(Default)]
pub(super) struct Length(Mutex<(Option<usize>, u32)>);

impl Length {
    pub(super) fn note(&self, length: usize) {
        let (last, changes) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.replace(length).is_some_and(|last| last != length) {
            *changes += 1;
        }
    }

    /// None before the first answer.
    pub(super) fn known(&self) -> Option<usize> {
        let (last, changes) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|_| changes <= MOST_CHANGES)
    }
}
