//! Changing the schema: forward, back, by declaration; all or nothing, after a backup.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use kafka_migrations::{MIGRATIONS, Migration};
use refinery_core::{
    Migrate, Migration as Step, Runner, Target,
    error::Kind,
    traits::sync::{Query, Transaction},
};
use rusqlite::{Connection, ErrorCode};
use serde::Serialize;

use super::{
    catalog::{self, AppliedMigration, Catalog, MigrationName},
    engine::Storage,
    fault,
    lock::MigrationLock,
    shape::Shape,
    sql::statements,
    writer,
};
use crate::base::{
    error::{Error, ErrorKind, Result},
    time::Timestamp,
};

statements! {
    HAS_TABLES = ["SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'refinery_schema_history' LIMIT 1"];
}

/// What a start does about migrations that are pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrateMode {
    /// Applies them.
    #[default]
    Auto,
    /// Refuses to start.
    Require,
}

/// How far back the schema is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownTarget {
    /// This many steps.
    Steps(u32),
    /// To this version, which stays.
    Version(u32),
    /// To an empty database.
    Base,
}

/// Where a database's schema stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationStatus {
    /// The database's version; 0 for an empty one.
    pub current: u32,
    /// The newest version that this program knows.
    pub newest: u32,
    /// What the database has, oldest first.
    pub applied: Vec<AppliedMigration>,
    /// What it lacks, in the order in which it is to be applied.
    pub pending: Vec<MigrationName>,
}

/// What a change of the schema did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationReport {
    /// The version before.
    pub from: u32,
    /// The version now.
    pub to: u32,
    /// The steps that were applied, taken back or stamped, in this order.
    pub steps: Vec<MigrationName>,
    /// The copy of the database from before; none when it was empty, lies in memory, or was not changed.
    pub backup: Option<PathBuf>,
}

/// Looks at and changes the schema of one database.
pub(crate) struct Migrator<'s> {
    storage: &'s Storage,
    catalog: Catalog,
}

impl<'s> Migrator<'s> {
    pub(crate) fn new(storage: &'s Storage) -> Result<Migrator<'s>> {
        Migrator::with(storage, MIGRATIONS)
    }

    fn with(storage: &'s Storage, migrations: &'static [Migration]) -> Result<Migrator<'s>> {
        Ok(Migrator { storage, catalog: Catalog::new(migrations)? })
    }

    /// The steps that the database has, oldest first.
    pub(crate) fn history(&self) -> Result<Vec<AppliedMigration>> {
        self.storage.read(catalog::history)
    }

    /// Where the schema stands. Works on newer and divergent databases too.
    pub(crate) fn status(&self) -> Result<MigrationStatus> {
        let applied = self.history()?;
        let (current, newest) = (catalog::current(&applied), self.catalog.newest());
        let pending = self.catalog.between(current, newest).map(MigrationName::from).collect();
        Ok(MigrationStatus { current, newest, applied, pending })
    }

    /// Makes sure that nothing is pending.
    ///
    /// # Errors
    /// `Incompatible`: `migrations_pending`, `schema_newer`, `schema_divergent`, `schema_unknown`.
    pub(crate) fn require(&self) -> Result<()> {
        let current = self.checked_version()?;
        let pending: Vec<String> = self
            .catalog
            .between(current, self.catalog.newest())
            .map(|migration| MigrationName::from(migration).to_string())
            .collect();
        if pending.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Incompatible,
            "migrations_pending",
            format!(
                "The database has schema version {current} and lacks {}; run `kafka migrate up`.",
                pending.join(", ")
            ),
        ))
    }

    /// Applies what is pending, up to and with version `to`, or all. A database that has tables is
    /// copied before.
    ///
    /// # Errors
    /// `Incompatible` as [`require`](Migrator::require), but for what is pending; `Invalid` for a version
    /// that is unknown or lies behind; `Conflict` while other nodes live; `Corrupt` when rows would be
    /// left without those that they name; `Storage` when a step fails. After an error nothing is changed.
    pub(crate) fn up(&self, to: Option<u32>) -> Result<MigrationReport> {
        self.up_locked(to, &self.storage.locks().migration()?)
    }

    pub(super) fn up_locked(&self, to: Option<u32>, _lock: &MigrationLock) -> Result<MigrationReport> {
        let from = self.checked_version()?;
        let to = self.catalog.known(to.unwrap_or(self.catalog.newest()))?;
        if to < from {
            return Err(Error::invalid(
                "migration_behind",
                "version",
                format!("the database has version {from} already; `kafka migrate down {to}` takes it back."),
            ));
        }
        self.change(from, to, self.catalog.between(from, to), |connection, migration| {
            self.run_refinery(connection, Target::Version(number(migration.version)), migration.version)
        })
    }

    /// Takes steps back, the newest first. The database is copied before.
    ///
    /// # Errors
    /// As [`up`](Migrator::up).
    pub(crate) fn down(&self, target: DownTarget) -> Result<MigrationReport> {
        let _lock = self.storage.locks().migration()?;
        let from = self.checked_version()?;
        let to = match target {
            DownTarget::Steps(steps) => from.saturating_sub(steps),
            DownTarget::Version(version) => self.catalog.known(version)?,
            DownTarget::Base => 0,
        };
        if to > from {
            return Err(Error::invalid(
                "migration_ahead",
                "version",
                format!("the database has version {from} only; `kafka migrate up {to}` brings it there."),
            ));
        }
        self.change(from, to, self.catalog.between(to, from).rev(), |connection, migration| {
            connection.execute_batch(migration.down).map_err(classify)?;
            connection
                .execute("DELETE FROM refinery_schema_history WHERE version = ?1", [migration.version])
                .map(drop)
                .map_err(classify)
        })
    }

    /// Declares that the database has `version`, without running anything: its history is written anew.
    ///
    /// # Errors
    /// `Conflict` (`schema_differs`) when its tables do not have exactly the shape of that version, with
    /// the first difference; `Invalid` for an unknown version.
    pub(crate) fn stamp(&self, version: u32) -> Result<MigrationReport> {
        let _lock = self.storage.locks().migration()?;
        self.catalog.known(version)?;
        let from = catalog::current(&self.history()?);
        let wanted = Shape::after(self.catalog.between(0, version))?;
        self.storage.exclusive(|connection| {
            writer::transaction(connection, || {
                if let Some(difference) = Shape::of(connection)?.difference(&wanted) {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "schema_differs",
                        format!(
                            "The database does not have the shape of schema version {version}: {difference}."
                        ),
                    ));
                }
                connection.execute_batch("DROP TABLE IF EXISTS refinery_schema_history").map_err(classify)?;
                self.run_refinery(connection, Target::FakeVersion(number(version)), 1)
            })
        })?;
        let steps = self.catalog.between(0, version).map(MigrationName::from).collect();
        Ok(MigrationReport { from, to: version, steps, backup: None })
    }

    /// The database's version, when its history fits this program.
    fn checked_version(&self) -> Result<u32> {
        let history = self.history()?;
        self.catalog.check(&history)?;
        if history.is_empty() && self.storage.read(|c| c.first(&HAS_TABLES, &[], |_| Ok(())))?.is_some() {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "schema_unknown",
                "The database has tables, but no history of migrations; name another file, or, if this program's SQL made them, run `kafka migrate stamp VERSION`.",
            ));
        }
        Ok(catalog::current(&history))
    }

    /// Runs `step` for each of `migrations`, in one transaction.
    fn change(
        &self,
        from: u32,
        to: u32,
        migrations: impl Iterator<Item = &'static Migration>,
        step: impl Fn(&Connection, &Migration) -> Result<()>,
    ) -> Result<MigrationReport> {
        if from == to {
            return Ok(MigrationReport { from, to, steps: Vec::new(), backup: None });
        }
        self.refuse_other_nodes()?;
        let backup = self.backup(from)?;
        let mut steps = Vec::new();
        self.storage.exclusive(|connection| {
            without_foreign_keys(connection, || {
                for migration in migrations {
                    let name = MigrationName::from(migration);
                    step(connection, migration).map_err(|error| in_step(&name, error))?;
                    steps.push(name);
                }
                check_references(connection)
            })
        })?;
        Ok(MigrationReport { from, to, steps, backup })
    }

    /// Lets refinery check the history, run what it lacks up to `target`, and note it. `first` is the
    /// first version that it will note.
    fn run_refinery(&self, connection: &Connection, target: Target, first: u32) -> Result<()> {
        let runner = Runner::new(self.catalog.steps()).set_grouped(true).set_target(target);
        match runner.run(&mut Session(connection)) {
            Ok(_) => {
                // Refinery dates by the system's clock.
                let now = self.storage.options().clock.now().to_string();
                connection
                    .execute(
                        "UPDATE refinery_schema_history SET applied_on = ?1 WHERE version >= ?2",
                        (now, first),
                    )
                    .map(drop)
                    .map_err(classify)
            }
            Err(fault) => Err(match fault.kind() {
                Kind::Connection(_, source) if let Some(error) = source.downcast_ref::<Error>() => {
                    error.clone()
                }
                _ => Error::new(ErrorKind::Storage, "migration_failed", fault.to_string()).with_source(fault),
            }),
        }
    }

    fn refuse_other_nodes(&self) -> Result<()> {
        let own = self.storage.own_node();
        let others: Vec<String> = self
            .storage
            .live_nodes()?
            .iter()
            .filter(|node| Some(node.id) != own)
            .map(ToString::to_string)
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "nodes_alive",
            format!(
                "The schema cannot change while other processes use the database: {}; end them first.",
                others.join("; ")
            ),
        ))
    }

    fn backup(&self, from: u32) -> Result<Option<PathBuf>> {
        let Some(database) = self.storage.path().filter(|_| from > 0) else { return Ok(None) };
        let path = backup_path(database, from, self.storage.options().clock.now());
        self.storage.snapshot(&path)?;
        Ok(Some(path))
    }
}

/// `kafka.db.backup-v3-20260131T235959000Z.db`; a number is added while the name is taken.
fn backup_path(database: &Path, from: u32, now: Timestamp) -> PathBuf {
    let time: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let named = |number: u32| {
        let mut path = OsString::from(database);
        path.push(format!(".backup-v{from}-{time}"));
        if number > 1 {
            path.push(format!("-{number}"));
        }
        path.push(".db");
        PathBuf::from(path)
    };
    let mut number = 1;
    while named(number).exists() {
        number += 1;
    }
    named(number)
}

/// Runs `change` in a transaction that does not follow foreign keys: a table that is rebuilt would take
/// along every row that names it. A PRAGMA does nothing inside a transaction, so it stands outside.
fn without_foreign_keys(connection: &Connection, change: impl FnOnce() -> Result<()>) -> Result<()> {
    connection.execute_batch("PRAGMA foreign_keys = OFF").map_err(fault::classify)?;
    let result = writer::transaction(connection, change);
    connection.execute_batch("PRAGMA foreign_keys = ON").map_err(fault::classify)?;
    result
}

/// A version as refinery counts them.
fn number(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}

fn check_references(connection: &Connection) -> Result<()> {
    let mut prepared = connection.prepare("PRAGMA foreign_key_check").map_err(fault::classify)?;
    let mut rows = prepared.query([]).map_err(fault::classify)?;
    let Some(row) = rows.next().map_err(fault::classify)? else { return Ok(()) };
    let (table, parent) = (row.get::<_, String>(0), row.get::<_, String>(2));
    let (table, parent) = (table.map_err(fault::classify)?, parent.map_err(fault::classify)?);
    Err(Error::new(
        ErrorKind::Corrupt,
        "migration_breaks_references",
        format!(
            "The migration would leave a row of {table} without the row of {parent} that it names; nothing was changed. Run `kafka doctor`."
        ),
    ))
}

/// What a step's SQL did wrong is the step's fault; a full disk or a lock is not.
fn classify(fault: rusqlite::Error) -> Error {
    match fault.sqlite_error_code() {
        Some(ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) | None => {
            let said = fault.to_string();
            Error::new(ErrorKind::Storage, "migration_failed", said).with_source(fault)
        }
        _ => fault::classify(fault),
    }
}

fn in_step(step: &MigrationName, error: Error) -> Error {
    if error.code() != "migration_failed" {
        return error;
    }
    let sentence = format!("Migration {step} failed and nothing was changed: {}.", error.message());
    Error::new(error.kind(), error.code(), sentence).with_source(error)
}

/// Refinery's driver, inside a transaction that is already open. Refinery's own would commit before the
/// references are checked, and panics on a damaged history.
struct Session<'c>(&'c Connection);

impl Transaction for Session<'_> {
    type Error = Error;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> Result<usize> {
        let mut count = 0;
        for query in queries {
            self.0.execute_batch(query).map_err(classify)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Query<Vec<Step>> for Session<'_> {
    /// The history; refinery asks nothing else.
    fn query(&mut self, query: &str) -> Result<Vec<Step>> {
        let read = || {
            let mut prepared = self.0.prepare(query)?;
            let rows = prepared.query_map([], |row| {
                // A damaged checksum equals none. The time is not looked at.
                let checksum = row.get::<_, String>(3)?.parse().unwrap_or_default();
                Ok(Step::applied(row.get(0)?, row.get(1)?, std::time::UNIX_EPOCH.into(), checksum))
            })?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().map_err(classify)
    }
}

impl Migrate for Session<'_> {}
