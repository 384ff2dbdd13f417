//! Answers that this process does not run, for those who watch them here: they are woken when another process
//! tells that an answer has said more, and share what they then read.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use super::held::HeldBlocks;
use crate::base::id::ResponseId;

/// The answers that are watched here and run elsewhere, or have ended. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Relays(Arc<Mutex<HashMap<ResponseId, Weak<Relay>>>>);

/// One of them, while somebody watches it.
pub(crate) struct Relay {
    id: ResponseId,
    relays: Relays,
    /// Counts what watchers are woken for, so that none of it is missed between look and wait.
    news: Mutex<u64>,
    told: Condvar,
    pub(crate) held: HeldBlocks,
}

impl Relays {
    /// The relay of an answer, which all who watch it share.
    pub(crate) fn of(&self, id: ResponseId) -> Arc<Relay> {
        let mut relays = self.relays();
        if let Some(known) = relays.get(&id).and_then(Weak::upgrade) {
            return known;
        }
        let relay = Arc::new(Relay {
            id,
            relays: self.clone(),
            news: Mutex::default(),
            told: Condvar::new(),
            held: HeldBlocks::default(),
        });
        relays.insert(id, Arc::downgrade(&relay));
        relay
    }

    /// Has those who watch an answer read what is new of it.
    pub(crate) fn wake(&self, id: ResponseId) {
        let relay = self.relays().get(&id).and_then(Weak::upgrade);
        relay.into_iter().for_each(|relay| relay.wake());
    }

    /// Has everyone read what is new.
    #[cfg(feature = "postgres")]
    pub(crate) fn wake_all(&self) {
        let all: Vec<_> = self.relays().values().filter_map(Weak::upgrade).collect();
        all.into_iter().for_each(|relay| relay.wake());
    }

    fn relays(&self) -> MutexGuard<'_, HashMap<ResponseId, Weak<Relay>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relay {
    /// What to give [`wait`](Relay::wait), read before looking at the database.
    pub(crate) fn news(&self) -> u64 {
        *self.lock()
    }

    /// Waits at most `patience` for news since `seen` was read, and no longer than until the watcher has to
    /// leave; who finds that it has to, [wakes](Relay::wake).
    pub(crate) fn wait(&self, seen: u64, patience: Duration, leaves: impl Fn() -> bool) {
        let nothing_new = |news: &mut u64| *news == seen && !leaves();
        drop(self.told.wait_timeout_while(self.lock(), patience, nothing_new));
    }

    /// Has every watcher look again.
    pub(crate) fn wake(&self) {
        *self.lock() += 1;
        self.told.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let mut relays = self.relays.relays();
        // Another watcher may have come since, and found this one gone.
        if relays.get(&self.id).is_some_and(|known| known.strong_count() == 0) {
            relays.remove(&self.id);
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Relays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relays").field("watched", &self.relays().len()).finish()
    }
}
