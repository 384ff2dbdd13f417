//! Who is it: registering, logging in, and turning a bearer token into an actor.

use super::users as accounts;
use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::{TokenId, UserId},
        secret::Secret,
    },
    crypto::{bearer, digest, password},
    entity::{
        token::Login,
        user::{NewUser, User},
    },
    kafka::Kafka,
    repo::{access_tokens, users},
};

/// How long a session lasts.
const SESSION_MS: i64 = 30 * 24 * 3_600_000;

impl Kafka {
    /// Makes an account that can log in, and logs it in. Outside open mode the first account is an
    /// administrator's.
    ///
    /// # Errors
    /// `Invalid` for an address or name of the wrong form, and for a password under 8 characters or over
    /// 72 bytes; `Conflict` when the address (`email_taken`) or username (`username_taken`) is in use.
    pub fn register(&self, new: NewUser, secret: Secret<String>) -> Result<Login> {
        let hash = password::hash(&secret, self.password_cost())?;
        let user = accounts::new_user(self, new)?;
        let session = self.new_session(user.id);
        let is_open = self.is_open();
        self.storage().write(move |tx| {
            let is_admin = !is_open && !users::any(tx)?;
            let user = User { is_admin, ..user.clone() };
            accounts::insert(tx, &user, Some(&hash))?;
            access_tokens::insert(tx, &session.row())?;
            Ok(session.login(&user))
        })
    }

    /// Logs in by e-mail address or username. A wrong name costs as long as a wrong password.
    ///
    /// # Errors
    /// `Unauthenticated` (`login_failed`), whichever of the two is wrong, and for an account that is
    /// disabled.
    pub fn login(&self, name: &str, secret: Secret<String>) -> Result<Login> {
        let account = self.storage().read(|conn| match name.contains('@') {
            true => users::find_by_email(conn, name),
            false => users::find_by_username(conn, name),
        })?;
        let hash = account.as_ref().and_then(|account| account.hashed_password.as_ref());
        let correct = password::verify(&secret, hash, self.password_cost());
        let Some(account) = account.filter(|account| correct && account.user.is_active) else {
            return Err(Error::new(
                ErrorKind::Unauthenticated,
                "login_failed",
                "The name or the password is wrong, or the account is disabled.",
            ));
        };
        let session = self.new_session(account.user.id);
        let now = self.now();
        self.storage().write(move |tx| {
            access_tokens::insert(tx, &session.row())?;
            users::set_last_login(tx, account.user.id, now)?;
            Ok(session.login(&account.user))
        })
    }

    /// Ends the session of this token. An unknown token is fine: it is not in force either way.
    ///
    /// # Errors
    /// Those of writing.
    pub fn logout(&self, token: &Secret<String>) -> Result<()> {
        let hash = digest::sha256_hex(token.expose().as_bytes());
        self.storage().write(move |tx| access_tokens::delete(tx, &hash)).map(|_| ())
    }

    /// Who the bearer of a token is. The only way to an actor besides [`Kafka::local_actor`] and
    /// [`Kafka::operator`].
    ///
    /// # Errors
    /// `Unauthenticated` when the token is unknown, expired or revoked, and when the account is disabled.
    pub fn authenticate(&self, token: &Secret<String>) -> Result<Actor> {
        let refused = || {
            Error::new(
                ErrorKind::Unauthenticated,
                "token_invalid",
                "The bearer token is unknown, expired or revoked; log in again.",
            )
        };
        let hash = digest::sha256_hex(token.expose().as_bytes());
        let presented = self.storage().read(|conn| access_tokens::find(conn, &hash))?.ok_or_else(refused)?;
        let expired = presented.expires_at.is_some_and(|at| at <= self.now());
        // Inactive accounts are refused last, at this one door.
        if expired || !presented.is_active {
            return Err(refused());
        }
        Ok(Actor::user(presented.user_id, presented.is_admin))
    }

    /// The local operator, whom an installation in open mode serves without a credential.
    ///
    /// # Errors
    /// `Unauthenticated` unless [`Config::open`](crate::Config::open) is set.
    pub fn local_actor(&self) -> Result<Actor> {
        if self.is_open() {
            return Ok(Actor::operator());
        }
        Err(Error::new(
            ErrorKind::Unauthenticated,
            "credential_missing",
            "This needs a credential; log in and send its token as `Authorization: Bearer`.",
        ))
    }

    /// Changes the actor's password and ends all sessions of the account.
    ///
    /// # Errors
    /// `Unauthenticated` without an account; `Forbidden` when the current password is wrong; `Invalid`
    /// for a new one under 8 characters or over 72 bytes.
    pub fn change_password(&self, actor: &Actor, current: Secret<String>, new: Secret<String>) -> Result<()> {
        let id = self.account_of(actor)?;
        let scope = actor.scope();
        let stored = self.storage().read(|conn| users::password(conn, scope, id))?;
        if !password::verify(&current, stored.as_ref(), self.password_cost()) {
            return Err(Error::new(
                ErrorKind::Forbidden,
                "password_wrong",
                "The current password is wrong; nothing was changed.",
            ));
        }
        let hash = password::hash(&new, self.password_cost())?;
        let now = self.now();
        self.storage().write(move |tx| {
            users::set_password(tx, scope, id, &hash, now)?;
            access_tokens::delete_of_user(tx, id)
        })
    }

    /// The account of an actor.
    ///
    /// # Errors
    /// `Unauthenticated` for the local operator, who has none.
    pub fn account_of(&self, actor: &Actor) -> Result<UserId> {
        actor.user_id().ok_or_else(|| {
            Error::new(
                ErrorKind::Unauthenticated,
                "account_required",
                "This is about an account, and you act without one; log in first.",
            )
        })
    }

    fn new_session(&self, user_id: UserId) -> Session {
        let created_at = self.now();
        let token = bearer::generate(self.random());
        Session {
            id: self.new_id(TokenId::generate),
            user_id,
            hash: digest::sha256_hex(token.expose().as_bytes()),
            token,
            created_at,
            expires_at: created_at.plus_ms(SESSION_MS),
        }
    }
}

/// A session that is about to be stored.
struct Session {
    id: TokenId,
    user_id: UserId,
    token: Secret<String>,
    hash: String,
    created_at: crate::Timestamp,
    expires_at: crate::Timestamp,
}

impl Session {
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
