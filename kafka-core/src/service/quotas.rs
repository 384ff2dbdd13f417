//! Enforcing plans: what an account may still begin.
//!
//! Quotas are those of the chat's owner, whoever asks; nobody's chats and administrators have none. They
//! are looked at inside the transaction of what they limit, so that callers at the same time cannot both
//! take what is left. What an answer may cost is kept free in its own row while it runs: no counter has to
//! be put right when it ends, or when its process dies.
//!
//! The endpoint is told how long an answer may become. One that disobeys is cut off, and what it says that
//! it counted is believed: it can overdraw a day by what one answer has above its share.

use std::time::Duration;

use crate::{
    base::{
        day::Day,
        error::{Error, ErrorKind, Result},
        id::{ChatId, UserId},
        time::Timestamp,
    },
    entity::{document::DocumentPlace, params::Params, plan::Plan, response::Response},
    repo::{self, plans::Held},
    storage::{Conn, Tx},
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
    /// How long the answer may become; none where no plan bounds it.
    pub(crate) answer_tokens: Option<u64>,
    /// Whether the question or the model says so; what nobody asked for may become less.
    pub(crate) is_length_asked: bool,
}

impl Reservation {
    /// What the question was thought to cost with its history.
    fn prompt(self) -> u64 {
        self.tokens.saturating_sub(self.answer_tokens.unwrap_or(0))
    }
}

/// What an answer that is about to begin may cost.
pub(crate) struct Cost {
    /// The question with its history and whatever is sent besides, by estimate.
    pub(crate) prompt: u64,
    /// The most that the answer can have, where the question or the model says so.
    pub(crate) answer: Option<u64>,
    /// The most that it may have otherwise: what the model's context has room for besides its history.
    pub(crate) room: u64,
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
        let Some(account) = self.account(tx, chat, now)? else { return Ok(Reservation::default()) };
        let cost = cost(account.kept_in(chat))?;
        account.reservation(&Cost { room: cost.room.min(self.answer_tokens), ..cost }, now)
    }

    /// Keeps free what an answer costs above its reservation, or refuses it: while it waited for its turn, its
    /// question may have been edited, and what is sent with it may have grown. A length that nobody asked for becomes
    /// what is left.
    pub(crate) fn raise(
        self,
        tx: &Tx<'_>,
        answer: &Response,
        now: Timestamp,
        reserved: Reservation,
        prompt: u64,
    ) -> Result<Reservation> {
        let Some(account) = self.account_without(tx, answer.chat_id, now, reserved)? else {
            return Ok(reserved);
        };
        let length = reserved.answer_tokens.unwrap_or(0);
        let cost = Cost { prompt, answer: reserved.is_length_asked.then_some(length), room: length };
        let raised = account.reservation(&cost, now)?;
        repo::responses::reserve(tx, answer.id, raised.tokens)?;
        Ok(raised)
    }

    /// What passages of documents may cost that are sent with a question; none where no plan bounds it. An answer
    /// that was asked for at a length keeps that, another one half of what is left.
    pub(crate) fn room_for_passages(
        self,
        conn: &Conn<'_>,
        chat: ChatId,
        now: Timestamp,
        reserved: Reservation,
    ) -> Result<Option<u64>> {
        let Some(account) = self.account_without(conn, chat, now, reserved)? else { return Ok(None) };
        let left = account.left().saturating_sub(reserved.prompt());
        Ok(Some(match reserved.is_length_asked {
            true => left.saturating_sub(reserved.answer_tokens.unwrap_or(0)),
            false => left / 2,
        }))
    }

    /// As [`account`](Quotas::account), as if nothing were kept free for one of its answers.
    fn account_without(
        self,
        conn: &Conn<'_>,
        chat: ChatId,
        now: Timestamp,
        reserved: Reservation,
    ) -> Result<Option<Account>> {
        let mut account = self.account(conn, chat, now)?;
        if let Some(account) = &mut account {
            account.kept = account.kept.saturating_sub(reserved.tokens);
        }
        Ok(account)
    }

    /// How the account stands that answers in this chat are counted for; none where nothing limits them.
    fn account(self, conn: &Conn<'_>, chat: ChatId, now: Timestamp) -> Result<Option<Account>> {
        match self.enforced {
            true => Account::of(conn, repo::plans::of_chat(conn, chat)?, now),
            false => Ok(None),
        }
    }

    /// What an account has left of the day, less what is kept free for its answers; none where nothing limits it.
    pub(crate) fn left(self, conn: &Conn<'_>, user: Option<UserId>, now: Timestamp) -> Result<Option<u64>> {
        let Some(user) = user.filter(|_| self.enforced) else { return Ok(None) };
        let account = Account::of(conn, repo::plans::of_user(conn, user)?, now)?;
        Ok(account.map(|account| account.left()))
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

impl Quotas {
    /// Refuses one more document where so many are, if the plan of the chat's or workspace's owner has no room for it.
    pub(crate) fn admit_document(self, tx: &Tx<'_>, place: DocumentPlace, there: u64) -> Result<()> {
        if !self.enforced {
            return Ok(());
        }
        let (held, what) = match place {
            DocumentPlace::Chat(chat) => (repo::plans::of_chat(tx, chat)?, "documents a chat"),
            DocumentPlace::Workspace(workspace) => {
                (repo::plans::of_workspace(tx, workspace)?, "documents a workspace")
            }
        };
        let Some((_, plan)) = bound(held) else { return Ok(()) };
        match plan.document_limit {
            Some(limit) if there >= limit => Err(too_many(&plan.name, what, limit)),
            _ => Ok(()),
        }
    }
}

/// The account that a plan binds, and the plan.
fn bound(held: Option<Held>) -> Option<(UserId, Plan)> {
    held.filter(|held| !held.is_admin).map(|held| (held.user_id, held.plan))
}

/// The most tokens that an answer with these parameters can have, if they say it. Reasoning models of OpenAI
/// have a name of their own for it; where both are given, endpoints differ in which they heed.
///
/// # Errors
/// `Invalid` for more than one answer to a question, and for a length that is no number: nobody could say
/// what they cost.
pub(crate) fn most_tokens(params: &Params) -> Result<Option<u64>> {
    let given = |name| params.extra.get(name).filter(|value| !value.is_null());
    for (name, field) in [("n", "params.n"), ("best_of", "params.best_of")] {
        if given(name).is_some_and(|count| count.as_u64() != Some(1)) {
            return Err(out_of_range(
                field,
                "nothing or 1: where plans are enforced, a question has one answer",
            ));
        }
    }
    let newer = match given("max_completion_tokens") {
        None => None,
        Some(tokens) => {
            Some(tokens.as_u64().filter(|tokens| *tokens <= u64::from(u32::MAX)).ok_or_else(|| {
                out_of_range("params.max_completion_tokens", "a whole number, as for max_tokens")
            })?)
        }
    };
    Ok(params.max_tokens.map(u64::from).max(newer))
}

/// Has the endpoint told how long the answer may become, unless the parameters say it already.
pub(crate) fn bound_answer(params: &mut Params, tokens: u64) {
    let says_newer = params.extra.get("max_completion_tokens").is_some_and(|value| !value.is_null());
    if params.max_tokens.is_none() && !says_newer {
        params.max_tokens = Some(u32::try_from(tokens).unwrap_or(u32::MAX));
    }
}

fn out_of_range(field: &str, range: &str) -> Error {
    Error::invalid("params_out_of_range", field, format!("give {range}"))
}

/// How an account stands on one day.
struct Account {
    plan: Plan,
    limit: u64,
    spent: u64,
    kept: u64,
    /// The chats of the answers that run, and what is kept free for each.
    running: Vec<(ChatId, u64)>,
}

impl Account {
    /// How an account stands on a day; none where its plan limits nothing.
    fn of(conn: &Conn<'_>, held: Option<Held>, now: Timestamp) -> Result<Option<Account>> {
        let Some((user, plan)) = bound(held) else { return Ok(None) };
        let Some(limit) = plan.token_limit_daily else { return Ok(None) };
        let running = repo::responses::reserved_of_owner(conn, user)?;
        Ok(Some(Account {
            plan,
            limit,
            spent: repo::usage_daily::tokens_of_day(conn, user, Day::of(now))?,
            kept: running.iter().map(|(_, tokens)| tokens).sum(),
            running,
        }))
    }

    fn kept_in(&self, chat: ChatId) -> u64 {
        self.running.iter().filter(|(id, _)| *id == chat).map(|(_, tokens)| tokens).sum()
    }

    fn left(&self) -> u64 {
        self.limit.saturating_sub(self.spent).saturating_sub(self.kept)
    }

    /// Keeps free what this costs, or refuses it; an answer of no stated length has what there is room for and left.
    fn reservation(&self, cost: &Cost, now: Timestamp) -> Result<Reservation> {
        let (left, needed) = (self.left(), cost.prompt + cost.answer.unwrap_or(LEAST_ANSWER));
        if needed > left {
            return Err(self.refusal(cost, needed).with_retry_after(Day::left_at(now)));
        }
        let answer = cost.answer.unwrap_or_else(|| cost.room.max(LEAST_ANSWER).min(left - cost.prompt));
        Ok(Reservation {
            tokens: cost.prompt + answer,
            answer_tokens: Some(answer),
            is_length_asked: cost.answer.is_some(),
        })
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
