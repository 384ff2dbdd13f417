//! The bytes of files: kept once under their SHA-256, in `<database>.blobs` beside the database; those of a
//! database in memory are there, too, and those of one on a server in the directory that its nodes share.
//!
//! Bytes are first staged: streamed to a file of their own and forced to the disk. They come to their place
//! inside the transaction that stores the row which names them, and leave it inside another, which has
//! looked that no row does. Transactions that write come one after another, also those of other processes,
//! so an upload that meets a removal of the same bytes puts them back.

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt,
    fs::{self, File},
    io::{self, Cursor, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Tx, blob_made as made,
    engine::Place,
    snapshot::{create_private, sync_directory},
};
use crate::{
    base::error::{Error, ErrorKind, Result},
    crypto::hex,
};

/// What no row names is kept so long all the same: an upload may be about to name it, and a backup may.
const GRACE: Duration = Duration::from_secs(3600);
/// How much of an upload is in memory.
const CHUNK_BYTES: usize = 64 << 10;

/// Where bytes lie. Clones share it.
#[derive(Clone)]
pub(crate) struct Blobs(pub(super) Arc<Store>);

/// Bytes by their hash.
pub(super) type Kept = HashMap<String, Arc<[u8]>>;

pub(super) enum Store {
    Directory(PathBuf),
    Memory { bytes: Mutex<Kept>, made: Mutex<Kept> },
}

/// Bytes that were written down and have no place yet. Dropped without one, they are forgotten.
pub(crate) struct Staged {
    blobs: Blobs,
    pub(crate) sha256: String,
    pub(crate) size_bytes: u64,
    bytes: Bytes,
}

enum Bytes {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

/// Something that can be read from any place in it.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

impl Blobs {
    pub(super) fn of(place: &Place) -> Blobs {
        Blobs(Arc::new(match place {
            Place::Memory => Store::Memory { bytes: Mutex::default(), made: Mutex::default() },
            Place::File(database) => {
                let mut directory = OsString::from(database);
                directory.push(".blobs");
                Store::Directory(PathBuf::from(directory))
            }
            #[cfg(feature = "postgres")]
            Place::Server { blobs, .. } => Store::Directory(blobs.clone()),
        }))
    }

    /// Takes all that `from` gives, at most so many bytes, in bounded memory. `name` becomes the temporary
    /// file's.
    ///
    /// # Errors
    /// `TooLarge` for more bytes; `Invalid` (`file_unreadable`) when `from` fails; `Storage` when the disk
    /// does.
    pub(crate) fn stage(&self, name: Uuid, from: &mut dyn Read, most: u64) -> Result<Staged> {
        let Store::Directory(directory) = &*self.0 else {
            let mut bytes = Vec::new();
            let (sha256, size_bytes) = copy(from, &mut bytes, most, Path::new("memory"))?;
            return Ok(Staged {
                blobs: self.clone(),
                sha256,
                size_bytes,
                bytes: Bytes::Memory(bytes.into()),
            });
        };
        let path = directory.join(INCOMING).join(name.to_string());
        // Made first, so that the file does not stay whatever fails from here on.
        let bytes = Bytes::File(path.clone());
        let mut staged = Staged { blobs: self.clone(), sha256: String::new(), size_bytes: 0, bytes };
        let made = fs::create_dir_all(directory.join(INCOMING)).and_then(|()| create_private(&path));
        let mut file = made.map_err(|fault| unwritable(&path, fault))?;
        (staged.sha256, staged.size_bytes) = copy(from, &mut file, most, &path)?;
        file.sync_all().map_err(|fault| unwritable(&path, fault))?;
        Ok(staged)
    }

    /// The bytes of this hash.
    ///
    /// # Errors
    /// `Corrupt` (`blob_missing`) when they are not there.
    pub(crate) fn open(&self, sha256: &str) -> Result<Box<dyn ReadSeek>> {
        let found: io::Result<Box<dyn ReadSeek>> = match &*self.0 {
            Store::Memory { bytes, .. } => match lock(bytes).get(sha256) {
                Some(bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
                None => Err(io::ErrorKind::NotFound.into()),
            },
            Store::Directory(directory) => match File::open(place(directory, sha256)) {
                Ok(file) => Ok(Box::new(file)),
                Err(fault) => Err(fault),
            },
        };
        found.map_err(|fault| missing(sha256, fault))
    }

    /// Whether the bytes of this hash are there.
    pub(crate) fn has(&self, sha256: &str) -> bool {
        match &*self.0 {
            Store::Memory { bytes, .. } => lock(bytes).contains_key(sha256),
            Store::Directory(directory) => place(directory, sha256).is_file(),
        }
    }

    /// How long the bytes of this hash are; nothing when they are not there.
    pub(crate) fn length(&self, sha256: &str) -> u64 {
        match &*self.0 {
            Store::Memory { bytes, .. } => lock(bytes).get(sha256).map_or(0, |bytes| bytes.len() as u64),
            Store::Directory(directory) => {
                fs::metadata(place(directory, sha256)).map_or(0, |metadata| metadata.len())
            }
        }
    }

    /// Calls `visit` with the hash of all bytes that are kept, in the order of the hashes. Of a large store a
    /// shelf is in memory at a time.
    ///
    /// # Errors
    /// `Storage` when the directory cannot be read; those of `visit`.
    pub(super) fn each(&self, mut visit: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let directory = match &*self.0 {
            Store::Memory { bytes, .. } => {
                let mut hashes: Vec<String> = lock(bytes).keys().cloned().collect();
                hashes.sort_unstable();
                return hashes.iter().try_for_each(|sha256| visit(sha256));
            }
            Store::Directory(directory) => directory,
        };
        let mut shelves = entries(directory)?;
        shelves.sort_unstable();
        for shelf in shelves {
            let mut paths = entries(&shelf)?;
            paths.sort_unstable();
            for path in paths {
                match path.file_name().and_then(|name| name.to_str()) {
                    Some(name) if place(directory, name) == path => visit(name)?,
                    // Uploads, what was made of bytes, and what is not this product's.
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Whether the bytes of both lie in one directory.
    pub(super) fn is_same_place(&self, other: &Blobs) -> bool {
        match (&*self.0, &*other.0) {
            (Store::Directory(one), Store::Directory(other)) => {
                let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
                real(one) == real(other)
            }
            _ => Arc::ptr_eq(&self.0, &other.0),
        }
    }

    /// The hashes of what may be removed if no row names it. What an upload left that a crash cut off is
    /// removed on the way.
    ///
    /// # Errors
    /// `Storage` when the directory cannot be read.
    pub(crate) fn removable(&self) -> Result<Vec<String>> {
        let directory = match &*self.0 {
            Store::Memory { bytes, .. } => return Ok(lock(bytes).keys().cloned().collect()),
            Store::Directory(directory) => directory,
        };
        let mut hashes = Vec::new();
        for shelf in entries(directory)? {
            for path in entries(&shelf)?.into_iter().filter(|path| is_old(path)) {
                match path.file_name().and_then(|name| name.to_str()) {
                    // One that stays is removed the next time.
                    Some(_) if shelf.ends_with(INCOMING) => drop(fs::remove_file(&path)),
                    // What was made of bytes goes with them, but may have come after they went.
                    Some(name) if shelf.ends_with(made::SHELF) && !self.has(name) => {
                        self.forget_made_of(name)
                    }
                    Some(name) if place(directory, name) == path => hashes.push(name.to_owned()),
                    // Whatever else lies there is not this product's.
                    _ => {}
                }
            }
        }
        Ok(hashes)
    }

    /// Removes the bytes of a hash that no row names, as `tx` has seen, unless they came lately.
    ///
    /// # Errors
    /// `Storage` when the disk refuses, and what keeps `tx` from beginning.
    pub(crate) fn remove(&self, tx: &Tx<'_>, sha256: &str) -> Result<()> {
        tx.settle()?;
        let path = match &*self.0 {
            Store::Memory { bytes, .. } => {
                lock(bytes).remove(sha256);
                self.forget_made_of(sha256);
                return Ok(());
            }
            Store::Directory(directory) => place(directory, sha256),
        };
        if !is_old(&path) {
            return Ok(());
        }
        self.forget_made_of(sha256);
        match fs::remove_file(&path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(unwritable(&path, fault)),
            _ => Ok(()),
        }
    }
}

impl Staged {
    /// Brings the bytes to their place, inside the transaction that stores the row which names them.
    ///
    /// # Errors
    /// `Storage` when the disk refuses, and what keeps `tx` from beginning.
    pub(crate) fn place(&self, tx: &Tx<'_>) -> Result<()> {
        tx.settle()?;
        match (&*self.blobs.0, &self.bytes) {
            (Store::Memory { bytes: kept, .. }, Bytes::Memory(bytes)) => {
                lock(kept).insert(self.sha256.clone(), Arc::clone(bytes));
                Ok(())
            }
            (Store::Directory(directory), Bytes::File(staged)) => {
                let place = place(directory, &self.sha256);
                put(staged, &place).map_err(|fault| unwritable(&place, fault))
            }
            // A store makes its own sort of bytes.
            _ => Ok(()),
        }
    }

    /// The bytes, before or after they came to their place.
    ///
    /// # Errors
    /// As those of [`Blobs::open`].
    pub(crate) fn open(&self) -> Result<Box<dyn ReadSeek>> {
        match &self.bytes {
            Bytes::Memory(bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
            Bytes::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(_) => self.blobs.open(&self.sha256),
            },
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Bytes::File(path) = &self.bytes {
            // It is not there any more once it came to its place; if it stays it is removed when it is old.
            let _ = fs::remove_file(path);
        }
    }
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blobs").finish_non_exhaustive()
    }
}

/// Where uploads lie until they have a place.
pub(super) const INCOMING: &str = "incoming";

pub(super) fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Directories of many thousands of files are slow on some systems, so the first two digits are one each.
fn place(directory: &Path, sha256: &str) -> PathBuf {
    directory.join(sha256.get(..2).unwrap_or_default()).join(sha256)
}

/// Moves a file, for good. A transaction may run again, and find it moved.
fn put(staged: &Path, place: &Path) -> io::Result<()> {
    if let Some(shelf) = place.parent()
        && !shelf.is_dir()
    {
        fs::create_dir_all(shelf)?;
        sync_directory(shelf)?;
    }
    match fs::rename(staged, place) {
        Err(_) if !staged.exists() && place.exists() => {}
        moved => moved?,
    }
    sync_directory(place)
}

/// Copies to the end and counts: the hash and the length.
fn copy(from: &mut dyn Read, to: &mut dyn Write, most: u64, name: &Path) -> Result<(String, u64)> {
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => return Ok((hex::encode(&hash.finalize()), size)),
            Ok(count) => count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
            Err(fault) => return Err(unreadable(fault)),
        };
        size += count as u64;
        if size > most {
            let sentence = format!("The file is longer than {most} bytes, which is the most that is kept.");
            return Err(Error::new(ErrorKind::TooLarge, "file_too_large", sentence));
        }
        hash.update(&chunk[..count]);
        to.write_all(&chunk[..count]).map_err(|fault| unwritable(name, fault))?;
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(directory) {
        Err(fault) if matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        listed => listed.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()),
    };
    listed.map_err(|fault| unwritable(directory, fault))
}

/// Whether it was written longer ago than [`GRACE`]. What cannot be asked is taken for new.
fn is_old(path: &Path) -> bool {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age > GRACE))
}

fn unreadable(fault: io::Error) -> Error {
    let sentence = "The file could not be read to its end; send it again.";
    Error::new(ErrorKind::Invalid, "file_unreadable", sentence).with_source(fault)
}

fn unwritable(path: &Path, fault: io::Error) -> Error {
    let sentence = format!(
        "The bytes of a file cannot be kept in {} ({fault}); check the disk's space and the directory's permissions.",
        path.display()
    );
    Error::new(ErrorKind::Storage, "blob_unwritable", sentence).with_source(fault)
}

fn missing(sha256: &str, fault: io::Error) -> Error {
    let sentence = format!(
        "The bytes {sha256} of a file are not in the directory beside the database; run `kafka doctor`, and bring them back from a backup."
    );
    Error::new(ErrorKind::Corrupt, "blob_missing", sentence).with_source(fault)
}
