//! Locks between processes: files in `<database>.lock.d` that the operating system unlocks when their
//! owner is gone, however it went.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

#[cfg(feature = "postgres")]
use super::postgres::{Connector, Session};
use crate::base::{
    error::{Error, ErrorKind, Result},
    id::NodeId,
};

/// Where the locks are.
pub(super) enum Locks {
    /// In memory there is no other process, and every lock is free.
    Nowhere,
    Directory(PathBuf),
    /// The server keeps them; its nodes have none, but beat.
    #[cfg(feature = "postgres")]
    Server(std::sync::Arc<Connector>),
}

/// The leave to look at the schema's version and act on it. Given up when dropped; the open file, or
/// connection, is the lock.
pub(super) struct MigrationLock {
    _file: Option<File>,
    #[cfg(feature = "postgres")]
    _session: Option<Session>,
}

/// Says that a node lives. Given up when dropped; the open file is the lock.
pub(super) struct NodeLock {
    _file: Option<File>,
}

impl Locks {
    pub(super) fn of(database: Option<&Path>) -> Locks {
        let Some(path) = database else { return Locks::Nowhere };
        let mut directory = OsString::from(path);
        directory.push(".lock.d");
        Locks::Directory(PathBuf::from(directory))
    }

    /// Waits until no other process migrates or starts.
    pub(super) fn migration(&self) -> Result<MigrationLock> {
        let directory = match self {
            Locks::Nowhere => return Ok(MigrationLock::of(None)),
            Locks::Directory(directory) => directory,
            #[cfg(feature = "postgres")]
            Locks::Server(connector) => {
                let session = connector.writer()?;
                session.lock_migrations()?;
                return Ok(MigrationLock { _file: None, _session: Some(session) });
            }
        };
        let path = directory.join("migrate");
        let file = fs::create_dir_all(directory)
            .and_then(|()| open(&path))
            .map_err(|fault| refused(&path, fault))?;
        file.lock().map_err(|fault| refused(&path, fault))?;
        Ok(MigrationLock::of(Some(file)))
    }

    /// The lock of a new node. To be called before its row is written, so that the row is never taken
    /// for a dead one's.
    pub(super) fn claim(&self, node: NodeId, _migrations: &MigrationLock) -> Result<NodeLock> {
        let Some(path) = self.path(node) else { return Ok(NodeLock { _file: None }) };
        let file = open(&path).map_err(|fault| refused(&path, fault))?;
        file.try_lock().map_err(|fault| refused(&path, fault.into()))?;
        Ok(NodeLock { _file: Some(file) })
    }

    /// Whether a process holds the lock of `node`. The look is shared, so that two lookers do not take
    /// each other for the owner.
    pub(super) fn is_held(&self, node: NodeId) -> Result<bool> {
        let Some(path) = self.path(node) else { return Ok(false) };
        match File::open(&path) {
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(fault)) => Err(refused(&path, fault)),
            },
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(fault) => Err(refused(&path, fault)),
        }
    }

    /// Removes the file of a node that is gone.
    pub(super) fn clear(&self, node: NodeId) {
        if let Some(path) = self.path(node) {
            // A file that stays is swept at the next start.
            let _ = fs::remove_file(path);
        }
    }

    /// Removes the free locks, which dead nodes left. Nobody is between making and locking one
    /// meanwhile, because that needs the migration lock too.
    pub(super) fn sweep(&self, _migrations: &MigrationLock) -> Result<()> {
        let Some(directory) = self.directory() else { return Ok(()) };
        for entry in fs::read_dir(directory).map_err(|fault| refused(directory, fault))? {
            let name = entry.map_err(|fault| refused(directory, fault))?.file_name();
            let Some(node) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if !self.is_held(node)? {
                self.clear(node);
            }
        }
        Ok(())
    }

    fn path(&self, node: NodeId) -> Option<PathBuf> {
        self.directory().map(|directory| directory.join(node.to_string()))
    }

    fn directory(&self) -> Option<&PathBuf> {
        match self {
            Locks::Directory(directory) => Some(directory),
            _ => None,
        }
    }
}

impl MigrationLock {
    fn of(file: Option<File>) -> MigrationLock {
        MigrationLock {
            _file: file,
            #[cfg(feature = "postgres")]
            _session: None,
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn refused(path: &Path, fault: io::Error) -> Error {
    Error::new(
        ErrorKind::Storage,
        "lock_refused",
        format!(
            "The file {} beside the database cannot be locked ({fault}); check the directory's permissions, and that its file system has locks.",
            path.display()
        ),
    )
    .with_source(fault)
}
