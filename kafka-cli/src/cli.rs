//! What can be written on the command line.

use clap::{Parser, Subcommand};
use kafka_core::Result;
use kafka_http::config::DatabaseArgs;

use crate::{
    commands::{chat, chats, completions, config, doctor, migrate, model},
    context::Context,
    output::OutputArgs,
};

/// Chat backend in one file: serve it, talk to it, look after it. (Not Apache Kafka.)
#[derive(Debug, Parser)]
#[command(
    name = "kafka",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        kafka chat \"Hello\"             ask, and watch the answer arrive\n  \
        kafka model add openai         add a real model\n  \
        kafka doctor                   is everything in order?\n\n\
        Every setting is taken from the first place that has it: flags, environment, .env in the\n\
        working directory, kafka.toml, defaults. Results go to stdout, everything else to stderr."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One variant a noun; each lies in its own file under `commands/`.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of them in a run")]
pub(crate) enum Command {
    Chat(chat::Args),
    Chats(chats::Args),
    Model(model::Args),
    Migrate(migrate::Args),
    Doctor(doctor::Args),
    Config(config::Args),
    Completions(completions::Args),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Command::Chat(args) => chat::run(args, context),
            Command::Chats(args) => chats::run(args, context),
            Command::Model(args) => model::run(args, context),
            Command::Migrate(args) => migrate::run(args, context),
            Command::Doctor(args) => doctor::run(args, context),
            Command::Config(args) => config::run(args, context),
            Command::Completions(args) => completions::run(args, context),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_is_explained_with_an_example() {
        fn check(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} has no description");
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains(&format!("  {path}")), "{path} has no example");
            for inner in command.get_subcommands() {
                check(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        check(&Cli::command(), "kafka");
    }
}
