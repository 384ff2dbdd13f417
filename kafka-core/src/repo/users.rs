//! The table `users`, with the names of `plans`.

use super::{params, scope, scoped};
use crate::{
    base::{
        actor::Scope,
        error::Result,
        id::{ChatId, UserId},
        page::{Room, Stretch},
        secret::Secret,
        time::Timestamp,
    },
    entity::user::User,
    storage::{Conn, Row, Tx, sql::statements},
};

const COLUMNS: &str = "u.id, u.email, u.username, u.full_name, u.is_active, u.is_admin, p.name, \
     u.total_tokens_used, u.created_at, u.updated_at";

fn read(row: &mut Row<'_>) -> Result<User> {
    Ok(User {
        id: row.next()?,
        email: row.next()?,
        username: row.next()?,
        full_name: row.next()?,
        is_active: row.next()?,
        is_admin: row.next()?,
        plan: row.next()?,
        total_tokens_used: row.next()?,
        created_at: row.next()?,
        updated_at: row.next()?,
    })
}

statements! {
    INSERT = ["INSERT INTO users (id, email, username, full_name, hashed_password, is_admin, plan_id, \
        created_at, updated_at) SELECT $1, $2, $3, $4, $5, $6, p.id, $7, $7 FROM plans p WHERE p.name = 'free'"];
    GET = ["SELECT ", COLUMNS, " FROM users u JOIN plans p ON p.id = u.plan_id WHERE u.id = $3 AND ", scope::USER];
    /// For authentication, which comes before there is a scope.
    FIND_BY_EMAIL = ["SELECT ", COLUMNS, ", u.hashed_password FROM users u JOIN plans p ON p.id = u.plan_id \
        WHERE lower(u.email) = lower($1)"];
    FIND_BY_USERNAME = ["SELECT ", COLUMNS, ", u.hashed_password FROM users u JOIN plans p ON p.id = u.plan_id \
        WHERE lower(u.username) = lower($1)"];
    PASSWORD = ["SELECT u.hashed_password FROM users u WHERE u.id = $3 AND ", scope::USER];
    ANY_ADMIN = ["SELECT 1 FROM users WHERE is_admin = 1 LIMIT 1"];
    ANY_OTHER_ADMIN = ["SELECT 1 FROM users WHERE is_admin = 1 AND is_active = 1 \
        AND hashed_password IS NOT NULL AND id <> $1 LIMIT 1"];
    ANY_PLAN = ["SELECT 1 FROM plans p WHERE p.name = $1"];
    LIST = ["SELECT ", COLUMNS, " FROM users u JOIN plans p ON p.id = u.plan_id \
        WHERE (u.created_at, u.id) > ($3, $4) AND ", scope::USER, " ORDER BY u.created_at, u.id LIMIT $5"];
    LIST_BACK = ["SELECT ", COLUMNS, " FROM users u JOIN plans p ON p.id = u.plan_id \
        WHERE (u.created_at, u.id) < ($3, $4) AND ", scope::USER, " ORDER BY u.created_at DESC, u.id DESC LIMIT $5"];
    COUNT = ["SELECT COUNT(*) FROM users u WHERE ", scope::USER];
    LIST_NUMBERED = ["SELECT ", COLUMNS, " FROM users u JOIN plans p ON p.id = u.plan_id WHERE ", scope::USER,
        " ORDER BY u.created_at, u.id LIMIT $3 OFFSET $4"];
    UPDATE = ["UPDATE users AS u SET email = $4, username = $5, full_name = $6, updated_at = $7 \
        WHERE u.id = $3 AND ", scope::USER];
    UPDATE_STANDING = ["UPDATE users AS u SET is_active = $4, is_admin = $5, \
        plan_id = (SELECT p.id FROM plans p WHERE p.name = $6), updated_at = $7 WHERE u.id = $3 AND ", scope::USER];
    SET_PASSWORD = ["UPDATE users AS u SET hashed_password = $4, updated_at = $5 WHERE u.id = $3 AND ", scope::USER];
    SET_LAST_LOGIN = ["UPDATE users SET last_login_at = $2 WHERE id = $1"];
    SPEND = ["UPDATE users SET total_tokens_used = total_tokens_used + $2 \
        WHERE id = (SELECT c.user_id FROM chats c WHERE c.id = $1)"];
    SPEND_OF = ["UPDATE users SET total_tokens_used = total_tokens_used + $2 WHERE id = $1"];
    DELETE = ["DELETE FROM users AS u WHERE u.id = $3 AND ", scope::USER];
}

/// What authentication needs to know of an account.
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) hashed_password: Option<Secret<String>>,
}

fn read_account(row: &mut Row<'_>) -> Result<Account> {
    Ok(Account { user: read(row)?, hashed_password: row.next::<Option<String>>()?.map(Secret::new) })
}

pub(crate) fn insert(tx: &Tx<'_>, user: &User, hashed_password: Option<&Secret<String>>) -> Result<()> {
    let password = hashed_password.map(|hash| hash.expose().as_str());
    tx.execute(
        &INSERT,
        params![
            user.id,
            &user.email,
            &user.username,
            &user.full_name,
            password,
            user.is_admin,
            user.created_at
        ],
    )?;
    Ok(())
}

pub(crate) fn find(conn: &Conn<'_>, scope: Scope, id: UserId) -> Result<Option<User>> {
    conn.first(&GET, scoped![scope, id], read)
}

pub(crate) fn find_by_email(conn: &Conn<'_>, email: &str) -> Result<Option<Account>> {
    conn.first(&FIND_BY_EMAIL, params![email], read_account)
}

pub(crate) fn find_by_username(conn: &Conn<'_>, username: &str) -> Result<Option<Account>> {
    conn.first(&FIND_BY_USERNAME, params![username], read_account)
}

pub(crate) fn password(conn: &Conn<'_>, scope: Scope, id: UserId) -> Result<Option<Secret<String>>> {
    let hash = conn.first(&PASSWORD, scoped![scope, id], |row| row.next::<Option<String>>())?;
    Ok(hash.flatten().map(Secret::new))
}

/// Whether anyone administers the installation.
pub(crate) fn any_admin(conn: &Conn<'_>) -> Result<bool> {
    Ok(conn.first(&ANY_ADMIN, params![], |row| row.next::<i64>())?.is_some())
}

/// Whether anyone else, who can log in, does.
pub(crate) fn any_other_admin(conn: &Conn<'_>, than: UserId) -> Result<bool> {
    Ok(conn.first(&ANY_OTHER_ADMIN, params![than], |row| row.next::<i64>())?.is_some())
}

/// Whether there is a plan of this name.
pub(crate) fn any_plan(conn: &Conn<'_>, name: &str) -> Result<bool> {
    Ok(conn.first(&ANY_PLAN, params![name], |row| row.next::<i64>())?.is_some())
}

/// Those made after the key, oldest first.
pub(crate) fn list(
    conn: &Conn<'_>,
    scope: Scope,
    after: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<User>> {
    conn.stretch(&LIST, scoped![scope, after.0, after.1, room.and_one()], room, read)
}

/// Those made before the key, newest first.
pub(crate) fn list_back(
    conn: &Conn<'_>,
    scope: Scope,
    before: (Timestamp, &str),
    room: Room,
) -> Result<Stretch<User>> {
    conn.stretch(&LIST_BACK, scoped![scope, before.0, before.1, room.and_one()], room, read)
}

pub(crate) fn update(tx: &Tx<'_>, scope: Scope, user: &User) -> Result<()> {
    let values = scoped![scope, user.id, &user.email, &user.username, &user.full_name, user.updated_at];
    tx.execute(&UPDATE, values)?;
    Ok(())
}

/// Stores what an administrator decides about an account.
pub(crate) fn update_standing(tx: &Tx<'_>, scope: Scope, user: &User) -> Result<()> {
    let values = scoped![scope, user.id, user.is_active, user.is_admin, &user.plan, user.updated_at];
    tx.execute(&UPDATE_STANDING, values)?;
    Ok(())
}

pub(crate) fn set_password(
    tx: &Tx<'_>,
    scope: Scope,
    id: UserId,
    hash: &Secret<String>,
    now: Timestamp,
) -> Result<()> {
    tx.execute(&SET_PASSWORD, scoped![scope, id, hash.expose(), now])?;
    Ok(())
}

pub(crate) fn set_last_login(tx: &Tx<'_>, id: UserId, now: Timestamp) -> Result<()> {
    tx.execute(&SET_LAST_LOGIN, params![id, now])?;
    Ok(())
}

/// Counts the tokens of an answer for the chat's owner, if it has one.
pub(crate) fn spend(tx: &Tx<'_>, chat: ChatId, tokens: i64) -> Result<()> {
    tx.execute(&SPEND, params![chat, tokens])?;
    Ok(())
}

/// Adds what an account has spent otherwise than on answers.
pub(crate) fn spend_of(tx: &Tx<'_>, id: UserId, tokens: i64) -> Result<()> {
    tx.execute(&SPEND_OF, params![id, tokens]).map(drop)
}

pub(crate) fn delete(tx: &Tx<'_>, scope: Scope, id: UserId) -> Result<bool> {
    Ok(tx.execute(&DELETE, scoped![scope, id])? > 0)
}

pub(crate) fn count(conn: &Conn<'_>, scope: Scope) -> Result<u64> {
    Ok(conn.first(&COUNT, scoped![scope], |row| row.next())?.unwrap_or(0))
}

pub(crate) fn list_numbered(conn: &Conn<'_>, scope: Scope, room: Room, offset: i64) -> Result<Stretch<User>> {
    conn.stretch(&LIST_NUMBERED, scoped![scope, room.and_one(), offset], room, read)
}
