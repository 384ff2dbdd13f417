//! Looking at and changing the schema of a database, without opening it as an installation.

use std::fmt;

use crate::{
    base::error::Result,
    config::Config,
    kafka,
    storage::{AppliedMigration, DownTarget, MigrationReport, MigrationStatus, Migrator, Storage},
};

/// The schema of a database. Nothing is migrated by opening it.
pub struct Schema {
    storage: Storage,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl Schema {
    /// Opens the database that the configuration names.
    ///
    /// # Errors
    /// `Storage`, `Corrupt`, `Incompatible` or `Busy` when the file cannot be used, with its path.
    pub fn open(config: &Config) -> Result<Schema> {
        Ok(Schema { storage: kafka::open_storage(config)? })
    }

    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Where the schema stands.
    ///
    /// # Errors
    /// `Incompatible` when the database is newer than this program or was changed by hand.
    pub fn status(&self) -> Result<MigrationStatus> {
        Migrator::new(&self.storage)?.status()
    }

    /// What was applied when, oldest first.
    ///
    /// # Errors
    /// Those of reading.
    pub fn history(&self) -> Result<Vec<AppliedMigration>> {
        Migrator::new(&self.storage)?.history()
    }

    /// Applies what is pending, up to a version or to the newest, all or nothing. A database that is not
    /// empty is backed up first.
    ///
    /// # Errors
    /// `Conflict` while other processes have the database open, naming them; `Invalid` for a version
    /// that does not exist; those of [`status`](Schema::status).
    pub fn up(&self, to: Option<u32>) -> Result<MigrationReport> {
        Migrator::new(&self.storage)?.up(to)
    }

    /// Takes steps back, after a backup, all or nothing. What only the newer schema can hold is lost.
    ///
    /// # Errors
    /// As for [`up`](Schema::up).
    pub fn down(&self, target: DownTarget) -> Result<MigrationReport> {
        Migrator::new(&self.storage)?.down(target)
    }

    /// Notes that the database, whose tables were made by other means, has a version.
    ///
    /// # Errors
    /// `Conflict` (`schema_differs`) unless the tables have exactly that shape, naming the first
    /// difference.
    pub fn stamp(&self, version: u32) -> Result<MigrationReport> {
        Migrator::new(&self.storage)?.stamp(version)
    }
}
