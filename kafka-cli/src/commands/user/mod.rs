//! `kafka user`: who may log in.

mod invite;
mod list;
mod password;

use kafka_core::{
    Actor, Administration, Error, ErrorKind, Kafka, NewUser, Result, StandingPatch, User, UserId,
};
use serde_json::json;

use crate::{age::minute, context::Context};

/// Add, list, disable, promote, invite and delete people
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka user add k@example.org --admin     asks for a password\n  \
    kafka user list\n  \
    kafka user invite frieda@example.org     prints a code to register with\n  \
    kafka user disable k@example.org\n\n\
    People are named by e-mail address, username or id. They log in at a server in password mode:\n\
    kafka serve --auth password")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Add someone; asks for a password, or reads it from standard input
    #[command(after_help = "Examples:\n  \
        kafka user add k@example.org\n  \
        kafka user add k@example.org --username k --name \"Josef K.\" --admin < password.txt")]
    Add {
        /// The e-mail address to log in with
        email: String,
        /// A shorter name to log in with
        #[arg(long, value_name = "NAME")]
        username: Option<String>,
        /// What the person is called
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Let them administer the installation
        #[arg(long)]
        admin: bool,
    },
    /// List everyone
    #[command(after_help = "Examples:\n  \
        kafka user list\n  \
        kafka user list --json | jq -r '.items[].email'")]
    List,
    /// Print what is known of someone
    #[command(after_help = "Examples:\n  kafka user show k@example.org")]
    Show(Named),
    /// Give someone a new password, and revoke their sessions and API keys
    #[command(after_help = "Examples:\n  \
        kafka user passwd k@example.org\n  \
        kafka user passwd k@example.org < password.txt")]
    Passwd(Named),
    /// Give someone a random password, print it, and revoke their sessions and API keys
    #[command(after_help = "Examples:\n  kafka user reset k@example.org")]
    Reset(Named),
    /// Refuse someone from now on, at every door, within a second
    #[command(after_help = "Examples:\n  kafka user disable k@example.org")]
    Disable(Named),
    /// Let someone in again who was disabled
    #[command(after_help = "Examples:\n  kafka user enable k@example.org")]
    Enable(Named),
    /// Let someone administer the installation
    #[command(after_help = "Examples:\n  kafka user promote k@example.org")]
    Promote(Named),
    /// Let someone administer the installation no more
    #[command(after_help = "Examples:\n  kafka user demote k@example.org")]
    Demote(Named),
    Invite(invite::Args),
    /// Delete people with all that they own
    #[command(after_help = "Examples:\n  kafka user delete k@example.org")]
    Delete {
        /// Addresses, usernames or ids; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Named {
    /// Their e-mail address, username or id
    #[arg(value_name = "NAME")]
    name: String,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let actor = kafka.operator();
    let desk = Desk { kafka: &kafka, actor, context };
    match args.verb {
        Verb::Add { email, username, name, admin } => {
            desk.add(NewUser { email, username, full_name: name }, admin)
        }
        Verb::List => list::run(&kafka, &actor, context),
        Verb::Show(Named { name }) => desk.show(&name),
        Verb::Passwd(Named { name }) => desk.set_password(&name),
        Verb::Reset(Named { name }) => desk.reset_password(&name),
        Verb::Disable(Named { name }) => desk.set(&name, active(false), "may not log in any more"),
        Verb::Enable(Named { name }) => desk.set(&name, active(true), "may log in"),
        Verb::Promote(Named { name }) => desk.set(&name, admin(true), "administers the installation"),
        Verb::Demote(Named { name }) => desk.set(&name, admin(false), "administers the installation no more"),
        Verb::Invite(args) => invite::run(&kafka, args, context),
        Verb::Delete { names } => desk.delete(&names),
    }
}

fn active(is_active: bool) -> StandingPatch {
    StandingPatch { is_active: Some(is_active), ..StandingPatch::default() }
}

fn admin(is_admin: bool) -> StandingPatch {
    StandingPatch { is_admin: Some(is_admin), ..StandingPatch::default() }
}

/// The account that someone on the command line means.
pub(super) fn find(kafka: &Kafka, actor: &Actor, name: &str) -> Result<User> {
    if let Ok(id) = name.parse::<UserId>() {
        return kafka.users(actor).get(id);
    }
    kafka
        .administration(actor)
        .find_user(name)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "user_not_found", format!("There is no user {name}.")))
}

/// Where the verbs are done.
struct Desk<'a> {
    kafka: &'a Kafka,
    actor: Actor,
    context: &'a Context,
}

impl Desk<'_> {
    fn administration(&self) -> Administration<'_> {
        self.kafka.administration(&self.actor)
    }

    fn find(&self, name: &str) -> Result<User> {
        find(self.kafka, &self.actor, name)
    }

    fn done(&self, user: &User, sentence: &str) -> Result<()> {
        self.context.output.done(user, &[&user.id.to_string()], sentence)
    }

    fn add(&self, new: NewUser, is_admin: bool) -> Result<()> {
        let password = password::read(&new.email)?;
        let user = self.administration().create(new, password, is_admin)?;
        let what = if is_admin { ", who administers the installation" } else { "" };
        self.done(&user, &format!("Added {}{what}.", user.email))
    }

    fn show(&self, name: &str) -> Result<()> {
        let user = self.find(name)?;
        let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
        let fields = [
            ("email", user.email.clone()),
            ("username", user.username.clone().unwrap_or_default()),
            ("name", user.full_name.clone().unwrap_or_default()),
            ("id", user.id.to_string()),
            ("active", yes(user.is_active)),
            ("admin", yes(user.is_admin)),
            ("plan", user.plan.clone()),
            ("tokens", user.total_tokens_used.to_string()),
            ("added", minute(user.created_at)),
        ];
        self.context.output.one(&user, &user.id.to_string(), &fields)
    }

    fn set_password(&self, name: &str) -> Result<()> {
        let user = self.find(name)?;
        self.administration().set_password(user.id, password::read(&user.email)?)?;
        let sentence = format!("{} has a new password; sessions and API keys are revoked.", user.email);
        self.done(&user, &sentence)
    }

    fn reset_password(&self, name: &str) -> Result<()> {
        let user = self.find(name)?;
        let password = self.administration().reset_password(user.id)?;
        let shown = json!({ "id": user.id, "email": user.email, "password": password.expose() });
        let sentence = format!(
            "The password of {} is now {}; sessions and API keys are revoked.",
            user.email,
            password.expose()
        );
        self.context.output.done(&shown, &[password.expose()], &sentence)
    }

    fn set(&self, name: &str, patch: StandingPatch, what: &str) -> Result<()> {
        let user = self.administration().update(self.find(name)?.id, patch)?;
        self.done(&user, &format!("{} {what}.", user.email))
    }

    fn delete(&self, names: &[String]) -> Result<()> {
        let users: Vec<User> = names.iter().map(|name| self.find(name)).collect::<Result<_>>()?;
        for user in &users {
            self.administration().delete(user.id)?;
        }
        let ids: Vec<String> = users.iter().map(|user| user.id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let sentence = match users.as_slice() {
            [user] => format!("Deleted {} with all that they owned.", user.email),
            users => format!("Deleted {} people with all that they owned.", users.len()),
        };
        self.context.output.done(&json!({ "deleted": ids }), &ids, &sentence)
    }
}
