//! `kafka move`: an installation from one database to another.

use kafka_core::{
    Config, Error, ErrorKind, Kafka, MoveProgress, MoveReport, MoveStep, NodeKind, Result, SystemRandom,
};
use kafka_http::config::{Database, Settings, create_directory, secret_source};

use crate::{
    context::Context,
    output::{Row, printable_lines},
    progress::Bar,
    size::size,
};

/// Move everything from one database to another, such as from SQLite to PostgreSQL
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka move --from sqlite://kafka-data/kafka.db --to postgresql://user:password@host/kafka\n  \
    kafka move --from sqlite://kafka-data/kafka.db    to where DATABASE_URL says\n  \
    kafka move --to sqlite://kafka-data/kafka.db      back again\n\n\
    Stop every server first. The target must be empty, and becomes the same in everything: each row\n\
    with its numbers, the bytes of files, keys as they are sealed. A database on PostgreSQL has the\n\
    bytes of its files in <data-dir>/blobs. Both sides are read and compared at the end; the source\n\
    stays as it is. Interrupted, the same command goes on where it was.")]
pub(crate) struct Args {
    /// The database that is moved [default: the configured one]
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The empty database that it is moved to [default: the configured one]
    #[arg(long, value_name = "URL", required_unless_present = "from")]
    to: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let settings = context.resolve(None)?.settings;
    let directory = &context.environment.current_dir;
    let place = |flag: &str, url: Option<&String>| match url.map(|url| Database::from_url(url)) {
        None => Ok(settings.database.clone()),
        Some(Ok(database)) => Ok(database.under(directory)),
        Some(Err(reason)) => {
            let sentence = format!("The value of --{flag} is not accepted: {reason}.");
            Err(Error::new(ErrorKind::Invalid, "config_value_invalid", sentence))
        }
    };
    let (from, to) = (place("from", args.from.as_ref())?, place("to", args.to.as_ref())?);
    let from = config(&from, &settings);
    make_directory(&to, &settings)?;
    let mut to = config(&to, &settings);
    let has_secret = !settings.secret_key.is_empty() || settings.secret_file().exists();
    if has_secret {
        to.secret = Some(secret_source(&settings, &SystemRandom)?);
    }
    let mut bar = Bar::new(context.output.is_for_people());
    let report = Kafka::move_database(&from, &to, |MoveProgress { step, done, total }| {
        let name = match step {
            MoveStep::Rows => "rows",
            MoveStep::Files => "bytes of files",
            MoveStep::Check => "rows read again",
        };
        bar.show(name, done, total);
    });
    drop(bar);
    tell(&report?, &settings, context)
}

#[cfg_attr(
    not(feature = "postgres"),
    expect(unused_variables, reason = "a file's own name says where its files lie")
)]
fn config(database: &Database, settings: &Settings) -> Config {
    let mut config = match database {
        Database::Memory => Config::memory(),
        Database::File(path) => Config::file(path),
        #[cfg(feature = "postgres")]
        Database::Postgres(address) => Config::postgres(address.clone(), settings.blob_directory()),
    };
    config.kind = NodeKind::Cli;
    config
}

/// For the owner's eyes only, as a server makes it.
fn make_directory(database: &Database, settings: &Settings) -> Result<()> {
    let directory = match database {
        Database::Memory => return Ok(()),
        Database::File(path) => path.parent().unwrap_or(&settings.data_dir),
        #[cfg(feature = "postgres")]
        Database::Postgres(_) => &settings.data_dir,
    };
    create_directory(directory).map_err(|fault| {
        let sentence =
            format!("The directory {} cannot be made ({fault}); name another place.", directory.display());
        Error::new(ErrorKind::Storage, "directory_unusable", sentence).with_source(fault)
    })
}

struct Line {
    table: String,
    source: String,
    target: String,
}

impl Row for Line {
    const HEADERS: &'static [&'static str] = &["table", "source", "target"];

    fn id(&self) -> &str {
        &self.table
    }

    fn cells(&self) -> Vec<String> {
        vec![self.table.clone(), self.source.clone(), self.target.clone()]
    }
}

fn tell(report: &MoveReport, settings: &Settings, context: &Context) -> Result<()> {
    if !context.output.is_for_people() {
        return context.output.done(report, &[&report.target.hash], "");
    }
    let rows = report.source.rows.iter().zip(&report.target.rows);
    let lines: Vec<Line> = rows
        .map(|((table, source), (_, target))| Line {
            table: table.clone(),
            source: source.to_string(),
            target: target.to_string(),
        })
        .collect();
    context.output.list(report, &lines)?;
    let mut text = format!("\nsource  {}\ntarget  {}\n\n", report.source.hash, report.target.hash);
    for sentence in sentences(report, settings) {
        text += &(sentence + "\n");
    }
    context.output.text(&printable_lines(&text))
}

/// What whoever moves has to know and to do.
fn sentences(report: &MoveReport, settings: &Settings) -> Vec<String> {
    let rows: u64 = report.target.rows.iter().map(|(_, count)| count).sum();
    let mut said = vec![format!(
        "Moved {rows} rows and {} ({}); both sides hold the same.",
        counted(report.files, "file", "files"),
        size(report.file_bytes)
    )];
    if report.files_shared && report.files > 0 {
        said.push(
            "Both databases keep their files in one directory: do not use the old one any more, or each removes the \
             other's."
                .to_owned(),
        );
    }
    let secret = match settings.secret_key.is_empty() {
        true => format!("the file {}", settings.secret_file().display()),
        false => "KAFKA_SECRET_KEY".to_owned(),
    };
    if report.sealed_keys > 0 {
        said.push(format!(
            "{} as sealed: the secret must come along, {secret}.",
            counted(report.sealed_keys, "key of a model came", "keys of models came"),
        ));
    }
    if !report.unreadable_keys.is_empty() {
        said.push(format!(
            "Warning: {secret} is not the secret that sealed the keys of {}. Put the old installation's there, or give \
             the keys again.",
            report.unreadable_keys.join(", ")
        ));
    }
    if !report.damaged_files.is_empty() {
        said.push(format!(
            "Warning: these bytes were left behind, because they are not what was stored; bring them back from a \
             backup: {}.",
            report.damaged_files.join(", ")
        ));
    }
    said
}

fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
