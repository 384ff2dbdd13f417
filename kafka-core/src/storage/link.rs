//! A connection to either engine, and what a transaction is on it. Built without PostgreSQL there is one
//! engine, and nothing is asked at run time.

use rusqlite::Connection;

use super::fault;
#[cfg(feature = "postgres")]
use super::postgres::Session;
use crate::base::error::{Error, Result};

/// An open connection.
pub(super) enum Link {
    Sqlite(Connection),
    #[cfg(feature = "postgres")]
    Postgres(Box<Session>),
}

/// What has become of a transaction.
pub(super) enum Standing {
    Open,
    /// It takes nothing any more and has to be undone, because a statement failed.
    #[cfg(feature = "postgres")]
    Failed,
    /// A fault has undone it already, and what follows would stand alone.
    Ended,
}

impl Link {
    /// Begins a transaction in which all that is read is of one moment.
    pub(super) fn begin_read(&self) -> Result<()> {
        match self {
            Link::Sqlite(connection) => execute(connection, "BEGIN"),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.begin_read(),
        }
    }

    pub(super) fn end_read(&self) -> Result<()> {
        match self {
            Link::Sqlite(connection) => execute(connection, "COMMIT"),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.end_read(),
        }
    }

    /// Begins a transaction that writes, while no other one does, in whatever process.
    pub(super) fn begin_write(&self) -> Result<()> {
        match self {
            Link::Sqlite(connection) => execute(connection, "BEGIN IMMEDIATE"),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.begin_write(),
        }
    }

    /// The same; on a server with the first statement, or when the link is [settled](Link::settle), so that it costs no
    /// journey. What it fails by is the error of that.
    fn begin_write_with_first(&self) -> Result<()> {
        match self {
            Link::Sqlite(_) => self.begin_write(),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.begin_write_with_first(),
        }
    }

    /// Whether the link was lost before the transaction had begun.
    #[cfg(feature = "postgres")]
    fn never_began(&self, error: &Error) -> bool {
        match self {
            Link::Sqlite(_) => false,
            Link::Postgres(session) => session.never_began(error),
        }
    }

    /// Whether other processes hear what a transaction tells. Those of SQLite look by themselves.
    pub(super) fn tells(&self) -> bool {
        match self {
            Link::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => true,
        }
    }

    /// Has other processes told by the commit.
    pub(super) fn tell(&self, lines: Vec<String>) {
        match self {
            Link::Sqlite(_) => drop(lines),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.tell(lines),
        }
    }

    /// Waits for what was left to travel with the next statement.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unnecessary_wraps, reason = "SQLite leaves nothing")
    )]
    pub(super) fn settle(&self) -> Result<()> {
        match self {
            Link::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.settle(),
        }
    }

    /// Makes the transaction last.
    pub(super) fn commit(&self) -> Result<()> {
        match self {
            Link::Sqlite(connection) => execute(connection, "COMMIT"),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.commit(),
        }
    }

    /// What has become of the transaction that was begun.
    pub(super) fn standing(&self) -> Standing {
        match self {
            Link::Sqlite(connection) if connection.is_autocommit() => Standing::Ended,
            Link::Sqlite(_) => Standing::Open,
            #[cfg(feature = "postgres")]
            Link::Postgres(session) if session.has_failed() => Standing::Failed,
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => Standing::Open,
        }
    }

    /// Takes back what the transaction did. Some faults have done so already.
    pub(super) fn undo(&self) {
        match self {
            Link::Sqlite(connection) if connection.is_autocommit() => {}
            Link::Sqlite(connection) => {
                // Nothing is left to be done when this fails: the next BEGIN says so.
                let _ = execute(connection, "ROLLBACK");
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.rollback(),
        }
    }

    /// Runs a constant statement without parameters, such as a savepoint's.
    pub(super) fn run(&self, sql: &'static str) -> Result<()> {
        match self {
            Link::Sqlite(connection) => execute(connection, sql),
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.run(sql),
        }
    }

    /// The error of a commit that may stand or not: what it was about must not run again.
    pub(super) fn undecided(&self) -> Option<Error> {
        match self {
            Link::Sqlite(_) => None,
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.undecided(),
        }
    }

    /// Whether the connection is young enough to be lent again.
    pub(super) fn is_fresh(&self) -> bool {
        match self {
            Link::Sqlite(_) => true,
            #[cfg(feature = "postgres")]
            Link::Postgres(session) => session.is_fresh(),
        }
    }

    /// What is to be done before it is closed for good.
    pub(super) fn finish(&self) {
        match self {
            Link::Sqlite(connection) => {
                // The log is kept and read at the next start when this fails.
                let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            }
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => {}
        }
    }
}

/// Runs `body` between BEGIN and COMMIT, or takes back what it did.
pub(super) fn transaction<T>(link: &Link, mut body: impl FnMut() -> Result<T>) -> Result<T> {
    let mut once = || {
        link.begin_write_with_first()?;
        let result = body().and_then(|value| link.commit().map(|()| value));
        if result.is_err() {
            link.undo();
        }
        result
    };
    #[cfg(feature = "postgres")]
    {
        let mut attempt = || match once() {
            Err(error) if link.never_began(&error) => once(),
            done => done,
        };
        for pause in CONFLICT_PAUSES {
            match attempt() {
                Err(error) if Session::is_conflict(&error) => std::thread::sleep(pause),
                done => return done,
            }
        }
        attempt()
    }
    #[cfg(not(feature = "postgres"))]
    once()
}

/// The waits between the attempts of a transaction that others' transactions stand in the way of.
#[cfg(feature = "postgres")]
const CONFLICT_PAUSES: [std::time::Duration; 4] = {
    let ms = std::time::Duration::from_millis;
    [ms(2), ms(10), ms(50), ms(250)]
};

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    let mut prepared = connection.prepare_cached(sql).map_err(fault::classify)?;
    prepared.execute([]).map(drop).map_err(fault::classify)
}
