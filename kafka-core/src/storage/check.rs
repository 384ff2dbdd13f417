//! Whether the stored data is whole.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path};

use serde::Serialize;

use super::{engine::Storage, sql::statements};
use crate::base::error::Result;

#[cfg(feature = "postgres")]
super::sql::unlisted_statements! {
    SIZE = ["SELECT pg_database_size(current_database())"];
    MAY_CREATE = ["SELECT COALESCE(has_schema_privilege(current_schema(), 'CREATE'), FALSE)"];
}

statements! {
    /// More than twenty complaints say nothing that twenty do not.
    INTEGRITY = ["PRAGMA integrity_check(20)"];
    DANGLING = ["PRAGMA foreign_key_check"];
}

/// What a look at the whole database found. Takes about as long as reading the file once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DatabaseHealth {
    /// Size of the file, in bytes; 0 in memory.
    pub size_bytes: u64,
    /// Size of its write-ahead log, in bytes. It is cut back when nobody reads.
    pub wal_bytes: u64,
    /// The engine's complaints about the file's structure; none when it is whole.
    pub damage: Vec<String>,
    /// A sentence for each pair of tables with rows that name rows which do not exist.
    pub dangling: Vec<String>,
}

impl Storage {
    /// Reads everything and tells what is wrong with it.
    ///
    /// # Errors
    /// `Corrupt` when the damage keeps the file from being read.
    pub(crate) fn health(&self) -> Result<DatabaseHealth> {
        #[cfg(feature = "postgres")]
        if self.is_postgres() {
            // The server checks what it reads, and lets no reference dangle.
            let size = self.read(|conn| conn.first(&SIZE, &[], |row| row.next::<u64>()))?;
            return Ok(DatabaseHealth { size_bytes: size.unwrap_or_default(), ..DatabaseHealth::default() });
        }
        let (damage, dangling) = self.read(|conn| {
            let damage = conn.all(&INTEGRITY, &[], |row| row.next::<String>())?;
            let mut pairs = BTreeMap::<(String, String), usize>::new();
            conn.each(&DANGLING, &[], |row| {
                let (table, _rowid, parent) = (row.next()?, row.next::<Option<i64>>()?, row.next()?);
                *pairs.entry((table, parent)).or_default() += 1;
                Ok(())
            })?;
            Ok((damage, pairs))
        })?;
        let sentence = |((table, parent), count): ((String, String), usize)| {
            format!("{count} rows of {table} name rows of {parent} that do not exist")
        };
        Ok(DatabaseHealth {
            size_bytes: self.path().map_or(0, size),
            wal_bytes: self.path().map_or(0, |path| {
                let mut log = OsString::from(path);
                log.push("-wal");
                size(Path::new(&log))
            }),
            damage: damage.into_iter().filter(|line| line != "ok").collect(),
            dangling: dangling.into_iter().map(sentence).collect(),
        })
    }

    /// Whether whoever opened the database may make tables in it. Of a file whoever opened it may.
    pub(crate) fn may_create(&self) -> Result<bool> {
        #[cfg(feature = "postgres")]
        if self.is_postgres() {
            let may = self.read(|conn| conn.first(&MAY_CREATE, &[], |row| row.next::<bool>()))?;
            return Ok(may.unwrap_or_default());
        }
        Ok(true)
    }
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Migrator, Place, StorageOptions};

    fn fresh(place: Place) -> Storage {
        let storage = Storage::open(place, StorageOptions::default()).unwrap();
        Migrator::new(&storage).unwrap().up(None).unwrap();
        storage
    }

    #[test]
    fn a_whole_database_is_without_complaint() {
        assert_eq!(fresh(Place::Memory).health().unwrap(), DatabaseHealth::default());
        let directory = tempfile::tempdir().unwrap();
        let health = fresh(Place::File(directory.path().join("kafka.db"))).health().unwrap();
        assert!(health.size_bytes > 0 && health.wal_bytes > 0, "{health:?}");
        assert!(health.damage.is_empty() && health.dangling.is_empty(), "{health:?}");
    }

    #[test]
    fn rows_that_name_nothing_are_counted() {
        let storage = fresh(Place::Memory);
        storage
            .exclusive(|connection| {
                connection
                    .execute_batch(
                        "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
                         INSERT INTO workspaces (id, name, owner_id, created_at, updated_at) VALUES ('a', 'a', 'x', 0, 0);
                         INSERT INTO workspaces (id, name, owner_id, created_at, updated_at) VALUES ('b', 'b', 'y', 0, 0);",
                    )
                    .map_err(crate::storage::fault::classify)
            })
            .unwrap();
        let health = storage.health().unwrap();
        assert_eq!(health.dangling, ["2 rows of workspaces name rows of users that do not exist"]);
    }
}
