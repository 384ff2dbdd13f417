//! `kafka user invite`.

use kafka_core::{Kafka, Result};
use kafka_http::config::Registration;

use crate::{age::minute, context::Context};

/// Print a code with which one person can register, once
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka user invite frieda@example.org\n  \
    kafka user invite --days 1 -q            only the code, for whoever has it\n\n\
    A server takes invitations when it runs with --auth password --registration invite; the code is the\n\
    field `invite` of POST /api/v1/auth/register.")]
pub(super) struct Args {
    /// The only address that may register with it [default: any]
    email: Option<String>,
    /// Days until it expires, 1 to 365
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u32,
}

pub(super) fn run(kafka: &Kafka, args: Args, context: &Context) -> Result<()> {
    let invitation = kafka.administration(&kafka.operator()).invite(args.email, args.days)?;
    let whose = invitation.email.as_ref().map_or_else(String::new, |email| format!(" for {email}"));
    let code = invitation.code.expose();
    let until = minute(invitation.expires_at);
    let sentence = format!("Invitation{whose}, good once until {until}: {code}");
    context.output.done(&invitation, &[code], &sentence)?;
    if context.resolve(None)?.settings.registration != Registration::Invite {
        context.output.note("It is taken by a server that runs with --auth password --registration invite.");
    }
    Ok(())
}
