//! The threads that serve connections. One that has served stays for a while and takes the next connection:
//! that costs a tenth of making a thread, which is what a flood of short connections asks for.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Stack of a connection's thread, in bytes. Handlers run on it.
const STACK_BYTES: usize = 1 << 20;
/// How long a thread without work stays.
const STAY: Duration = Duration::from_secs(2);
/// Most threads that stay without work.
const MOST_IDLE: usize = 16;

type Work = Box<dyn FnOnce() + Send>;

/// Runs each piece of work at once, on a thread of its own. Clones share their threads.
#[derive(Clone, Default)]
pub(super) struct Threads {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    hall: Mutex<Hall>,
    news: Condvar,
}

#[derive(Default)]
struct Hall {
    /// Never longer than `idle`: each piece has its thread already.
    waiting: VecDeque<Work>,
    /// Threads that wait for work.
    idle: usize,
}

impl Threads {
    /// Runs `work` on a thread that is free, else on a new one.
    ///
    /// # Errors
    /// The operating system's, when it has no more threads; the work is dropped.
    pub(super) fn run(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let work: Work = Box::new(work);
        let mut hall = self.shared.lock();
        if hall.waiting.len() < hall.idle {
            hall.waiting.push_back(work);
            drop(hall);
            self.shared.news.notify_one();
            return Ok(());
        }
        drop(hall);
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("http".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || shared.work(work)).map(drop)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life.
    fn work(&self, first: Work) {
        let mut next = Some(first);
        while let Some(work) = next {
            work();
            next = self.next();
        }
    }

    /// Waits for more work. `None` sends the thread home.
    fn next(&self) -> Option<Work> {
        let mut hall = self.lock();
        if hall.idle >= MOST_IDLE {
            return None;
        }
        hall.idle += 1;
        let waited = self.news.wait_timeout_while(hall, STAY, |hall| hall.waiting.is_empty());
        let mut hall = waited.unwrap_or_else(PoisonError::into_inner).0;
        hall.idle -= 1;
        hall.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Barrier, mpsc},
        thread::ThreadId,
        time::Instant,
    };

    use super::*;

    /// Waits until so many threads are idle, and no longer than they would stay.
    fn wait_until_idle(threads: &Threads, count: usize) {
        let began = Instant::now();
        while threads.shared.lock().idle != count {
            assert!(began.elapsed() < STAY, "{} threads are idle", threads.shared.lock().idle);
            thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_has_served_takes_the_next_connection() {
        let threads = Threads::default();
        let run = || -> ThreadId {
            let (tell, told) = mpsc::channel();
            threads.run(move || tell.send(thread::current().id()).unwrap()).unwrap();
            told.recv().unwrap()
        };
        let first = run();
        wait_until_idle(&threads, 1);
        assert_eq!(run(), first);
    }

    #[test]
    fn connections_never_wait_for_each_other_and_few_threads_stay() {
        const MANY: usize = 2 * MOST_IDLE;
        let threads = Threads::default();
        for _ in 0..2 {
            // Nobody passes before all have come.
            let barrier = Arc::new(Barrier::new(MANY + 1));
            for _ in 0..MANY {
                let barrier = Arc::clone(&barrier);
                let work = move || {
                    barrier.wait();
                };
                threads.run(work).unwrap();
            }
            barrier.wait();
            wait_until_idle(&threads, MOST_IDLE);
        }
    }
}
