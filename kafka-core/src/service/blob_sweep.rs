//! Removes the bytes that no file names any more.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    base::{error::Result, id::FileId},
    repo::files,
    storage::{Storage, Tx},
};

/// Remembers that something was deleted. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlobSweep(Arc<AtomicBool>);

impl BlobSweep {
    /// Asks for a sweep after the commit.
    pub(crate) fn ask(&self, tx: &Tx<'_>) {
        let asked = Arc::clone(&self.0);
        tx.after_commit(move || asked.store(true, Ordering::Relaxed));
    }

    /// Whether one was asked for since the last time.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// How the bytes beside the database fit the rows in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FilesReport {
    /// Files whose bytes are gone: their ids and names.
    pub missing: Vec<(FileId, String)>,
    /// Bytes that no file names, and that are older than an hour: their hashes.
    pub orphans: Vec<String>,
    /// How many bytes those are.
    pub orphan_bytes: u64,
}

/// Looks at all bytes and all rows.
pub(crate) fn report(storage: &Storage) -> Result<FilesReport> {
    let blobs = storage.blobs();
    // What is there is listed before the rows are read, so that what comes meanwhile is no orphan.
    let mut orphans: BTreeSet<String> = blobs.removable()?.into_iter().collect();
    let mut missing = Vec::new();
    storage.read(|conn| {
        files::each_blob(conn, |id, filename, sha256| {
            if !orphans.remove(&sha256) && !blobs.has(&sha256) {
                missing.push((id, filename));
            }
        })
    })?;
    let orphan_bytes = orphans.iter().map(|sha256| blobs.length(sha256)).sum();
    Ok(FilesReport { missing, orphans: orphans.into_iter().collect(), orphan_bytes })
}

/// Removes what no row names. Each removal is a transaction of its own, which looks again.
pub(crate) fn sweep(storage: &Storage) -> Result<()> {
    let mut orphans: BTreeSet<String> = storage.blobs().removable()?.into_iter().collect();
    let mut is_named = |sha256: &String| _ = orphans.remove(sha256);
    storage.read(|conn| files::each_blob(conn, |_, _, sha256| is_named(&sha256)))?;
    for sha256 in orphans {
        let blobs = storage.blobs().clone();
        storage.write(move |tx| match files::names_blob(tx, &sha256)? {
            true => Ok(()),
            false => blobs.remove(tx, &sha256),
        })?;
    }
    Ok(())
}
