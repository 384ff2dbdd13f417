//! `kafka chats export`.

use std::{io::Write as _, path::PathBuf};

use kafka_core::{ChatId, Error, ErrorKind, ExportFormat, Kafka, Result};
use serde_json::json;

use super::super::{ids, new_file};
use crate::{context::Context, size::size};

/// Write a chat as one document to standard output, or into a new file
///
/// Markdown and HTML hold the active branch, JSON holds all branches as the API gives them. Files are named, and not
/// part of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chats export ID > chat.md\n  \
    kafka chats export ID --format html -o chat.html\n  \
    kafka chats export ID --format json | jq '.messages[].content'")]
pub(super) struct Args {
    /// The chat
    #[arg(value_parser = ids::parse::<ChatId>)]
    id: ChatId,
    /// What to write: md, json or html
    #[arg(long, value_name = "FORMAT", default_value = "md")]
    format: ExportFormat,
    /// Write into this file, which must not exist
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    force: bool,
}

pub(super) fn run(kafka: &Kafka, args: &Args, context: &Context) -> Result<()> {
    let mut export = kafka.chats(&kafka.operator()).export(args.id, args.format)?;
    let Some(path) = &args.output else {
        if !context.output.is_for_people() {
            let sentence = "Standard output cannot take the document and the result too; add -o PATH.";
            return Err(Error::new(ErrorKind::Invalid, "output_refused", sentence));
        }
        return export.try_for_each(|piece| context.output.foreign(&piece?));
    };
    let length = new_file::write(path, args.force, |file| {
        let mut length = 0;
        for piece in export {
            let piece = piece?;
            file.write_all(piece.as_bytes()).map_err(|fault| new_file::unwritable(path, &fault))?;
            length += piece.len() as u64;
        }
        Ok(length)
    })?;
    let sentence = format!("Wrote {} into {}.", size(length), path.display());
    let whole = json!({"chat_id": args.id, "format": args.format, "path": path, "size_bytes": length});
    context.output.done(&whole, &[&args.id.to_string()], &sentence)
}
