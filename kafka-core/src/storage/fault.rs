//! What the database engine's errors mean to a caller.

use std::path::Path;

use rusqlite::{Error as Fault, ErrorCode, ffi};

use crate::base::error::{Error, ErrorKind};

/// The same error, with the file in a sentence about its disk: there may be several disks.
pub(super) fn locate(error: Error, database: Option<&Path>) -> Error {
    match database {
        Some(path) if matches!(error.code(), "disk_full" | "disk_failed") => {
            let named = format!("the database {}", path.display());
            let sentence = error.message().replacen("the database", &named, 1);
            error.with_message(sentence)
        }
        _ => error,
    }
}

/// The one place where an engine's error becomes an [`Error`].
pub(super) fn classify(fault: Fault) -> Error {
    let error = match &fault {
        Fault::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => Error::new(
                ErrorKind::Storage,
                "disk_full",
                "The disk that holds the database is full; nothing of this call was stored. Free some space and try again.",
            ),
            ErrorCode::ReadOnly => Error::new(
                ErrorKind::Storage,
                "database_read_only",
                "The database file cannot be written; check its permissions and those of its directory.",
            ),
            ErrorCode::CannotOpen => Error::new(
                ErrorKind::Storage,
                "database_cannot_open",
                "The database file cannot be opened; check that the path exists and may be read and written.",
            ),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::new(
                ErrorKind::Busy,
                "database_locked",
                "Another process holds the database's write lock for too long; try again, or end that process.",
            ),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::new(
                ErrorKind::Corrupt,
                "database_corrupt",
                "The database file is damaged or is not a database; run `kafka doctor`, or restore a backup.",
            ),
            ErrorCode::OperationInterrupted => {
                Error::new(ErrorKind::Cancelled, "interrupted", "The query was stopped.")
            }
            ErrorCode::ConstraintViolation
                if matches!(
                    failure.extended_code,
                    ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                ) =>
            {
                Error::new(ErrorKind::Conflict, "already_exists", "A row with this value exists already.")
            }
            ErrorCode::ConstraintViolation if failure.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
                Error::new(
                    ErrorKind::Conflict,
                    "reference_missing",
                    "Something this row names does not exist.",
                )
            }
            ErrorCode::SystemIoFailure => Error::new(
                ErrorKind::Storage,
                "disk_failed",
                "The disk that holds the database failed; nothing of this call was stored. Check the disk.",
            ),
            _ => Error::new(ErrorKind::Storage, "storage_failed", "The database failed; the log says why."),
        },
        _ => Error::new(ErrorKind::Storage, "storage_failed", "The database failed; the log says why."),
    };
    error.with_source(fault)
}
