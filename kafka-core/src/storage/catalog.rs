//! The migrations that this program knows, and whether a database's history fits them.

use std::fmt;

use kafka_migrations::Migration;
use refinery_core::Migration as Step;
use serde::Serialize;

use super::{Conn, Row, sql::statements};
use crate::base::{
    error::{Error, ErrorKind, Result},
    time::Timestamp,
};

statements! {
    HAS_HISTORY = ["SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'"]
        or ["SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = 'refinery_schema_history'"];
    HISTORY = ["SELECT version, name, applied_on, checksum FROM refinery_schema_history ORDER BY version"];
}

/// A step of the schema, by number and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationName {
    /// Position in the order of migrations, from 1.
    pub version: u32,
    /// What it brings, in snake_case.
    pub name: String,
}

impl fmt::Display for MigrationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.name)
    }
}

/// A step that a database has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppliedMigration {
    /// Position in the order of migrations, from 1.
    pub version: u32,
    /// What it brought, in snake_case.
    pub name: String,
    /// When it was applied, or stamped.
    pub applied_at: Timestamp,
    /// Of its SQL, so that an edit of it is noticed.
    #[serde(skip)]
    pub(super) checksum: String,
}

/// The steps that a database has, oldest first; none for a new one.
pub(super) fn history(c: &Conn<'_>) -> Result<Vec<AppliedMigration>> {
    if c.first(&HAS_HISTORY, &[], |_| Ok(()))?.is_none() {
        return Ok(Vec::new());
    }
    c.all(&HISTORY, &[], |row: &mut Row<'_>| {
        Ok(AppliedMigration {
            version: row.next()?,
            name: row.next()?,
            applied_at: row.next::<String>()?.parse().map_err(|fault| {
                Error::new(
                    ErrorKind::Corrupt,
                    "row_unreadable",
                    "The migration history holds a time of the wrong form; restore a backup.",
                )
                .with_source(fault)
            })?,
            checksum: row.next()?,
        })
    })
}

/// The version that a history ends with; 0 for an empty one.
pub(super) fn current(history: &[AppliedMigration]) -> u32 {
    history.last().map_or(0, |last| last.version)
}

/// The migrations that this program knows.
pub(super) struct Catalog {
    migrations: &'static [Migration],
    /// The same, for refinery.
    steps: Vec<Step>,
    is_postgres: bool,
}

impl Catalog {
    /// In the spelling of the engine that gets them.
    pub(super) fn new(migrations: &'static [Migration], is_postgres: bool) -> Result<Catalog> {
        let steps = migrations
            .iter()
            .map(|migration| {
                let name = format!("V{}__{}", migration.version, migration.name);
                if is_postgres {
                    Step::unapplied(&name, &migration.up_postgres())
                } else {
                    Step::unapplied(&name, migration.up)
                }
            })
            .collect::<Result<_, _>>()
            .map_err(|fault| {
                Error::new(
                    ErrorKind::Internal,
                    "migration_misnamed",
                    "A migration of this program has no valid name.",
                )
                .with_source(fault)
            })?;
        Ok(Catalog { migrations, steps, is_postgres })
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The SQL that takes a step back.
    pub(super) fn down(&self, migration: &Migration) -> String {
        if self.is_postgres { migration.down_postgres() } else { migration.down.to_owned() }
    }

    /// The newest version.
    pub(super) fn newest(&self) -> u32 {
        self.migrations.last().map_or(0, |last| last.version)
    }

    /// The steps after `from` up to and with `to`.
    pub(super) fn between(
        &self,
        from: u32,
        to: u32,
    ) -> impl DoubleEndedIterator<Item = &'static Migration> + use<> {
        self.migrations.iter().filter(move |migration| migration.version > from && migration.version <= to)
    }

    /// Refuses a version that this program does not know; 0 is the empty schema.
    pub(super) fn known(&self, version: u32) -> Result<u32> {
        if version <= self.newest() {
            return Ok(version);
        }
        Err(Error::invalid(
            "migration_unknown",
            "version",
            format!("{version} is not a version of the schema; this program knows 1 to {}", self.newest()),
        ))
    }

    /// Makes sure that `history` is a beginning of this catalog.
    pub(super) fn check(&self, history: &[AppliedMigration]) -> Result<()> {
        let newest = self.newest();
        if let Some(newer) = history.iter().find(|applied| applied.version > newest) {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "schema_newer",
                format!(
                    "The database has schema version {} ({}), newer than version {newest} that this program knows; use the newer program, take the schema back with its `kafka migrate down {newest}`, or restore a backup.",
                    current(history),
                    newer.name,
                ),
            ));
        }
        let divergent = self.steps.iter().zip(history).find(|(step, applied)| {
            i64::from(step.version()) != i64::from(applied.version)
                || step.name() != applied.name
                || step.checksum().to_string() != applied.checksum
        });
        match divergent {
            None => Ok(()),
            Some((step, applied)) => Err(Error::new(
                ErrorKind::Incompatible,
                "schema_divergent",
                format!(
                    "The database's migration {} ({}) is not the migration {} ({}) of this program; use the program that made the database, or restore a backup.",
                    applied.version,
                    applied.name,
                    step.version(),
                    step.name(),
                ),
            )),
        }
    }
}

impl From<&Migration> for MigrationName {
    fn from(migration: &Migration) -> MigrationName {
        MigrationName { version: migration.version, name: migration.name.to_owned() }
    }
}
