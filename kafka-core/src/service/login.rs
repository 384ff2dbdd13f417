//! Logging in and out, and changing the password that takes.

use std::net::IpAddr;

use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::{TokenId, UserId},
        permission::{Area, Permission},
        secret::Secret,
        time::Timestamp,
    },
    crypto::{bearer, digest},
    entity::{token::Login, user::User},
    repo::{access_tokens, users},
    service::{auth, input, installation::Installation, throttle::Attempt},
    storage::{Conn, Tx},
};

/// How long a session lasts.
const SESSION_MS: i64 = 30 * 24 * 3_600_000;

/// See [`Kafka::login`](crate::Kafka::login) and [`Kafka::login_from`](crate::Kafka::login_from).
pub(crate) fn login(
    installation: &Installation,
    from: Option<IpAddr>,
    name: &str,
    password: &Secret<String>,
) -> Result<Login> {
    let account = installation.storage().read_one(|conn| account_named(conn, name))?;
    // Whether there is such an account or not, its name has a count, so that nobody learns which it is.
    let counted = digest::sha256_hex(input::folded(name).as_bytes());
    let id = account.as_ref().map(|found| found.user.id.to_string());
    let now = installation.clock().instant();
    let attempt = from.map(|from| installation.throttle().login(counted, id, from, now)).transpose()?;
    let account = account.filter(|_| !attempt.as_ref().is_some_and(Attempt::is_hopeless));
    let outcome = log_in(installation, from, name, account, password);
    let is_failure = matches!(&outcome, Err(error) if error.kind() == ErrorKind::Unauthenticated);
    if let Some(attempt) = attempt.filter(|_| !is_failure) {
        attempt.withdraw();
    }
    outcome
}

fn log_in(
    installation: &Installation,
    from: Option<IpAddr>,
    name: &str,
    account: Option<users::Account>,
    password: &Secret<String>,
) -> Result<Login> {
    let refused = || {
        Error::new(
            ErrorKind::Unauthenticated,
            "login_failed",
            "The name or the password is wrong, or the account is disabled.",
        )
    };
    let verified = account.as_ref().and_then(|account| account.hashed_password.clone());
    let correct = installation.passwords().verify(password, verified.as_ref(), from)?;
    let id = account.filter(|_| correct).ok_or_else(refused)?.user.id;
    let session = Session::new(installation, id);
    let (name, now) = (name.to_owned(), installation.now());
    installation.storage().write(move |tx| {
        // Looking at a password takes long; it may have been changed, or the account deleted, since.
        let account = account_named(tx, &name)?
            .filter(|account| account.user.id == id && account.user.is_active)
            .filter(|account| account.hashed_password == verified)
            .ok_or_else(refused)?;
        session.store(tx)?;
        users::set_last_login(tx, id, now)?;
        Ok(session.login(&account.user))
    })
}

/// The account with this address or username.
fn account_named(conn: &Conn<'_>, name: &str) -> Result<Option<users::Account>> {
    match name.contains('@') {
        true => users::find_by_email(conn, name),
        false => users::find_by_username(conn, name),
    }
}

/// See [`Kafka::logout`](crate::Kafka::logout).
pub(crate) fn logout(installation: &Installation, token: &Secret<String>) -> Result<()> {
    let hash = digest::sha256_hex(token.expose().as_bytes());
    // Anyone may ask, so what is no token costs no commit.
    if installation.storage().read_one(|conn| access_tokens::find(conn, &hash))?.is_none() {
        return Ok(());
    }
    let doorman = installation.doorman().clone();
    installation.storage().write(move |tx| {
        access_tokens::delete(tx, &hash)?;
        doorman.announce(tx);
        Ok(())
    })
}

/// See [`Kafka::change_password`](crate::Kafka::change_password).
pub(crate) fn change_password(
    installation: &Installation,
    actor: &Actor,
    current: &Secret<String>,
    new: &Secret<String>,
) -> Result<()> {
    let id = auth::account_of(actor)?;
    let scope = actor.scope(Permission::write(Area::Account))?;
    let stored = installation.storage().read_one(|conn| users::password(conn, scope, id))?;
    let attempt = installation.throttle().own_password(id.to_string(), installation.clock().instant())?;
    let correct = installation.passwords().verify(current, stored.as_ref(), None);
    match correct {
        Ok(false) => return Err(wrong_password()),
        Ok(true) | Err(_) => attempt.withdraw(),
    }
    correct?;
    let hash = installation.passwords().hash(new, None)?;
    let (doorman, now) = (installation.doorman().clone(), installation.now());
    installation.storage().write(move |tx| {
        // Of two calls with the old password the second comes too late.
        if users::password(tx, scope, id)? != stored {
            return Err(wrong_password());
        }
        users::set_password(tx, scope, id, &hash, now)?;
        access_tokens::delete_of_user(tx, id)?;
        doorman.announce(tx);
        Ok(())
    })
}

fn wrong_password() -> Error {
    Error::new(ErrorKind::Forbidden, "password_wrong", "The current password is wrong; nothing was changed.")
}

/// A session that is about to be stored.
pub(super) struct Session {
    id: TokenId,
    user_id: UserId,
    token: Secret<String>,
    hash: String,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Session {
    pub(super) fn new(installation: &Installation, user_id: UserId) -> Session {
        let created_at = installation.now();
        let token = bearer::generate(installation.random());
        Session {
            id: installation.new_id(),
            user_id,
            hash: digest::sha256_hex(token.expose().as_bytes()),
            token,
            created_at,
            expires_at: created_at.plus_ms(SESSION_MS),
        }
    }

    pub(super) fn store(&self, tx: &Tx<'_>) -> Result<()> {
        let times = (self.created_at, self.expires_at);
        access_tokens::insert_session(tx, self.id, self.user_id, &self.hash, times)
    }

    pub(super) fn login(&self, user: &User) -> Login {
        Login { user: user.clone(), token: self.token.clone(), expires_at: self.expires_at }
    }
}
