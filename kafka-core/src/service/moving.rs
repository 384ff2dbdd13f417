//! Moves an installation to another database, and tells what came of it.

use std::sync::Arc;

use serde::Serialize;

use super::keyring::{self, Keyring, SecretSource};
use crate::{
    base::error::{Error, ErrorKind, Result},
    storage::{MoveProgress, Moving, Storage, StoredContents},
};

/// What a move did, and what both sides hold now: the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoveReport {
    /// Whether an earlier attempt had begun it.
    pub resumed: bool,
    /// What was read of the source.
    pub source: StoredContents,
    /// What was read of the target.
    pub target: StoredContents,
    /// How many files' bytes the target has.
    pub files: u64,
    /// How many bytes those are.
    pub file_bytes: u64,
    /// Whether both sides keep them in one directory, so that none were copied: only one of them may be used from now
    /// on, since each removes what it does not know.
    pub files_shared: bool,
    /// The hashes of bytes that were left behind, because they are not what they were when they were stored.
    pub damaged_files: Vec<String>,
    /// Keys of models that were moved as they are sealed.
    pub sealed_keys: u64,
    /// The models of those whose key the secret of the target does not open.
    pub unreadable_keys: Vec<String>,
}

pub(crate) fn run(
    from: &Storage,
    to: &Storage,
    secret: Option<Arc<dyn SecretSource>>,
    watch: &mut dyn FnMut(MoveProgress),
) -> Result<MoveReport> {
    let keyring = secret.map(Keyring::new).transpose()?;
    let moving = Moving::begin(from, to)?;
    moving.copy_rows(watch)?;
    let blobs = moving.copy_blobs(watch)?;
    let [source, target] = moving.contents(&blobs.damaged, watch)?;
    if source != target {
        return Err(differs(&source, &target));
    }
    let resumed = moving.is_resumed();
    moving.finish()?;
    let (sealed_keys, unreadable_keys) = keys(to, keyring.as_ref())?;
    Ok(MoveReport {
        resumed,
        source,
        target,
        files: blobs.count,
        file_bytes: blobs.bytes,
        files_shared: blobs.is_shared,
        damaged_files: blobs.damaged,
        sealed_keys,
        unreadable_keys,
    })
}

/// How many keys are sealed, and the models of those that nothing opens.
fn keys(storage: &Storage, keyring: Option<&Keyring>) -> Result<(u64, Vec<String>)> {
    let (mut sealed, mut unreadable) = (0, Vec::new());
    keyring::each_page(storage, |page| {
        for row in page {
            sealed += 1;
            if keyring.is_none_or(|keyring| keyring::open(keyring, &row).is_err()) {
                unreadable.push(row.name);
            }
        }
        Ok(())
    })?;
    Ok((sealed, unreadable))
}

fn differs(source: &StoredContents, target: &StoredContents) -> Error {
    let mut pairs = source.rows.iter().zip(&target.rows);
    let counted = pairs
        .find(|(source, target)| source != target)
        .map(|((table, source), (_, target))| format!("{source} rows of {table}, the target {target}"));
    let what = counted.unwrap_or_else(|| format!("contents {}, the target {}", source.hash, target.hash));
    Error::new(
        ErrorKind::Conflict,
        "move_differs",
        format!(
            "The source has {what}: it was written to since the move began. Empty the target, and move again while nothing uses the source."
        ),
    )
}
