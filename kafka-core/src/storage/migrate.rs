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
    Conn, Tx,
    catalog::{self, AppliedMigration, Catalog, MigrationName},
    engine::Storage,
    fault,
    link::{self, Link},
    lock::MigrationLock,
    moving,
    shape::Shape,
    sql::statements,
};
use crate::base::{
    error::{Error, ErrorKind, Result},
    time::Timestamp,
};

statements! {
    HAS_TABLES = ["SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'refinery_schema_history' LIMIT 1"]
        or ["SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname <> 'refinery_schema_history' LIMIT 1"];
    FORGET = ["DELETE FROM refinery_schema_history WHERE version = $1"];
    DATE = ["UPDATE refinery_schema_history SET applied_on = $1 WHERE version >= $2"];
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
        Ok(Migrator { storage, catalog: Catalog::new(migrations, storage.is_postgres())? })
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
        if from != to && !self.storage.is_postgres() {
            // On a server the old release runs on beside the new one.
            self.refuse_other_nodes()?;
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
            DownTarget::Steps(steps) => from.checked_sub(steps).ok_or_else(|| {
                let message = format!("the schema has {from} steps only; `base` takes all of them back");
                Error::invalid("migration_unknown", "steps", message)
            })?,
            DownTarget::Version(version) => self.catalog.known(version)?,
            DownTarget::Base => 0,
        };
        if to > from {
            return Err(Error::invalid(
                "migration_ahead",
                "version",
                format!("the database has version {from} only; `kafka migrate up {to}` brings it there"),
            ));
        }
        if from != to {
            self.refuse_other_nodes()?;
        }
        self.change(from, to, self.catalog.between(to, from).rev(), |link, migration| {
            run_step(link, &self.catalog.down(migration))?;
            Tx::new(link).execute(&FORGET, &[migration.version.into()]).map(drop)
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
        self.storage.alone(|connection| {
            link::transaction(connection, || {
                let wanted = Shape::after(connection, self.catalog.between(0, version))?;
                if let Some(difference) = Shape::of(connection)?.difference(&wanted) {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "schema_differs",
                        format!(
                            "The database does not have the shape of schema version {version}: {difference}."
                        ),
                    ));
                }
                run_step(connection, "DROP TABLE IF EXISTS refinery_schema_history")?;
                self.run_refinery(connection, Target::FakeVersion(number(version)), 1)
            })
        })?;
        let steps = self.catalog.between(0, version).map(MigrationName::from).collect();
        Ok(MigrationReport { from, to: version, steps, backup: None })
    }

    /// The database's version, when its history fits this program.
    fn checked_version(&self) -> Result<u32> {
        let history = self.storage.read(|conn| {
            moving::refuse_unfinished(conn)?;
            catalog::history(conn)
        })?;
        self.catalog.check(&history)?;
        if history.is_empty() && self.storage.read(|c| c.first(&HAS_TABLES, &[], |_| Ok(())))?.is_some() {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "schema_unknown",
                "The database has tables, but no history of migrations; name another one, or, if this program's SQL made them, run `kafka migrate stamp VERSION`.",
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
        step: impl Fn(&Link, &Migration) -> Result<()>,
    ) -> Result<MigrationReport> {
        if from == to {
            return Ok(MigrationReport { from, to, steps: Vec::new(), backup: None });
        }
        let backup = self.backup(from)?;
        let migrations: Vec<_> = migrations.collect();
        self.storage.alone(|link| {
            in_change(link, || {
                migrations.iter().try_for_each(|migration| {
                    step(link, migration).map_err(|error| in_step(&MigrationName::from(*migration), error))
                })
            })
        })?;
        let steps = migrations.into_iter().map(MigrationName::from).collect();
        Ok(MigrationReport { from, to, steps, backup })
    }

    /// Lets refinery check the history, run what it lacks up to `target`, and note it. `first` is the
    /// first version that it will note.
    fn run_refinery(&self, link: &Link, target: Target, first: u32) -> Result<()> {
        let runner = Runner::new(self.catalog.steps()).set_grouped(true).set_target(target);
        match runner.run(&mut Session(link)) {
            Ok(_) => {
                // Refinery dates by the system's clock.
                let now = self.storage.options().clock.now().to_string();
                Tx::new(link).execute(&DATE, &[(&now).into(), first.into()]).map(drop)
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

/// Runs `change` in a transaction.
///
/// SQLite must not follow foreign keys meanwhile: a table that is rebuilt would take along every row that
/// names it. A PRAGMA does nothing inside a transaction, so it stands outside. PostgreSQL follows them only
/// when rows are deleted, but counts numbers by itself.
pub(super) fn in_change(link: &Link, mut change: impl FnMut() -> Result<()>) -> Result<()> {
    match link {
        Link::Sqlite(connection) => {
            connection.execute_batch("PRAGMA foreign_keys = OFF").map_err(fault::classify)?;
            let result = link::transaction(link, || change().and_then(|()| check_references(connection)));
            connection.execute_batch("PRAGMA foreign_keys = ON").map_err(fault::classify)?;
            result
        }
        #[cfg(feature = "postgres")]
        Link::Postgres(session) => link::transaction(link, || {
            session.run(super::postgres::UNHURRIED)?;
            change()?;
            session.run(super::postgres::COUNT_ON)
        }),
    }
}

/// Runs SQL of a step, whose mistakes are its own.
pub(super) fn run_step(link: &Link, sql: &str) -> Result<()> {
    match link {
        Link::Sqlite(connection) => connection.execute_batch(sql).map_err(classify),
        #[cfg(feature = "postgres")]
        Link::Postgres(session) => session.run_step(sql),
    }
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
struct Session<'c>(&'c Link);

impl Transaction for Session<'_> {
    type Error = Error;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> Result<usize> {
        let mut count = 0;
        for query in queries {
            run_step(self.0, query)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Query<Vec<Step>> for Session<'_> {
    /// The history; refinery asks nothing else.
    fn query(&mut self, _query: &str) -> Result<Vec<Step>> {
        let history = catalog::history(&Conn::new(self.0))?;
        let step = |applied: AppliedMigration| {
            let version = number(applied.version);
            // A damaged checksum equals none. The time is not looked at.
            let checksum = applied.checksum.parse().unwrap_or_default();
            Step::applied(version, applied.name, std::time::UNIX_EPOCH.into(), checksum)
        };
        Ok(history.into_iter().map(step).collect())
    }
}

impl Migrate for Session<'_> {}

#[cfg(test)]
mod tests;
