//! Looking at and changing the schema of a database, without opening it as an installation.

use std::fmt;

use serde::Serialize;

use crate::{
    base::error::Result,
    config::Config,
    kafka,
    service::{
        blob_sweep::{self, FilesReport},
        embedding::{self, failure::EmbeddingFailure},
        search_index,
    },
    storage::{
        AppliedMigration, DatabaseHealth, DownTarget, MigrationReport, MigrationStatus, Migrator, Node,
        Storage,
    },
};

/// What [`Schema::diagnose`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Whether the stored data is whole.
    pub database: DatabaseHealth,
    /// Processes that have the database open as installation.
    pub live_nodes: Vec<Node>,
    /// Processes that ended without a word. The next server ends the answers that they left.
    pub dead_nodes: Vec<Node>,
}

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

    /// Reads the whole database and tells what is wrong with it.
    ///
    /// # Errors
    /// `Corrupt` when the damage keeps it from being read; those of reading.
    pub fn diagnose(&self) -> Result<Diagnosis> {
        let storage = &self.storage;
        Ok(Diagnosis {
            database: storage.health()?,
            live_nodes: storage.live_nodes()?,
            dead_nodes: storage.dead_nodes()?,
        })
    }

    /// How the bytes of files beside the database fit the rows in it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn files(&self) -> Result<FilesReport> {
        blob_sweep::report(&self.storage)
    }

    /// Removes the bytes that no file names and that are older than an hour, as a server does by itself every
    /// hour. Servers may run meanwhile.
    ///
    /// # Errors
    /// Those of writing.
    pub fn remove_orphans(&self) -> Result<()> {
        blob_sweep::sweep(&self.storage)
    }

    /// How many changes are not in the index of searches yet. A server takes them in within a second.
    ///
    /// # Errors
    /// Those of reading.
    pub fn unindexed(&self) -> Result<u64> {
        search_index::waiting(&self.storage)
    }

    /// How many passages are found by their words alone, because their documents have no vectors of this model. A server
    /// whose [`Config::embedding`] names it makes them in the background.
    ///
    /// # Errors
    /// Those of reading.
    pub fn without_vectors(&self, model: &str) -> Result<u64> {
        embedding::lacking(&self.storage, model)
    }

    /// Since when the endpoint of vectors gives none, and why; none where it has given some since, or was not asked since a
    /// server started.
    ///
    /// # Errors
    /// Those of reading.
    pub fn embedding_failure(&self) -> Result<Option<EmbeddingFailure>> {
        embedding::failure::last(&self.storage)
    }

    /// Makes the index of searches anew from what is stored. Servers may run meanwhile; until it is done, searches find
    /// less.
    ///
    /// # Errors
    /// Those of writing.
    pub fn reindex(&self) -> Result<()> {
        search_index::rebuild(&self.storage)
    }

    /// Whether the database is copied before its schema changes. One on a server is not: its own tools do that.
    #[must_use]
    pub fn makes_backups(&self) -> bool {
        !self.storage.is_postgres()
    }

    /// Whether the account may apply migrations: on PostgreSQL it has to be one that may make tables.
    ///
    /// # Errors
    /// Those of reading.
    pub fn may_change(&self) -> Result<bool> {
        self.storage.may_create()
    }

    /// Makes sure that this program can work on the database as it is.
    ///
    /// # Errors
    /// `Incompatible`: `migrations_pending`, `schema_newer`, `schema_divergent` or `schema_unknown`.
    pub fn check(&self) -> Result<()> {
        Migrator::new(&self.storage)?.require()
    }
}
