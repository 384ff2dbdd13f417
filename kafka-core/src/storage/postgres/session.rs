//! One connection: prepared statements, what travels together, and being lost and made again.

mod transaction;

use std::{
    array,
    cell::{Cell as Flag, RefCell},
    fmt::Write as _,
    ops::ControlFlow,
    sync::Arc,
    time::Instant,
};

use tokio_postgres::{SimpleQueryMessage, types::ToSql};

use super::{
    connect::Connector,
    driver::{Ahead, Before, Driver, Failed},
    fault,
    prepared::Prepared,
    value::Encoded,
};
use crate::{
    base::error::{Error, ErrorKind, Result},
    storage::{sql::Statement, value::Value},
};

/// Taken by every transaction that writes, until it ends: writes come one after another, also those of
/// other processes, as the services and the store of files rely on. The number means nothing.
const WRITE_LOCK: i64 = 0x6b61_666b_6100;
/// Taken by who migrates or starts.
const MIGRATION_LOCK: i64 = WRITE_LOCK + 1;
/// How many statements wait at most for the next one to travel with.
const MOST_AHEAD: usize = 64;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
}

pub(in crate::storage) struct Session {
    connector: Arc<Connector>,
    role: Role,
    driver: RefCell<Driver>,
    prepared: RefCell<Prepared<tokio_postgres::Statement>>,
    opened: Instant,
    used: Flag<Instant>,
    in_transaction: Flag<bool>,
    /// Whether a statement has failed since the transaction began, which then takes nothing more.
    failed: Flag<bool>,
    /// Whether nobody knows if the last commit stands.
    undecided: Flag<bool>,
    /// Whether the BEGIN is still to travel, with the first statement.
    is_unsent: Flag<bool>,
    /// The server's number of the transaction that writes; empty until it has begun.
    transaction: RefCell<String>,
    begin_write: String,
    /// What the transaction runs before whatever it runs next.
    ahead: RefCell<Vec<Ahead>>,
    /// What the transaction tells other nodes.
    told: RefCell<Vec<String>>,
}

impl Session {
    pub(super) fn open(connector: Arc<Connector>, role: Role) -> Result<Session> {
        let driver = connect(&connector, role)?;
        let prepared = RefCell::new(Prepared::new(connector.options.cached_statements));
        Ok(Session {
            connector,
            role,
            driver: RefCell::new(driver),
            prepared,
            opened: Instant::now(),
            used: Flag::new(Instant::now()),
            in_transaction: Flag::new(false),
            failed: Flag::new(false),
            undecided: Flag::new(false),
            is_unsent: Flag::new(false),
            transaction: RefCell::default(),
            begin_write: format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
                 SELECT pg_advisory_xact_lock({WRITE_LOCK}), pg_current_xact_id()"
            ),
            ahead: RefCell::default(),
            told: RefCell::default(),
        })
    }

    /// Whether it may be used again.
    pub(in crate::storage) fn is_fresh(&self) -> bool {
        let options = &self.connector.options;
        self.used.get().elapsed() < options.pool_idle && self.opened.elapsed() < options.pool_lifetime
    }

    /// Waits until no other process migrates or starts, and keeps others from it while this session is open.
    pub(in crate::storage) fn lock_migrations(&self) -> Result<()> {
        self.run(&format!(
            "SET lock_timeout = 0; SET statement_timeout = 0; \
             SELECT pg_advisory_lock({MIGRATION_LOCK})"
        ))
    }

    /// Runs SQL of any number of statements without parameters.
    pub(in crate::storage) fn run(&self, sql: &str) -> Result<()> {
        self.simple(sql).map(drop)
    }

    /// Runs what waits for the next statement to travel with, the BEGIN and its lock among it.
    pub(in crate::storage) fn settle(&self) -> Result<()> {
        if !self.is_unsent.get() && self.ahead.borrow().is_empty() {
            return Ok(());
        }
        self.travel(None, Driver::settle)
    }

    /// Makes a call together with what waits for one.
    fn travel<T>(
        &self,
        statement: Option<&'static Statement>,
        call: impl FnOnce(&mut Driver, &mut Before<'_>) -> Result<T, Failed>,
    ) -> Result<T> {
        let mut driver = self.driver()?;
        let mut before = self.before();
        let done = call(&mut driver, &mut before);
        self.note_number(&before.opened);
        done.map_err(|failed| self.failed_at(failed, statement))
    }

    fn before(&self) -> Before<'_> {
        let opening = self.is_unsent.replace(false).then_some(self.begin_write.as_str());
        Before { opening, ahead: self.ahead.take(), opened: Vec::new() }
    }

    /// Runs SQL of a migration, whose own mistakes are said.
    pub(in crate::storage) fn run_step(&self, sql: &str) -> Result<()> {
        self.settle()?;
        self.driver()?.simple_query(sql).map(drop).map_err(|refused| {
            let said = refused.as_db_error().filter(|said| {
                // Syntax and names, integrity, data.
                ["42", "23", "22"].iter().any(|class| said.code().code().starts_with(class))
                    && *said.code() != tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE
            });
            match said.map(|said| said.message().to_owned()) {
                Some(said) => Error::new(ErrorKind::Storage, "migration_failed", said).with_source(refused),
                None => fault::classify(refused),
            }
        })
    }

    pub(super) fn simple(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        self.settle()?;
        self.driver()?.simple_query(sql).map_err(fault::classify)
    }

    /// Runs a statement that gives no rows and returns how many rows it touched.
    pub(in crate::storage) fn execute(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
    ) -> Result<usize> {
        self.execute_bound(statement, &bound(params))
    }

    /// The same for many rows at once: the statement gets each parameter of all of them as an array.
    pub(in crate::storage) fn execute_all<const N: usize>(
        &self,
        statement: &'static Statement,
        rows: &[[Value<'_>; N]],
    ) -> Result<usize> {
        let columns: [Vec<Value<'_>>; N] =
            array::from_fn(|column| rows.iter().map(|row| row[column]).collect());
        self.execute_bound(statement, &columns.each_ref().map(|column| column as _))
    }

    /// The same for a statement of which nothing is asked but that it goes well: it travels with what the transaction
    /// runs next, at the latest with the commit, and fails that if it fails.
    pub(in crate::storage) fn execute_later(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
    ) -> Result<()> {
        let prepared = self.prepared(statement)?;
        let wanted = prepared.params();
        if wanted.len() != params.len() {
            return Err(unfit(statement, "a wrong number of values"));
        }
        let encoded = params.iter().zip(wanted).map(|(value, wanted)| Encoded::of(value, wanted));
        let params = encoded.collect::<Result<_, _>>().map_err(|fault| unfit(statement, fault))?;
        let mut ahead = self.ahead.borrow_mut();
        ahead.push(Ahead { statement, prepared, params });
        if ahead.len() < MOST_AHEAD {
            return Ok(());
        }
        drop(ahead);
        self.settle()
    }

    fn execute_bound(&self, statement: &'static Statement, params: &[&(dyn ToSql + Sync)]) -> Result<usize> {
        let prepared = self.prepared(statement)?;
        let touched =
            self.travel(Some(statement), |driver, before| driver.execute(before, &prepared, params))?;
        Ok(usize::try_from(touched).unwrap_or(usize::MAX))
    }

    /// Calls `visit` for each row until it breaks off. What is read outside a transaction is read again on a new
    /// connection when the old one turns out to be lost.
    pub(in crate::storage) fn visit(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
        mut visit: impl FnMut(&tokio_postgres::Row) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if self.in_transaction.get() || self.role != Role::Reader {
            return self.rows(statement, params, visit);
        }
        self.used.set(Instant::now());
        let mut is_seen = false;
        let mut once = || {
            self.rows(statement, params, |row| {
                is_seen = true;
                visit(row)
            })
        };
        let done = if self.is_lost() { Err(fault::unavailable(Lost)) } else { once() };
        match done {
            Err(error) if self.is_lost_by(&error) && !is_seen => {
                self.reconnect()?;
                self.rows(statement, params, visit)
            }
            done => done,
        }
    }

    fn rows(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
        mut visit: impl FnMut(&tokio_postgres::Row) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let prepared = self.prepared(statement)?;
        let mut driver = self.driver()?;
        let mut before = self.before();
        let called = driver.query(&mut before, &prepared, &bound(params));
        self.note_number(&before.opened);
        let mut rows = called.map_err(|failed| self.failed_at(failed, Some(statement)))?;
        while let Some(row) = rows.next().map_err(|fault| self.failed(statement, fault))? {
            if visit(&row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The same for SQL that is made for this once.
    pub(in crate::storage) fn visit_once(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut visit: impl FnMut(&tokio_postgres::Row) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.settle()?;
        let mut driver = self.driver()?;
        let mut rows = driver.query_once(sql, &bound(params)).map_err(fault::classify)?;
        while let Some(row) = rows.next().map_err(fault::classify)? {
            if visit(&row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs a COPY that is fed with this text.
    pub(in crate::storage) fn copy_in(&self, sql: &str, text: Vec<u8>) -> Result<()> {
        self.settle()?;
        self.driver()?.copy_in(sql, text).map_err(fault::classify)
    }

    fn prepared(&self, statement: &'static Statement) -> Result<tokio_postgres::Statement> {
        let address = std::ptr::from_ref(statement).addr();
        if let Some(prepared) = self.prepared.borrow_mut().get(address) {
            return Ok(prepared);
        }
        let prepared = self
            .driver()?
            .prepare(&by_bytes(statement.postgres))
            .map_err(|fault| self.failed(statement, fault))?;
        self.prepared.borrow_mut().insert(address, prepared.clone());
        Ok(prepared)
    }

    /// The connection, unless rows of another statement are being read from it.
    pub(super) fn driver(&self) -> Result<std::cell::RefMut<'_, Driver>> {
        self.driver.try_borrow_mut().map_err(|fault| {
            Error::new(
                ErrorKind::Internal,
                "statement_nested",
                "A statement was run while the rows of another one were read; this is a defect of this program.",
            )
            .with_source(fault)
        })
    }

    /// The error of a statement, which spoils the transaction.
    fn failed(&self, statement: &'static Statement, fault: tokio_postgres::Error) -> Error {
        self.failed.set(true);
        self.ahead.borrow_mut().clear();
        named(statement, fault)
    }

    /// The same for what may have failed before it.
    fn failed_at(&self, failed: Failed, statement: Option<&'static Statement>) -> Error {
        match failed.ahead.or(statement) {
            Some(statement) => self.failed(statement, failed.fault),
            None => {
                self.failed.set(true);
                fault::classify(failed.fault)
            }
        }
    }

    fn is_lost(&self) -> bool {
        self.driver.try_borrow().is_ok_and(|driver| driver.is_closed())
    }

    /// Whether the connection was lost by what gave this error: a server may say farewell first.
    fn is_lost_by(&self, error: &Error) -> bool {
        error.code() == fault::UNAVAILABLE || self.is_lost()
    }

    /// A server that cannot be reached any more is busy: it was, and it will be again.
    fn reconnect(&self) -> Result<()> {
        let driver = connect(&self.connector, self.role).map_err(fault::unavailable)?;
        self.prepared.borrow_mut().clear();
        *self.driver()? = driver;
        Ok(())
    }
}

fn connect(connector: &Connector, role: Role) -> Result<Driver> {
    let mut driver = connector.connect()?;
    let settings = match role {
        // Also what it reads outside a transaction.
        Role::Reader => "SET default_transaction_read_only = on",
        // A process that stands still, or whose machine is gone, in the middle of a write has the lock that
        // everyone else needs.
        Role::Writer => "SET idle_in_transaction_session_timeout = '10s'",
    };
    driver.simple_query(settings).map_err(fault::classify)?;
    Ok(driver)
}

fn bound<'v>(params: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    params.iter().map(|value| value as _).collect()
}

/// The statement with each parameter in small letters as the columns are. Those ignore the language of the
/// database (see `POSTGRES_WORDS`), which a parameter would follow.
fn by_bytes(sql: &str) -> String {
    let mut parts = sql.split("lower($");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(')').unwrap_or((part, ""));
        let _ = write!(text, "lower(${number} COLLATE \"C\"){rest}");
    }
    text
}

/// An error with the statement in its source, for the log.
fn named(statement: &'static Statement, fault: tokio_postgres::Error) -> Error {
    let mut text = format!("{}: {fault}", statement.name);
    if let Some(said) = fault.as_db_error() {
        let _ = write!(text, ": {} {}", said.code().code(), said.message());
    }
    fault::classify(fault).with_source(Named(text))
}

/// The error of values that a statement does not take.
fn unfit(statement: &'static Statement, fault: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, "storage_failed", "The database failed; the log says why.")
        .with_source(Named(format!("{}: {fault}", statement.name)))
}

#[derive(Debug)]
struct Named(String);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Named {}

#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was lost")
    }
}

impl std::error::Error for Lost {}
