//! Connections that read: opened when first needed, lent one caller at a time, bounded.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use super::{conn::Conn, link::Link};
use crate::base::error::{Error, ErrorKind, Result};

pub(super) struct Pool {
    open: Box<dyn Fn() -> Result<Link> + Send + Sync>,
    opened: AtomicUsize,
    state: Mutex<State>,
    bounds: PoolBounds,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PoolBounds {
    /// Connections that stay open when nobody needs them.
    pub(super) kept: usize,
    /// Connections that may be open.
    pub(super) most: usize,
    /// How long one waits for a connection while all are lent; as long as it takes when none.
    pub(super) wait: Option<Duration>,
}

/// A connection, numbered as they were opened.
type Numbered = (usize, Link);

struct State {
    /// The one that was opened first is at the end, and lent first: only as many as are needed at a time fill their
    /// caches.
    idle: Vec<Numbered>,
    /// How many more may be opened.
    unopened: usize,
    /// Who waits, in the order of arrival. What is sent: a connection, or the leave to open one.
    waiting: VecDeque<mpsc::SyncSender<Option<Numbered>>>,
    closed: bool,
}

impl Pool {
    pub(super) fn new(bounds: PoolBounds, open: impl Fn() -> Result<Link> + Send + Sync + 'static) -> Pool {
        let unopened = bounds.most.max(1);
        let state = State { idle: Vec::new(), unopened, waiting: VecDeque::new(), closed: false };
        Pool { open: Box::new(open), opened: AtomicUsize::new(0), state: Mutex::new(state), bounds }
    }

    /// Runs `work` on a free connection, in a transaction so that all it reads is of one moment.
    ///
    /// # Errors
    /// Those of `work` and of opening; `Busy` when all connections stay lent for too long, and after the close.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Conn<'_>) -> Result<T>) -> Result<T> {
        self.read_begun(Link::begin_read, work)
    }

    /// The same in a transaction that `begin` begins.
    pub(super) fn read_begun<T>(
        &self,
        begin: impl FnOnce(&Link) -> Result<()>,
        work: impl FnOnce(&Conn<'_>) -> Result<T>,
    ) -> Result<T> {
        self.lend(|connection| {
            let result = begin(connection).and_then(|()| work(&Conn::new(connection)));
            (result, connection.end_read().is_ok())
        })
    }

    /// Runs `work`, which is one statement, on a free connection.
    ///
    /// # Errors
    /// Those of [`read`](Pool::read).
    pub(super) fn read_one<T>(&self, work: impl FnOnce(&Conn<'_>) -> Result<T>) -> Result<T> {
        self.lend(|connection| (work(&Conn::for_one(connection)), true))
    }

    /// Lends a free connection to `work`, which also says whether it may be lent again.
    fn lend<T>(&self, work: impl FnOnce(&Link) -> (Result<T>, bool)) -> Result<T> {
        let mut lent = Lent { pool: self, connection: self.take()? };
        let (number, connection) = match lent.connection.take() {
            Some(numbered) => numbered,
            None => {
                let connection = (self.open)()?;
                (self.opened.fetch_add(1, Ordering::Relaxed), connection)
            }
        };
        let (result, is_clean) = work(&connection);
        // A connection that failed, or that is left inside a transaction, is not lent again.
        let failed =
            matches!(&result, Err(error) if matches!(error.kind(), ErrorKind::Storage | ErrorKind::Corrupt));
        if is_clean && !failed {
            lent.connection = Some((number, connection));
        }
        result
    }

    /// Closes the idle connections, so that the next reads open new ones.
    #[cfg(feature = "postgres")]
    pub(super) fn renew(&self) {
        let mut state = self.lock();
        let idle = std::mem::take(&mut state.idle);
        state.unopened += idle.len();
        // Saying farewell to a server takes time, in which others want connections.
        drop(state);
        drop(idle);
    }

    /// Closes the idle connections; those that are lent are closed when they come back.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.idle.clear();
    }

    fn take(&self) -> Result<Option<Numbered>> {
        let mut state = self.lock();
        if state.closed {
            return Err(super::writer::closed());
        }
        let stale: Vec<Numbered> =
            state.idle.extract_if(.., |(_, connection)| !connection.is_fresh()).collect();
        state.unopened += stale.len();
        let fresh = state.idle.pop();
        let mine = if fresh.is_some() {
            None
        } else if state.unopened > 0 {
            state.unopened -= 1;
            None
        } else {
            let (turn, mine) = mpsc::sync_channel(1);
            state.waiting.push_back(turn);
            Some(mine)
        };
        drop(state);
        // Saying farewell to a server takes time, in which others want connections.
        drop(stale);
        let Some(mine) = mine else { return Ok(fresh) };
        let Some(wait) = self.bounds.wait else { return mine.recv().map_err(|_| super::writer::closed()) };
        match mine.recv_timeout(wait) {
            Ok(given) => Ok(given),
            Err(RecvTimeoutError::Disconnected) => Err(super::writer::closed()),
            Err(RecvTimeoutError::Timeout) => {
                // Connections are given under this lock, so after this look none can come any more unseen.
                let _state = self.lock();
                mine.try_recv().map_err(|_| self.exhausted())
            }
        }
    }

    fn exhausted(&self) -> Error {
        let most = self.bounds.most;
        let sentence = format!(
            "All {most} connections to the database stay in use; nothing of this call was done. Try again."
        );
        Error::new(ErrorKind::Busy, "database_connections_busy", sentence)
            .with_retry_after(Duration::from_secs(1))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the pool. It is given on when this is dropped, also when the work panics; then, as when
/// the connection failed, without a connection.
struct Lent<'p> {
    pool: &'p Pool,
    connection: Option<Numbered>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        let mut given = self.connection.take();
        while let Some(next) = state.waiting.pop_front() {
            match next.send(given) {
                Ok(()) => return,
                Err(mpsc::SendError(back)) => given = back,
            }
        }
        match given {
            Some(numbered) if !state.closed && state.idle.len() < self.pool.bounds.kept => {
                let place = state.idle.partition_point(|(number, _)| *number > numbered.0);
                state.idle.insert(place, numbered);
            }
            Some(_) if state.closed => {}
            Some(_) => state.unopened += 1,
            None => state.unopened += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{self, AssertUnwindSafe},
        sync::{Arc, Barrier},
        thread,
    };

    use rusqlite::Connection;

    use super::*;
    use crate::{
        base::error::Error,
        storage::{fault, sql::unlisted_statements},
    };

    unlisted_statements! {
        ONE = ["SELECT 1"];
        NONE = ["SELECT 1 FROM nothing"];
    }

    const SINGLE: PoolBounds = PoolBounds { kept: 1, most: 1, wait: None };

    fn pool(connections: usize) -> (Arc<Pool>, Arc<AtomicUsize>) {
        let opened = Arc::new(AtomicUsize::new(0));
        let counted = opened.clone();
        let bounds = PoolBounds { kept: connections, most: connections, wait: None };
        let pool = Pool::new(bounds, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Connection::open_in_memory().map(Link::Sqlite).map_err(fault::classify)
        });
        (Arc::new(pool), opened)
    }

    fn one(pool: &Pool) -> Result<Option<i64>> {
        pool.read(|c| c.first(&ONE, &[], |row| row.next()))
    }

    /// Whatever comes back last. Others stay cold, and one that is in use has what it needs in its cache.
    #[test]
    fn the_connection_that_was_opened_first_is_lent_first() {
        let (pool, _) = pool(2);
        let both_are_lent = Barrier::new(2);
        let is_first_back = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                pool.lend(|_| {
                    both_are_lent.wait();
                    (Ok(()), true)
                })
                .unwrap();
                is_first_back.wait();
            });
            while pool.opened.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            pool.lend(|_| {
                both_are_lent.wait();
                is_first_back.wait();
                (Ok(()), true)
            })
            .unwrap();
        });
        assert_eq!(pool.take().unwrap().map(|(number, _)| number), Some(0));
    }

    #[test]
    fn a_connection_is_opened_when_none_is_idle_and_lent_again() {
        let (pool, opened) = pool(2);
        assert_eq!(opened.load(Ordering::Relaxed), 0);
        one(&pool).unwrap();
        one(&pool).unwrap();
        assert_eq!(opened.load(Ordering::Relaxed), 1);
        pool.read(|_| one(&pool)).unwrap();
        assert_eq!(opened.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn those_who_wait_are_served_in_the_order_of_arrival() {
        let (pool, opened) = pool(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiting: Vec<_> = pool
            .read(|_| {
                Ok((0..5usize)
                    .map(|number| {
                        let waiting = thread::spawn({
                            let (pool, order) = (pool.clone(), order.clone());
                            move || {
                                pool.read(|_| {
                                    order.lock().unwrap().push(number);
                                    Ok(())
                                })
                            }
                        });
                        while pool.lock().waiting.len() <= number {
                            thread::yield_now();
                        }
                        waiting
                    })
                    .collect())
            })
            .unwrap();
        for thread in waiting {
            thread.join().unwrap().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(opened.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn only_a_connection_that_failed_is_dropped() {
        let (pool, opened) = pool(1);
        let refused: Result<()> = pool.read(|_| Err(Error::new(ErrorKind::NotFound, "wanted", "Wanted.")));
        refused.unwrap_err();
        one(&pool).unwrap();
        assert_eq!(opened.load(Ordering::Relaxed), 1);
        pool.read(|c| c.first(&NONE, &[], |_| Ok(()))).unwrap_err();
        one(&pool).unwrap();
        assert_eq!(opened.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_panic_or_a_failure_to_open_gives_the_place_back() {
        let (pool, _) = pool(1);
        panic::catch_unwind(AssertUnwindSafe(|| pool.read::<()>(|_| panic!("wanted")))).unwrap_err();
        one(&pool).unwrap();

        let closed_file = Pool::new(SINGLE, || Err(Error::new(ErrorKind::Storage, "wanted", "Wanted.")));
        assert_eq!(one(&closed_file).unwrap_err().code(), "wanted");
        assert_eq!(one(&closed_file).unwrap_err().code(), "wanted");
    }
    #[test]
    fn who_waits_too_long_is_refused_and_takes_no_place_along() {
        let bounds = PoolBounds { wait: Some(Duration::from_millis(20)), ..SINGLE };
        let pool =
            Pool::new(bounds, || Connection::open_in_memory().map(Link::Sqlite).map_err(fault::classify));
        for _ in 0..3 {
            let refused = pool.read(|_| Ok(one(&pool).unwrap_err())).unwrap();
            assert_eq!((refused.kind(), refused.code()), (ErrorKind::Busy, "database_connections_busy"));
            assert_eq!(refused.retry_after(), Some(Duration::from_secs(1)));
        }
        one(&pool).unwrap();
        let state = pool.lock();
        assert_eq!((state.idle.len(), state.unopened), (1, 0));
    }
}
