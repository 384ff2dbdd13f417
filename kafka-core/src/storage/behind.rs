//! Work in many pieces that nobody waits for, and that gives way to what somebody does: while others write, pieces are
//! smaller, between them they have the database four times as long as a piece took, and what the pieces leave in the
//! log is moved into the file here, where else one of the others would have to do it.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use super::{Storage, sqlite};

/// How much smaller.
const PART: usize = 16;
/// How much longer it rests after a piece than that took.
const REST: u32 = 4;
/// After so many, the log is moved: they have written some megabytes.
const PIECES_IN_LOG: u64 = 64;

/// What others have written.
#[derive(Default)]
pub(super) struct Others {
    writes: AtomicU64,
    seen: AtomicU64,
    were_there: AtomicBool,
    /// Pieces that came between what they wrote.
    pieces: AtomicU64,
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
        if !are_there {
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

        storage.write(|tx| tx.execute(&ADD, &["x".repeat(100_000).as_str().into()])).unwrap();
        storage.give_way(Duration::ZERO);
        assert_eq!(storage.piece(1600), 1600 / PART);
        assert!(size() > empty + 100_000);

        storage.give_way(Duration::ZERO);
        assert_eq!(storage.piece(1600), 1600);
    }
}
