//! Threads that do what must be done now and then.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::base::error::{Error, ErrorKind, Result};

/// A thread that repeats a piece of work until it is stopped.
#[derive(Default)]
pub(super) struct Upkeep {
    signal: Arc<Signal>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

#[derive(Default)]
struct Signal {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    is_stopped: bool,
    is_nudged: bool,
}

impl Upkeep {
    /// As [`start`](Upkeep::start), for work that others come before: `niceness`, from 1 to 19, is how little of a processor
    /// that is short the thread has, a tenth of what they have at 10 and a seventieth at 19. What it writes should be
    /// [written behind](crate::storage::Storage::write_behind).
    pub(super) fn start_behind(
        &self,
        name: &str,
        niceness: i32,
        interval: Duration,
        mut look: impl FnMut(u32) -> bool + Send + 'static,
    ) -> Result<()> {
        #[cfg(not(unix))]
        let _ = niceness;
        self.start(name, interval, move |number| {
            #[cfg(unix)]
            if number == 1 {
                super::niceness::stand_back(niceness);
            }
            look(number)
        })
    }

    /// Starts the thread, which looks this often. `look` gets the number of the look, from 1, and is false when there is nothing
    /// left to keep up.
    pub(super) fn start(
        &self,
        name: &str,
        interval: Duration,
        mut look: impl FnMut(u32) -> bool + Send + 'static,
    ) -> Result<()> {
        let signal = Arc::clone(&self.signal);
        let work = move || {
            let mut number = 1;
            while signal.wait(interval) && look(number) {
                number = number.wrapping_add(1);
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
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

    /// Has the thread look now. Never waits for it.
    pub(super) fn nudge(&self) {
        self.signal.state().is_nudged = true;
        self.signal.wake.notify_all();
    }

    /// Ends the thread after the look it is at.
    pub(super) fn stop(&self) {
        self.signal.state().is_stopped = true;
        self.signal.wake.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A look may hold the last handle of what it keeps up; a thread cannot wait for its own end.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            drop(thread.join());
        }
    }
}

impl Signal {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next look. False when it will not come.
    fn wait(&self, interval: Duration) -> bool {
        let nothing = |state: &mut State| !state.is_stopped && !state.is_nudged;
        let waited = self.wake.wait_timeout_while(self.state(), interval, nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_nudged = false;
        !state.is_stopped
    }
}
