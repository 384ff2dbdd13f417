//! `kafka usage`: what was used.

mod chart;

use kafka_core::{Day, Period, Result, UsageSummary, UserId};
use serde::Serialize;

use super::user;
use crate::context::Context;

/// Print what an account or the whole installation has used
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka usage\n  \
    kafka usage --by user\n  \
    kafka usage --by model --user ada@example.org\n  \
    kafka usage --from 2026-01-01 --to 2026-01-31 --json | jq '.days[].tokens_total'")]
pub(crate) struct Args {
    /// Only the tokens by one of these, as a chart on a terminal
    #[arg(long)]
    by: Option<By>,
    /// The account's e-mail address, username or id; without it the whole installation
    #[arg(long)]
    user: Option<String>,
    /// The first day in UTC, such as 2026-01-01; without it 30 days up to the last
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<Day>,
    /// The last day; without it today
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<Day>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum By {
    Day,
    Model,
    User,
}

/// A list as the HTTP API prints lists.
#[derive(Serialize)]
struct Items<'i, T> {
    items: &'i [T],
}

fn day(text: &str) -> Result<Day, String> {
    text.parse().map_err(|_| "a day looks like 2026-01-31".to_owned())
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let operator = kafka.operator();
    let user = args.user.as_deref().map(|user| user::find(&kafka, &operator, user)).transpose()?;
    let (usage, period) = (kafka.usage(&operator), Period { from: args.from, to: args.to });
    let with_bars = context.output.is_terminal();
    if let Some(By::User) = args.by {
        let mut accounts = usage.by_account(period)?;
        let is_wanted = |id: Option<UserId>| user.as_ref().is_none_or(|user| id == Some(user.id));
        accounts.retain(|account| is_wanted(account.user_id));
        return context.output.list(&Items { items: &accounts }, &chart::lines(&accounts, with_bars));
    }
    let summary = match &user {
        Some(user) => usage.summary_of(user.id, period)?,
        None => usage.summary(period)?,
    };
    let days = chart::lines(chart::used(&summary.days), with_bars);
    let models = chart::lines(&summary.models, with_bars);
    match args.by {
        Some(By::Day) => return context.output.list(&Items { items: &summary.days }, &days),
        Some(By::Model) => return context.output.list(&Items { items: &summary.models }, &models),
        _ => {}
    }
    if !context.output.is_for_people() {
        let days: Vec<String> = summary.days.iter().map(|usage| usage.day.to_string()).collect();
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        return context.output.done(&summary, &days, "");
    }
    let whose = user.map_or_else(|| "everyone".to_owned(), |user| user.email);
    context.output.one(&summary, "", &standing(&summary, whose))?;
    if !days.is_empty() {
        context.output.text("\n")?;
        context.output.list(&summary, &days)?;
    }
    if !models.is_empty() {
        context.output.text("\n")?;
        context.output.list(&summary, &models)?;
    }
    Ok(())
}

/// How an account stands.
fn standing(summary: &UsageSummary, whose: String) -> Vec<(&'static str, String)> {
    let of = |count: u64, limit: Option<u64>| match limit {
        Some(limit) => format!("{count} of {limit}"),
        None => count.to_string(),
    };
    let limits = summary.limits.as_ref();
    let mut fields = vec![("used by", whose)];
    if let Some(limits) = limits {
        fields.push(("plan", limits.plan.clone()));
    }
    fields.extend([
        ("tokens today", of(summary.daily_token_count, limits.and_then(|limits| limits.token_limit_daily))),
        ("tokens in all", summary.total_tokens_used.to_string()),
        ("chats", of(summary.session_count, limits.and_then(|limits| limits.chat_limit))),
        ("documents", summary.doc_count.to_string()),
    ]);
    fields
}
