//! Rests between attempts, which become longer as long as nothing comes of them.

use std::time::{Duration, Instant};

/// How long the first one is.
pub(super) const PAUSE: Duration = Duration::from_secs(60);
/// Each is twice as long as the one before, so often: 16 minutes.
const MOST_DOUBLINGS: u32 = 4;

#[derive(Default)]
pub(super) struct Rest {
    until: Option<Instant>,
    /// How many there were since something was made.
    times: u32,
    /// Nobody's vectors are made meanwhile, and not just no old ones anew.
    is_for_all: bool,
}

impl Rest {
    pub(super) fn begin(&mut self, now: Instant, is_for_all: bool) {
        self.until = Some(now + PAUSE * 2_u32.pow(self.times.min(MOST_DOUBLINGS)));
        (self.times, self.is_for_all) = (self.times + 1, is_for_all);
    }

    /// Something was made: the next one is as short as the first.
    pub(super) fn shorten(&mut self) {
        self.times = 0;
    }

    pub(super) fn end(&mut self) {
        self.until = None;
    }

    pub(super) fn is_on(&self, now: Instant, is_first: bool) -> bool {
        (!is_first || self.is_for_all) && self.until.is_some_and(|until| now < until)
    }
}
