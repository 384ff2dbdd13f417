//! `kafka migrate new`: for those who develop this program.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use kafka_core::{Error, ErrorKind, Result};
use serde_json::json;

use crate::context::Context;

/// Write the files of the next migration into a source checkout
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "revision",
    after_help = "Examples:\n  \
    kafka migrate new tags\n  \
    kafka migrate revision -m \"add tags\""
)]
pub(super) struct Args {
    /// What it brings, for example `tags`
    #[arg(required_unless_present = "message")]
    name: Option<String>,
    /// The same, as Alembic takes it
    #[arg(short, long, value_name = "NAME", conflicts_with = "name")]
    message: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<()> {
    let name = snake_case(args.name.as_ref().or(args.message.as_ref()).map_or("", String::as_str))?;
    let directory = directory(&context.environment.current_dir)?;
    let version = next_version(&directory).map_err(|error| unwritable(&directory, error))?;
    let texts = [
        (format!("V{version:04}__{name}.sql"), format!("-- What version {version} brings.\n")),
        (
            format!("V{version:04}__{name}.down.sql"),
            format!("-- The way back from version {version}: undoes the other file, last statement first.\n"),
        ),
    ];
    let mut files = Vec::new();
    for (file, text) in texts {
        let file = directory.join(file);
        let written = OpenOptions::new().write(true).create_new(true).open(&file);
        written
            .and_then(|mut new| new.write_all(text.as_bytes()))
            .map_err(|error| unwritable(&file, error))?;
        files.push(file.display().to_string());
    }
    let shown: Vec<&str> = files.iter().map(String::as_str).collect();
    let object = json!({ "version": version, "name": name, "files": files });
    context.output.done(&object, &shown, &format!("Wrote {}.", files.join(" and ")))?;
    context.output.note(&format!(
        "Fill in both, then list it in migrations/src/lib.rs: migration!({version} \"{version:04}\" \"{name}\"),"
    ));
    Ok(())
}

/// The name as file names have it.
fn snake_case(text: &str) -> Result<String> {
    let name = text.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(is_plain)
        && !name.contains("__")
    {
        return Ok(name);
    }
    Err(Error::new(
        ErrorKind::Invalid,
        "migration_name_invalid",
        format!("{text:?} is no name of a migration; give letters, digits and _, such as add_tags."),
    ))
}

/// `migrations/sql` of the checkout that the working directory lies in.
fn directory(start: &Path) -> Result<PathBuf> {
    let found = start
        .ancestors()
        .map(|top| top.join("migrations"))
        .find(|found| found.join("sql").is_dir() && found.join("src/lib.rs").is_file());
    found.map(|found| found.join("sql")).ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "checkout_not_found",
            "Migrations are part of this program's source; run this in a checkout of it, where migrations/sql is.",
        )
    })
}

fn next_version(directory: &Path) -> io::Result<u32> {
    let mut newest = 0;
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let version = name.to_str().and_then(|name| name.strip_prefix('V')?.split("__").next()?.parse().ok());
        newest = newest.max(version.unwrap_or(0));
    }
    Ok(newest + 1)
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Storage,
        "migration_unwritable",
        format!("{} cannot be written ({error}); check its permissions.", path.display()),
    )
}
