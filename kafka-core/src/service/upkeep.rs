//! The thread that does what must be done now and then.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::base::error::{Error, ErrorKind, Result};

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_millis(500);

/// A thread that repeats a piece of work until it is stopped.
#[derive(Default)]
pub(super) struct Upkeep {
    signal: Arc<Signal>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

#[derive(Default)]
struct Signal {
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Upkeep {
    /// Starts the thread. `round` is false when there is nothing left to keep up.
    pub(super) fn start(&self, mut round: impl FnMut() -> bool + Send + 'static) -> Result<()> {
        let signal = Arc::clone(&self.signal);
        let work = move || while signal.wait() && round() {};
        let thread = thread::Builder::new().name("kafka-upkeep".to_owned()).spawn(work).map_err(|error| {
            Error::new(
                ErrorKind::Busy,
                "thread_unavailable",
                "The system gives no more threads; try again later.",
            )
            .with_source(error)
        })?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Ends the thread after the round it is in.
    pub(super) fn stop(&self) {
        *self.signal.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.signal.wake.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A round may hold the last handle of what it keeps up; a thread cannot wait for its own end.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            drop(thread.join());
        }
    }
}

impl Signal {
    /// Waits for the next round. False when it will not come.
    fn wait(&self) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(stopped, INTERVAL, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
