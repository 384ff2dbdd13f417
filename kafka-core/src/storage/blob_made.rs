//! What was made of the bytes of files, such as the texts of documents: kept beside them under the same hash, and gone
//! with them. All of it can be made again, so it is neither forced to the disk nor missed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process, thread,
};

use super::{
    blob::{Blobs, INCOMING, Store, lock},
    snapshot::create_private,
};

/// Where it lies. Earlier releases leave alone what they do not know there.
pub(super) const SHELF: &str = "made";

fn place(directory: &Path, sha256: &str) -> PathBuf {
    directory.join(SHELF).join(sha256)
}

impl Blobs {
    /// What was kept last for the bytes of this hash.
    pub(crate) fn made_of(&self, sha256: &str) -> Option<Vec<u8>> {
        match &*self.0 {
            Store::Memory { made, .. } => lock(made).get(sha256).map(|made| made.to_vec()),
            Store::Directory(directory) => fs::read(place(directory, sha256)).ok(),
        }
    }

    /// Keeps what was made of the bytes of this hash. It is there as a whole, or not at all.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn keep_made_of(&self, sha256: &str, what: &[u8]) -> io::Result<()> {
        let directory = match &*self.0 {
            Store::Memory { made, .. } => {
                lock(made).insert(sha256.to_owned(), what.into());
                return Ok(());
            }
            Store::Directory(directory) => directory,
        };
        // Nobody else writes into the same file.
        let writer = format!("{sha256}.{}.{:?}", process::id(), thread::current().id());
        let partial = directory.join(INCOMING).join(writer);
        let place = place(directory, sha256);
        for shelf in [&partial, &place].into_iter().filter_map(|path| path.parent()) {
            fs::create_dir_all(shelf)?;
        }
        let kept = create_private(&partial)
            .and_then(|mut file| io::Write::write_all(&mut file, what))
            .and_then(|()| fs::rename(&partial, &place));
        if kept.is_err() {
            // One that stays is removed when it is old.
            let _ = fs::remove_file(&partial);
        }
        kept
    }

    /// Removes it.
    pub(super) fn forget_made_of(&self, sha256: &str) {
        match &*self.0 {
            Store::Memory { made, .. } => drop(lock(made).remove(sha256)),
            // One that stays is removed the next time, or names bytes that came back.
            Store::Directory(directory) => drop(fs::remove_file(place(directory, sha256))),
        }
    }
}
