//! What can be written on the command line.

use clap::{Parser, Subcommand};
use kafka_core::Result;
use kafka_http::config::DatabaseArgs;

use crate::{
    commands::{
        based, chat, chat_file, chats, completions, compose, config, doctor, document, file, message,
        migrate, model, r#move, plan, search, secret, selfcheck, serve, token, usage, user, workspace,
    },
    context::Context,
    output::OutputArgs,
};

/// Chat backend in one file: serve it, talk to it, look after it. (Not Apache Kafka.)
#[derive(Debug, Parser)]
#[command(
    name = "kafka",
    version = kafka_http::VERSION,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        kafka serve                    serve it over HTTP\n  \
        kafka chat \"Hello\"             ask, and watch the answer arrive\n  \
        kafka model add openai         add a real model\n  \
        kafka user add you@example.org add someone who may log in\n  \
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
pub(crate) enum Command {
    Serve(serve::Args),
    Chat(chat::Args),
    Chats(chats::Args),
    Message(message::Args),
    Search(search::Args),
    Workspace(workspace::Args),
    File(file::Args),
    ChatFile(chat_file::Args),
    Document(document::Args),
    Based(based::Args),
    Compose(compose::Args),
    Model(model::Args),
    User(user::Args),
    Token(token::Args),
    Secret(secret::Args),
    Plan(plan::Args),
    Usage(usage::Args),
    Migrate(migrate::Args),
    Move(r#move::Args),
    Doctor(doctor::Args),
    Config(config::Args),
    Selfcheck(selfcheck::Args),
    Completions(completions::Args),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Command::Serve(args) => serve::run(&args, context),
            Command::Chat(args) => chat::run(args, context),
            Command::Chats(args) => chats::run(args, context),
            Command::Message(args) => message::run(args, context),
            Command::Search(args) => search::run(args, context),
            Command::Workspace(args) => workspace::run(args, context),
            Command::File(args) => file::run(args, context),
            Command::ChatFile(args) => chat_file::run(args, context),
            Command::Document(args) => document::run(args, context),
            Command::Based(args) => based::run(&args, context),
            Command::Compose(args) => compose::run(args, context),
            Command::Model(args) => model::run(args, context),
            Command::User(args) => user::run(args, context),
            Command::Token(args) => token::run(args, context),
            Command::Secret(args) => secret::run(&args, context),
            Command::Plan(args) => plan::run(args, context),
            Command::Usage(args) => usage::run(&args, context),
            Command::Migrate(args) => migrate::run(args, context),
            Command::Move(args) => r#move::run(&args, context),
            Command::Doctor(args) => doctor::run(args, context),
            Command::Config(args) => config::run(args, context),
            Command::Selfcheck(args) => selfcheck::run(&args, context),
            Command::Completions(args) => completions::run(args, context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fmt::Write as _, fs, path::Path};

    use clap::CommandFactory as _;
    use kafka_core::ErrorKind;
    use kafka_http::error::exit_code_of;

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

    /// Compares with the stored text, or stores it when asked to.
    fn is_as_stored(name: &str, text: &str) {
        const RENEW: &str = "RENEW_SNAPSHOTS";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/snapshots").join(name);
        if env::var_os(RENEW).is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
        }
        let stored = fs::read_to_string(&file).unwrap_or_default();
        let differs = stored.lines().zip(text.lines()).position(|(stored, now)| stored != now);
        assert!(
            stored == text,
            "tests/snapshots/{name} differs from line {} on; if that is meant, renew it by\n  \
             {RENEW}=1 cargo test -p kafka-cli --bin kafka snapshot\nand look at the difference.",
            differs.map_or(stored.lines().count(), |line| line) + 1
        );
    }

    #[test]
    fn the_help_is_its_snapshot() {
        fn add(command: &mut clap::Command, path: &str, text: &mut String) {
            let _ = write!(text, "\n## {path}\n\n```text\n{}```\n", command.render_long_help());
            for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
                let path = format!("{path} {}", inner.get_name());
                add(inner, &path, text);
            }
        }
        let mut text = "# Every verb of `kafka` and its `--help`\n".to_owned();
        let mut command = Cli::command().term_width(100);
        command.build();
        add(&mut command, "kafka", &mut text);
        is_as_stored("cli_help.md", &text);
    }

    #[test]
    fn the_exit_codes_are_their_snapshot() {
        let meanings = [
            (ErrorKind::Storage, "the disk or the database failed"),
            (ErrorKind::Internal, "a defect of this program"),
            (ErrorKind::Invalid, "wrong input: an argument, a setting, a value"),
            (ErrorKind::Unauthenticated, "no credential, or a wrong one"),
            (ErrorKind::Forbidden, "the credential does not allow it"),
            (ErrorKind::NotFound, "it does not exist, or belongs to someone else"),
            (ErrorKind::Conflict, "it contradicts what is stored, or what others do"),
            (ErrorKind::QuotaExceeded, "a plan's limit is reached"),
            (ErrorKind::RateLimited, "too many calls in a short time"),
            (ErrorKind::TooLarge, "larger than a limit allows"),
            (ErrorKind::Provider, "the model's endpoint failed or cannot be reached"),
            (ErrorKind::Timeout, "the model's endpoint took too long"),
            (ErrorKind::Busy, "at capacity, or locked; try again"),
            (ErrorKind::Incompatible, "the database is of another version or kind"),
            (ErrorKind::Corrupt, "stored data is damaged"),
            (ErrorKind::Cancelled, "stopped on request"),
        ];
        let mut text =
            "# Exit codes of `kafka` and `kafka-http`\n\n| code | kind | meaning |\n|---|---|---|\n\
                        | 0 | | done |\n"
                .to_owned();
        for (kind, meaning) in meanings {
            let _ = writeln!(text, "| {} | {kind:?} | {meaning} |", exit_code_of(kind));
        }
        is_as_stored("exit_codes.md", &text);
    }
}
