//! `kafka selfcheck`: tries on a running server what must not be possible.

mod beside;
mod caller;
mod cases;
mod client;
mod matrix;
mod stage;

use kafka_core::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::{
    context::Context,
    output::{Row, Style},
};

/// Try on a running server what must not be possible
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka selfcheck --isolation --url http://127.0.0.1:8000\n  \
    kafka selfcheck --isolation --url http://127.0.0.1:8000 --json | jq .holes\n\n\
    It works on the server's own database, like every verb: it makes a few accounts there, calls every route\n\
    as each of them and with credentials that are missing, expired, revoked or too narrow, compares what\n\
    comes back with what must, and deletes the accounts with all they own.")]
pub(crate) struct Args {
    /// Whether someone gets in, or sees or changes what is another's
    #[arg(long, required = true)]
    isolation: bool,
    /// Where the server listens, such as http://127.0.0.1:8000
    #[arg(long, value_name = "URL")]
    url: String,
}

/// What was tried on one route.
#[derive(Clone, Debug, Default, Serialize)]
struct Tried {
    route: String,
    calls: u32,
    allowed: u32,
    refused: u32,
    /// How often someone else was told that there is no such thing.
    hidden: u32,
    holes: u32,
}

/// What was found out.
#[derive(Clone, Debug, Default, Serialize)]
struct Report {
    calls: u32,
    routes: Vec<Tried>,
    /// One sentence for each call that ended otherwise than it must.
    holes: Vec<String>,
}

impl Row for Tried {
    const HEADERS: &'static [&'static str] = &["route", "calls", "allowed", "refused", "holes"];

    fn id(&self) -> &str {
        &self.route
    }

    fn cells(&self) -> Vec<String> {
        let numbers = [self.calls, self.allowed, self.refused, self.holes];
        [self.route.clone()].into_iter().chain(numbers.iter().map(u32::to_string)).collect()
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let server = client::Server::at(&args.url)?;
    let (report, cleared) = matrix::walk(&context.kafka()?, &server)?;
    context.output.list(&report, &report.routes)?;
    let (calls, routes) = (report.calls, report.routes.len());
    if report.holes.is_empty() {
        if context.output.is_for_people() {
            let sentence = format!(
                "{calls} calls on {routes} routes: each let in whom it must and turned everyone else away."
            );
            context.output.text(&format!("{}\n", context.output.styled(Style::Bold, &sentence)))?;
        }
        return cleared;
    }
    let count = report.holes.len();
    let left = cleared.err().map(|error| format!("\nNot all that was made is deleted: {error}"));
    Err(Error::new(
        ErrorKind::Internal,
        "isolation_broken",
        format!(
            "{count} of {calls} calls ended otherwise than they must:\n  {}{}",
            report.holes.join("\n  "),
            left.unwrap_or_default()
        ),
    ))
}
