//! `kafka plan`: how much accounts may use.

use kafka_core::{Kafka, NewPlan, Plan, PlanPatch, Plans, Result};
use serde_json::json;

use super::user;
use crate::{age::minute, context::Context, output::Row};

/// List, show, make, change, assign and delete plans
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka plan list\n  \
    kafka plan preset docuchat\n  \
    kafka plan set free --tokens-daily 20000\n  \
    kafka plan assign ada@example.org pro\n\n\
    Plans are enforced by a server in password mode with `--quotas on`, but not for administrators.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List plans, oldest first
    #[command(after_help = "Examples:\n  \
        kafka plan list\n  \
        kafka plan list --json | jq -r '.items[].name'")]
    List,
    /// Print a plan
    #[command(after_help = "Examples:\n  kafka plan show free")]
    Show {
        /// The plan's name
        #[arg(value_name = "PLAN")]
        name: String,
    },
    /// Make a plan; a limit that is not given is no limit
    #[command(after_help = "Examples:\n  kafka plan add team --tokens-daily 50000 --chats 20")]
    Add {
        /// What it is called
        #[arg(value_name = "PLAN")]
        name: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Change the limits of a plan, for all who have it; a limit that is not given stays
    #[command(after_help = "Examples:\n  \
        kafka plan set free --tokens-daily 10000 --documents 5 --chats 3\n  \
        kafka plan set free --tokens-daily unlimited")]
    Set {
        /// The plan's name
        #[arg(value_name = "PLAN")]
        name: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Load plans that are known, over those of the same name
    #[command(after_help = "Examples:\n  kafka plan preset docuchat    free, pro and enterprise")]
    Preset {
        /// Whose plans
        preset: Preset,
    },
    /// Give an account a plan
    #[command(after_help = "Examples:\n  kafka plan assign ada@example.org pro")]
    Assign {
        /// The account's e-mail address, username or id
        user: String,
        /// The plan's name
        plan: String,
    },
    /// Delete plans that no account has
    #[command(after_help = "Examples:\n  kafka plan delete team")]
    Delete {
        /// Names; if one of them does not exist, none is deleted
        #[arg(required = true, value_name = "PLAN")]
        names: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Preset {
    /// 10 000, 100 000 and 1 000 000 tokens a day
    Docuchat,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct Limits {
    /// Tokens a day in UTC, sent and answered together, or `unlimited`
    #[arg(long, value_name = "N", value_parser = limit)]
    tokens_daily: Option<Limit>,
    /// Documents in one chat, or `unlimited`
    #[arg(long, value_name = "N", value_parser = limit)]
    documents: Option<Limit>,
    /// Chats at a time, or `unlimited`
    #[arg(long, value_name = "N", value_parser = limit)]
    chats: Option<Limit>,
}

/// A limit as it is written; none is `unlimited`.
#[derive(Clone, Copy, Debug)]
struct Limit(Option<u64>);

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "unlimited" => Ok(Limit(None)),
        _ => text
            .parse()
            .map(|limit| Limit(Some(limit)))
            .map_err(|_| "give a whole number or `unlimited`".to_owned()),
    }
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let operator = kafka.operator();
    let plans = kafka.plans(&operator);
    match args.verb {
        Verb::List => list(&plans.list()?, context),
        Verb::Show { name } => show(&plans.get(&name)?, context),
        Verb::Add { name, limits } => add(&plans, name, limits, context),
        Verb::Set { name, limits } => set(&plans, &name, limits, context),
        Verb::Preset { preset: Preset::Docuchat } => list(&plans.load_docuchat()?, context),
        Verb::Assign { user, plan } => assign(&kafka, &plans, &user, &plan, context),
        Verb::Delete { names } => delete(&plans, &names, context),
    }
}

/// A plan as a line of the list.
struct Line<'a> {
    plan: &'a Plan,
    id: String,
}

impl Row for Line<'_> {
    const HEADERS: &'static [&'static str] = &["name", "tokens a day", "documents a chat", "chats", "id"];

    fn id(&self) -> &str {
        &self.id
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.plan.name.clone(),
            shown(self.plan.token_limit_daily),
            shown(self.plan.document_limit),
            shown(self.plan.chat_limit),
            self.id.clone(),
        ]
    }
}

fn list(plans: &[Plan], context: &Context) -> Result<()> {
    let lines: Vec<Line<'_>> = plans.iter().map(|plan| Line { plan, id: plan.id.to_string() }).collect();
    context.output.list(&json!({ "items": plans, "next_cursor": null, "prev_cursor": null }), &lines)
}

fn show(plan: &Plan, context: &Context) -> Result<()> {
    let fields = [
        ("name", plan.name.clone()),
        ("id", plan.id.to_string()),
        ("tokens a day", shown(plan.token_limit_daily)),
        ("documents a chat", shown(plan.document_limit)),
        ("chats", shown(plan.chat_limit)),
        ("changed", minute(plan.updated_at)),
    ];
    context.output.one(plan, &plan.id.to_string(), &fields)
}

fn add(plans: &Plans<'_>, name: String, limits: Limits, context: &Context) -> Result<()> {
    let given = |limit: Option<Limit>| limit.and_then(|Limit(limit)| limit);
    let plan = plans.create(NewPlan {
        name,
        token_limit_daily: given(limits.tokens_daily),
        document_limit: given(limits.documents),
        chat_limit: given(limits.chats),
    })?;
    let sentence = format!("Made the plan {name}. Give it: kafka plan assign USER {name}", name = plan.name);
    context.output.done(&plan, &[&plan.id.to_string()], &sentence)
}

fn set(plans: &Plans<'_>, name: &str, limits: Limits, context: &Context) -> Result<()> {
    let given = |limit: Option<Limit>| limit.map(|Limit(limit)| limit);
    let patch = PlanPatch {
        token_limit_daily: given(limits.tokens_daily),
        document_limit: given(limits.documents),
        chat_limit: given(limits.chats),
    };
    show(&plans.update(name, patch)?, context)
}

fn assign(kafka: &Kafka, plans: &Plans<'_>, user: &str, plan: &str, context: &Context) -> Result<()> {
    let user = plans.assign(user::find(kafka, &kafka.operator(), user)?.id, plan)?;
    let sentence = format!("{} has the plan {} now.", user.email, user.plan);
    context.output.done(&user, &[&user.id.to_string()], &sentence)
}

fn delete(plans: &Plans<'_>, names: &[String], context: &Context) -> Result<()> {
    let deleted: Vec<Plan> = names.iter().map(|name| plans.get(name)).collect::<Result<_>>()?;
    for plan in &deleted {
        plans.delete(&plan.name)?;
    }
    let ids: Vec<String> = deleted.iter().map(|plan| plan.id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let sentence = match names {
        [name] => format!("Deleted the plan {name}."),
        names => format!("Deleted {} plans.", names.len()),
    };
    context.output.done(&json!({ "deleted": ids }), &ids, &sentence)
}
