//! Work in many pieces that nobody waits for, and that gives way to what somebody does: while others write, pieces are
//! smaller, and between them they have the database four times as long as a piece took.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use super::Storage;

/// How much smaller.
const PART: usize = 16;
/// How much longer it rests after a piece than that took.
const REST: u32 = 4;

/// What others have written.
#[derive(Default)]
pub(super) struct Others {
    writes: AtomicU64,
    seen: AtomicU64,
    were_there: AtomicBool,
}

impl Others {
    /// Notes that one of them writes.
    pub(super) fn note(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Storage {
    /// How long a piece may be that is so long when nobody else writes, in bytes.
    pub(crate) fn piece(&self, bytes: usize) -> usize {
        if self.others().were_there.load(Ordering::Relaxed) { bytes / PART } else { bytes }
    }

    /// Comes after a piece that took so long.
    pub(crate) fn give_way(&self, took: Duration) {
        let others = self.others();
        let writes = others.writes.load(Ordering::Relaxed);
        let are_there = others.seen.swap(writes, Ordering::Relaxed) != writes;
        others.were_there.store(are_there, Ordering::Relaxed);
        if are_there {
            thread::sleep(took * REST);
        }
    }
}
