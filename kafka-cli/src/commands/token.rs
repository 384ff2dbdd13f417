//! `kafka token`: API keys.

use kafka_core::{Actor, Clock as _, Kafka, NewToken, Permission, Result, SystemClock, Token, TokenId};
use serde_json::json;

use super::{ids, pages, user};
use crate::{age::minute, context::Context, output::Row};

const DAY_MS: i64 = 24 * 3_600_000;

/// Add, list and delete API keys, with which programs act for someone
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka token add backup --user k@example.org --scope chats:read --days 90\n  \
    kafka token list --user k@example.org\n  \
    kafka token delete ID")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a key and print it, this once
    #[command(after_help = "Examples:\n  \
        kafka token add backup --user k@example.org --scope chats:read --scope files:read\n  \
        TOKEN=$(kafka token add -q bot --user k@example.org --days 90)\n\n\
        Scopes are chats, files, models, documents, usage, account and admin with :read or :write, which\n\
        includes reading. Messages, answers and WebSockets count as chats, workspaces as files.")]
    Add {
        /// What it is for
        name: String,
        /// Who it acts for: an e-mail address, username or id
        #[arg(long, value_name = "NAME")]
        user: String,
        /// What it may be used for; can be repeated [default: all that the account may do]
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<Permission>,
        /// Days until it expires, 1 to 3650 [default: never]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=3650))]
        days: Option<i64>,
    },
    /// List someone's keys; the keys themselves are not known any more
    #[command(after_help = "Examples:\n  kafka token list --user k@example.org")]
    List {
        /// Whose: an e-mail address, username or id
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Revoke keys, within a second
    #[command(after_help = "Examples:\n  kafka token delete ID")]
    Delete {
        /// The keys; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "ID", value_parser = ids::parse::<TokenId>)]
        ids: Vec<TokenId>,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let actor = kafka.operator();
    match args.verb {
        Verb::Add { name, user, scope, days } => {
            let new = NewToken {
                name,
                scopes: (!scope.is_empty()).then(|| scope.into_iter().collect()),
                expires_at: days.map(|days| SystemClock.now().plus_ms(days * DAY_MS)),
            };
            add(&kafka, &actor, &user, new, context)
        }
        Verb::List { user } => list(&kafka, &actor, &user, context),
        Verb::Delete { ids } => delete(&kafka, &actor, &ids, context),
    }
}

fn add(kafka: &Kafka, actor: &Actor, name: &str, new: NewToken, context: &Context) -> Result<()> {
    let user = user::find(kafka, actor, name)?;
    let issued = kafka.tokens(actor).of(user.id).create(new)?;
    let until = issued.key.expires_at.map_or_else(String::new, |at| format!(" until {}", minute(at)));
    let secret = issued.token.expose();
    let sentence =
        format!("API key {} for {}{until}, shown this once: {secret}", issued.key.name, user.email);
    context.output.done(&issued, &[secret], &sentence)
}

/// A key as a line of the list.
struct Line(Token, String);

impl Row for Line {
    const HEADERS: &'static [&'static str] = &["id", "name", "scopes", "expires", "last used"];

    fn id(&self) -> &str {
        &self.1
    }

    fn cells(&self) -> Vec<String> {
        let Line(token, id) = self;
        let scopes = token.scopes.map_or_else(|| "all".to_owned(), |scopes| scopes.to_string());
        let or = |at: Option<_>, none: &str| at.map_or_else(|| none.to_owned(), minute);
        vec![
            id.clone(),
            token.name.clone(),
            scopes,
            or(token.expires_at, "never"),
            or(token.last_used_at, "never"),
        ]
    }
}

fn list(kafka: &Kafka, actor: &Actor, name: &str, context: &Context) -> Result<()> {
    let user = user::find(kafka, actor, name)?;
    let tokens = pages::all(kafka, |request| kafka.tokens(actor).of(user.id).list(request))?;
    let whole = pages::whole(&tokens);
    let lines: Vec<Line> = tokens
        .into_iter()
        .map(|token| {
            let id = token.id.to_string();
            Line(token, id)
        })
        .collect();
    context.output.list(&whole, &lines)
}

fn delete(kafka: &Kafka, actor: &Actor, ids: &[TokenId], context: &Context) -> Result<()> {
    for id in ids {
        kafka.tokens(actor).get(*id)?;
    }
    for id in ids {
        kafka.tokens(actor).delete(*id)?;
    }
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let sentence = match ids.as_slice() {
        [id] => format!("Revoked the API key {id}."),
        ids => format!("Revoked {} API keys.", ids.len()),
    };
    context.output.done(&json!({ "deleted": ids }), &ids, &sentence)
}
