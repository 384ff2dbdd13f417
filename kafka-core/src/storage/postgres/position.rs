//! How far the primary has written, asked once for all who want to know at the same time.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::{
    connect::{Connector, first_value},
    session::Session,
};
use crate::base::error::Result;

/// All that was acknowledged lies before what was forced to the disk: no commit is answered earlier.
const ASK: &str = "SELECT pg_current_wal_flush_lsn()";

/// Asks the primary on a connection of its own.
pub(super) struct Position {
    connector: Arc<Connector>,
    session: Mutex<Option<Session>>,
    question: Joint,
}

impl Position {
    pub(super) fn of(connector: Arc<Connector>) -> Position {
        Position { connector, session: Mutex::default(), question: Joint::default() }
    }

    /// A position behind all that was acknowledged before this call.
    pub(super) fn now(&self) -> Result<u64> {
        self.question.put(|| {
            let mut session = lock(&self.session);
            let open = match session.take() {
                Some(open) if open.is_fresh() => open,
                _ => self.connector.reader()?,
            };
            let answer = open.simple(ASK)?;
            *session = Some(open);
            Ok(first_value(&answer).and_then(parse).unwrap_or(u64::MAX))
        })
    }

    pub(super) fn close(&self) {
        *lock(&self.session) = None;
    }
}

/// A question that those who put it while it is under way put together, once more, when it is answered.
#[derive(Default)]
struct Joint {
    begun: AtomicU64,
    answer: Mutex<Option<Result<u64>>>,
}

impl Joint {
    /// The answer to a question that began after this call did.
    fn put(&self, ask: impl FnOnce() -> Result<u64>) -> Result<u64> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = lock(&self.answer);
        // The one that was under way began too early; the next did not.
        if let Some(answer) = &*last
            && self.begun.load(Ordering::SeqCst) > before
        {
            return answer.clone();
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        let answer = ask();
        *last = Some(answer.clone());
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A position in PostgreSQL's spelling.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some(u64::from(u32::from_str_radix(high, 16).ok()?) << 32 | u64::from(u32::from_str_radix(low, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn positions_are_ordered_as_they_were_written() {
        for (text, position) in [
            ("0/0", Some(0)),
            ("0/3000148", Some(0x300_0148)),
            ("16/B374D848", Some(0x16_b374_d848)),
            ("FFFFFFFF/FFFFFFFF", Some(u64::MAX)),
            ("1", None),
            ("0/100000000", None),
            ("x/0", None),
        ] {
            assert_eq!(parse(text), position, "{text}");
        }
    }

    #[test]
    fn nobody_gets_the_answer_to_a_question_that_began_before_they_came() {
        let joint = &Joint::default();
        let asked = &AtomicU64::new(0);
        let ask = || Ok(asked.fetch_add(1, Ordering::SeqCst) + 1);
        let (begun, is_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let first = scope.spawn(move || {
                joint.put(|| {
                    begun.send(()).unwrap();
                    released.recv().unwrap();
                    ask()
                })
            });
            is_begun.recv().unwrap();
            let late: Vec<_> = (0..4).map(|_| scope.spawn(move || joint.put(ask))).collect();
            release.send(()).unwrap();
            assert_eq!(first.join().unwrap().unwrap(), 1);
            for late in late {
                assert!(late.join().unwrap().unwrap() > 1);
            }
        });
        assert!(asked.load(Ordering::SeqCst) <= 5);
    }
}
