//! The table `usage_daily`: one row for an owner, a day and a model, and one (`''`) for what no model does.
//!
//! It is its own record, not a view of others, so that what was used stays when a chat is deleted.

use super::params;
use crate::{
    base::{
        day::Day,
        error::Result,
        id::{ChatId, UserId},
    },
    entity::{
        document::DocumentPlace,
        response::Response,
        usage::{AccountUsage, DayUsage, ModelUsage},
    },
    storage::{Conn, Tx, sql::statements},
};

/// Adds to the row of the chat's owner, whoever that is: nobody has rows, too.
const FOR_OWNER: &str =
    " FROM chats c WHERE c.id = $1 ON CONFLICT (COALESCE(user_id, ''), day, model) DO UPDATE SET ";
const OF_THIS: &str = " WHERE c.id = $1 ON CONFLICT (COALESCE(user_id, ''), day, model) DO UPDATE SET ";

/// The rows of one owner: an account's with `$1`, or everyone's.
const OF_OWNER: &str = "COALESCE(u.user_id, '') = $1";
const OF_EVERYONE: &str = "CAST($1 AS TEXT) IS NULL";

const DAYS: &str = "SELECT u.day, CAST(SUM(u.tokens_prompt) AS BIGINT), CAST(SUM(u.tokens_completion) AS BIGINT), \
     CAST(SUM(u.tokens_total) AS BIGINT), CAST(SUM(u.messages_sent) AS BIGINT), \
     CAST(SUM(u.documents_uploaded) AS BIGINT), CAST(SUM(u.chats_created) AS BIGINT) FROM usage_daily u \
     WHERE u.day BETWEEN $2 AND $3 AND ";
const MODELS: &str = "SELECT u.model, CAST(SUM(u.responses) AS BIGINT), CAST(SUM(u.tokens_prompt) AS BIGINT), \
     CAST(SUM(u.tokens_completion) AS BIGINT), CAST(SUM(u.tokens_total) AS BIGINT) FROM usage_daily u WHERE u.model <> '' AND u.day BETWEEN $2 AND $3 AND ";
const BY_COST: &str = " GROUP BY u.model ORDER BY SUM(u.tokens_total) DESC, u.model LIMIT $4";

statements! {
    /// A statement for each, because one for all would take three times as long for a message.
    COUNT_MESSAGE = ["INSERT INTO usage_daily (user_id, day, model, messages_sent) SELECT c.user_id, $2, '', 1", FOR_OWNER,
        "messages_sent = usage_daily.messages_sent + 1"];
    COUNT_CHAT = ["INSERT INTO usage_daily (user_id, day, model, chats_created) SELECT c.user_id, $2, '', 1", FOR_OWNER,
        "chats_created = usage_daily.chats_created + 1"];
    COUNT_DOCUMENT = ["INSERT INTO usage_daily (user_id, day, model, documents_uploaded) SELECT c.user_id, $2, '', 1", FOR_OWNER,
        "documents_uploaded = usage_daily.documents_uploaded + 1"];
    COUNT_SHARED_DOCUMENT = ["INSERT INTO usage_daily (user_id, day, model, documents_uploaded) \
        SELECT c.owner_id, $2, '', 1 FROM workspaces c", OF_THIS, "documents_uploaded = usage_daily.documents_uploaded + 1"];
    COUNT_ANSWER = ["INSERT INTO usage_daily (user_id, day, model, responses, tokens_prompt, tokens_completion, \
        tokens_total) SELECT c.user_id, $2, $3, 1, $4, $5, $6", FOR_OWNER,
        "responses = usage_daily.responses + 1, tokens_prompt = usage_daily.tokens_prompt + excluded.tokens_prompt, \
        tokens_completion = usage_daily.tokens_completion + excluded.tokens_completion, \
        tokens_total = usage_daily.tokens_total + excluded.tokens_total"];
    COUNT_TITLE = ["INSERT INTO usage_daily (user_id, day, model, tokens_prompt, tokens_completion, tokens_total) \
        SELECT c.user_id, $2, $3, $4, $5, $6", FOR_OWNER,
        "tokens_prompt = usage_daily.tokens_prompt + excluded.tokens_prompt, \
        tokens_completion = usage_daily.tokens_completion + excluded.tokens_completion, \
        tokens_total = usage_daily.tokens_total + excluded.tokens_total"];
    COUNT_EMBEDDING = ["INSERT INTO usage_daily (user_id, day, model, tokens_prompt, tokens_total) VALUES ($1, $2, $3, $4, $4) \
        ON CONFLICT (COALESCE(user_id, ''), day, model) DO UPDATE SET \
        tokens_prompt = usage_daily.tokens_prompt + excluded.tokens_prompt, \
        tokens_total = usage_daily.tokens_total + excluded.tokens_total"];
    TOKENS_OF_DAY = ["SELECT CAST(COALESCE(SUM(u.tokens_total), 0) AS BIGINT) FROM usage_daily u WHERE u.day = $2 AND ", OF_OWNER];
    DAYS_OF_OWNER = [DAYS, OF_OWNER, " GROUP BY u.day ORDER BY u.day"];
    DAYS_OF_EVERYONE = [DAYS, OF_EVERYONE, " GROUP BY u.day ORDER BY u.day"];
    MODELS_OF_OWNER = [MODELS, OF_OWNER, BY_COST];
    MODELS_OF_EVERYONE = [MODELS, OF_EVERYONE, BY_COST];
    ACCOUNTS = ["SELECT u.user_id, a.email, CAST(SUM(u.responses) AS BIGINT), CAST(SUM(u.tokens_prompt) AS BIGINT), \
        CAST(SUM(u.tokens_completion) AS BIGINT), CAST(SUM(u.tokens_total) AS BIGINT), \
        CAST(SUM(u.documents_uploaded) AS BIGINT), CAST(SUM(u.chats_created) AS BIGINT) \
        FROM usage_daily u LEFT JOIN users a ON a.id = u.user_id WHERE u.day BETWEEN $1 AND $2 \
        GROUP BY u.user_id, a.email ORDER BY SUM(u.tokens_total) DESC, a.email LIMIT $3"];
    /// Accounts keep their own sums, so that only what belongs to nobody is added up.
    TOKENS_OF_ALL_TIME = ["SELECT CAST((SELECT COALESCE(SUM(a.total_tokens_used), 0) FROM users a) \
        + (SELECT COALESCE(SUM(u.tokens_total), 0) FROM usage_daily u WHERE COALESCE(u.user_id, '') = '') AS BIGINT)"];
}

/// Counts a message that someone sent, for the chat's owner.
pub(crate) fn count_message(tx: &Tx<'_>, chat: ChatId, day: Day) -> Result<()> {
    tx.execute_later(&COUNT_MESSAGE, params![chat, day.number()])
}

/// Counts a chat that was made, for its owner.
pub(crate) fn count_chat(tx: &Tx<'_>, chat: ChatId, day: Day) -> Result<()> {
    tx.execute_later(&COUNT_CHAT, params![chat, day.number()])
}

/// Counts a document that was uploaded, for the owner of the chat or workspace.
pub(crate) fn count_document(tx: &Tx<'_>, place: DocumentPlace, day: Day) -> Result<()> {
    match place {
        DocumentPlace::Chat(chat) => tx.execute(&COUNT_DOCUMENT, params![chat, day.number()])?,
        DocumentPlace::Workspace(workspace) => {
            tx.execute(&COUNT_SHARED_DOCUMENT, params![workspace, day.number()])?
        }
    };
    Ok(())
}

/// Counts an answer that has ended, for the chat's owner.
pub(crate) fn count_answer(tx: &Tx<'_>, response: &Response, day: Day) -> Result<()> {
    let tokens = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok()).unwrap_or(0);
    tx.execute(
        &COUNT_ANSWER,
        params![
            response.chat_id,
            day.number(),
            &response.model_used,
            tokens(response.tokens_prompt),
            tokens(response.tokens_completion),
            tokens(response.tokens_total)
        ],
    )?;
    Ok(())
}

/// Counts what the title of a chat cost, for its owner.
pub(crate) fn count_title(
    tx: &Tx<'_>,
    chat: ChatId,
    model: &str,
    [prompt, completion, total]: [u64; 3],
    day: Day,
) -> Result<()> {
    let tokens = |count: u64| i64::try_from(count).unwrap_or(0);
    tx.execute(
        &COUNT_TITLE,
        params![chat, day.number(), model, tokens(prompt), tokens(completion), tokens(total)],
    )?;
    Ok(())
}

/// Counts what the vectors of passages cost.
pub(crate) fn count_embedding(
    tx: &Tx<'_>,
    user: Option<UserId>,
    day: Day,
    model: &str,
    tokens: i64,
) -> Result<()> {
    tx.execute(&COUNT_EMBEDDING, params![user, day.number(), model, tokens]).map(drop)
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

/// The models that answered an account, or anyone, the one that cost most first, and so many at most.
pub(crate) fn models(
    conn: &Conn<'_>,
    user: Option<UserId>,
    (from, to): (Day, Day),
    most: u32,
) -> Result<Vec<ModelUsage>> {
    let statement = if user.is_some() { &MODELS_OF_OWNER } else { &MODELS_OF_EVERYONE };
    conn.all(statement, params![user, from.number(), to.number(), most], |row| {
        Ok(ModelUsage {
            model: row.next()?,
            responses: row.next()?,
            tokens_prompt: row.next()?,
            tokens_completion: row.next()?,
            tokens_total: row.next()?,
        })
    })
}

/// The accounts that used anything, and nobody, the one that spent most first, and so many at most.
pub(crate) fn accounts(conn: &Conn<'_>, (from, to): (Day, Day), most: u32) -> Result<Vec<AccountUsage>> {
    conn.all(&ACCOUNTS, params![from.number(), to.number(), most], |row| {
        Ok(AccountUsage {
            user_id: row.next()?,
            email: row.next()?,
            responses: row.next()?,
            tokens_prompt: row.next()?,
            tokens_completion: row.next()?,
            tokens_total: row.next()?,
            documents_uploaded: row.next()?,
            chats_created: row.next()?,
        })
    })
}
