//! What is wrong with a database, without changing it.

use serde::Serialize;

use super::schema::Schema;
use crate::{
    base::error::Result,
    storage::{DatabaseHealth, Migrator, Node},
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

impl Schema {
    /// Reads the whole database and tells what is wrong with it.
    ///
    /// # Errors
    /// `Corrupt` when the damage keeps it from being read; those of reading.
    pub fn diagnose(&self) -> Result<Diagnosis> {
        let storage = self.storage();
        Ok(Diagnosis {
            database: storage.health()?,
            live_nodes: storage.live_nodes()?,
            dead_nodes: storage.dead_nodes()?,
        })
    }

    /// Makes sure that this program can work on the database as it is.
    ///
    /// # Errors
    /// `Incompatible`: `migrations_pending`, `schema_newer`, `schema_divergent` or `schema_unknown`.
    pub fn check(&self) -> Result<()> {
        Migrator::new(self.storage())?.require()
    }
}
