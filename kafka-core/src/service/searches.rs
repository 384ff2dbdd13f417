//! Lists that no index narrows, so that a whole table may be read for one entry or none: a few are read at a
//! time, and leave readers and cores to everyone else.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::base::{
    error::{Error, ErrorKind, Result},
    limits::Limits,
};

/// Who may search. Callers bring their own thread and wait here for their turn.
#[derive(Debug)]
pub(crate) struct Searches {
    most: usize,
    patience: Duration,
    running: Mutex<usize>,
    ended: Condvar,
}

/// The leave to search; over when dropped.
#[derive(Debug)]
pub(crate) struct Search<'s>(&'s Searches);

impl Searches {
    pub(crate) fn new(limits: &Limits) -> Searches {
        Searches {
            most: limits.searches,
            patience: Duration::from_millis(u64::from(limits.search_wait_ms)),
            running: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// Waits for others to end.
    ///
    /// # Errors
    /// `Busy` (`searches_at_capacity`) when none does in time.
    pub(crate) fn begin(&self) -> Result<Search<'_>> {
        let is_full = |running: &mut usize| *running >= self.most;
        let waited = self.ended.wait_timeout_while(self.running(), self.patience, is_full);
        let (mut running, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_full(&mut running) {
            return Err(Error::new(
                ErrorKind::Busy,
                "searches_at_capacity",
                format!("{running} lists are being searched already; try again in a moment."),
            )
            .with_retry_after(Duration::from_secs(1)));
        }
        *running += 1;
        Ok(Search(self))
    }

    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Search<'_> {
    fn drop(&mut self) {
        *self.0.running() -= 1;
        self.0.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_few_search_at_a_time_some_wait_and_the_impatient_are_sent_away() {
        let limits = |search_wait_ms| Limits { searches: 1, search_wait_ms, ..Limits::default() };
        let searches = Searches::new(&limits(0));
        let first = searches.begin().unwrap();
        let refused = searches.begin().unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Busy, "searches_at_capacity"));
        assert!(refused.retry_after().is_some());
        drop(first);
        drop(searches.begin().unwrap());

        let searches = Searches::new(&limits(600_000));
        let first = searches.begin().unwrap();
        thread::scope(|threads| {
            let second = threads.spawn(|| searches.begin().map(drop));
            drop(first);
            second.join().unwrap().unwrap();
        });
        assert_eq!(*searches.running(), 0);
    }
}
