//! A clock that stands still.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{Clock, Timestamp};

/// A clock that a test moves by hand. Clones are the same clock. It begins at 2026-01-01T00:00:00Z.
///
/// ```
/// use std::time::Duration;
/// use kafka_core::{Clock, testing::ManualClock};
///
/// let clock = ManualClock::default();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), before.plus_ms(60_000));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    began: Instant,
    passed_ms: Arc<AtomicI64>,
}

/// 2026-01-01T00:00:00Z.
const BEGINNING_MS: i64 = 1_767_225_600_000;

impl Default for ManualClock {
    fn default() -> ManualClock {
        ManualClock { began: Instant::now(), passed_ms: Arc::default() }
    }
}

impl ManualClock {
    /// Lets time pass, in whole milliseconds, for instants and durations alike.
    pub fn advance(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.passed_ms.fetch_add(ms, Ordering::SeqCst);
    }

    fn passed_ms(&self) -> i64 {
        self.passed_ms.load(Ordering::SeqCst)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(BEGINNING_MS + self.passed_ms())
    }

    fn instant(&self) -> Instant {
        self.began + Duration::from_millis(self.passed_ms().unsigned_abs())
    }
}
