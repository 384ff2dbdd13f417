//! One connection: transactions, prepared statements, and being lost and made again.

use std::{
    array,
    cell::{Cell as Flag, RefCell},
    fmt::Write as _,
    io::Write as _,
    ops::ControlFlow,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use postgres::{Client, SimpleQueryMessage, fallible_iterator::FallibleIterator, types::ToSql};

use super::{
    connect::{Connector, first_value},
    fault, notice,
    prepared::Prepared,
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
/// How long it is asked whether a commit stands whose answer was lost.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reader,
    Writer,
}

pub(in crate::storage) struct Session {
    connector: Arc<Connector>,
    role: Role,
    client: RefCell<Client>,
    prepared: RefCell<Prepared<postgres::Statement>>,
    opened: Instant,
    used: Flag<Instant>,
    in_transaction: Flag<bool>,
    /// Whether a statement has failed since the transaction began, which then takes nothing more.
    failed: Flag<bool>,
    /// Whether nobody knows if the last commit stands.
    undecided: Flag<bool>,
    /// The server's number of the transaction that writes.
    transaction: RefCell<String>,
    begin_write: String,
    /// What the transaction tells other nodes.
    told: RefCell<Vec<String>>,
}

impl Session {
    pub(super) fn open(connector: Arc<Connector>, role: Role) -> Result<Session> {
        let client = connect(&connector, role)?;
        let prepared = RefCell::new(Prepared::new(connector.options.cached_statements));
        Ok(Session {
            connector,
            role,
            client: RefCell::new(client),
            prepared,
            opened: Instant::now(),
            used: Flag::new(Instant::now()),
            in_transaction: Flag::new(false),
            failed: Flag::new(false),
            undecided: Flag::new(false),
            transaction: RefCell::default(),
            begin_write: format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
                 SELECT pg_advisory_xact_lock({WRITE_LOCK}), pg_current_xact_id()"
            ),
            told: RefCell::default(),
        })
    }

    /// Whether it may be used again.
    pub(in crate::storage) fn is_fresh(&self) -> bool {
        let options = &self.connector.options;
        self.used.get().elapsed() < options.pool_idle && self.opened.elapsed() < options.pool_lifetime
    }

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
        self.undecided.set(false);
        self.told.borrow_mut().clear();
        let answer = self.begin(&self.begin_write)?;
        let number = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(1),
            _ => None,
        });
        number.unwrap_or_default().clone_into(&mut self.transaction.borrow_mut());
        Ok(())
    }

    /// Has other nodes told by the commit.
    pub(in crate::storage) fn tell(&self, lines: Vec<String>) {
        self.told.borrow_mut().extend(lines);
    }

    /// Makes the transaction last. When the connection is lost meanwhile, the server is asked whether it
    /// does.
    pub(in crate::storage) fn commit(&self) -> Result<()> {
        let telling = notice::telling(&self.connector.origin, &self.told.borrow());
        match self.run(&format!("{telling}COMMIT")) {
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
        if self.in_transaction.replace(false) {
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

    /// Waits until no other process migrates or starts, and keeps others from it while this session is open.
    pub(in crate::storage) fn lock_migrations(&self) -> Result<()> {
        self.run(&format!(
            "SET lock_timeout = 0; SET statement_timeout = 0; \
             SELECT pg_advisory_lock({MIGRATION_LOCK})"
        ))
    }

    /// Runs SQL of any number of statements without parameters.
    pub(in crate::storage) fn run(&self, sql: &str) -> Result<()> {
        self.client()?.batch_execute(sql).map_err(fault::classify)
    }

    /// The same for SQL of a migration, whose own mistakes are said.
    pub(in crate::storage) fn run_step(&self, sql: &str) -> Result<()> {
        self.client()?.batch_execute(sql).map_err(|refused| {
            let said = refused.as_db_error().filter(|said| {
                // Syntax and names, integrity, data.
                ["42", "23", "22"].iter().any(|class| said.code().code().starts_with(class))
                    && *said.code() != postgres::error::SqlState::INSUFFICIENT_PRIVILEGE
            });
            match said.map(|said| said.message().to_owned()) {
                Some(said) => Error::new(ErrorKind::Storage, "migration_failed", said).with_source(refused),
                None => fault::classify(refused),
            }
        })
    }

    pub(super) fn simple(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        self.client()?.simple_query(sql).map_err(fault::classify)
    }

    /// Runs a statement that gives no rows and returns how many rows it touched.
    pub(in crate::storage) fn execute(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
    ) -> Result<usize> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        self.execute_bound(statement, &params)
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

    fn execute_bound(&self, statement: &'static Statement, params: &[&(dyn ToSql + Sync)]) -> Result<usize> {
        let prepared = self.prepared(statement)?;
        let touched =
            self.client()?.execute(&prepared, params).map_err(|fault| self.failed(statement, fault))?;
        Ok(usize::try_from(touched).unwrap_or(usize::MAX))
    }

    /// Calls `visit` for each row until it breaks off. What is read outside a transaction is read again on a new
    /// connection when the old one turns out to be lost.
    pub(in crate::storage) fn visit(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
        mut visit: impl FnMut(&postgres::Row) -> Result<ControlFlow<()>>,
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
        mut visit: impl FnMut(&postgres::Row) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let prepared = self.prepared(statement)?;
        let mut client = self.client()?;
        let params = params.iter().map(|value| value as &(dyn ToSql + Sync));
        let mut rows = client.query_raw(&prepared, params).map_err(|fault| self.failed(statement, fault))?;
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
        mut visit: impl FnMut(&postgres::Row) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut client = self.client()?;
        let params = params.iter().map(|value| value as &(dyn ToSql + Sync));
        let mut rows = client.query_raw(sql, params).map_err(fault::classify)?;
        while let Some(row) = rows.next().map_err(fault::classify)? {
            if visit(&row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs a COPY that is fed with this text.
    pub(in crate::storage) fn copy_in(&self, sql: &str, text: &[u8]) -> Result<()> {
        let mut client = self.client()?;
        let mut copy = client.copy_in(sql).map_err(fault::classify)?;
        copy.write_all(text).map_err(fault::unavailable)?;
        copy.finish().map(drop).map_err(fault::classify)
    }

    fn prepared(&self, statement: &'static Statement) -> Result<postgres::Statement> {
        let address = std::ptr::from_ref(statement).addr();
        if let Some(prepared) = self.prepared.borrow_mut().get(address) {
            return Ok(prepared);
        }
        let prepared = self
            .client()?
            .prepare(&by_bytes(statement.postgres))
            .map_err(|fault| self.failed(statement, fault))?;
        self.prepared.borrow_mut().insert(address, prepared.clone());
        Ok(prepared)
    }

    /// The connection, unless rows of another statement are being read from it.
    pub(super) fn client(&self) -> Result<std::cell::RefMut<'_, Client>> {
        self.client.try_borrow_mut().map_err(|fault| {
            Error::new(
                ErrorKind::Internal,
                "statement_nested",
                "A statement was run while the rows of another one were read; this is a defect of this program.",
            )
            .with_source(fault)
        })
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

    /// The error of a statement, which spoils the transaction.
    fn failed(&self, statement: &'static Statement, fault: postgres::Error) -> Error {
        self.failed.set(true);
        named(statement, fault)
    }

    fn is_lost(&self) -> bool {
        self.client.try_borrow().is_ok_and(|client| client.is_closed())
    }

    /// Whether the connection was lost by what gave this error: a server may say farewell first.
    fn is_lost_by(&self, error: &Error) -> bool {
        error.code() == fault::UNAVAILABLE || self.is_lost()
    }

    /// A server that cannot be reached any more is busy: it was, and it will be again.
    fn reconnect(&self) -> Result<()> {
        let client = connect(&self.connector, self.role).map_err(fault::unavailable)?;
        self.prepared.borrow_mut().clear();
        *self.client()? = client;
        Ok(())
    }
}

fn connect(connector: &Connector, role: Role) -> Result<Client> {
    let mut client = connector.connect()?;
    let settings = match role {
        // Also what it reads outside a transaction.
        Role::Reader => "SET default_transaction_read_only = on",
        // A process that stands still, or whose machine is gone, in the middle of a write has the lock that
        // everyone else needs.
        Role::Writer => "SET idle_in_transaction_session_timeout = '10s'",
    };
    client.batch_execute(settings).map_err(fault::classify)?;
    Ok(client)
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
fn named(statement: &'static Statement, fault: postgres::Error) -> Error {
    let mut text = format!("{}: {fault}", statement.name);
    if let Some(said) = fault.as_db_error() {
        let _ = write!(text, ": {} {}", said.code().code(), said.message());
    }
    fault::classify(fault).with_source(Named(text))
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

fn undecided() -> Error {
    Error::new(
        ErrorKind::Busy,
        fault::UNAVAILABLE,
        "The database was lost while it stored this call; look whether it did before you try again.",
    )
    .with_retry_after(Duration::from_secs(1))
}
