//! The schema's version.

use refinery_core::{
    Migrate, Migration as Step, Runner,
    traits::sync::{Query, Transaction},
};
use rusqlite::Connection;

use super::{engine::Storage, fault};
use crate::base::error::{Error, ErrorKind, Result};

pub(crate) struct Migrator<'s> {
    storage: &'s Storage,
}

impl<'s> Migrator<'s> {
    pub(crate) fn new(storage: &'s Storage) -> Migrator<'s> {
        Migrator { storage }
    }

    /// Applies what is pending.
    pub(crate) fn up(&self, _to: Option<u32>) -> Result<()> {
        let steps = kafka_migrations::MIGRATIONS
            .iter()
            .map(|migration| {
                Step::unapplied(&format!("V{}__{}", migration.version, migration.name), migration.up)
                    .map_err(failed)
            })
            .collect::<Result<Vec<_>>>()?;
        self.storage.exclusive(|connection| {
            connection
                .execute_batch("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE")
                .map_err(fault::classify)?;
            let result = Runner::new(&steps).set_grouped(true).run(&mut Session(connection)).map_err(failed);
            let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
            connection.execute_batch(end).map_err(fault::classify)?;
            connection.execute_batch("PRAGMA foreign_keys = ON").map_err(fault::classify)?;
            result.map(drop)
        })
    }
}

fn failed(fault: refinery_core::Error) -> Error {
    Error::new(ErrorKind::Storage, "migration_failed", "The migration failed; nothing was changed.")
        .with_source(fault)
}

/// Refinery's driver, inside a transaction that is already open.
struct Session<'c>(&'c Connection);

impl Transaction for Session<'_> {
    type Error = rusqlite::Error;

    fn execute<'a, T: Iterator<Item = &'a str>>(&mut self, queries: T) -> rusqlite::Result<usize> {
        let mut count = 0;
        for query in queries {
            self.0.execute_batch(query)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Query<Vec<Step>> for Session<'_> {
    fn query(&mut self, query: &str) -> rusqlite::Result<Vec<Step>> {
        let mut prepared = self.0.prepare(query)?;
        let rows = prepared.query_map([], |row| {
            let checksum: String = row.get(3)?;
            let checksum = checksum.parse().unwrap_or_default();
            // Nobody reads the time from here.
            Ok(Step::applied(row.get(0)?, row.get(1)?, std::time::UNIX_EPOCH.into(), checksum))
        })?;
        rows.collect()
    }
}

impl Migrate for Session<'_> {}
