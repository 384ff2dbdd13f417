//! `kafka based`: texts in Based, the language of conversations.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use kafka_core::{
    Error, ErrorKind, Limits, Result,
    based::{self, Finding},
};
use serde::Serialize;
use serde_json::json;

use crate::{context::Context, output::printable};

/// Check texts in Based
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka based check order.based")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Tell what is wrong with texts in Based, as FILE:LINE:COLUMN: what to write
    #[command(after_help = "Examples:\n  \
        kafka based check order.based pizza.based\n  \
        kafka chat-file show ID | kafka based check -\n  \
        kafka based check order.based --json | jq -r '.items[] | \"\\(.line) \\(.rule)\"'\n\n\
        The first 20 findings of each text are told, with -q only which texts have any. Ends with 0 if none\n\
        has, and with 2 if one has. Columns count characters; a tab is one.")]
    Check {
        /// The texts; - is standard input. If one of them cannot be read, none is checked
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let Verb::Check { files } = &args.verb;
    let texts: Vec<String> = files.iter().map(|file| read(file)).collect::<Result<_>>()?;
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let findings: Vec<Vec<Finding>> = texts.iter().map(|text| based::check(text)).collect();
    let items: Vec<Item<'_>> = names
        .iter()
        .zip(&findings)
        .flat_map(|(file, findings)| findings.iter().map(move |finding| Item { file, finding }))
        .collect();
    let wrong: Vec<&str> = names
        .iter()
        .zip(&findings)
        .filter(|(_, findings)| !findings.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    if context.output.is_for_people() {
        let lines: String = items.iter().map(Item::line).collect();
        context.output.foreign(&lines)?;
    } else {
        context.output.done(&json!({ "items": items }), &wrong, "")?;
    }
    let of = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    if wrong.is_empty() {
        context.output.note(&format!("There is nothing to find in {}.", of(texts.len(), "text")));
        return Ok(());
    }
    let sentence = format!(
        "{} in {} of {}; correct them as is written above.",
        of(items.len(), "finding"),
        wrong.len(),
        of(texts.len(), "text")
    );
    Err(Error::new(ErrorKind::Invalid, "based_invalid", sentence))
}

/// What is wrong with one of the texts.
#[derive(Serialize)]
struct Item<'a> {
    file: &'a str,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl Item<'_> {
    fn line(&self) -> String {
        format!("{}:{}\n", printable(self.file), self.finding)
    }
}

/// Reads a text, and of one that is too long not much more than is needed to see that.
fn read(file: &Path) -> Result<String> {
    let shown = file.display();
    let most = Limits::default().version_bytes;
    let mut bytes = Vec::new();
    let source = match file == Path::new("-") {
        true => Ok(Box::new(io::stdin().lock()) as Box<dyn Read>),
        false => File::open(file).map(|file| Box::new(file) as Box<dyn Read>),
    };
    source.and_then(|source| source.take(most as u64 + 1).read_to_end(&mut bytes)).map_err(|fault| {
        let kind = match fault.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::IsADirectory => ErrorKind::Invalid,
            _ => ErrorKind::Storage,
        };
        let sentence = format!("{shown} cannot be read ({fault}); nothing was checked.");
        Error::new(kind, "path_unreadable", sentence)
    })?;
    if bytes.len() > most {
        let sentence =
            format!("{shown} has more than {most} bytes, which is the most of a text; nothing was checked.");
        return Err(Error::new(ErrorKind::TooLarge, "text_too_long", sentence));
    }
    String::from_utf8(bytes).map_err(|_| {
        let sentence = format!("{shown} is no text in UTF-8; save it as one. Nothing was checked.");
        Error::new(ErrorKind::Invalid, "file_not_text", sentence)
    })
}
