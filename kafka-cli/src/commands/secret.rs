//! `kafka secret`: the secret that seals the keys of models.

use kafka_core::{Kafka, KeyringReport, Result, SystemRandom};
use kafka_http::config::SecretRotation;

use crate::context::Context;

/// Show and replace the secret that seals the keys of models
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka secret show                      which secret seals how many keys?\n  \
    kafka secret rotate                    replace it; servers go on running\n\n\
    The secret lies in the file `secret` of the data directory, or comes from KAFKA_SECRET_KEY. Whoever\n\
    has it and the database has the keys of all models: keep copies of the two apart.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print what the stored keys are sealed with; never the secret itself
    #[command(after_help = "Examples:\n  \
        kafka secret show\n  \
        kafka secret show --json | jq '.unreadable[]'")]
    Show,
    /// Make a new secret and seal every stored key with it
    #[command(after_help = "Examples:\n  \
        kafka secret rotate\n\n\
        Running servers of this data directory take the new secret by themselves. The one before it stays in\n\
        the file, to open what a server may just have sealed with it, until the next rotation. Interrupted,\n\
        it may simply be run again.")]
    Rotate,
    /// Seal every stored key with the newest secret, when it is configured by hand
    #[command(after_help = "Examples:\n  \
        kafka secret reseal\n\n\
        First set KAFKA_SECRET_KEY (or secret_key in kafka.toml) to the new secret, a comma and the old one\n\
        for every server, and restart them. When this has run, the old one may go.")]
    Reseal,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    // Opening makes the file, if there is none.
    let kafka = context.kafka()?;
    match args.verb {
        Verb::Show => show(&kafka, context),
        Verb::Rotate => rotate(&kafka, context),
        Verb::Reseal => told(&kafka.secrets(&kafka.operator()).reseal()?, context),
    }
}

fn show(kafka: &Kafka, context: &Context) -> Result<()> {
    let report = kafka.secrets(&kafka.operator()).report()?;
    let settings = context.resolve(None)?.settings;
    let place = match settings.secret_key.is_empty() {
        true => format!("file {}", settings.secret_file().display()),
        false => "the configuration".to_owned(),
    };
    let fields = [
        ("secret", report.secret_id.clone()),
        ("from", place),
        ("keys sealed with it", report.newest.to_string()),
        ("with older ones", report.older.to_string()),
        ("unreadable", report.unreadable.join(", ")),
    ];
    context.output.one(&report, &report.secret_id, &fields)
}

fn rotate(kafka: &Kafka, context: &Context) -> Result<()> {
    let secrets = kafka.secrets(&kafka.operator());
    let rotation = SecretRotation::begin(&context.resolve(None)?.settings)?;
    // What an interrupted rotation or a running server left on an older secret must not lose it.
    secrets.reseal()?;
    rotation.replace(&SystemRandom)?;
    told(&secrets.reseal()?, context)
}

fn told(report: &KeyringReport, context: &Context) -> Result<()> {
    let count = report.newest;
    let keys = if count == 1 { "1 key is".to_owned() } else { format!("{count} keys are") };
    let mut sentence = format!("{keys} sealed with the secret {}.", report.secret_id);
    if !report.unreadable.is_empty() {
        let names = report.unreadable.join(", ");
        sentence += &format!(" No secret opens the keys of these models; give them again: {names}.");
    }
    context.output.done(report, &[&report.secret_id], &sentence)
}
