//! Files that a command makes: they get their names when they are all there.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use kafka_core::{Error, ErrorKind, Result};

/// Has `fill` write a new file, or one in place of that which is there. Nobody sees a file that is not all there.
pub(super) fn write<T>(path: &Path, force: bool, fill: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    // A device must not give way to a file, whatever was asked for.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let sentence = format!("{} is no file; choose another place by -o.", path.display());
        return Err(Error::new(ErrorKind::Invalid, "output_refused", sentence));
    }
    if !force && fs::symlink_metadata(path).is_ok() {
        return Err(exists(path));
    }
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kafka-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // What the person's umask leaves of it, as for any file that a command makes.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut partial = builder.tempfile_in(directory).map_err(|fault| unwritable(path, &fault))?;
    let filled = fill(partial.as_file_mut())?;
    let named = if force { partial.persist(path) } else { partial.persist_noclobber(path) };
    match named {
        Ok(_) => Ok(filled),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(failed) => Err(unwritable(path, &failed.error)),
    }
}

fn exists(path: &Path) -> Error {
    let sentence = format!("{} exists and stays as it is; add --force to replace it.", path.display());
    Error::new(ErrorKind::Conflict, "output_exists", sentence)
}

pub(super) fn unwritable(path: &Path, fault: &io::Error) -> Error {
    let sentence = format!("{} cannot be written ({fault}); choose another place by -o.", path.display());
    Error::new(ErrorKind::Storage, "output_unwritable", sentence)
}
