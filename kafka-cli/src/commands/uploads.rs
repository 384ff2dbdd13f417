//! Files of this machine on their way into the installation.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use kafka_core::{Error, ErrorKind, NewFile, Result};

use crate::{context::Context, progress::Progress};

/// Uploads one after another. None is, unless all can be read; if one fails later, those before it stay, so
/// they come back beside the failure.
pub(super) fn each<T>(
    paths: &[PathBuf],
    context: &Context,
    upload: impl Fn(NewFile, &mut dyn Read) -> Result<T>,
) -> (Vec<T>, Result<()>) {
    let mut added = Vec::new();
    let done = paths.iter().try_for_each(|path| check(path)).and_then(|()| {
        paths.iter().try_for_each(|path| {
            added.push(one(path, context, &upload)?);
            Ok(())
        })
    });
    (added, done)
}

fn check(path: &Path) -> Result<()> {
    let metadata = fs::metadata(path).map_err(|fault| unreadable(path, &fault))?;
    if metadata.is_dir() { Err(unreadable(path, &io::ErrorKind::IsADirectory.into())) } else { Ok(()) }
}

/// Uploads one.
pub(super) fn one<T>(
    path: &Path,
    context: &Context,
    upload: impl Fn(NewFile, &mut dyn Read) -> Result<T>,
) -> Result<T> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let opened = fs::File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (length, file) = opened.map_err(|fault| unreadable(path, &fault))?;
    let mut bytes = Progress::new(file, &name, length, context.output.is_for_people());
    upload(NewFile::named(name.clone()), &mut bytes).map_err(|error| match error.kind() {
        // The library does not know what lies where here.
        ErrorKind::Invalid | ErrorKind::TooLarge | ErrorKind::Conflict => {
            let sentence = format!("{} was not added: {}", path.display(), error.message());
            Error::new(error.kind(), error.code(), sentence)
        }
        _ => error,
    })
}

fn unreadable(path: &Path, fault: &io::Error) -> Error {
    let sentence = format!("{} cannot be read ({fault}); nothing more was added.", path.display());
    Error::new(ErrorKind::Invalid, "path_unreadable", sentence)
}
