//! `kafka migrate`: the version of the database's schema, forward and back.

mod new;

use kafka_core::{
    AppliedMigration, DownTarget, Error, ErrorKind, MigrationName, MigrationReport, MigrationStatus,
    NodeKind, Result, Schema,
};
use kafka_http::config::Migrate;
use serde_json::json;

use super::confirm::confirm;
use crate::{age::minute, context::Context, output::Row};

/// Look at and change the version of the database's schema
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka migrate status           what the database has, and what it lacks\n  \
    kafka migrate up               to the newest version, after a backup\n  \
    kafka migrate down -1          one step back, after a backup\n\n\
    Alembic's words work too: current, upgrade, downgrade, revision, head, base, +1, -1.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print the version of the schema and what is pending
    #[command(
        visible_alias = "current",
        after_help = "Examples:\n  \
        kafka migrate status\n  \
        kafka migrate status --json | jq .current"
    )]
    Status,
    /// List what was applied when
    #[command(after_help = "Examples:\n  kafka migrate history")]
    History,
    /// Apply what is pending, all or nothing
    #[command(
        visible_alias = "upgrade",
        after_help = "Examples:\n  \
        kafka migrate up\n  \
        kafka migrate up 5\n  \
        kafka migrate up +1"
    )]
    Up {
        /// `head`, a version, or `+N` for so many steps
        #[arg(value_name = "VERSION", default_value = "head")]
        target: String,
    },
    /// Take steps back, all or nothing; what only the newer schema holds is lost
    #[command(
        visible_alias = "downgrade",
        after_help = "Examples:\n  \
        kafka migrate down             one step back\n  \
        kafka migrate down -2          two steps back\n  \
        kafka migrate down 4           back to version 4\n  \
        kafka migrate down base --yes  back to an empty database, without asking"
    )]
    Down {
        /// `-N` for so many steps, the version that shall stay, or `base` for none
        #[arg(value_name = "TARGET", default_value = "-1", allow_negative_numbers = true)]
        target: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Note that tables made by other means have a version
    #[command(after_help = "Examples:\n  kafka migrate stamp head")]
    Stamp {
        /// `head` or a version
        version: String,
    },
    New(new::Args),
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.verb {
        Verb::Status => status(context),
        Verb::History => history(context),
        Verb::Up { target } => up(&target, context),
        Verb::Down { target, yes } => down(&target, yes, context),
        Verb::Stamp { version } => stamp(&version, context),
        Verb::New(args) => new::run(&args, context),
    }
}

fn schema(context: &Context) -> Result<Schema> {
    Schema::open(&context.resolve(None)?.settings.core_config(NodeKind::Cli)?)
}

fn status(context: &Context) -> Result<()> {
    let status = schema(context)?.status()?;
    let versions: Vec<String> = status.pending.iter().map(|step| step.version.to_string()).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    context.output.done(&status, &versions, &told(&status))
}

fn told(status: &MigrationStatus) -> String {
    let MigrationStatus { current, newest, applied, pending } = status;
    let at = match applied.last() {
        Some(last) => format!("The schema has version {current} ({})", last.name),
        None => "The database is empty".to_owned(),
    };
    if current > newest {
        return format!("{at}, newer than version {newest} that this program knows; use the newer program.");
    }
    match pending.as_slice() {
        [] => format!("{at}; nothing is pending."),
        pending => format!("{at}; pending: {}. Apply by `kafka migrate up`.", listed(pending)),
    }
}

fn listed(steps: &[MigrationName]) -> String {
    steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

struct Line {
    version: String,
    name: String,
    applied: String,
}

impl Row for Line {
    const HEADERS: &'static [&'static str] = &["version", "name", "applied"];

    fn id(&self) -> &str {
        &self.version
    }

    fn cells(&self) -> Vec<String> {
        vec![self.version.clone(), self.name.clone(), self.applied.clone()]
    }
}

fn history(context: &Context) -> Result<()> {
    let applied = schema(context)?.history()?;
    let line = |step: &AppliedMigration| Line {
        version: step.version.to_string(),
        name: step.name.clone(),
        applied: minute(step.applied_at),
    };
    let lines: Vec<Line> = applied.iter().map(line).collect();
    context.output.list(&json!({ "items": applied }), &lines)
}

fn up(target: &str, context: &Context) -> Result<()> {
    let schema = schema(context)?;
    let to = match target.strip_prefix('+') {
        None if target == "head" => None,
        None => Some(number("up", target, "head, a version, or +N for so many steps")?),
        Some(steps) => {
            let steps = number("up", steps, "head, a version, or +N for so many steps")?;
            Some(schema.status()?.current.saturating_add(steps))
        }
    };
    report(&schema, &schema.up(to)?, "Applied", context)
}

fn down(target: &str, yes: bool, context: &Context) -> Result<()> {
    const ACCEPTED: &str = "-N for so many steps, the version that shall stay, or base";
    let target = match target.strip_prefix('-') {
        None if target == "base" => DownTarget::Base,
        None => DownTarget::Version(number("down", target, ACCEPTED)?),
        Some(steps) => DownTarget::Steps(number("down", steps, ACCEPTED)?),
    };
    let schema = schema(context)?;
    if !yes {
        ask(&schema, target)?;
    }
    let report = schema.down(target)?;
    let mut sentence = outcome(&schema, &report, "Took back");
    if context.resolve(None)?.settings.migrate == Migrate::Auto {
        sentence += "\nThe next command that opens the database brings it up to date again, unless it is started \
                     with --migrate require or KAFKA_MIGRATE=require.";
    }
    done(&report, &sentence, context)
}

fn number(verb: &str, text: &str, accepted: &str) -> Result<u32> {
    text.parse().map_err(|_| {
        Error::new(
            ErrorKind::Invalid,
            "migration_target_invalid",
            format!("`kafka migrate {verb}` does not understand {text:?}; give {accepted}."),
        )
    })
}

fn ask(schema: &Schema, target: DownTarget) -> Result<()> {
    let current = schema.status()?.current;
    let to = match target {
        DownTarget::Steps(steps) => format!("to version {}", current.saturating_sub(steps)),
        DownTarget::Version(version) => format!("to version {version}"),
        DownTarget::Base => "to an empty database".to_owned(),
    };
    let backup = if schema.makes_backups() { "a backup is made first" } else { "copy it by pg_dump first" };
    let question = format!(
        "Take the schema back from version {current} {to}? What only the newer one holds is lost; {backup}."
    );
    confirm(&question, "Taking the schema back loses what only the newer one holds")
}

fn stamp(version: &str, context: &Context) -> Result<()> {
    let schema = schema(context)?;
    let version = match version {
        "head" => schema.status()?.newest,
        version => number("stamp", version, "head or a version")?,
    };
    report(&schema, &schema.stamp(version)?, "Noted", context)
}

fn report(schema: &Schema, report: &MigrationReport, verb: &str, context: &Context) -> Result<()> {
    done(report, &outcome(schema, report, verb), context)
}

fn done(report: &MigrationReport, sentence: &str, context: &Context) -> Result<()> {
    let versions: Vec<String> = report.steps.iter().map(|step| step.version.to_string()).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    context.output.done(report, &versions, sentence)
}

fn outcome(schema: &Schema, report: &MigrationReport, verb: &str) -> String {
    let mut sentence = match report.steps.as_slice() {
        [] => format!("Nothing to do: the schema has version {}.", report.to),
        steps => format!("{verb} {}; the schema has version {} now.", listed(steps), report.to),
    };
    if let Some(backup) = &report.backup {
        sentence += &format!(" The database as it was: {}", backup.display());
    } else if !schema.makes_backups() && !report.steps.is_empty() {
        sentence += " No copy was made; pg_dump makes one.";
    }
    sentence
}
