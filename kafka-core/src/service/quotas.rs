//! Enforcing plans: what an account may still begin.
//!
//! Quotas are those of the chat's owner, whoever asks; nobody's chats and administrators have none. They
//! are looked at inside the transaction of what they limit, so that callers at the same time cannot both
//! take what is left. What an answer may cost is kept free in its own row while it runs: no counter has to
//! be put right when it ends, or when its process dies.

use std::time::Duration;

use crate::{
    base::{
        day::Day,
        error::{Error, ErrorKind, Result},
        id::{ChatId, UserId},
        time::Timestamp,
    },
    entity::{params::Params, plan::Plan},
    repo::{self, plans::Held},
    storage::Tx,
};

/// When it is worth trying again to make something of which a plan allows only so many.
const COUNTS_RETRY: Duration = Duration::from_secs(3600);
/// Tokens of the shortest answer that is worth asking for.
const LEAST_ANSWER: u64 = 5;

/// Whether plans are enforced, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quotas {
    enforced: bool,
    answer_tokens: u64,
}

/// What is kept free of a plan for one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reservation {
    /// For the question with its history, and the answer.
    pub(crate) tokens: u64,
    /// How long the answer may become where nothing else bounds it.
    pub(crate) answer_tokens: Option<u64>,
}

/// What an answer that is about to begin may cost.
pub(crate) struct Cost {
    /// The question with its history, by estimate.
    pub(crate) prompt: u64,
    /// The most that the answer can have, where the question or the model says so.
    pub(crate) answer: Option<u64>,
}

impl Quotas {
    pub(crate) fn new(enforced: bool, answer_tokens: u32) -> Quotas {
        Quotas { enforced, answer_tokens: u64::from(answer_tokens) }
    }

    pub(crate) fn is_enforced(self) -> bool {
        self.enforced
    }

    /// Keeps free what an answer in this chat may cost, or refuses it. `cost` is asked only where there is
    /// a limit, and gets what the answers that run in the chat have kept free.
    pub(crate) fn reserve(
        self,
        tx: &Tx<'_>,
        chat: ChatId,
        now: Timestamp,
        cost: impl FnOnce(u64) -> Result<Cost>,
    ) -> Result<Reservation> {
        if !self.enforced {
            return Ok(Reservation::default());
        }
        let Some((user, plan)) = bound(repo::plans::of_chat(tx, chat)?) else {
            return Ok(Reservation::default());
        };
        let Some(limit) = plan.token_limit_daily else { return Ok(Reservation::default()) };
        let running = repo::responses::reserved_of_owner(tx, user)?;
        let kept: u64 = running.iter().map(|(_, tokens)| tokens).sum();
        let cost = cost(running.iter().filter(|(id, _)| *id == chat).map(|(_, tokens)| tokens).sum())?;
        let account = Account {
            plan: &plan,
            limit,
            spent: repo::usage_daily::tokens_of_day(tx, user, Day::of(now))?,
            kept,
        };
        let left = account.left();
        let needed = cost.prompt + cost.answer.unwrap_or(LEAST_ANSWER);
        if needed > left {
            return Err(account.refusal(&cost, needed).with_retry_after(Day::left_at(now)));
        }
        Ok(match cost.answer {
            Some(_) => Reservation { tokens: needed, answer_tokens: None },
            None => {
                let answer = self.answer_tokens.max(LEAST_ANSWER).min(left - cost.prompt);
                Reservation { tokens: cost.prompt + answer, answer_tokens: Some(answer) }
            }
        })
    }

    /// Refuses a chat that its owner's plan has no room for.
    pub(crate) fn admit_chat(self, tx: &Tx<'_>, owner: Option<UserId>) -> Result<()> {
        let Some(owner) = owner.filter(|_| self.enforced) else { return Ok(()) };
        let Some((_, plan)) = bound(repo::plans::of_user(tx, owner)?) else { return Ok(()) };
        let Some(limit) = plan.chat_limit else { return Ok(()) };
        let bounded = i64::try_from(limit).unwrap_or(i64::MAX);
        if repo::chats::count_of_owner(tx, owner, bounded)? < limit {
            return Ok(());
        }
        Err(too_many(&plan.name, "chats", limit))
    }
}

/// The account that a plan binds, and the plan.
fn bound(held: Option<Held>) -> Option<(UserId, Plan)> {
    held.filter(|held| !held.is_admin).map(|held| (held.user_id, held.plan))
}

/// The tokens most answers of a model can have, if its parameters say it. Reasoning models of OpenAI have
/// a name of their own for it.
pub(crate) fn most_tokens(params: &Params) -> Option<u64> {
    let newer = || params.extra.get("max_completion_tokens").and_then(serde_json::Value::as_u64);
    params.max_tokens.map(u64::from).or_else(newer)
}

/// How an account stands on one day.
struct Account<'a> {
    plan: &'a Plan,
    limit: u64,
    spent: u64,
    kept: u64,
}

impl Account<'_> {
    fn left(&self) -> u64 {
        self.limit.saturating_sub(self.spent).saturating_sub(self.kept)
    }

    fn refusal(&self, cost: &Cost, needed: u64) -> Error {
        let (name, limit, left) = (&self.plan.name, self.limit, self.left());
        let kept = match self.kept {
            0 => String::new(),
            kept => format!(" ({kept} more are kept for answers that run)"),
        };
        let shorter = match (cost.answer, left.saturating_sub(cost.prompt)) {
            (Some(_), affordable @ LEAST_ANSWER..) => format!("ask with max_tokens up to {affordable}, "),
            _ => String::new(),
        };
        let enough = self.spent + self.kept + needed;
        Error::new(
            ErrorKind::QuotaExceeded,
            "quota_exceeded",
            format!(
                "The plan {name} allows {limit} tokens a day, of which {left} are left{kept}, and this answer \
                 may cost {needed}; {shorter}wait for midnight UTC, or ask for a plan with at least {enough}."
            ),
        )
    }
}

/// The refusal of one more of what a plan allows so many of.
fn too_many(plan: &str, what: &str, limit: u64) -> Error {
    let enough = limit.saturating_add(1);
    Error::new(
        ErrorKind::QuotaExceeded,
        "quota_exceeded",
        format!(
            "The plan {plan} allows {limit} {what}, and that many there are; delete one, or ask for a plan with \
             at least {enough}."
        ),
    )
    .with_retry_after(COUNTS_RETRY)
}
