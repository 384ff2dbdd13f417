//! The table `usage_daily`: one row for an owner, a day and a model, and one for what no model does.
//!
//! It is its own record, not a view of others, so that what was used stays when a chat is deleted.

use super::params;
use crate::{
    base::{
        day::Day,
        error::Result,
        id::{ChatId, UserId},
    },
    entity::usage::{DayUsage, ModelUsage},
    storage::{Conn, Tx, sql::statements},
};

/// What stands in `model` where none is concerned.
const NO_MODEL: &str = "";

/// The rows of one owner: an account's with `$1`, or everyone's.
const OF_OWNER: &str = "COALESCE(u.user_id, '') = $1";
const OF_EVERYONE: &str = "CAST($1 AS TEXT) IS NULL";

const DAYS: &str = "SELECT u.day, CAST(SUM(u.tokens_prompt) AS BIGINT), CAST(SUM(u.tokens_completion) AS BIGINT), \
     CAST(SUM(u.tokens_total) AS BIGINT), CAST(SUM(u.messages_sent) AS BIGINT), \
     CAST(SUM(u.documents_uploaded) AS BIGINT), CAST(SUM(u.chats_created) AS BIGINT) FROM usage_daily u \
     WHERE u.day BETWEEN $2 AND $3 AND ";
const MODELS: &str = "SELECT u.model, CAST(SUM(u.responses) AS BIGINT), CAST(SUM(u.tokens_prompt) AS BIGINT), \
     CAST(SUM(u.tokens_completion) AS BIGINT), CAST(SUM(u.tokens_total) AS BIGINT) FROM usage_daily u WHERE u.model <> '' AND u.day BETWEEN $2 AND $3 AND ";
const BY_COST: &str = " GROUP BY u.model ORDER BY SUM(u.tokens_total) DESC, u.model";

statements! {
    /// For the chat's owner, whoever that is: nobody has rows, too.
    ADD = ["INSERT INTO usage_daily (user_id, day, model, responses, tokens_prompt, tokens_completion, tokens_total, \
        messages_sent, chats_created) SELECT c.user_id, $2, $3, $4, $5, $6, $7, $8, $9 FROM chats c WHERE c.id = $1 \
        ON CONFLICT (COALESCE(user_id, ''), day, model) DO UPDATE SET \
        responses = usage_daily.responses + excluded.responses, \
        tokens_prompt = usage_daily.tokens_prompt + excluded.tokens_prompt, \
        tokens_completion = usage_daily.tokens_completion + excluded.tokens_completion, \
        tokens_total = usage_daily.tokens_total + excluded.tokens_total, \
        messages_sent = usage_daily.messages_sent + excluded.messages_sent, \
        chats_created = usage_daily.chats_created + excluded.chats_created"];
    TOKENS_OF_DAY = ["SELECT CAST(COALESCE(SUM(u.tokens_total), 0) AS BIGINT) FROM usage_daily u WHERE u.day = $2 AND ", OF_OWNER];
    DAYS_OF_OWNER = [DAYS, OF_OWNER, " GROUP BY u.day ORDER BY u.day"];
    DAYS_OF_EVERYONE = [DAYS, OF_EVERYONE, " GROUP BY u.day ORDER BY u.day"];
    MODELS_OF_OWNER = [MODELS, OF_OWNER, BY_COST];
    MODELS_OF_EVERYONE = [MODELS, OF_EVERYONE, BY_COST];
    /// Accounts keep their own sums, so that only what belongs to nobody is added up.
    TOKENS_OF_ALL_TIME = ["SELECT CAST((SELECT COALESCE(SUM(a.total_tokens_used), 0) FROM users a) \
        + (SELECT COALESCE(SUM(u.tokens_total), 0) FROM usage_daily u WHERE COALESCE(u.user_id, '') = '') AS BIGINT)"];
}

/// What one commit adds to a day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Addition<'a> {
    /// The model that answered; none for what no model does.
    pub(crate) model: Option<&'a str>,
    pub(crate) responses: i64,
    pub(crate) tokens_prompt: i64,
    pub(crate) tokens_completion: i64,
    pub(crate) tokens_total: i64,
    pub(crate) messages_sent: i64,
    pub(crate) chats_created: i64,
}

/// Counts for the owner of the chat.
pub(crate) fn add(tx: &Tx<'_>, chat: ChatId, day: Day, addition: &Addition<'_>) -> Result<()> {
    tx.execute(
        &ADD,
        params![
            chat,
            day.number(),
            addition.model.unwrap_or(NO_MODEL),
            addition.responses,
            addition.tokens_prompt,
            addition.tokens_completion,
            addition.tokens_total,
            addition.messages_sent,
            addition.chats_created
        ],
    )?;
    Ok(())
}

/// What an account spent on one day.
pub(crate) fn tokens_of_day(conn: &Conn<'_>, user: UserId, day: Day) -> Result<u64> {
    let tokens = conn.first(&TOKENS_OF_DAY, params![user, day.number()], |row| row.next())?;
    Ok(tokens.unwrap_or(0))
}

/// What everyone and nobody spent in all.
pub(crate) fn tokens_of_all_time(conn: &Conn<'_>) -> Result<u64> {
    Ok(conn.first(&TOKENS_OF_ALL_TIME, params![], |row| row.next())?.unwrap_or(0))
}

/// The days on which an account, or anyone, used something, the first one first.
pub(crate) fn days(conn: &Conn<'_>, user: Option<UserId>, from: Day, to: Day) -> Result<Vec<DayUsage>> {
    let statement = if user.is_some() { &DAYS_OF_OWNER } else { &DAYS_OF_EVERYONE };
    conn.all(statement, params![user, from.number(), to.number()], |row| {
        Ok(DayUsage {
            day: Day::from_number(row.next()?),
            tokens_prompt: row.next()?,
            tokens_completion: row.next()?,
            tokens_total: row.next()?,
            messages_sent: row.next()?,
            documents_uploaded: row.next()?,
            chats_created: row.next()?,
        })
    })
}

/// The models that answered an account, or anyone, the one that cost most first.
pub(crate) fn models(conn: &Conn<'_>, user: Option<UserId>, from: Day, to: Day) -> Result<Vec<ModelUsage>> {
    let statement = if user.is_some() { &MODELS_OF_OWNER } else { &MODELS_OF_EVERYONE };
    conn.all(statement, params![user, from.number(), to.number()], |row| {
        Ok(ModelUsage {
            model: row.next()?,
            responses: row.next()?,
            tokens_prompt: row.next()?,
            tokens_completion: row.next()?,
            tokens_total: row.next()?,
        })
    })
}
