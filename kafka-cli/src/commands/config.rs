//! `kafka config`: what is set, where it came from, and a file to start from.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
};

use kafka_core::{Error, ErrorKind, Limits, Result};
use kafka_http::{
    config::{self, ServeArgs},
    server_limits,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{context::Context, output::Row};

/// Show, start and check the settings
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka config show\n  \
    kafka config init\n  \
    kafka config check")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print each setting, its value and where it came from; secrets as ***
    #[command(after_help = "Examples:\n  \
        kafka config show\n  \
        kafka config show --json | jq '.items[] | select(.source != \"default\")'\n  \
        KAFKA_LOG=json kafka config show --listen 127.0.0.1:9000")]
    Show(ServeArgs),
    /// Write a kafka.toml in which every setting stands as a comment
    #[command(after_help = "Examples:\n  \
        kafka config init                            writes ./kafka-data/kafka.toml\n  \
        kafka config init --config /etc/kafka.toml   writes that file")]
    Init,
    /// Check the settings as the server would, without starting it
    #[command(after_help = "Examples:\n  \
        kafka config check && echo fine\n  \
        kafka config check --listen 0.0.0.0:8000 --open-to 192.168.1.0/24")]
    Check(ServeArgs),
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.verb {
        Verb::Show(serve) => show(&serve, context),
        Verb::Init => init(context),
        Verb::Check(serve) => check(&serve, context),
    }
}

/// A setting as it is shown.
#[derive(Serialize)]
struct Setting {
    key: String,
    value: String,
    source: String,
}

impl Row for Setting {
    const HEADERS: &'static [&'static str] = &["key", "value", "source"];

    fn id(&self) -> &str {
        &self.key
    }

    fn cells(&self) -> Vec<String> {
        let value = if self.value.is_empty() { "-" } else { &self.value };
        vec![self.key.clone(), value.to_owned(), self.source.clone()]
    }
}

fn show(serve: &ServeArgs, context: &Context) -> Result<()> {
    let resolved = context.resolve(Some(serve))?;
    let mut rows: Vec<Setting> = resolved
        .entries
        .into_iter()
        .map(|entry| Setting {
            key: entry.key.name.to_owned(),
            value: entry.value,
            source: entry.source.to_string(),
        })
        .collect();
    let limits = limits();
    let whole = json!({ "items": rows, "limits": limits });
    rows.extend(limits.into_iter().map(|(name, value)| Setting {
        key: format!("limits.{name}"),
        value: value.to_string(),
        source: "fixed".to_owned(),
    }));
    context.output.list(&whole, &rows)
}

/// The numbers that bound what callers may ask for. They are no settings, but who looks for the reason
/// of a refusal looks here.
fn limits() -> Map<String, Value> {
    let both = [serde_json::to_value(Limits::default()), serde_json::to_value(server_limits())];
    both.into_iter()
        .filter_map(|limits| match limits {
            Ok(Value::Object(limits)) => Some(limits),
            _ => None,
        })
        .flatten()
        .collect()
}

fn init(context: &Context) -> Result<()> {
    let file = config::config_file(&context.flags(), &context.environment)?;
    write_new(&file, &config::template()).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::new(
            ErrorKind::Conflict,
            "config_file_exists",
            format!("{} exists and stays as it is; edit it, or delete it first.", file.display()),
        ),
        _ => Error::new(
            ErrorKind::Storage,
            "config_file_unwritable",
            format!("{} cannot be written ({error}); choose another place by --config.", file.display()),
        ),
    })?;
    let file = file.display().to_string();
    context.output.done(
        &json!({ "file": file }),
        &[&file],
        &format!("Wrote {file}; every line of it is a comment."),
    )
}

/// The file may come to hold a secret, so it is for the owner's eyes only.
fn write_new(file: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        config::create_directory(directory)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(file)?.write_all(text.as_bytes())
}

fn check(serve: &ServeArgs, context: &Context) -> Result<()> {
    let resolved = context.resolve(Some(serve))?;
    resolved.settings.check_server()?;
    let changed: Vec<&str> = resolved
        .entries
        .iter()
        .filter(|entry| entry.source != config::Source::Default)
        .map(|entry| entry.key.name)
        .collect();
    let sentence = match changed.as_slice() {
        [] => "The settings are fine; all are defaults.".to_owned(),
        keys => format!("The settings are fine; set are {}, all others are defaults.", keys.join(", ")),
    };
    context.output.done(&json!({ "changed": changed }), &changed, &sentence)
}
