//! Transactions of a connection, and what is asked when nobody knows whether one stands.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio_postgres::SimpleQueryMessage;

use super::{Lost, Session};
use crate::{
    base::error::{Error, ErrorKind, Result},
    storage::postgres::{connect::first_value, fault, notice},
};

/// How long it is asked whether a commit stands whose answer was lost.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Session {
    /// Begins a transaction in which all that is read is of one moment. It also finds out whether the
    /// connection still stands, and makes it again if not.
    pub(in crate::storage) fn begin_read(&self) -> Result<()> {
        self.begin(BEGIN_READ).map(drop)
    }

    pub(in crate::storage) fn end_read(&self) -> Result<()> {
        self.in_transaction.set(false);
        self.used.set(Instant::now());
        self.run("COMMIT")
    }

    /// Begins a transaction while no other process is in one that writes.
    pub(in crate::storage) fn begin_write(&self) -> Result<()> {
        self.forget();
        self.note_number(&self.begin(&self.begin_write)?);
        Ok(())
    }

    /// The same, with the first statement and in one journey with it. [`settle`](Session::settle) does not wait for that.
    pub(in crate::storage) fn begin_write_with_first(&self) -> Result<()> {
        self.forget();
        self.is_unsent.set(true);
        if self.is_lost() {
            self.reconnect()?;
        }
        self.in_transaction.set(true);
        self.failed.set(false);
        Ok(())
    }

    /// Whether the connection was lost by the first that the transaction sent: then nothing of it stands, and a new
    /// connection may do.
    pub(in crate::storage) fn never_began(&self, error: &Error) -> bool {
        !self.is_unsent.get() && self.transaction.borrow().is_empty() && self.is_lost_by(error)
    }

    /// Forgets the last transaction.
    fn forget(&self) {
        self.undecided.set(false);
        self.is_unsent.set(false);
        self.ahead.borrow_mut().clear();
        self.told.borrow_mut().clear();
        self.transaction.borrow_mut().clear();
    }

    pub(super) fn note_number(&self, opened: &[SimpleQueryMessage]) {
        let number = opened.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(1),
            _ => None,
        });
        if let Some(number) = number {
            number.clone_into(&mut self.transaction.borrow_mut());
        }
    }

    /// Has other nodes told by the commit.
    pub(in crate::storage) fn tell(&self, lines: Vec<String>) {
        self.told.borrow_mut().extend(lines);
    }

    /// Makes the transaction last. When the connection is lost meanwhile, the server is asked whether it
    /// does.
    pub(in crate::storage) fn commit(&self) -> Result<()> {
        let telling = notice::telling(&self.connector.origin, &self.told.borrow());
        if self.is_unsent.get() {
            self.settle()?;
        }
        if self.transaction.borrow().is_empty() {
            return Err(fault::unavailable(Lost));
        }
        // One journey, with what goes ahead. Where any of that fails, no COMMIT runs.
        let sql = format!("{telling}COMMIT");
        match self.travel(None, |driver, before| driver.batch_execute(before, &sql)) {
            Ok(()) => {
                self.in_transaction.set(false);
                self.used.set(Instant::now());
                Ok(())
            }
            Err(error) if self.is_lost_by(&error) => {
                self.in_transaction.set(false);
                self.outcome()
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the transaction whose commit was not answered stands.
    fn outcome(&self) -> Result<()> {
        self.undecided.set(true);
        let question = format!("SELECT pg_xact_status('{}'::xid8)", self.transaction.borrow());
        let asked = Instant::now();
        loop {
            let answer = self.reconnect().and_then(|()| self.simple(&question));
            match answer.as_deref().ok().and_then(first_value) {
                Some("committed") => {
                    self.undecided.set(false);
                    return Ok(());
                }
                Some("aborted") => {
                    self.undecided.set(false);
                    return Err(fault::unavailable(Lost));
                }
                _ if asked.elapsed() > PATIENCE => return Err(undecided()),
                _ => thread::sleep(PAUSE),
            }
        }
    }

    /// The error of those whose commit nobody knows about.
    pub(in crate::storage) fn undecided(&self) -> Option<Error> {
        self.undecided.get().then(undecided)
    }

    /// Takes back what the open transaction did, if there is one.
    pub(in crate::storage) fn rollback(&self) {
        self.ahead.borrow_mut().clear();
        let is_begun = !self.is_unsent.replace(false);
        if self.in_transaction.replace(false) && is_begun {
            // A connection that cannot is lost, and the server does it.
            let _ = self.run("ROLLBACK");
        }
    }

    /// Whether a statement of the transaction has failed.
    pub(in crate::storage) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// Whether running the same transaction again may go well.
    pub(in crate::storage) fn is_conflict(error: &Error) -> bool {
        error.code() == fault::CONFLICT
    }

    /// Runs what begins a transaction, on a new connection when the old one is lost.
    fn begin(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        let mut answer = if self.is_lost() { Err(fault::unavailable(Lost)) } else { self.simple(sql) };
        if answer.as_ref().is_err_and(|error| self.is_lost_by(error)) {
            self.reconnect()?;
            answer = self.simple(sql);
        }
        // What failed in its middle has to be ended, too.
        self.in_transaction.set(true);
        self.failed.set(false);
        if answer.is_err() {
            self.rollback();
        }
        answer
    }
}

fn undecided() -> Error {
    Error::new(
        ErrorKind::Busy,
        fault::UNAVAILABLE,
        "The database was lost while it stored this call; look whether it did before you try again.",
    )
    .with_retry_after(Duration::from_secs(1))
}
