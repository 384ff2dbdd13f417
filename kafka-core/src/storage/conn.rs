//! What a repository is given: a connection to read, a transaction to write.

use std::{
    cell::{Cell, RefCell},
    ops::{ControlFlow, Deref},
};

use rusqlite::{params_from_iter, types::ValueRef};

#[cfg(feature = "postgres")]
use super::postgres::Session;
use super::{
    fault,
    link::Link,
    sql::Statement,
    value::{Column, Value},
};
use crate::base::{
    error::{Error, ErrorKind, Result},
    page::{Room, Stretch},
};

/// Reads. Statements are prepared once a connection.
pub(crate) struct Conn<'c> {
    link: &'c Link,
    /// How many statements it may still run.
    left: Cell<u32>,
    /// Whether one of them may have left something behind.
    wrote: Cell<bool>,
}

impl<'c> Conn<'c> {
    /// For any number of statements.
    pub(super) fn new(link: &'c Link) -> Conn<'c> {
        Conn { link, left: Cell::new(u32::MAX), wrote: Cell::new(false) }
    }

    /// For one statement, outside a transaction.
    pub(super) fn for_one(link: &'c Link) -> Conn<'c> {
        Conn { left: Cell::new(1), ..Conn::new(link) }
    }

    fn note(&self, statement: &Statement) -> Result<()> {
        statement.note_run();
        let left = self.left.get().checked_sub(1).ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "statements_apart",
                format!(
                    "{} ran where one statement had run already, which needs a transaction; this is a defect of \
                     this program.",
                    statement.name
                ),
            )
        })?;
        self.left.set(left);
        self.wrote.set(self.wrote.get() || statement.writes);
        Ok(())
    }

    /// Whether the engine is PostgreSQL, for what the two spell differently in values.
    pub(crate) fn is_postgres(&self) -> bool {
        !matches!(self.link, Link::Sqlite(_))
    }

    /// Every row that the statement gives.
    pub(crate) fn all<T>(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
        mut read: impl FnMut(&mut Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        self.each(statement, params, |row| {
            items.push(read(row)?);
            Ok(())
        })?;
        Ok(items)
    }

    /// The rows that have room, of a statement that gives at most [`Room::and_one`].
    pub(crate) fn stretch<T>(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
        room: Room,
        mut read: impl FnMut(&mut Row<'_>) -> Result<T>,
    ) -> Result<Stretch<T>> {
        // Long rows are moved each time the list of them grows.
        let rows = Vec::with_capacity(room.entries.min(64) as usize);
        let mut stretch = Stretch { rows, goes_on: false };
        let mut bytes = 0;
        self.visit(statement, params, |row| {
            let item = read(row)?;
            bytes += row.text_bytes;
            let is_full = stretch.rows.len() >= room.entries as usize || bytes > room.bytes;
            if is_full && !stretch.rows.is_empty() {
                stretch.goes_on = true;
                return Ok(ControlFlow::Break(()));
            }
            stretch.rows.push(item);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(stretch)
    }

    /// The first row, or none.
    pub(crate) fn first<T>(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
        read: impl FnOnce(&mut Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let (mut read, mut found) = (Some(read), None);
        self.visit(statement, params, |row| {
            found = read.take().map(|read| read(row)).transpose()?;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Calls `visit` for each row, so that long results need no memory.
    pub(crate) fn each(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
        mut visit: impl FnMut(&mut Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.visit(statement, params, |row| visit(row).map(ControlFlow::Continue))
    }

    /// Calls `visit` for each row until it breaks off.
    fn visit(
        &self,
        statement: &'static Statement,
        params: &[Value<'_>],
        mut visit: impl FnMut(&mut Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.note(statement)?;
        match self.link {
            Link::Sqlite(connection) => {
                let mut prepared = connection.prepare_cached(statement.sqlite).map_err(fault::classify)?;
                let mut rows = prepared.query(params_from_iter(params)).map_err(fault::classify)?;
                while let Some(row) = rows.next().map_err(fault::classify)? {
                    if visit(&mut Row::new(Cells::Sqlite(row), statement))?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => {
                session.visit(statement, params, |row| visit(&mut Row::new(Cells::Postgres(row), statement)))
            }
        }
    }
}

/// What runs once the transaction that asked for it is committed.
pub(super) type AfterCommit = Box<dyn FnOnce() + Send>;

/// Writes, and reads what it has written. Nothing of it stands before the commit.
pub(crate) struct Tx<'c> {
    conn: Conn<'c>,
    after_commit: RefCell<Vec<AfterCommit>>,
    told: RefCell<Vec<String>>,
}

impl<'c> Tx<'c> {
    pub(super) fn new(link: &'c Link) -> Tx<'c> {
        Tx { conn: Conn::new(link), after_commit: RefCell::default(), told: RefCell::default() }
    }

    /// Runs a statement that gives no rows and returns how many rows it touched.
    pub(crate) fn execute(&self, statement: &'static Statement, params: &[Value<'_>]) -> Result<usize> {
        self.note(statement)?;
        match self.conn.link {
            Link::Sqlite(connection) => {
                let mut prepared = connection.prepare_cached(statement.sqlite).map_err(fault::classify)?;
                prepared.execute(params_from_iter(params)).map_err(fault::classify)
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.execute(statement, params),
        }
    }

    /// Runs a statement of which nothing is asked but that it goes well. On a server it travels with what the transaction
    /// runs next, at the latest with its commit, so that it costs no journey; that then fails with its error.
    pub(crate) fn execute_later(&self, statement: &'static Statement, params: &[Value<'_>]) -> Result<()> {
        match self.conn.link {
            Link::Sqlite(_) => self.execute(statement, params).map(drop),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => {
                self.note(statement)?;
                session.execute_later(statement, params)
            }
        }
    }

    /// Runs a statement that gives no rows for each of `rows`, its parameters, and returns how many rows it touched.
    /// What stands behind `or` in it takes all of them at once, each parameter as the array of a column: on a server
    /// that is one journey instead of many. SQLite is quicker row by row.
    pub(crate) fn execute_each<const N: usize>(
        &self,
        statement: &'static Statement,
        rows: &[[Value<'_>; N]],
    ) -> Result<usize> {
        if rows.is_empty() {
            return Ok(0);
        }
        self.note(statement)?;
        match self.conn.link {
            Link::Sqlite(connection) => {
                let mut prepared = connection.prepare_cached(statement.sqlite).map_err(fault::classify)?;
                rows.iter().try_fold(0, |touched, row| {
                    let more = prepared.execute(params_from_iter(row)).map_err(fault::classify)?;
                    Ok(touched + more)
                })
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.execute_all(statement, rows),
        }
    }

    /// The connection, if it is to PostgreSQL, for what only that knows.
    #[cfg(feature = "postgres")]
    pub(super) fn session(&self) -> Option<&Session> {
        match self.conn.link {
            Link::Sqlite(_) => None,
            Link::Postgres(session) => Some(session),
        }
    }

    /// Runs an INSERT of one row and returns the row's number. Only for PostgreSQL it says `RETURNING number`:
    /// SQLite knows the number anyway, and would make a table for the answer, which costs a tenth of the message.
    pub(crate) fn insert(&self, statement: &'static Statement, params: &[Value<'_>]) -> Result<i64> {
        match self.conn.link {
            Link::Sqlite(connection) => {
                self.execute(statement, params)?;
                Ok(connection.last_insert_rowid())
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => Ok(self.first(statement, params, |row| row.next())?.unwrap_or_default()),
        }
    }

    /// Runs `then` after the commit, in the order of commits. It holds up the next one: it must be short
    /// and not call the storage. It does not run when the transaction fails.
    pub(crate) fn after_commit(&self, then: impl FnOnce() + Send + 'static) {
        self.after_commit.borrow_mut().push(Box::new(then));
    }

    /// Tells a line to the other processes that [listen](super::Storage::listen), with the commit and in the order
    /// of commits. It is not told when the transaction fails, and not made where nobody listens.
    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        if self.conn.link.tells() {
            self.told.borrow_mut().push(line());
        }
    }

    /// Makes sure that no other process is in a transaction that writes, and none begins one before this one ends, also
    /// if this one has run no statement yet.
    pub(super) fn settle(&self) -> Result<()> {
        self.conn.link.settle()
    }

    /// Whether there is something to take back.
    pub(super) fn has_written(&self) -> bool {
        self.conn.wrote.get()
    }

    /// Leaves what it tells to the transaction, and returns what is to run after its commit.
    pub(super) fn finish(self) -> Vec<AfterCommit> {
        self.conn.link.tell(self.told.into_inner());
        self.after_commit.into_inner()
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = Conn<'c>;

    fn deref(&self) -> &Conn<'c> {
        &self.conn
    }
}

/// Where the columns of a row lie.
#[derive(Clone, Copy)]
enum Cells<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    #[cfg(feature = "postgres")]
    Postgres(&'r tokio_postgres::Row),
}

/// A row, read column by column in the order of the statement's column list.
pub(crate) struct Row<'r> {
    cells: Cells<'r>,
    statement: &'static Statement,
    next: usize,
    /// Length of the texts that were read of it.
    text_bytes: usize,
}

impl<'r> Row<'r> {
    fn new(cells: Cells<'r>, statement: &'static Statement) -> Row<'r> {
        Row { cells, statement, next: 0, text_bytes: 0 }
    }

    /// The next column.
    pub(crate) fn next<T: Column>(&mut self) -> Result<T> {
        self.next_as(T::read)
    }

    /// The next column, text, where it lies: long ones need not be copied to be looked at.
    pub(crate) fn next_text(&mut self) -> Result<&'r str> {
        self.next_as(|value| value.as_str().ok())
    }

    fn next_as<T>(&mut self, read: impl FnOnce(ValueRef<'r>) -> Option<T>) -> Result<T> {
        let column = self.next;
        self.next += 1;
        let value = match self.cells {
            Cells::Sqlite(row) => row.get_ref(column).map_err(fault::classify)?,
            #[cfg(feature = "postgres")]
            Cells::Postgres(row) => super::postgres::cell(row, column)?,
        };
        if let ValueRef::Text(text) = value {
            self.text_bytes += text.len();
        }
        read(value).ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                "row_unreadable",
                format!(
                    "Column {column} of a row that {} read holds a value of the wrong form; run `kafka doctor`.",
                    self.statement.name
                ),
            )
        })
    }

    /// The next column, text that holds JSON.
    pub(crate) fn next_json<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let Some(text) = self.next::<Option<String>>()? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Error::new(
                ErrorKind::Corrupt,
                "row_unreadable",
                format!(
                    "A row that {} read holds JSON of the wrong form; run `kafka doctor`.",
                    self.statement.name
                ),
            )
            .with_source(error)
        })
    }
}
