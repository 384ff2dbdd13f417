//! A copy of the whole database, of one moment, while others read and write.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use super::{engine::Storage, fault, sqlite};
use crate::base::error::{Error, ErrorKind, Result};

impl Storage {
    /// Copies the database to the new file `target`, readable by this user only. The file appears under
    /// its name when it is whole.
    ///
    /// # Errors
    /// `Conflict` when `target` exists, `Storage` when it cannot be written, `Corrupt` when the database
    /// is damaged.
    pub(crate) fn snapshot(&self, target: &Path) -> Result<()> {
        if target.exists() {
            return Err(Error::new(
                ErrorKind::Conflict,
                "backup_exists",
                format!("The file {} exists already; name another one.", target.display()),
            ));
        }
        let mut partial = OsString::from(target);
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let copied = create_private(&partial).map_err(|fault| unwritable(target, fault)).and_then(|_| {
            match self.path() {
                // A connection of its own, so that neither the writer nor a reader waits.
                Some(path) => copy(&sqlite::open_reader(path, self.options().busy_timeout)?, &partial),
                None => self.exclusive(|connection| copy(connection, &partial)),
            }
        });
        let kept = copied.and_then(|()| {
            fs::rename(&partial, target)
                .and_then(|()| sync_directory(target))
                .map_err(|fault| unwritable(target, fault))
        });
        if kept.is_err() {
            // The error says what matters; the partial file is overwritten by the next attempt.
            let _ = fs::remove_file(&partial);
        }
        kept
    }
}

/// Copies all pages in one step: a copy in smaller steps starts again at each write of another
/// connection and may never end. It is on disk when this returns.
fn copy(from: &Connection, target: &Path) -> Result<()> {
    let mut to = Connection::open(target).map_err(fault::classify)?;
    let step = Backup::new(from, &mut to).and_then(|backup| backup.step(-1)).map_err(fault::classify)?;
    if step != StepResult::Done {
        return Err(Error::new(
            ErrorKind::Busy,
            "database_locked",
            "Another process keeps the database locked, so that it cannot be copied; try again.",
        ));
    }
    Ok(())
}

/// Makes a file that only this user can read, in place of any that is there.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    private::only_this_user(options.write(true).create(true).truncate(true));
    options.open(path)
}

/// Makes an empty file that only this user can read, where there is none.
pub(super) fn create_private_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    private::only_this_user(options.write(true).create_new(true));
    options.open(path)
}

/// Makes the new name outlive a power failure.
pub(super) fn sync_directory(file: &Path) -> io::Result<()> {
    match file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(unix)]
mod private {
    use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt};

    pub(super) fn only_this_user(options: &mut OpenOptions) {
        options.mode(0o600);
    }
}

#[cfg(not(unix))]
mod private {
    use std::fs::OpenOptions;

    /// New files inherit the directory's access list.
    pub(super) fn only_this_user(_options: &mut OpenOptions) {}
}

fn unwritable(target: &Path, fault: io::Error) -> Error {
    Error::new(
        ErrorKind::Storage,
        "backup_unwritable",
        format!("The backup {} cannot be written ({fault}); name another place.", target.display()),
    )
    .with_source(fault)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::storage::{Place, StorageOptions, sql::unlisted_statements};

    unlisted_statements! {
        MAKE = ["CREATE TABLE items (name TEXT NOT NULL)"];
        ADD = ["INSERT INTO items (name) VALUES ($1)"];
        COUNT = ["SELECT count(*) FROM items"];
    }

    fn count(storage: &Storage) -> u64 {
        storage.read(|c| c.first(&COUNT, &[], |row| row.next())).unwrap().unwrap()
    }

    fn open(place: Place) -> Storage {
        Storage::open(place, StorageOptions::default()).unwrap()
    }

    /// A write brings two rows, so a copy of one moment holds an even number of them.
    fn add_two(storage: &Storage) {
        storage
            .write(|tx| {
                tx.execute(&ADD, &["a".into()])?;
                tx.execute(&ADD, &["b".repeat(5000).as_str().into()])
            })
            .unwrap();
    }

    #[test]
    fn a_copy_is_of_one_moment_while_others_write() {
        let directory = tempfile::tempdir().unwrap();
        for place in [Place::Memory, Place::File(directory.path().join("kafka.db"))] {
            let target = directory.path().join(if place == Place::Memory { "memory.db" } else { "file.db" });
            let storage = open(place);
            storage.write(|tx| tx.execute(&MAKE, &[])).unwrap();
            (0..50).for_each(|_| add_two(&storage));
            let copied = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !copied.load(Ordering::Relaxed) {
                        add_two(&storage);
                    }
                });
                storage.snapshot(&target).unwrap();
                copied.store(true, Ordering::Relaxed);
            });
            let found = count(&open(Place::File(target)));
            assert!(found >= 100 && found.is_multiple_of(2), "{found}");
        }
        let left = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(left.into_iter().all(|name| !name.to_string_lossy().contains(".partial")));
    }

    #[test]
    fn a_copy_overwrites_nothing_and_leaves_nothing_when_it_fails() {
        let directory = tempfile::tempdir().unwrap();
        let storage = open(Place::File(directory.path().join("kafka.db")));
        let target = directory.path().join("mine.txt");
        fs::write(&target, "mine").unwrap();
        assert_eq!(storage.snapshot(&target).unwrap_err().code(), "backup_exists");
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
        let nowhere = directory.path().join("nowhere/copy.db");
        let error = storage.snapshot(&nowhere).unwrap_err();
        assert_eq!(error.code(), "backup_unwritable");
        assert!(error.message().contains(&nowhere.display().to_string()));
        assert!(!directory.path().join("nowhere").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_copy_is_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let storage = open(Place::File(directory.path().join("kafka.db")));
        storage.write(|tx| tx.execute(&MAKE, &[])).unwrap();
        let target = directory.path().join("copy.db");
        storage.snapshot(&target).unwrap();
        assert_eq!(fs::metadata(target).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
