//! How far the primary has written, asked once for all who want to know at the same time.

use std::sync::{
    Arc, Mutex, PoisonError,
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
    /// Questions that were begun.
    begun: AtomicU64,
    asker: Mutex<Asker>,
}

#[derive(Default)]
struct Asker {
    session: Option<Session>,
    /// What came of the last question.
    answer: Option<Result<u64>>,
}

impl Position {
    pub(super) fn of(connector: Arc<Connector>) -> Position {
        Position { connector, begun: AtomicU64::new(0), asker: Mutex::default() }
    }

    /// A position behind all that was acknowledged before this call. Those who call while a question is under
    /// way share the next one.
    pub(super) fn now(&self) -> Result<u64> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut asker = self.asker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = &asker.answer
            && self.begun.load(Ordering::SeqCst) > before
        {
            // It was begun after this call.
            return answer.clone();
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        let answer = asker.ask(&self.connector);
        if answer.is_err() {
            asker.session = None;
        }
        asker.answer = Some(answer.clone());
        answer
    }

    pub(super) fn close(&self) {
        self.asker.lock().unwrap_or_else(PoisonError::into_inner).session = None;
    }
}

impl Asker {
    fn ask(&mut self, connector: &Arc<Connector>) -> Result<u64> {
        let session = match self.session.take() {
            Some(session) if session.is_fresh() => self.session.insert(session),
            _ => self.session.insert(connector.reader()?),
        };
        let answer = session.simple(ASK)?;
        Ok(first_value(&answer).and_then(parse).unwrap_or(u64::MAX))
    }
}

/// A position in PostgreSQL's spelling.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some(u64::from_str_radix(high, 16).ok()? << 32 | u64::from(u32::from_str_radix(low, 16).ok()?))
}

#[cfg(test)]
mod tests {
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
}
