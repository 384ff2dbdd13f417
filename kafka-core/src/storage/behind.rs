//! Work in many pieces that nobody waits for, and that gives way to what somebody does: while others write, pieces are
//! smaller, between them they have the database four times as long as a piece took, and what the pieces leave in the
//! log is moved into the file here, where else one of the others would have to do it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{Storage, sqlite};

/// How much smaller.
const PART: usize = 16;
/// How much longer it rests after a piece than that took.
const REST: u32 = 4;
/// Who has written so lately is there: a piece is often done before they write again.
const LATELY: Duration = Duration::from_millis(100);
/// After so many, the log is moved: they have written about a megabyte, which takes some milliseconds. With four times as
/// many the slowest hundredth of the others' writes took twice as long.
const PIECES_IN_LOG: u64 = 24;

/// What others do.
pub(super) struct Others {
    began: Instant,
    /// When one of them wrote last, in milliseconds since it began, and one more; 0 is never.
    wrote: AtomicU64,
    /// Pieces that came between what they wrote.
    pieces: AtomicU64,
}

impl Default for Others {
    fn default() -> Others {
        Others { began: Instant::now(), wrote: AtomicU64::default(), pieces: AtomicU64::default() }
    }
}

impl Others {
    /// Notes that one of them writes.
    pub(super) fn note(&self) {
        self.wrote.store(self.millis() + 1, Ordering::Relaxed);
    }

    fn are_there(&self) -> bool {
        let wrote = self.wrote.load(Ordering::Relaxed);
        wrote > 0 && u128::from((self.millis() + 1).saturating_sub(wrote)) <= LATELY.as_millis()
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

impl Storage {
    /// How long a piece may be that is so long when nobody else writes, in bytes.
    pub(crate) fn piece(&self, bytes: usize) -> usize {
        if self.others().are_there() { bytes / PART } else { bytes }
    }

    /// Comes after a piece that took so long.
    pub(crate) fn give_way(&self, took: Duration) {
        let others = self.others();
        if !others.are_there() {
            return;
        }
        if others.pieces.fetch_add(1, Ordering::Relaxed).is_multiple_of(PIECES_IN_LOG)
            && let Some(path) = self.path()
        {
            // What cannot be moved now, whoever writes will move.
            drop(sqlite::move_log(path));
        }
        thread::sleep(took * REST);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::{Place, StorageOptions, sql::unlisted_statements};

    unlisted_statements! {
        MAKE = ["CREATE TABLE items (content TEXT NOT NULL)"];
        ADD = ["INSERT INTO items (content) VALUES ($1)"];
    }

    #[test]
    fn pieces_are_smaller_and_leave_nothing_in_the_log_while_others_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kafka.db");
        let storage = Storage::open(Place::File(path.clone()), StorageOptions::default()).unwrap();
        let size = || fs::metadata(&path).unwrap().len();
        storage.write_behind(|tx| tx.execute(&MAKE, &[])).unwrap();
        let empty = size();
        storage.give_way(Duration::ZERO);
        assert_eq!((storage.piece(1600), size()), (1600, empty));

        // A busy machine may let more time pass in between than counts as lately.
        let is_seen = (0..100).any(|_| {
            storage.write(|tx| tx.execute(&ADD, &["x".repeat(100_000).as_str().into()])).unwrap();
            let piece = storage.piece(1600);
            storage.give_way(Duration::ZERO);
            piece == 1600 / PART && size() > empty + 100_000
        });
        assert!(is_seen);
    }
}
