//! Lists that no index narrows, so that a whole table may be read for one entry or none: a few are read at a
//! time, and leave readers and cores to everyone else.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::base::{
    error::{Error, ErrorKind, Result},
    limits::Limits,
    shares::{Shares, Whose},
};

/// Who may search. Callers bring their own thread and wait here for their turn, in the order in which they came;
/// of one caller one search waits, so that nobody queues before everyone else.
#[derive(Debug)]
pub(crate) struct Searches {
    most: usize,
    patience: Duration,
    queue: Mutex<Queue>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    running: Shares,
    /// Each with its number.
    waiting: VecDeque<(u64, Whose)>,
    last: u64,
}

/// The leave to search; over when dropped.
#[derive(Debug)]
pub(crate) struct Search<'s> {
    searches: &'s Searches,
    whose: Whose,
}

impl Searches {
    pub(crate) fn new(limits: &Limits) -> Searches {
        Searches {
            most: limits.searches,
            patience: Duration::from_millis(u64::from(limits.search_wait_ms)),
            queue: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    /// Waits for others to end.
    ///
    /// # Errors
    /// `Busy` (`searches_at_capacity`) when none does in time; `RateLimited` (`search_waits`) when another of
    /// the same caller's waits already, unless that is the operator.
    pub(crate) fn begin(&self, whose: Whose) -> Result<Search<'_>> {
        let mut queue = self.queue();
        let is_same = |(_, waiting): &(u64, Whose)| *waiting == whose;
        if whose != Whose::Operator && queue.waiting.iter().any(is_same) {
            return Err(refused(
                ErrorKind::RateLimited,
                "search_waits",
                "A list that you search waits already",
            ));
        }
        queue.last += 1;
        let number = queue.last;
        queue.waiting.push_back((number, whose));
        let has_to_wait = |queue: &mut Queue| !queue.is_next(number, self.most);
        let waited = self.moved.wait_timeout_while(queue, self.patience, has_to_wait);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_next = queue.is_next(number, self.most);
        queue.waiting.retain(|(waiting, _)| *waiting != number);
        if is_next {
            queue.running.take(whose);
        }
        let running = queue.running.taken();
        drop(queue);
        // Whoever came next may begin as well, or take the place of who went away.
        self.moved.notify_all();
        match is_next {
            true => Ok(Search { searches: self, whose }),
            false => {
                let why = format!("{running} lists are being searched already");
                Err(refused(ErrorKind::Busy, "searches_at_capacity", &why))
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Whether it is the first of those whose share has a place.
    fn is_next(&self, number: u64, most: usize) -> bool {
        let mut could_begin =
            self.waiting.iter().filter(|(_, whose)| self.running.room(*whose, most).is_ok());
        could_begin.next().is_some_and(|(first, _)| *first == number)
    }
}

impl Drop for Search<'_> {
    fn drop(&mut self) {
        self.searches.queue().running.give_back(self.whose);
        self.searches.moved.notify_all();
    }
}

fn refused(kind: ErrorKind, code: &'static str, why: &str) -> Error {
    Error::new(kind, code, format!("{why}; try again in a moment.")).with_retry_after(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::base::id::UserId;

    fn limits(searches: usize, search_wait_ms: u32) -> Limits {
        Limits { searches, search_wait_ms, ..Limits::default() }
    }

    #[test]
    fn a_few_search_at_a_time_some_wait_and_the_impatient_are_sent_away() {
        let searches = Searches::new(&limits(1, 0));
        let first = searches.begin(Whose::Operator).unwrap();
        let refused = searches.begin(Whose::Operator).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Busy, "searches_at_capacity"));
        assert!(refused.retry_after().is_some());
        drop(first);
        drop(searches.begin(Whose::Operator).unwrap());

        let searches = Searches::new(&limits(1, 600_000));
        let first = searches.begin(Whose::Operator).unwrap();
        thread::scope(|threads| {
            let second = threads.spawn(|| searches.begin(Whose::Operator).map(drop));
            drop(first);
            second.join().unwrap().unwrap();
        });
        assert_eq!(searches.queue().running.taken(), 0);
    }

    /// Who has its share waits, and others are served meanwhile; who waits already is sent away, so that one
    /// caller cannot queue before another.
    #[test]
    fn nobody_takes_all_places_or_the_queue() {
        let [one, other] = [Whose::Owner(None), Whose::Owner(Some(UserId::from(uuid::Uuid::from_u128(1))))];
        let searches = Searches::new(&limits(8, 0));
        let mine = [searches.begin(one).unwrap(), searches.begin(one).unwrap()];
        assert_eq!(searches.begin(one).unwrap_err().code(), "searches_at_capacity");
        drop(searches.begin(other).unwrap());
        drop(mine);
        drop(searches.begin(one).unwrap());

        let searches = Searches::new(&limits(1, 600_000));
        let first = searches.begin(one).unwrap();
        let wait_for = |count| {
            while searches.queue().waiting.len() < count {
                thread::yield_now();
            }
        };
        thread::scope(|threads| {
            let second = threads.spawn(|| searches.begin(one).map(drop));
            wait_for(1);
            let refused = searches.begin(one).unwrap_err();
            assert_eq!((refused.kind(), refused.code()), (ErrorKind::RateLimited, "search_waits"));
            let others = threads.spawn(|| searches.begin(other).map(drop));
            wait_for(2);
            drop(first);
            second.join().unwrap().unwrap();
            others.join().unwrap().unwrap();
        });
    }
}
