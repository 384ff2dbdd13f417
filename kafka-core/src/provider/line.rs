//! The clock and the stop button of one call.

use std::{
    sync::{Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use crate::base::cancel::{CancelGuard, CancelToken};
use crate::entity::params::Timeouts;

/// What a call is waiting for; each has its own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Connect,
    FirstPayload,
    NextPayload,
    /// What may follow the regular end of an answer, such as its usage.
    Tail,
}

/// Why a call cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled,
    /// The limit that ran out.
    TimedOut(Limit),
}

/// A limit of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Of(Wait),
    Total,
}

/// How long an endpoint may take after the regular end. It has nothing to compute any more.
const TAIL: Duration = Duration::from_secs(5);

/// Shared by the thread that reads an answer and the connection under it. Only waiting is timed: a
/// reader that comes back late finds a full limit.
#[derive(Debug)]
pub(crate) struct Line {
    cancel: CancelToken,
    timeouts: Timeouts,
    ends: Instant,
    armed: Mutex<(Wait, Instant)>,
}

impl Line {
    /// Starts the clock of the whole call.
    pub(crate) fn new(cancel: &CancelToken, timeouts: Timeouts) -> Line {
        let now = Instant::now();
        Line {
            cancel: cancel.clone(),
            timeouts,
            ends: later(now, timeouts.total),
            armed: Mutex::new((Wait::Connect, later(now, timeouts.connect))),
        }
    }

    /// Begins to wait for something, with the full limit that this has.
    pub(crate) fn arm(&self, wait: Wait) {
        let limit = match wait {
            Wait::Connect => self.timeouts.connect,
            Wait::FirstPayload => self.timeouts.first_token,
            Wait::NextPayload => self.timeouts.between_tokens,
            Wait::Tail => self.timeouts.between_tokens.min(TAIL),
        };
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = (wait, later(Instant::now(), limit));
    }

    /// The time that is left for what is waited for.
    pub(crate) fn remaining(&self) -> Result<Duration, Stop> {
        if self.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let now = Instant::now();
        let (wait, deadline) = *self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let (limit, deadline) =
            if self.ends < deadline { (Limit::Total, self.ends) } else { (Limit::Of(wait), deadline) };
        match deadline.checked_duration_since(now) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(Stop::TimedOut(limit)),
        }
    }

    /// Runs `hang_up` when the call is cancelled, at once if it is already.
    pub(crate) fn on_cancel(&self, hang_up: impl FnOnce() + Send + 'static) -> CancelGuard {
        self.cancel.on_cancel(hang_up)
    }

    /// Waits before the next attempt; ends at once when cancelled. Fails right away when the call would
    /// be out of time after it.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<(), Stop> {
        if later(Instant::now(), duration) >= self.ends {
            return Err(Stop::TimedOut(Limit::Total));
        }
        let (cancelled, wake) = mpsc::channel();
        let _guard = self.on_cancel(move || {
            // Nobody waits any more when this fails.
            let _ = cancelled.send(());
        });
        match wake.recv_timeout(duration) {
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => Err(Stop::Cancelled),
        }
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }
}

/// `instant` plus `duration`; a duration beyond what the clock can express never ends.
fn later(instant: Instant, duration: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    instant.checked_add(duration.min(NEVER)).unwrap_or(instant)
}
