//! `kafka completions`.

use clap::CommandFactory as _;
use kafka_core::Result;

use crate::{cli::Cli, context::Context};

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka completions bash > ~/.local/share/bash-completion/completions/kafka\n  \
    kafka completions zsh  > ~/.zfunc/_kafka\n  \
    kafka completions fish > ~/.config/fish/completions/kafka.fish")]
pub(crate) struct Args {
    /// The shell that will read it
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kafka", &mut script);
    context.output.text(&String::from_utf8_lossy(&script))
}
