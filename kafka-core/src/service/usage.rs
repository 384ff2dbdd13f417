//! What was used, read for those whom it concerns.

use std::collections::HashMap;

use super::{administration, auth, users};
use crate::{
    base::{
        actor::{Actor, Scope},
        day::Day,
        error::{Error, Result},
        id::UserId,
        permission::{Area, Permission},
    },
    entity::{
        chat::ChatFilter,
        usage::{AccountUsage, DayUsage, Period, UsageLimits, UsageSummary},
    },
    repo::{self, usage_daily},
    service::installation::Installation,
    storage::Conn,
};

/// What a credential needs.
const READ: Permission = Permission::read(Area::Usage);
/// What it needs for what others used.
const READ_ALL: Permission = Permission::read(Area::Admin);
/// Days of a period whose first one is not named.
const DAYS: i64 = 30;
/// Most days of a period.
const MOST_DAYS: i64 = 366;

/// Most models of a summary. What a model is called is up to its endpoint, which may say another name each time.
const MOST_MODELS: u32 = 100;
/// Most accounts of a list.
const MOST_ACCOUNTS: u32 = 1000;

/// What was used, as one actor may know it. Made by [`Kafka::usage`](crate::Kafka::usage).
#[derive(Debug)]
pub struct Usage<'k> {
    installation: &'k Installation,
    actor: Actor,
}

impl<'k> Usage<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Usage<'k> {
        Usage { installation, actor: *actor }
    }

    /// What the actor's account used; for the operator, who has none, what the whole installation did.
    ///
    /// # Errors
    /// `Unauthenticated` for a caller who is neither; `Forbidden` for an API key without the scope; `Invalid` (`period_invalid`) for a period that ends before it begins or has over 366 days.
    pub fn summary(&self, period: Period) -> Result<UsageSummary> {
        self.actor.require(READ)?;
        let range = self.range(period)?;
        if !self.actor.is_operator() {
            return self.of_account(auth::account_of(&self.actor)?, range);
        }
        self.installation.storage().read_anywhere(|conn| {
            Ok(UsageSummary {
                doc_count: repo::documents::how_many_of(conn, None)?,
                session_count: repo::chat_lists::count(conn, Scope::Operator, &ChatFilter::default())?,
                total_tokens_used: usage_daily::tokens_of_all_time(conn)?,
                ..self.counted(conn, None, range)?
            })
        })
    }

    /// What one account used. Administrators see every account's.
    ///
    /// # Errors
    /// `NotFound` for an account that the actor may not see; otherwise as for [`summary`](Usage::summary).
    pub fn summary_of(&self, user: UserId, period: Period) -> Result<UsageSummary> {
        self.of_account(user, self.range(period)?)
    }

    /// What each account used, and what belongs to nobody, the one that spent most first; the first thousand.
    ///
    /// # Errors
    /// `Forbidden` (`admin_required`) for others than administrators and the operator, and for an API key without the
    /// scope; `Invalid` as for [`summary`](Usage::summary).
    pub fn by_account(&self, period: Period) -> Result<Vec<AccountUsage>> {
        self.actor.require(READ_ALL)?;
        if !self.actor.is_admin() {
            return Err(administration::required());
        }
        let range = self.range(period)?;
        self.installation
            .storage()
            .read_one_anywhere(|conn| usage_daily::accounts(conn, range, MOST_ACCOUNTS))
    }

    fn of_account(&self, user: UserId, range: (Day, Day)) -> Result<UsageSummary> {
        let own = self.actor.scope(READ)?;
        let scope = if self.actor.is_admin() { Scope::Operator } else { own };
        let enforced = self.installation.quotas().is_enforced();
        self.installation.storage().read_anywhere(|conn| {
            let account = repo::users::find(conn, scope, user)?;
            let account = account.ok_or_else(|| users::not_found(user))?;
            let held = repo::plans::of_user(conn, user)?;
            Ok(UsageSummary {
                doc_count: repo::documents::how_many_of(conn, Some(user))?,
                session_count: repo::chats::count_of_owner(conn, user, i64::MAX)?,
                total_tokens_used: account.total_tokens_used,
                limits: held.map(|held| UsageLimits {
                    plan: held.plan.name,
                    token_limit_daily: held.plan.token_limit_daily,
                    document_limit: held.plan.document_limit,
                    chat_limit: held.plan.chat_limit,
                    enforced: enforced && !held.is_admin,
                }),
                ..self.counted(conn, Some(user), range)?
            })
        })
    }

    /// What the days tell.
    fn counted(&self, conn: &Conn<'_>, user: Option<UserId>, (from, to): (Day, Day)) -> Result<UsageSummary> {
        let today = self.today();
        let of_today = usage_daily::days(conn, user, today, today)?;
        let used = usage_daily::days(conn, user, from, to)?;
        let mut used: HashMap<Day, DayUsage> = used.into_iter().map(|usage| (usage.day, usage)).collect();
        let days = (0..=to.since(from)).map(|after| from.plus(after));
        Ok(UsageSummary {
            daily_token_count: of_today.first().map_or(0, |today| today.tokens_total),
            doc_count: 0,
            session_count: 0,
            total_tokens_used: 0,
            limits: None,
            days: days.map(|day| used.remove(&day).unwrap_or_else(|| DayUsage::none(day))).collect(),
            models: usage_daily::models(conn, user, (from, to), MOST_MODELS)?,
        })
    }

    fn range(&self, period: Period) -> Result<(Day, Day)> {
        let to = period.to.unwrap_or_else(|| self.today());
        let from = period.from.unwrap_or_else(|| to.plus(1 - DAYS));
        let refused = |message: String| Err(Error::invalid("period_invalid", "from", message));
        match to.since(from) {
            ..0 => refused(format!("it is later than the last day, {to}")),
            MOST_DAYS.. => refused(format!("from it to {to} it is more than {MOST_DAYS} days")),
            _ => Ok((from, to)),
        }
    }

    fn today(&self) -> Day {
        Day::of(self.installation.now())
    }
}
