//! Opening SQLite: what every connection is set to, and what can be wrong with a file.

use std::{fs, path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    engine::{StorageOptions, Synchronous},
    fault,
    lock::Locks,
};
use crate::base::error::{Error, ErrorKind, Result};

/// More than there are statements, so that each is prepared once a connection.
const STATEMENTS: usize = 512;
/// Negative: in KiB.
const CACHE_SIZE: i64 = -16_384;
/// The log is cut back to this size, in bytes, when a checkpoint empties it.
const LOG_BYTES: i64 = 32 << 20;

/// A new database in memory.
pub(super) fn open_memory() -> Result<Connection> {
    let open = || {
        let connection = Connection::open_in_memory()?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    };
    open().map_err(fault::classify)
}

/// The connection that writes. Makes the file and its directory when they do not exist.
pub(super) fn open_file(path: &Path, options: &StorageOptions) -> Result<Connection> {
    check_path(path)?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags, options.busy_timeout).map_err(|fault| named(path, fault))?;
    if journal_mode(&connection, "PRAGMA journal_mode").map_err(|fault| named(path, fault))? != "wal" {
        // Two processes that change the mode at once do not wait for each other.
        let _lock = Locks::of(Some(path)).migration()?;
        let mode =
            journal_mode(&connection, "PRAGMA journal_mode = WAL").map_err(|fault| named(path, fault))?;
        if mode != "wal" {
            return Err(Error::new(
                ErrorKind::Storage,
                "database_cannot_open",
                format!(
                    "The database {} cannot keep a write-ahead log where it lies; put it on a local disk.",
                    path.display()
                ),
            ));
        }
    }
    prepare_writer(&connection, options.synchronous).map_err(|fault| named(path, fault))?;
    Ok(connection)
}

fn journal_mode(connection: &Connection, pragma: &str) -> rusqlite::Result<String> {
    connection.query_row(pragma, [], |row| row.get(0))
}

fn prepare_writer(connection: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    let synchronous = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    // Reads the schema, so that a damaged one is found now.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// A connection that reads.
pub(super) fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    connect(path, flags, busy_timeout)
        .and_then(|connection| {
            connection.pragma_update(None, "query_only", true)?;
            Ok(connection)
        })
        .map_err(|fault| named(path, fault))
}

fn connect(path: &Path, flags: OpenFlags, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "cache_size", CACHE_SIZE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// What the file system can say before SQLite does, and says more clearly.
fn check_path(path: &Path) -> Result<()> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Error::new(
            ErrorKind::Storage,
            "database_is_directory",
            format!("{shown} is a directory; name the database file, for example {}.", path.join("kafka.db").display()),
        )),
        Ok(found) if found.permissions().readonly() => Err(Error::new(
            ErrorKind::Storage,
            "database_read_only",
            format!("The database file {shown} cannot be written; check its permissions."),
        )),
        Ok(_) => Ok(()),
        Err(_) => match path.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => fs::create_dir_all(directory).map_err(|fault| {
                Error::new(
                    ErrorKind::Storage,
                    "database_cannot_open",
                    format!(
                        "The directory {} of the database cannot be made ({fault}); make it, or name another place.",
                        directory.display()
                    ),
                )
                .with_source(fault)
            }),
            _ => Ok(()),
        },
    }
}

/// A failure to open, with the path in its sentence.
fn named(path: &Path, fault: rusqlite::Error) -> Error {
    let shown = path.display();
    let error = match fault.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::new(
            ErrorKind::Incompatible,
            "not_a_database",
            format!("The file {shown} is not an SQLite database; name another file, or move this one away."),
        ),
        Some(ErrorCode::CannotOpen) => Error::new(
            ErrorKind::Storage,
            "database_cannot_open",
            format!(
                "The database file {shown} cannot be opened; check that it and its directory may be read and written."
            ),
        ),
        Some(ErrorCode::ReadOnly) => Error::new(
            ErrorKind::Storage,
            "database_read_only",
            format!(
                "The database file {shown} cannot be written; check its permissions and those of its directory."
            ),
        ),
        Some(ErrorCode::DatabaseCorrupt) => Error::new(
            ErrorKind::Corrupt,
            "database_corrupt",
            format!("The database file {shown} is damaged; run `kafka doctor`, or restore a backup."),
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::new(
            ErrorKind::Busy,
            "database_locked",
            format!("Another program keeps the database {shown} locked; end it, or try again."),
        ),
        _ => return fault::classify(fault),
    };
    error.with_source(fault)
}
