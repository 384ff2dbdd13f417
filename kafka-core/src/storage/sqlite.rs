//! Opening SQLite: what every connection is set to, and what can be wrong with a file.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    engine::{StorageOptions, Synchronous},
    fault,
    lock::Locks,
    snapshot,
};
use crate::base::error::{Error, ErrorKind, Result};

/// More than there are statements, so that each is prepared once a connection.
const STATEMENTS: usize = 512;
/// After so many of its machine's instructions, a few tenths of a millisecond, a statement gives way to others.
const STEPS_AT_A_TIME: i32 = 5_000;
/// Negative: in KiB.
const CACHE_SIZE: i64 = -16_384;
/// The log is cut back to this size, in bytes, when a checkpoint empties it.
const LOG_BYTES: i64 = 32 << 20;
/// A commit that leaves so many pages in the log, 16 MiB, moves them into the file. While many answers
/// stream, a commit writes hundreds of pages, and mostly the same as the one before: at the default of
/// 1,000 every second commit would move them and wait for the disk two times more.
const CHECKPOINT_PAGES: i64 = 4096;

/// A new database in memory.
pub(super) fn open_memory() -> Result<Connection> {
    let open = || {
        let connection = Connection::open_in_memory()?;
        connection.pragma_update(None, "foreign_keys", true)?;
        keep_statements(&connection)?;
        Ok(connection)
    };
    open().map_err(fault::classify)
}

/// The connection that writes, and the file's one name. Makes the file and its directory when they do not exist.
pub(super) fn open_file(path: &Path, options: &StorageOptions) -> Result<(Connection, PathBuf)> {
    check_path(path)?;
    // What SQLite makes, others may read; it gives the files beside this one the same rights. Where there is one, or
    // none can be made, it says so itself.
    drop(snapshot::create_private_new(path));
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags, options.busy_timeout).map_err(|fault| named(path, fault))?;
    // What lies beside the database is named after it, so whoever comes by a link must find the same.
    let path = &resolved(path)?;
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
    Ok((connection, path.clone()))
}

/// The path of a file that exists, without links and whatever the working directory becomes.
fn resolved(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(|fault| {
        Error::new(
            ErrorKind::Storage,
            "database_cannot_open",
            format!(
                "The database file {} cannot be found again ({fault}); check its directories.",
                path.display()
            ),
        )
        .with_source(fault)
    })
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
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // Reads the schema, so that a damaged one is found now.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// A number that changes when another connection has written.
pub(super) fn data_version(connection: &Connection) -> Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")
        .and_then(|mut prepared| prepared.query_row([], |row| row.get(0)))
        .map_err(fault::classify)
}

/// Moves what the log holds into the file, as far as nobody reads what stood there before. Nobody has to wait for it.
pub(super) fn move_log(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// A connection that reads.
pub(super) fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    connect(path, flags, busy_timeout)
        .and_then(|mut connection| {
            connection.pragma_update(None, "query_only", true)?;
            give_way(&mut connection);
            Ok(connection)
        })
        .map_err(|fault| named(path, fault))
}

fn connect(path: &Path, flags: OpenFlags, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.pragma_update(None, "cache_size", CACHE_SIZE)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Lets others have the processor now and then while a statement reads much. Where processors are short, whoever
/// asks for little would else wait until the scheduler takes it from whoever reads a whole table.
fn give_way(connection: &mut Connection) {
    let ends = || {
        thread::yield_now();
        false
    };
    // It fails on handles only that somebody else opened; versions of rusqlite differ in what they return.
    _ = connection.progress_handler(STEPS_AT_A_TIME, Some(ends));
}

/// Has each statement prepared once.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans must not depend on the values that are bound: SQLite would prepare again whenever one changes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
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
            format!(
                "The database file {shown} is damaged; stop what uses it and put a backup in its place. \
                 Migrations leave theirs beside it, as {shown}.backup-*.db."
            ),
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rusqlite::StatementStatus;

    use super::*;
    use crate::storage::{Place, Storage, sql::unlisted_statements};

    unlisted_statements! {
        MAKE = ["CREATE TABLE items (name TEXT NOT NULL)"];
        MAKE_OTHER = ["CREATE TABLE others (name TEXT NOT NULL)"];
        ADD = ["INSERT INTO items (name) VALUES ($1)"];
        ADD_OTHER = ["INSERT INTO others (name) VALUES ($1)"];
        NAMES = ["SELECT name FROM items"];
    }

    fn options() -> StorageOptions {
        StorageOptions { busy_timeout: Duration::from_millis(1), ..StorageOptions::default() }
    }

    fn open(path: &Path) -> Result<Storage> {
        Storage::open(Place::File(path.to_owned()), options())
    }

    fn names(storage: &Storage) -> Result<Vec<String>> {
        storage.read(|c| c.all(&NAMES, &[], |row| row.next()))
    }

    /// A closed database of some hundred pages.
    fn filled(directory: &Path) -> PathBuf {
        let path = directory.join("kafka.db");
        let storage = open(&path).unwrap();
        storage
            .write(|tx| {
                tx.execute(&MAKE, &[])?;
                tx.execute(&MAKE_OTHER, &[])?;
                (0..500).try_for_each(|_| tx.execute(&ADD, &["x".repeat(1000).as_str().into()]).map(drop))
            })
            .unwrap();
        storage.close();
        path
    }

    fn flip(path: &Path, from: usize, bytes: usize) {
        let mut file = fs::read(path).unwrap();
        file[from..from + bytes].iter_mut().for_each(|byte| *byte ^= 0xA5);
        fs::write(path, file).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_path() {
        type Arrange = fn(&Path) -> PathBuf;
        let cases: [(&str, ErrorKind, Arrange); 6] = [
            ("database_is_directory", ErrorKind::Storage, |directory| directory.to_owned()),
            ("not_a_database", ErrorKind::Incompatible, |directory| {
                fs::write(directory.join("notes.txt"), "no database ".repeat(1000)).unwrap();
                directory.join("notes.txt")
            }),
            ("not_a_database", ErrorKind::Incompatible, |directory| {
                let path = filled(directory);
                flip(&path, 0, 100);
                path
            }),
            ("database_corrupt", ErrorKind::Corrupt, |directory| {
                let path = filled(directory);
                flip(&path, 100, 3900);
                path
            }),
            ("database_read_only", ErrorKind::Storage, |directory| {
                let path = filled(directory);
                let mut permissions = fs::metadata(&path).unwrap().permissions();
                permissions.set_readonly(true);
                fs::set_permissions(&path, permissions).unwrap();
                path
            }),
            ("database_cannot_open", ErrorKind::Storage, |directory| {
                fs::write(directory.join("file"), "").unwrap();
                directory.join("file/kafka.db")
            }),
        ];
        for (code, kind, arrange) in cases {
            let directory = tempfile::tempdir().unwrap();
            let path = arrange(directory.path());
            let error = open(&path).err().unwrap();
            assert_eq!((error.code(), error.kind()), (code, kind));
            let named = if code == "database_cannot_open" { path.parent().unwrap() } else { &path };
            assert!(error.message().contains(&named.display().to_string()), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_database_and_what_lies_beside_it_are_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kafka.db");
        let storage = open(&path).unwrap();
        storage.write(|tx| tx.execute(&MAKE, &[])).unwrap();
        for name in ["kafka.db", "kafka.db-wal", "kafka.db-shm"] {
            let metadata = fs::metadata(directory.path().join(name)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_database_that_another_program_keeps_for_itself_is_busy() {
        let directory = tempfile::tempdir().unwrap();
        let path = filled(directory.path());
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; INSERT INTO items VALUES ('a'); COMMIT",
            )
            .unwrap();
        let error = open(&path).err().unwrap();
        assert_eq!((error.code(), error.kind()), ("database_locked", ErrorKind::Busy));
        assert!(error.message().contains(&path.display().to_string()));
        drop(other);
        open(&path).unwrap();
    }

    #[test]
    fn a_damaged_page_fails_those_who_read_it_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = filled(directory.path());
        let middle = fs::metadata(&path).unwrap().len() as usize / 2 / 4096 * 4096;
        flip(&path, middle, 4096);
        let storage = open(&path).unwrap();
        assert_eq!(names(&storage).unwrap_err().kind(), ErrorKind::Corrupt);
        storage.write(|tx| tx.execute(&ADD_OTHER, &["a".into()])).unwrap();
    }

    #[test]
    fn readers_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let reader = open_reader(&filled(directory.path()), Duration::ZERO).unwrap();
        assert!(reader.execute_batch("DELETE FROM items").is_err());
        let readers: bool = reader.query_row("PRAGMA query_only", [], |row| row.get(0)).unwrap();
        assert!(readers);
    }

    /// Preparing again costs more than most statements do, and deep stacks.
    #[test]
    fn statements_are_prepared_once_whatever_is_bound() {
        let directory = tempfile::tempdir().unwrap();
        let path = filled(directory.path());
        let reader = open_reader(&path, Duration::ZERO).unwrap();
        let (writer, _) = open_file(&path, &options()).unwrap();
        for connection in [reader, writer, open_memory().unwrap()] {
            let mut prepared =
                connection.prepare_cached("SELECT value FROM json_each('[1, 2, 3]') LIMIT $1").unwrap();
            for count in 1..=3u32 {
                let found = prepared.query_map([count], |row| row.get::<_, i64>(0)).unwrap().count();
                assert_eq!(found as u32, count);
            }
            assert_eq!(prepared.get_status(StatementStatus::RePrepare), 0);
        }
    }

    #[test]
    fn the_writer_is_durable_and_keeps_references() {
        let directory = tempfile::tempdir().unwrap();
        let storage = open(&directory.path().join("a/b/kafka.db")).unwrap();
        storage
            .exclusive(|connection| {
                let mode = journal_mode(connection, "PRAGMA journal_mode").unwrap();
                assert_eq!(mode, "wal");
                for (pragma, value) in [
                    ("synchronous", 2),
                    ("foreign_keys", 1),
                    ("busy_timeout", 1),
                    ("journal_size_limit", LOG_BYTES),
                    ("wal_autocheckpoint", CHECKPOINT_PAGES),
                ] {
                    let found =
                        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
                    assert_eq!(found.unwrap(), value, "{pragma}");
                }
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn all_that_one_read_sees_is_of_one_moment() {
        let directory = tempfile::tempdir().unwrap();
        let storage = open(&filled(directory.path())).unwrap();
        storage
            .read(|c| {
                let before = c.all(&NAMES, &[], |row| row.next::<String>())?.len();
                storage.write(|tx| tx.execute(&ADD, &["late".into()]))?;
                assert_eq!(c.all(&NAMES, &[], |row| row.next::<String>())?.len(), before);
                Ok(())
            })
            .unwrap();
        assert!(names(&storage).unwrap().contains(&"late".to_owned()));
    }

    /// Set in the process whose system calls are watched.
    #[cfg(target_os = "linux")]
    const INSIDE: &str = "KAFKA_TEST_READS_MUCH";

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_reads_much_gives_way_to_others() {
        let directory = tempfile::tempdir().unwrap();
        if std::env::var_os(INSIDE).is_some() {
            let reader = open_reader(&filled(directory.path()), Duration::ZERO).unwrap();
            let counted = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) \
                           SELECT count(*) FROM n";
            reader.query_row(counted, [], |row| row.get::<_, i64>(0)).unwrap();
            return;
        }
        let trace = directory.path().join("trace");
        let output = std::process::Command::new("strace")
            .args(["-f", "-qq", "-e", "signal=none", "-e", "trace=sched_yield", "-o"])
            .arg(&trace)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "storage::sqlite::tests::whoever_reads_much_gives_way_to_others"])
            .env(INSIDE, "yes")
            .output()
            .expect("strace is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Each number takes ten instructions at least.
        let gave_way = fs::read_to_string(trace).unwrap().lines().count();
        assert!(gave_way >= 100_000 * 10 / STEPS_AT_A_TIME as usize, "{gave_way}");
    }
}
