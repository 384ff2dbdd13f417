//! `kafka file get`.

use std::{
    io::{self, Read as _},
    path::PathBuf,
};

use kafka_core::{Actor, Error, ErrorKind, FileContent, FileId, Kafka, Result};

use super::super::{ids, new_file};
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
    let length = new_file::write(path, args.force, |file| {
        io::copy(&mut content, file).map_err(|fault| new_file::unwritable(path, &fault))
    })?;
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

fn refused(sentence: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, "output_refused", sentence.into())
}

fn unreadable(fault: &io::Error) -> Error {
    let sentence = format!("The bytes of the file cannot be read ({fault}); check the disk.");
    Error::new(ErrorKind::Storage, "file_unreadable", sentence)
}
