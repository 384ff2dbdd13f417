//! What a database holds: how many rows of which table, and one hash of all of it, which does not depend on the engine.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{rows, table::Table};
use crate::{base::error::Result, crypto::hex, storage::engine::Storage};

/// What one side of a move holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoredContents {
    /// The rows of each table, by its name.
    pub rows: Vec<(String, u64)>,
    /// SHA-256, in hexadecimal, of every row of every table in the order of their keys, and of the names and lengths
    /// of the bytes of files.
    pub hash: String,
}

#[derive(Default)]
pub(super) struct Reading {
    rows: Vec<(String, u64)>,
    hash: Sha256,
}

impl Reading {
    /// Reads every row. `watch` is told how many more were read.
    pub(super) fn add_tables(
        &mut self,
        storage: &Storage,
        tables: &[Table],
        watch: &mut dyn FnMut(u64),
    ) -> Result<()> {
        for table in tables {
            self.heading(&table.name);
            table.columns.iter().for_each(|(name, _)| self.heading(name));
            let (mut last, mut count) = (None, 0);
            loop {
                let portion = storage.alone(|link| rows::read(link, table, last.as_deref()))?;
                let Some(row) = portion.last() else { break };
                last = Some(rows::key_of(table, row));
                portion.iter().flatten().for_each(|cell| cell.hash(&mut self.hash));
                count += portion.len() as u64;
                watch(portion.len() as u64);
            }
            self.hash.update(count.to_be_bytes());
            self.rows.push((table.name.clone(), count));
        }
        Ok(())
    }

    /// Adds how `storage` has the bytes that `source` has.
    pub(super) fn add_blobs(
        &mut self,
        source: &Storage,
        storage: &Storage,
        without: &[String],
    ) -> Result<()> {
        source.blobs().each(|sha256| {
            if !without.iter().any(|left_out| left_out == sha256) {
                self.heading(sha256);
                self.hash.update(storage.blobs().length(sha256).to_be_bytes());
            }
            Ok(())
        })
    }

    pub(super) fn finish(self) -> StoredContents {
        StoredContents { rows: self.rows, hash: hex::encode(&self.hash.finalize()) }
    }

    fn heading(&mut self, name: &str) {
        self.hash.update((name.len() as u64).to_be_bytes());
        self.hash.update(name);
    }
}
