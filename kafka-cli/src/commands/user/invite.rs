//! `kafka user invite`.

use kafka_core::{InvitationId, Kafka, OpenInvitation, Result};
use kafka_http::config::Registration;
use serde_json::json;

use crate::{age::minute, context::Context, output::Row};

/// Print a code with which one person can register, once; or look after those that are open
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka user invite frieda@example.org\n  \
    kafka user invite --days 1 -q            only the code, for whoever has it\n  \
    kafka user invite --list\n  \
    kafka user invite --revoke 0199aaaa-1111-7222-8333-444455556666\n\n\
    A server takes invitations when it runs with --auth password --registration invite; the code is the\n\
    field `invite` of POST /api/v1/auth/register.")]
pub(super) struct Args {
    /// The only address that may register with it [default: any]
    #[arg(conflicts_with_all = ["list", "revoke"])]
    email: Option<String>,
    /// Days until it expires, 1 to 365
    #[arg(long, value_name = "N", default_value_t = 7, conflicts_with_all = ["list", "revoke"])]
    days: u32,
    /// List the invitations that can still be used, without their codes
    #[arg(long, conflicts_with = "revoke")]
    list: bool,
    /// Withdraw an invitation
    #[arg(long, value_name = "ID")]
    revoke: Option<InvitationId>,
}

pub(super) fn run(kafka: &Kafka, args: Args, context: &Context) -> Result<()> {
    match args.revoke {
        Some(id) => withdraw(kafka, id, context),
        None if args.list => list(kafka, context),
        None => invite(kafka, args.email, args.days, context),
    }
}

/// An invitation as a line of the list.
struct Line(OpenInvitation, String);

impl Row for Line {
    const HEADERS: &'static [&'static str] = &["id", "email", "made", "expires"];

    fn id(&self) -> &str {
        &self.1
    }

    fn cells(&self) -> Vec<String> {
        let Line(open, id) = self;
        let email = open.email.clone().unwrap_or_else(|| "anyone".to_owned());
        vec![id.clone(), email, minute(open.created_at), minute(open.expires_at)]
    }
}

fn list(kafka: &Kafka, context: &Context) -> Result<()> {
    let open = kafka.administration(&kafka.operator()).invitations()?;
    let whole = json!({ "items": open });
    let lines: Vec<Line> = open
        .into_iter()
        .map(|one| {
            let id = one.id.to_string();
            Line(one, id)
        })
        .collect();
    context.output.list(&whole, &lines)
}

fn withdraw(kafka: &Kafka, id: InvitationId, context: &Context) -> Result<()> {
    kafka.administration(&kafka.operator()).withdraw(id)?;
    let id = id.to_string();
    let sentence = format!("Withdrew the invitation {id}.");
    context.output.done(&json!({ "deleted": [id] }), &[&id], &sentence)
}

fn invite(kafka: &Kafka, email: Option<String>, days: u32, context: &Context) -> Result<()> {
    let invitation = kafka.administration(&kafka.operator()).invite(email, days)?;
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
