//! What PostgreSQL's errors mean to a caller.

use std::{error::Error as _, io, time::Duration};

use tokio_postgres::{Error as Fault, error::SqlState};

use super::address::PostgresAddress;
use crate::base::error::{Error, ErrorKind};

/// Whether the connection is gone, so that nothing more can be asked on it.
pub(super) fn is_lost(fault: &Fault) -> bool {
    match fault.as_db_error() {
        Some(said) => is_farewell(said.code()),
        None => fault.is_closed() || io_of(fault).is_some(),
    }
}

/// What a server says that closes the connection, or accepts none.
fn is_farewell(code: &SqlState) -> bool {
    matches!(
        *code,
        SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::TOO_MANY_CONNECTIONS
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | SqlState::IDLE_SESSION_TIMEOUT
    ) || code.code().starts_with("08")
}

fn io_of(fault: &Fault) -> Option<&io::Error> {
    let mut cause = fault.source();
    while let Some(found) = cause {
        if let Some(io) = found.downcast_ref::<io::Error>() {
            return Some(io);
        }
        cause = found.source();
    }
    None
}

/// The code of a call that the connection was lost for.
pub(super) const UNAVAILABLE: &str = "database_unavailable";

/// The database cannot be asked now.
pub(in crate::storage) fn unavailable(fault: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::Busy,
        UNAVAILABLE,
        "The database cannot be reached; nothing of this call was stored. Try again in a moment.",
    )
    .with_retry_after(Duration::from_secs(1))
    .with_source(fault)
}

/// What the server answered to a statement.
pub(super) fn classify(fault: Fault) -> Error {
    if is_lost(&fault) {
        return unavailable(fault);
    }
    let failed =
        || Error::new(ErrorKind::Storage, "storage_failed", "The database failed; the log says why.");
    let Some(said) = fault.as_db_error() else { return failed().with_source(fault) };
    let error = match *said.code() {
        SqlState::UNIQUE_VIOLATION => {
            Error::new(ErrorKind::Conflict, "already_exists", "A row with this value exists already.")
        }
        SqlState::FOREIGN_KEY_VIOLATION | SqlState::RESTRICT_VIOLATION => {
            Error::new(ErrorKind::Conflict, "reference_missing", "Something this row names does not exist.")
        }
        SqlState::DISK_FULL => Error::new(
            ErrorKind::Storage,
            "disk_full",
            "The disk that holds the database is full; nothing of this call was stored. Free some space and try again.",
        ),
        SqlState::IO_ERROR => Error::new(
            ErrorKind::Storage,
            "disk_failed",
            "The disk that holds the database failed; nothing of this call was stored. Check the disk.",
        ),
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Error::new(
            ErrorKind::Busy,
            CONFLICT,
            "Another program's transaction stood in the way; nothing of this call was stored. Try again.",
        ),
        SqlState::LOCK_NOT_AVAILABLE => Error::new(
            ErrorKind::Busy,
            "database_locked",
            "Another process holds the database's write lock for too long; try again, or end that process.",
        ),
        SqlState::QUERY_CANCELED => Error::new(
            ErrorKind::Busy,
            "database_slow",
            "The database took too long to answer; nothing of this call was stored. Try again.",
        ),
        SqlState::READ_ONLY_SQL_TRANSACTION => Error::new(
            ErrorKind::Storage,
            "database_read_only",
            "The database takes no writes; name a server that does, not a replica.",
        ),
        // Who may not even look into a schema is told that there is none.
        SqlState::INSUFFICIENT_PRIVILEGE | SqlState::INVALID_SCHEMA_NAME => Error::new(
            ErrorKind::Storage,
            "database_rights_missing",
            format!(
                "PostgreSQL does not let the account do what it has to ({}); make it the owner of the database.",
                said.message()
            ),
        ),
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Error::new(
            ErrorKind::Corrupt,
            "database_corrupt",
            "The database is damaged; look into PostgreSQL's log, and restore a backup.",
        ),
        _ => failed(),
    };
    error.with_source(fault)
}

/// The code of a transaction that is to be run again.
pub(super) const CONFLICT: &str = "transaction_conflict";

/// Whatever listens there does not speak.
pub(super) fn silent(address: &PostgresAddress) -> Error {
    Error::new(
        ErrorKind::Storage,
        UNREACHABLE,
        format!(
            "PostgreSQL at {} does not answer; check host and port, and that it is PostgreSQL which listens there.",
            address.server()
        ),
    )
}

/// The code of a server that no connection comes about with.
const UNREACHABLE: &str = "database_unreachable";

/// Why a connection could not be made, as one sentence with the place and without the password.
pub(super) fn connecting(fault: Fault, address: &PostgresAddress) -> Error {
    let server = address.server();
    let storage = |code, sentence: String| Error::new(ErrorKind::Storage, code, sentence);
    let error = match fault.as_db_error() {
        Some(said) => match *said.code() {
            SqlState::INVALID_PASSWORD => storage(
                "database_login_refused",
                format!(
                    "PostgreSQL at {server} refuses the password of the account {}; check both.",
                    address.user()
                ),
            ),
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION if said.message().contains("no encryption") => {
                storage(
                    "database_tls_required",
                    format!(
                        "PostgreSQL at {server} takes no connection without TLS from here ({}); add sslmode=require to the URL.",
                        said.message()
                    ),
                )
            }
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => storage(
                "database_login_refused",
                format!("PostgreSQL at {server} refuses the account ({}); check it.", said.message()),
            ),
            SqlState::INVALID_CATALOG_NAME => storage(
                "database_missing",
                format!(
                    "PostgreSQL at {server} has no database {}; make it with createdb, or name another one.",
                    address.database()
                ),
            ),
            SqlState::INSUFFICIENT_PRIVILEGE => storage(
                "database_rights_missing",
                format!(
                    "PostgreSQL at {server} does not let the account {} use the database {} ({}).",
                    address.user(),
                    address.database(),
                    said.message()
                ),
            ),
            _ => storage(
                UNREACHABLE,
                format!("PostgreSQL at {server} takes no connection ({}); try again later.", said.message()),
            ),
        },
        None => {
            let cause = fault.source().map(ToString::to_string).unwrap_or_default();
            let kind = fault.to_string();
            if kind.contains("TLS") && cause.contains("does not support TLS") {
                storage(
                    "database_tls_missing",
                    format!(
                        "PostgreSQL at {server} offers no TLS, which the URL's sslmode asks for; turn ssl on there, or use sslmode=disable."
                    ),
                )
            } else if kind.contains("TLS") {
                storage(
                    "database_tls_failed",
                    format!(
                        "The TLS connection to PostgreSQL at {server} failed ({cause}); check sslmode and sslrootcert."
                    ),
                )
            } else if kind.contains("authentication") || kind.contains("invalid configuration") {
                storage(
                    "database_login_refused",
                    format!("PostgreSQL at {server} asks for what the URL does not give ({cause}); add it."),
                )
            } else {
                let reason = io_of(&fault).map_or(kind, ToString::to_string);
                storage(
                    UNREACHABLE,
                    format!(
                        "PostgreSQL at {server} cannot be reached ({reason}); check host and port, and that it runs."
                    ),
                )
            }
        }
    };
    error.with_source(fault)
}
