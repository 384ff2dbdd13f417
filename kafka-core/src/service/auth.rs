//! Who is it: registering, logging in, and turning a bearer token into an actor.

use super::users as accounts;
use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::{TokenId, UserId},
        secret::Secret,
        time::Timestamp,
    },
    crypto::{bearer, digest, password},
    entity::{
        token::Login,
        user::{NewUser, User},
    },
    repo::{access_tokens, users},
    service::installation::Installation,
    storage::Conn,
};

/// Who may make an account. Outside open mode the first one, which becomes the administrator's, may be
/// made in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Everyone.
    #[default]
    Open,
    /// Everyone until there is an administrator, then nobody.
    First,
    /// Nobody.
    Closed,
}

impl Registration {
    /// Whether the next account administers the installation.
    ///
    /// # Errors
    /// `Forbidden` (`registration_closed`) when there may be no next one.
    fn admit(self, conn: &Conn<'_>, is_open: bool) -> Result<bool> {
        // In open mode nobody becomes an administrator, so looking for one would read every account.
        let matters = !is_open || self == Registration::First;
        let is_first = matters && !users::any_admin(conn)?;
        let is_admin = is_first && !is_open;
        let is_allowed = match self {
            Registration::Open => true,
            Registration::First => is_first,
            Registration::Closed => is_admin,
        };
        if is_allowed {
            return Ok(is_admin);
        }
        Err(Error::new(
            ErrorKind::Forbidden,
            "registration_closed",
            "Nobody may register here any more; ask whoever runs this installation for an account.",
        ))
    }
}

/// How long a session lasts.
const SESSION_MS: i64 = 30 * 24 * 3_600_000;

/// See [`Kafka::register`](crate::Kafka::register).
pub(crate) fn register(
    installation: &Installation,
    new: NewUser,
    password: &Secret<String>,
) -> Result<Login> {
    let (registration, is_open) = (installation.registration(), installation.is_open());
    // Asked before the password is hashed, which is meant to be slow, and again where it counts.
    installation.storage().read(|conn| registration.admit(conn, is_open))?;
    let hash = password::hash(password, installation.password_cost())?;
    let user = accounts::new_user(installation, new)?;
    let session = Session::new(installation, user.id);
    installation.storage().write(move |tx| {
        let is_admin = registration.admit(tx, is_open)?;
        let user = User { is_admin, ..user.clone() };
        accounts::insert(tx, &user, Some(&hash))?;
        access_tokens::insert(tx, &session.row())?;
        Ok(session.login(&user))
    })
}

/// See [`Kafka::login`](crate::Kafka::login).
pub(crate) fn login(installation: &Installation, name: &str, password: &Secret<String>) -> Result<Login> {
    let refused = || {
        Error::new(
            ErrorKind::Unauthenticated,
            "login_failed",
            "The name or the password is wrong, or the account is disabled.",
        )
    };
    let account = installation.storage().read(|conn| account_named(conn, name))?;
    let verified = account.as_ref().and_then(|account| account.hashed_password.clone());
    let correct = password::verify(password, verified.as_ref(), installation.password_cost());
    let id = account.filter(|_| correct).ok_or_else(refused)?.user.id;
    let session = Session::new(installation, id);
    let (name, now) = (name.to_owned(), installation.now());
    installation.storage().write(move |tx| {
        // Looking at a password takes long; it may have been changed, or the account deleted, since.
        let account = account_named(tx, &name)?
            .filter(|account| account.user.id == id && account.user.is_active)
            .filter(|account| account.hashed_password == verified)
            .ok_or_else(refused)?;
        access_tokens::insert(tx, &session.row())?;
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
    installation.storage().write(move |tx| access_tokens::delete(tx, &hash))
}

/// See [`Kafka::authenticate`](crate::Kafka::authenticate).
pub(crate) fn authenticate(installation: &Installation, token: &Secret<String>) -> Result<Actor> {
    let refused = || {
        Error::new(
            ErrorKind::Unauthenticated,
            "token_invalid",
            "The bearer token is unknown, expired or revoked; log in again.",
        )
    };
    let hash = digest::sha256_hex(token.expose().as_bytes());
    let presented =
        installation.storage().read(|conn| access_tokens::find(conn, &hash))?.ok_or_else(refused)?;
    let expired = presented.expires_at.is_some_and(|at| at <= installation.now());
    // Inactive accounts are refused last, at this one door.
    if expired || !presented.is_active {
        return Err(refused());
    }
    Ok(Actor::user(presented.user_id, presented.is_admin))
}

/// See [`Kafka::local_actor`](crate::Kafka::local_actor).
pub(crate) fn local_actor(installation: &Installation) -> Result<Actor> {
    if installation.is_open() {
        return Ok(Actor::operator());
    }
    Err(Error::new(
        ErrorKind::Unauthenticated,
        "credential_missing",
        "This needs a credential; log in and send its token as `Authorization: Bearer`.",
    ))
}

/// See [`Kafka::change_password`](crate::Kafka::change_password).
pub(crate) fn change_password(
    installation: &Installation,
    actor: &Actor,
    current: &Secret<String>,
    new: &Secret<String>,
) -> Result<()> {
    let id = account_of(actor)?;
    let scope = actor.scope();
    let stored = installation.storage().read(|conn| users::password(conn, scope, id))?;
    if !password::verify(current, stored.as_ref(), installation.password_cost()) {
        return Err(wrong_password());
    }
    let hash = password::hash(new, installation.password_cost())?;
    let now = installation.now();
    installation.storage().write(move |tx| {
        // Of two calls with the old password the second comes too late.
        if users::password(tx, scope, id)? != stored {
            return Err(wrong_password());
        }
        users::set_password(tx, scope, id, &hash, now)?;
        access_tokens::delete_of_user(tx, id)
    })
}

fn wrong_password() -> Error {
    Error::new(ErrorKind::Forbidden, "password_wrong", "The current password is wrong; nothing was changed.")
}

/// See [`Kafka::account_of`](crate::Kafka::account_of).
pub(crate) fn account_of(actor: &Actor) -> Result<UserId> {
    actor.user_id().ok_or_else(|| {
        Error::new(
            ErrorKind::Unauthenticated,
            "account_required",
            "This is about an account, and you act without one; log in first.",
        )
    })
}

/// A session that is about to be stored.
struct Session {
    id: TokenId,
    user_id: UserId,
    token: Secret<String>,
    hash: String,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Session {
    fn new(installation: &Installation, user_id: UserId) -> Session {
        let created_at = installation.now();
        let token = bearer::generate(installation.random());
        Session {
            id: installation.new_id(TokenId::generate),
            user_id,
            hash: digest::sha256_hex(token.expose().as_bytes()),
            token,
            created_at,
            expires_at: created_at.plus_ms(SESSION_MS),
        }
    }

    fn row(&self) -> access_tokens::NewToken<'_> {
        access_tokens::NewToken {
            id: self.id,
            user_id: self.user_id,
            hash: &self.hash,
            expires_at: self.expires_at,
            created_at: self.created_at,
        }
    }

    fn login(&self, user: &User) -> Login {
        Login { user: user.clone(), token: self.token.clone(), expires_at: self.expires_at }
    }
}
