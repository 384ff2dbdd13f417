//! Moving everything from one database to another, whichever engines they lie on.
//!
//! Rows are copied table by table in the order of their keys, so the highest key in the target tells how far the move
//! has come, and nothing comes twice. References are looked at once, at the end: until then a row may come before the
//! one that it names. Meanwhile nobody can open the target as an installation, and nobody can start on either side.

mod blobs;
mod cell;
mod contents;
mod rows;
mod table;
mod unfinished;

use serde::Serialize;

pub use contents::StoredContents;
#[cfg(any(test, feature = "testing"))]
pub(super) use table::ALL;
pub(super) use unfinished::refuse as refuse_unfinished;

use super::{
    engine::{Place, Storage, StorageOptions},
    link::{self, Link},
    lock::MigrationLock,
    migrate::{self, Migrator},
    node::Node,
};
use crate::base::error::{Error, ErrorKind, Result};
use table::Table;

/// What a move is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveStep {
    /// Copies rows.
    Rows,
    /// Copies the bytes of files.
    Files,
    /// Reads both sides and compares them, row by row.
    Check,
}

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveProgress {
    /// What it is at.
    pub step: MoveStep,
    /// How many rows, or bytes of files, of this step are done, those of earlier attempts included.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// Who is told how far a move has come.
pub(crate) type Watch<'w> = dyn FnMut(MoveProgress) + 'w;

/// A move that has begun.
pub(crate) struct Moving<'s> {
    from: &'s Storage,
    to: &'s Storage,
    tables: Vec<Table>,
    is_resumed: bool,
    /// Nobody starts on either side while these are held.
    _locks: [MigrationLock; 2],
}

impl<'s> Moving<'s> {
    /// Makes sure that everything can be moved, and prepares the target; or finds that this was done before.
    ///
    /// # Errors
    /// `Conflict` while other processes have either side open, and for a target that holds something; `Incompatible`
    /// for a source of another version of the schema; `Invalid` for two sides that are one, and in memory.
    pub(crate) fn begin(from: &'s Storage, to: &'s Storage) -> Result<Moving<'s>> {
        let (source, _) = (from.place_name()?, to.place_name()?);
        if from.identity()? == to.identity()? {
            return Err(Error::invalid(
                "move_onto_itself",
                "to",
                "it names the database that is to be moved",
            ));
        }
        let locks = [from.locks().migration()?, to.locks().migration()?];
        refuse_nodes("source", &from.live_nodes()?)?;
        refuse_nodes("target", &to.live_nodes()?)?;
        Migrator::new(from)?.require().map_err(|error| of_source(&error))?;
        let begun = to.read(unfinished::source)?;
        match &begun {
            Some(other) if *other != source => return Err(begun_from(other)),
            Some(_) => {}
            None => prepare_schema(to, &locks[1])?,
        }
        let tables = to.read(table::all)?;
        if let Some(name) = table::difference(&from.read(table::all)?, &tables) {
            return Err(differ(name));
        }
        if begun.is_none() {
            refuse_full(to, &tables)?;
            to.alone(|link| migrate::in_change(link, || begin_unchecked(link, &source, &tables)))?;
        }
        Ok(Moving { from, to, tables, is_resumed: begun.is_some(), _locks: locks })
    }

    /// Whether an earlier attempt has begun it.
    pub(crate) fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Copies the rows that the target lacks.
    pub(crate) fn copy_rows(&self, watch: &mut Watch<'_>) -> Result<()> {
        let count = |storage: &Storage| {
            storage
                .alone(|link| self.tables.iter().map(|table| rows::count(link, table)).sum::<Result<u64>>())
        };
        let (total, mut done) = (count(self.from)?, count(self.to)?);
        self.to.alone(|link| follow_references(link, false))?;
        for table in &self.tables {
            let mut last = self.to.alone(|link| rows::last_key(link, table))?;
            loop {
                let portion = self.from.alone(|link| rows::read(link, table, last.as_deref()))?;
                let Some(row) = portion.last() else { break };
                last = Some(rows::key_of(table, row));
                self.to.alone(|link| link::transaction(link, || rows::write(link, table, &portion)))?;
                done += portion.len() as u64;
                watch(MoveProgress { step: MoveStep::Rows, done, total });
            }
        }
        self.to.alone(|link| follow_references(link, true))
    }

    /// What each side holds, the source's first. Bytes that `damaged` names are left out.
    pub(crate) fn contents(&self, damaged: &[String], watch: &mut Watch<'_>) -> Result<[StoredContents; 2]> {
        let (mut done, mut total) = (0, 0);
        for side in [self.from, self.to] {
            total += side.alone(|link| {
                self.tables.iter().map(|table| rows::count(link, table)).sum::<Result<u64>>()
            })?;
        }
        let mut side = |storage: &Storage| -> Result<StoredContents> {
            let mut contents = contents::Reading::default();
            contents.add_tables(storage, &self.tables, &mut |rows| {
                done += rows;
                watch(MoveProgress { step: MoveStep::Check, done, total });
            })?;
            // Of the target what the source has: its directory may hold more.
            contents.add_blobs(self.from, storage, damaged)?;
            Ok(contents.finish())
        };
        Ok([side(self.from)?, side(self.to)?])
    }

    /// Makes the target an installation: all or nothing.
    ///
    /// # Errors
    /// `Corrupt` or `Conflict` when a row names one that does not exist.
    pub(crate) fn finish(self) -> Result<()> {
        self.to.alone(|link| {
            migrate::in_change(link, || {
                let at_end = unfinished::end(link)?;
                at_end.iter().try_for_each(|sql| migrate::run_step(link, sql))
            })?;
            #[cfg(feature = "postgres")]
            if let Link::Postgres(session) = link {
                // So that it plans by what there is at once; it finds out by itself later.
                let _ = session.run("ANALYZE");
            }
            Ok(())
        })
    }
}

/// Makes the newest schema in an empty database. One with an older schema holds something, or did.
fn prepare_schema(to: &Storage, lock: &MigrationLock) -> Result<()> {
    let migrator = Migrator::new(to)?;
    let status = migrator.status()?;
    if status.current > 0 && status.current < status.newest {
        return Err(not_empty(&format!("has schema version {} already", status.current)));
    }
    migrator.up_locked(None, lock).map(drop)
}

/// Refuses a target that holds anything but what migrations store.
fn refuse_full(to: &Storage, tables: &[Table]) -> Result<()> {
    let fresh = Storage::open(Place::Memory, StorageOptions::default())?;
    Migrator::new(&fresh)?.up(None)?;
    // Tables that somebody made for himself are expected to be empty.
    let (known, own): (Vec<Table>, Vec<Table>) = {
        let made = fresh.read(table::all)?;
        tables.iter().cloned().partition(|table| made.contains(table))
    };
    let counts = |storage: &Storage, tables: &[Table]| {
        let count =
            |link: &Link| tables.iter().map(|table| rows::count(link, table)).collect::<Result<Vec<_>>>();
        storage.alone(count)
    };
    let expected = [counts(&fresh, &known)?, vec![0; own.len()]].concat();
    let found = [counts(to, &known)?, counts(to, &own)?].concat();
    let mut counted = known.iter().chain(&own).zip(expected.into_iter().zip(found));
    if let Some((table, (_, found))) = counted.find(|(_, (expected, found))| expected != found) {
        return Err(not_empty(&format!("holds {found} rows of {}", table.name)));
    }
    let read = |storage: &Storage| -> Result<StoredContents> {
        let mut contents = contents::Reading::default();
        contents.add_tables(storage, &known, &mut |_| ())?;
        Ok(contents.finish())
    };
    if read(&fresh)? == read(to)? { Ok(()) } else { Err(not_empty("was changed since it was made")) }
}

fn begin_unchecked(link: &Link, source: &str, tables: &[Table]) -> Result<()> {
    let at_end: Vec<String> = match link {
        Link::Sqlite(_) => Vec::new(),
        #[cfg(feature = "postgres")]
        Link::Postgres(session) => super::postgres::drop_references(session)?,
    };
    unfinished::begin(link, source, &at_end)?;
    // What migrations have stored comes with the source, or was deleted there.
    tables.iter().try_for_each(|table| rows::clear(link, table))
}

/// SQLite is told for a connection; PostgreSQL has none to follow until the end.
fn follow_references(link: &Link, yes: bool) -> Result<()> {
    match link {
        Link::Sqlite(connection) => {
            connection.pragma_update(None, "foreign_keys", yes).map_err(super::fault::classify)
        }
        #[cfg(feature = "postgres")]
        Link::Postgres(_) => Ok(()),
    }
}

impl Storage {
    /// Where the database lies, as a person would write it, without account and password.
    fn place_name(&self) -> Result<String> {
        #[cfg(feature = "postgres")]
        if let Some(connector) = self.connector() {
            return Ok(connector.place());
        }
        self.path().map(|path| path.display().to_string()).ok_or_else(|| {
            let sentence = "A database in memory is gone when the move ends; name a file or a server.";
            Error::new(ErrorKind::Invalid, "move_of_memory", sentence)
        })
    }

    /// The same for two handles of one database, by whatever name it was opened.
    fn identity(&self) -> Result<String> {
        #[cfg(feature = "postgres")]
        if self.is_postgres() {
            let found = self.read(super::postgres::identity)?;
            return Ok(found);
        }
        self.place_name()
    }
}

fn refuse_nodes(side: &str, nodes: &[Node]) -> Result<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    let sentence = format!(
        "Nothing can be moved while other processes use the {side}: {}; end them first.",
        nodes.join("; ")
    );
    Err(Error::new(ErrorKind::Conflict, "nodes_alive", sentence))
}

fn of_source(error: &Error) -> Error {
    let sentence = format!("The source cannot be moved as it is. {}", error.message());
    Error::new(error.kind(), error.code(), sentence).with_source(error.clone())
}

fn differ(table: &str) -> Error {
    let sentence = format!(
        "The table {table} is not the same on both sides. Make it so, or, if an earlier version of this program has begun the move, empty the target and move again."
    );
    Error::new(ErrorKind::Incompatible, "move_schemas_differ", sentence)
}

fn begun_from(other: &str) -> Error {
    let sentence = format!(
        "The target is being filled from {other}, and that has not come to its end; name that source, or another target."
    );
    Error::new(ErrorKind::Conflict, "move_begun", sentence)
}

fn not_empty(what: &str) -> Error {
    let sentence = format!("The target {what}; name an empty database, or one that does not exist.");
    Error::new(ErrorKind::Conflict, "move_target_not_empty", sentence)
}
