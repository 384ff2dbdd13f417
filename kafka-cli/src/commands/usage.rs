//! `kafka usage`: what was used.

use kafka_core::{Day, DayUsage, ModelUsage, Period, Result, UsageSummary};

use super::user;
use crate::{context::Context, output::Row};

/// Print what an account or the whole installation has used
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka usage\n  \
    kafka usage --user ada@example.org\n  \
    kafka usage --from 2026-01-01 --to 2026-01-31 --json | jq '.days[].tokens_total'")]
pub(crate) struct Args {
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

fn day(text: &str) -> Result<Day, String> {
    text.parse().map_err(|_| "a day looks like 2026-01-31".to_owned())
}

/// Signs of the longest bar.
const BAR: u64 = 24;

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let kafka = context.kafka()?;
    let operator = kafka.operator();
    let user = args.user.as_deref().map(|user| user::find(&kafka, &operator, user)).transpose()?;
    let (usage, period) = (kafka.usage(&operator), Period { from: args.from, to: args.to });
    let summary = match &user {
        Some(user) => usage.summary_of(user.id, period)?,
        None => usage.summary(period)?,
    };
    let whose = user.map_or_else(|| "everyone".to_owned(), |user| user.email);
    if !context.output.is_for_people() {
        let days: Vec<String> = summary.days.iter().map(|usage| usage.day.to_string()).collect();
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        return context.output.done(&summary, &days, "");
    }
    context.output.one(&summary, "", &standing(&summary, whose))?;
    let days = days(&summary.days, context.output.is_terminal());
    if !days.is_empty() {
        context.output.text("\n")?;
        context.output.list(&summary, &days)?;
    }
    if !summary.models.is_empty() {
        context.output.text("\n")?;
        context.output.list(&summary, &summary.models)?;
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
    ]);
    fields
}

/// A day as a line of the table.
#[derive(Debug, PartialEq)]
struct Line {
    day: String,
    counts: [u64; 5],
    bar: String,
}

impl Row for Line {
    const HEADERS: &'static [&'static str] =
        &["day", "tokens", "prompt", "completion", "messages", "chats", ""];

    fn id(&self) -> &str {
        &self.day
    }

    fn cells(&self) -> Vec<String> {
        let counts = self.counts.iter().map(u64::to_string);
        [self.day.clone()].into_iter().chain(counts).chain([self.bar.clone()]).collect()
    }
}

/// The days from the first on which anything was used, with a bar for their tokens where bars are shown.
fn days(days: &[DayUsage], with_bars: bool) -> Vec<Line> {
    let most = days.iter().map(|usage| usage.tokens_total).max().unwrap_or(0);
    let bar = |tokens: u64| match most {
        0 => String::new(),
        // Whatever was used can be seen.
        most => "█".repeat(usize::try_from((tokens * BAR).div_ceil(most)).unwrap_or(0)),
    };
    let is_unused = |usage: &&DayUsage| {
        (usage.tokens_total, usage.messages_sent, usage.chats_created, usage.documents_uploaded)
            == (0, 0, 0, 0)
    };
    let line = |usage: &DayUsage| Line {
        day: usage.day.to_string(),
        counts: [
            usage.tokens_total,
            usage.tokens_prompt,
            usage.tokens_completion,
            usage.messages_sent,
            usage.chats_created,
        ],
        bar: if with_bars { bar(usage.tokens_total) } else { String::new() },
    };
    days.iter().skip_while(is_unused).map(line).collect()
}

impl Row for ModelUsage {
    const HEADERS: &'static [&'static str] = &["model", "answers", "tokens", "prompt", "completion"];

    fn id(&self) -> &str {
        &self.model
    }

    fn cells(&self) -> Vec<String> {
        let counts = [self.responses, self.tokens_total, self.tokens_prompt, self.tokens_completion];
        [self.model.clone()].into_iter().chain(counts.map(|count| count.to_string())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(day: &str, tokens_total: u64, chats_created: u64) -> DayUsage {
        DayUsage {
            day: day.parse().unwrap(),
            tokens_prompt: tokens_total,
            tokens_completion: 0,
            tokens_total,
            messages_sent: 0,
            documents_uploaded: 0,
            chats_created,
        }
    }

    #[test]
    fn bars_are_as_long_as_days_are_dear_and_the_cheapest_is_seen() {
        let usage = [
            used("2026-01-01", 0, 0),
            used("2026-01-02", 0, 1),
            used("2026-01-03", 1, 0),
            used("2026-01-04", 5_000, 0),
            used("2026-01-05", 10_000, 0),
        ];
        let lines = days(&usage, true);
        let bars: Vec<_> = lines.iter().map(|line| (line.day.as_str(), line.bar.chars().count())).collect();
        assert_eq!(bars, [("2026-01-02", 0), ("2026-01-03", 1), ("2026-01-04", 12), ("2026-01-05", 24)]);
        assert!(days(&usage, false).iter().all(|line| line.bar.is_empty()));
        assert_eq!(days(&usage[..1], true), []);
    }
}
