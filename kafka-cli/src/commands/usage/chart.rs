//! Lines of usage, each with a bar for its tokens where bars are shown.

use kafka_core::{AccountUsage, DayUsage, ModelUsage};

use crate::output::Row;

/// Signs of the longest bar.
const BAR: u128 = 24;

/// What was counted of something, as a line shows it.
pub(super) trait Counted {
    const HEADERS: &'static [&'static str];

    fn name(&self) -> String;

    /// What the line's bar stands for.
    fn tokens(&self) -> u64;

    fn counts(&self) -> Vec<u64>;
}

/// A line of the table.
pub(super) struct Line<'u, C> {
    used: &'u C,
    name: String,
    bar: String,
}

/// A line for each, with bars in proportion to the one that has the most tokens.
pub(super) fn lines<C: Counted>(used: &[C], with_bars: bool) -> Vec<Line<'_, C>> {
    let most = used.iter().map(C::tokens).max().unwrap_or(0).max(1);
    // Whatever was used can be seen.
    let signs = |tokens: u64| (u128::from(tokens) * BAR).div_ceil(u128::from(most));
    let bar = |tokens| {
        if with_bars { "█".repeat(usize::try_from(signs(tokens)).unwrap_or(0)) } else { String::new() }
    };
    used.iter().map(|used| Line { used, name: used.name(), bar: bar(used.tokens()) }).collect()
}

/// The days from the first on which anything was used.
pub(super) fn used(days: &[DayUsage]) -> &[DayUsage] {
    let is_used = |usage: &DayUsage| {
        [usage.tokens_total, usage.messages_sent, usage.chats_created, usage.documents_uploaded] != [0; 4]
    };
    let first = days.iter().position(is_used).unwrap_or(days.len());
    days.get(first..).unwrap_or_default()
}

impl<C: Counted> Row for Line<'_, C> {
    const HEADERS: &'static [&'static str] = C::HEADERS;

    fn id(&self) -> &str {
        &self.name
    }

    fn cells(&self) -> Vec<String> {
        let counts = self.used.counts().into_iter().map(|count| count.to_string());
        [self.name.clone()].into_iter().chain(counts).chain([self.bar.clone()]).collect()
    }
}

impl Counted for DayUsage {
    const HEADERS: &'static [&'static str] =
        &["day", "tokens", "prompt", "completion", "messages", "chats", "documents", ""];

    fn name(&self) -> String {
        self.day.to_string()
    }

    fn tokens(&self) -> u64 {
        self.tokens_total
    }

    fn counts(&self) -> Vec<u64> {
        let stored = [self.messages_sent, self.chats_created, self.documents_uploaded];
        [self.tokens_total, self.tokens_prompt, self.tokens_completion].into_iter().chain(stored).collect()
    }
}

impl Counted for ModelUsage {
    const HEADERS: &'static [&'static str] = &["model", "answers", "tokens", "prompt", "completion", ""];

    fn name(&self) -> String {
        self.model.clone()
    }

    fn tokens(&self) -> u64 {
        self.tokens_total
    }

    fn counts(&self) -> Vec<u64> {
        vec![self.responses, self.tokens_total, self.tokens_prompt, self.tokens_completion]
    }
}

impl Counted for AccountUsage {
    const HEADERS: &'static [&'static str] =
        &["user", "answers", "tokens", "prompt", "completion", "chats", "documents", ""];

    fn name(&self) -> String {
        self.email.clone().unwrap_or_else(|| "nobody".to_owned())
    }

    fn tokens(&self) -> u64 {
        self.tokens_total
    }

    fn counts(&self) -> Vec<u64> {
        let stored = [self.chats_created, self.documents_uploaded];
        let tokens = [self.responses, self.tokens_total, self.tokens_prompt, self.tokens_completion];
        tokens.into_iter().chain(stored).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_on(day: &str, tokens_total: u64, chats_created: u64) -> DayUsage {
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
            used_on("2026-01-01", 0, 0),
            used_on("2026-01-02", 0, 1),
            used_on("2026-01-03", 1, 0),
            used_on("2026-01-04", 5_000, 0),
            used_on("2026-01-05", 10_000, 0),
        ];
        let lines = lines(used(&usage), true);
        let bars: Vec<_> = lines.iter().map(|line| (line.id(), line.bar.chars().count())).collect();
        assert_eq!(bars, [("2026-01-02", 0), ("2026-01-03", 1), ("2026-01-04", 12), ("2026-01-05", 24)]);
        assert!(super::lines(&usage, false).iter().all(|line| line.bar.is_empty()));
        assert!(used(&usage[..1]).is_empty());
        let most = [used_on("2026-01-01", u64::MAX, 0)];
        assert_eq!(super::lines(&most, true)[0].bar.chars().count(), 24);
    }
}
