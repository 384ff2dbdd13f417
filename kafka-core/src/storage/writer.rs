//! The one writer: a queue of jobs, a thread that commits them together, and the rule for failures.
//!
//! Jobs share a transaction, and nobody is answered before the commit. A job that fails before it has
//! written, as most that fail do, leaves the others alone. What it has written is taken back with all the
//! rest, and the jobs run again, each in a savepoint of its own: those are not free on either engine, so
//! they are made when there is need. Some faults (a full disk, a broken one, lack of memory) end the whole
//! transaction and take the work of innocent jobs with them, and a commit can fail for the sake of one job.
//! Then each job runs again alone, and only one that fails alone gets the error. That is why a job is `Fn`.

use std::{
    collections::VecDeque,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use super::{
    conn::{AfterCommit, Tx},
    link::{Link, Standing, transaction},
};
use crate::base::{
    error::{Error, ErrorKind, Result},
    limits::Limits,
};

/// The answer to every call after the close.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Busy, "storage_closed", "The database is closed; open it again to use it.")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one connection that writes, for whoever holds its lock. None once it is closed.
#[derive(Clone)]
pub(super) struct SharedConnection(Arc<Mutex<Option<Link>>>);

impl SharedConnection {
    pub(super) fn new(connection: Link) -> SharedConnection {
        SharedConnection(Arc::new(Mutex::new(Some(connection))))
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&Link) -> Result<T>) -> Result<T> {
        work(lock(&self.0).as_ref().ok_or_else(closed)?)
    }

    /// Runs `work` in a transaction of its own, on this thread.
    pub(super) fn write_alone<T>(&self, work: &dyn Fn(&Tx<'_>) -> Result<T>) -> Result<T> {
        self.with(|connection| write_alone(connection, work))
    }

    /// Moves the log into the database file and closes it.
    pub(super) fn close(&self) {
        if let Some(connection) = lock(&self.0).take() {
            connection.finish();
        }
    }
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    connection: SharedConnection,
    queue: Mutex<Queue>,
    /// Signalled when a job arrives at a sleeping writer, and at the close.
    arrived: Condvar,
    /// Whether the last commit held one job only.
    calm: AtomicBool,
    queued_writes: usize,
    writes_per_commit: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Arc<dyn Job>>,
    sleeping: bool,
    closed: bool,
}

impl Writer {
    pub(super) fn start(connection: SharedConnection, limits: &Limits) -> Result<Writer> {
        let shared = Arc::new(Shared {
            connection,
            queue: Mutex::default(),
            arrived: Condvar::new(),
            calm: AtomicBool::new(true),
            queued_writes: limits.queued_writes.max(1),
            writes_per_commit: limits.writes_per_commit.max(1),
        });
        let thread = thread::Builder::new()
            .name("kafka-writer".to_owned())
            .spawn({
                let shared = shared.clone();
                move || shared.serve()
            })
            .map_err(|fault| {
                Error::new(
                    ErrorKind::Busy,
                    "thread_refused",
                    "The system gives no thread to write the database with.",
                )
                .with_source(fault)
            })?;
        Ok(Writer { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work`, on this thread where that is faster, and returns when it is committed.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(answer) = self.shared.write_here(&work) {
            return answer;
        }
        self.write_there(work)
    }

    /// Runs `work` on the writer's thread and returns when it is committed.
    pub(super) fn write_there<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let call = Arc::new(Call {
            slot: Mutex::new(Slot { work, answer: None }),
            answered: AtomicBool::new(false),
            caller: thread::current(),
        });
        self.shared.enqueue(call.clone())?;
        while !call.answered.load(Ordering::Acquire) {
            thread::park();
        }
        let answer = lock(&call.slot).answer.take();
        answer.unwrap_or_else(|| Err(closed()))
    }

    /// Whether calls come one at a time.
    pub(super) fn is_calm(&self) -> bool {
        self.shared.calm.load(Ordering::Relaxed)
    }

    /// Refuses new jobs, finishes those that wait, and closes the connection.
    pub(super) fn stop(&self) {
        lock(&self.shared.queue).closed = true;
        self.shared.arrived.notify_one();
        if let Some(thread) = lock(&self.thread).take()
            // A job may have held the last handle; the thread cannot wait for itself.
            && thread.thread().id() != thread::current().id()
        {
            // The thread catches the panics of jobs and has none of its own.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Commits on the caller's own thread when the writer has nothing to do and calls come one at a
    /// time. That saves two changes of thread, which cost up to half of a lone caller's rate where the
    /// disk is fast. None when the job has to queue.
    fn write_here<T>(&self, work: &dyn Fn(&Tx<'_>) -> Result<T>) -> Option<Result<T>> {
        if !self.calm.load(Ordering::Relaxed) {
            return None;
        }
        let connection = match self.connection.0.try_lock() {
            Ok(connection) => connection,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        {
            // Who queues already goes first, or a quick caller could keep the writer out for ever.
            let queue = lock(&self.queue);
            if queue.closed || !queue.jobs.is_empty() {
                return None;
            }
        }
        Some(write_alone(connection.as_ref()?, work))
    }

    fn enqueue(&self, job: Arc<dyn Job>) -> Result<()> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(closed());
        }
        if queue.jobs.len() >= self.queued_writes {
            return Err(Error::new(
                ErrorKind::Busy,
                "writes_queued_full",
                format!("{} writes wait for the disk already; try again in a moment.", self.queued_writes),
            )
            .with_retry_after(Duration::from_secs(1)));
        }
        queue.jobs.push_back(job);
        if queue.sleeping {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// The writer's thread.
    fn serve(&self) {
        let mut jobs: Vec<Arc<dyn Job>> = Vec::new();
        while self.wait_for_jobs() {
            // A caller may hold the connection: what arrives meanwhile joins this commit.
            let connection = lock(&self.connection.0);
            {
                let mut queue = lock(&self.queue);
                let count = queue.jobs.len().min(self.writes_per_commit);
                jobs.extend(queue.jobs.drain(..count));
            }
            let after = match connection.as_ref() {
                Some(connection) => commit(connection, &jobs),
                None => {
                    jobs.iter().for_each(|job| job.refuse(closed()));
                    Vec::new()
                }
            };
            self.calm.store(jobs.len() <= 1, Ordering::Relaxed);
            // Still under the connection's lock: hooks run in the order of the commits. And before the answers: who
            // has one may rely on it that everyone was told.
            run_hooks(after);
            for job in jobs.drain(..) {
                job.answer();
            }
        }
        self.connection.close();
    }

    /// False when the queue is empty and closed.
    fn wait_for_jobs(&self) -> bool {
        let mut queue = lock(&self.queue);
        while queue.jobs.is_empty() && !queue.closed {
            queue.sleeping = true;
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.sleeping = false;
        }
        !queue.jobs.is_empty()
    }
}

/// A queued call, without its types.
trait Job: Send + Sync {
    /// Does the work on a connection that is inside a transaction. The answer is kept back.
    fn run(&self, connection: &Link) -> Result<Vec<AfterCommit>, Failed>;
    /// Replaces the answer by an error.
    fn refuse(&self, error: Error);
    /// Lets the caller have the answer.
    fn answer(&self);
}

struct Call<F, T> {
    slot: Mutex<Slot<F, T>>,
    answered: AtomicBool,
    caller: Thread,
}

struct Slot<F, T> {
    work: F,
    answer: Option<Result<T>>,
}

impl<F, T> Job for Call<F, T>
where
    F: Fn(&Tx<'_>) -> Result<T> + Send,
    T: Send,
{
    fn run(&self, connection: &Link) -> Result<Vec<AfterCommit>, Failed> {
        let mut slot = lock(&self.slot);
        let (value, after) = run(connection, &slot.work)?;
        slot.answer = Some(Ok(value));
        Ok(after)
    }

    fn refuse(&self, error: Error) {
        lock(&self.slot).answer = Some(Err(error));
    }

    fn answer(&self) {
        self.answered.store(true, Ordering::Release);
        self.caller.unpark();
    }
}

/// Runs and commits `jobs`, and returns what is to run after the commit, in their order. Every job has
/// an answer then, but is not given it.
fn commit(connection: &Link, jobs: &[Arc<dyn Job>]) -> Vec<AfterCommit> {
    let each_alone = || {
        let alone = |job: &Arc<dyn Job>| {
            transaction(connection, || job.run(connection).map_err(|failed| failed.error)).unwrap_or_else(
                |error| {
                    job.refuse(error);
                    Vec::new()
                },
            )
        };
        jobs.iter().flat_map(alone).collect()
    };
    let refuse_all = |error: Error| {
        jobs.iter().for_each(|job| job.refuse(error.clone()));
        Vec::new()
    };
    if jobs.len() < 2 {
        return each_alone();
    }
    for run_all in [run_plainly, run_in_savepoints] {
        if let Err(error) = connection.begin_write() {
            return refuse_all(error);
        }
        let spoilt = match run_all(connection, jobs) {
            Ok(after) if connection.commit().is_ok() => return after,
            Ok(_) => Spoilt::ByFault,
            Err(spoilt) => spoilt,
        };
        connection.undo();
        if let Some(error) = connection.undecided() {
            return refuse_all(error);
        }
        if spoilt == Spoilt::ByFault {
            break;
        }
    }
    each_alone()
}

/// Why jobs did not come to their commit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoilt {
    /// One failed and has written something, which savepoints can take back.
    ByJob,
    /// The transaction does not stand any more.
    ByFault,
}

/// Runs `jobs` in the transaction that was begun.
fn run_plainly(connection: &Link, jobs: &[Arc<dyn Job>]) -> Result<Vec<AfterCommit>, Spoilt> {
    let mut after = Vec::new();
    for job in jobs {
        let done = job.run(connection);
        // A job may hide what ended the transaction, and the next one must not run outside: the link is asked.
        match (connection.standing(), done) {
            (Standing::Open, Ok(hooks)) => after.extend(hooks),
            (Standing::Open, Err(failed)) if !failed.has_written => job.refuse(failed.error),
            (Standing::Ended, _) => return Err(Spoilt::ByFault),
            _ => return Err(Spoilt::ByJob),
        }
    }
    Ok(after)
}

/// The same, so that one that fails takes back only what it did itself.
fn run_in_savepoints(connection: &Link, jobs: &[Arc<dyn Job>]) -> Result<Vec<AfterCommit>, Spoilt> {
    let mut after = Vec::new();
    let run = |sql| connection.run(sql).map_err(|_| Spoilt::ByFault);
    for job in jobs {
        run("SAVEPOINT job")?;
        // What it left to travel with the next statement goes before the RELEASE, which then fails with it.
        match job.run(connection) {
            Ok(hooks) => after.extend(hooks),
            Err(failed) => {
                run("ROLLBACK TO job")?;
                job.refuse(failed.error);
            }
        }
        run("RELEASE job")?;
    }
    Ok(after)
}

/// Runs `work` in a transaction of its own, and what it wants after the commit.
fn write_alone<T>(connection: &Link, work: &dyn Fn(&Tx<'_>) -> Result<T>) -> Result<T> {
    let run = || run(connection, work).map_err(|failed| failed.error);
    let (value, after) = transaction(connection, run)?;
    run_hooks(after);
    Ok(value)
}

/// The error of a job, and whether there is something to take back.
struct Failed {
    error: Error,
    has_written: bool,
}

/// Calls `work`; its panic is its own error.
fn run<T>(connection: &Link, work: &dyn Fn(&Tx<'_>) -> Result<T>) -> Result<(T, Vec<AfterCommit>), Failed> {
    let tx = Tx::new(connection);
    let done = panic::catch_unwind(AssertUnwindSafe(|| work(&tx))).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Internal,
            "write_panicked",
            "A write ended by a defect of this program; nothing of it was stored.",
        ))
    });
    match done {
        Ok(value) => Ok((value, tx.finish())),
        Err(error) => Err(Failed { error, has_written: tx.has_written() }),
    }
}

fn run_hooks(after: Vec<AfterCommit>) {
    for hook in after {
        // The commit stands whatever a hook does.
        let _ = panic::catch_unwind(AssertUnwindSafe(hook));
    }
}

#[cfg(test)]
mod tests;
