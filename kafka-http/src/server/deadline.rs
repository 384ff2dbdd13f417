//! One end for work that takes many reads, so that a client cannot stretch it byte by byte.

use std::{
    io,
    time::{Duration, Instant},
};

/// An instant after which waiting is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after_ms(milliseconds: u64) -> Deadline {
        Deadline(Instant::now() + Duration::from_millis(milliseconds))
    }

    /// How long one more wait may last.
    pub(super) fn remaining(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        // The kernel counts socket time-outs in ticks and takes zero for "for ever".
        if left < Duration::from_millis(1) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}
