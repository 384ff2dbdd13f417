//! `kafka file get`.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use kafka_core::{Actor, Error, ErrorKind, FileContent, FileId, Kafka, Result};

use super::super::ids;
use crate::{context::Context, size::size};

/// Write the bytes of a file to standard output, or into a new file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka file get ID | less\n  \
    kafka file get ID -o survey.pdf\n  \
    kafka file get ID -o survey.pdf --force    in place of the one that is there")]
pub(super) struct Args {
    /// The file
    #[arg(value_parser = ids::parse::<FileId>)]
    id: FileId,
    /// Write into this file, which must not exist
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    force: bool,
}

pub(super) fn run(kafka: &Kafka, actor: &Actor, args: &Args, context: &Context) -> Result<()> {
    let mut content = kafka.files(actor).open(args.id)?;
    let Some(path) = &args.output else { return print(&mut content, context) };
    let length = write(&mut content, path, args.force)?;
    let sentence = format!("Wrote {} into {}.", size(length), path.display());
    context.output.done(&content.file, &[&args.id.to_string()], &sentence)
}

fn print(content: &mut FileContent, context: &Context) -> Result<()> {
    if !context.output.is_for_people() {
        return Err(refused("Standard output cannot take the bytes and the result too; add -o PATH."));
    }
    if !context.output.is_terminal() {
        return context.output.bytes(content);
    }
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).map_err(|fault| unreadable(&fault))?;
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => context.output.foreign(&text),
        _ => Err(refused("The file is no text, which a terminal cannot show; add -o PATH.")),
    }
}

/// Nobody sees a file that is not all there: it gets its name when it is.
fn write(content: &mut FileContent, path: &Path, force: bool) -> Result<u64> {
    let unwritable = |fault: &io::Error| {
        let sentence = format!("{} cannot be written ({fault}); choose another place by -o.", path.display());
        Error::new(ErrorKind::Storage, "output_unwritable", sentence)
    };
    // A device must not give way to a file, whatever was asked for.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(refused(format!("{} is no file; choose another place by -o.", path.display())));
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
    let mut partial = builder.tempfile_in(directory).map_err(|fault| unwritable(&fault))?;
    let length = io::copy(content, &mut partial).map_err(|fault| unwritable(&fault))?;
    let named = if force { partial.persist(path) } else { partial.persist_noclobber(path) };
    match named {
        Ok(_) => Ok(length),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(failed) => Err(unwritable(&failed.error)),
    }
}

fn exists(path: &Path) -> Error {
    let sentence = format!("{} exists and stays as it is; add --force to replace it.", path.display());
    Error::new(ErrorKind::Conflict, "output_exists", sentence)
}

fn refused(sentence: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, "output_refused", sentence.into())
}

fn unreadable(fault: &io::Error) -> Error {
    let sentence = format!("The bytes of the file cannot be read ({fault}); check the disk.");
    Error::new(ErrorKind::Storage, "file_unreadable", sentence)
}
