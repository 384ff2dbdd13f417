//! `kafka serve`.

use kafka_core::Result;
use kafka_http::config::ServeArgs;

use crate::context::Context;

/// Serve the installation over HTTP until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka serve\n  \
    kafka serve --listen 127.0.0.1:9000 --data-dir /var/lib/kafka\n  \
    kafka serve --listen 0.0.0.0:8000 --auth password\n\n\
    Prints `listening on http://ADDRESS:PORT` when it is ready; its log goes to stderr. Running answers\n\
    have 10 seconds to end after Ctrl-C or SIGTERM; a second one ends them at once.")]
pub(crate) struct Args {
    #[command(flatten)]
    serve: ServeArgs,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    kafka_http::serve(&context.resolve(Some(&args.serve))?.settings)
}
