//! What can be done with API keys.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{
    auth, input,
    listing::{self, ByCreation, TimeKey},
    users,
};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, ErrorKind, Result},
        id::{TokenId, UserId},
        page::{Page, PageRequest},
        permission::{Area, Permission, Permissions},
        time::Timestamp,
    },
    crypto::{bearer, digest},
    entity::token::{IssuedToken, NewToken, Token},
    repo::access_tokens,
    service::installation::Installation,
    storage::Storage,
};

/// How exactly the last use of a key is known, in milliseconds.
const USE_MS: i64 = 60_000;

/// API keys, as one actor may use them. Made by [`Kafka::tokens`](crate::Kafka::tokens).
#[derive(Debug)]
pub struct Tokens<'k> {
    installation: &'k Installation,
    actor: Actor,
    user: Option<UserId>,
}

fn not_found(id: TokenId) -> Error {
    Error::not_found("token_not_found", "API key", id)
}

impl<'k> Tokens<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Tokens<'k> {
        Tokens { installation, actor: *actor, user: None }
    }

    /// The keys of this account in place of the actor's own.
    #[must_use]
    pub fn of(mut self, user: UserId) -> Tokens<'k> {
        self.user = Some(user);
        self
    }

    /// Makes a key. Its secret is in the answer, and nowhere else afterwards.
    ///
    /// A key makes no key that may do more or lasts longer than itself: one without an expiry gets its
    /// maker's. What it made stays when it is deleted before, so look through
    /// [`list`](Tokens::list) when a key fell into wrong hands.
    ///
    /// # Errors
    /// `Unauthenticated` (`account_required`) without an account; `Invalid` for a name of the wrong length,
    /// no scopes at all and an expiry in the past; `Forbidden` (`scopes_beyond_own`) for scopes that the
    /// actor has not, (`expiry_beyond_own`) for an expiry after that of the key that asks, and
    /// (`owner_not_yours`) for someone else's account; `Conflict` (`too_many_tokens`)
    /// beyond [`Limits::api_keys`](crate::Limits).
    pub fn create(&self, new: NewToken) -> Result<IssuedToken> {
        let user = self.account(Permission::write(Area::Account))?;
        let now = self.installation.now();
        self.check(&new, now)?;
        let own = self.actor.permissions();
        let token = bearer::generate(self.installation.random());
        let key = Token {
            id: self.installation.new_id(),
            name: new.name,
            scopes: new.scopes.or((own != Permissions::ALL).then_some(own)),
            expires_at: new.expires_at.or(self.own_expiry()),
            last_used_at: None,
            created_at: now,
        };
        let (stored, hash) = (key.clone(), digest::sha256_hex(token.expose().as_bytes()));
        let most = self.installation.limits().api_keys;
        self.installation.storage().write(move |tx| {
            users::must_exist(tx, Some(user))?;
            if access_tokens::count(tx, Scope::User(user))? >= most as u64 {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "too_many_tokens",
                    format!("An account has at most {most} API keys; delete one that is not used any more."),
                ));
            }
            access_tokens::insert_key(tx, user, &stored, &hash)
        })?;
        Ok(IssuedToken { key, token })
    }

    fn check(&self, new: &NewToken, now: Timestamp) -> Result<()> {
        input::name(self.installation.limits(), "name", &new.name)?;
        if new.name.is_empty() {
            return Err(Error::invalid("name_empty", "name", "say what the key is for"));
        }
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::invalid("expiry_past", "expires_at", "give an instant in the future"));
        }
        if let (Some(wanted), Some(own)) = (new.expires_at, self.own_expiry())
            && wanted > own
        {
            return Err(Error::new(
                ErrorKind::Forbidden,
                "expiry_beyond_own",
                format!(
                    "This API key works until {own} and cannot make one that works longer; log in for that."
                ),
            ));
        }
        let Some(scopes) = new.scopes else { return Ok(()) };
        let beyond: Vec<String> =
            scopes.beyond(self.actor.permissions()).map(|permission| permission.to_string()).collect();
        if !beyond.is_empty() {
            return Err(Error::new(
                ErrorKind::Forbidden,
                "scopes_beyond_own",
                format!("This API key cannot give what it has not itself: {}.", beyond.join(", ")),
            ));
        }
        if scopes == Permissions::from_iter([]) {
            let message = "name at least one, or leave them out for all that you may do yourself";
            return Err(Error::invalid("scopes_empty", "scopes", message));
        }
        Ok(())
    }

    /// When the API key that asks stops working. What a session makes may outlive it.
    fn own_expiry(&self) -> Option<Timestamp> {
        self.actor.api_key().and_then(|key| key.expires_at)
    }

    /// One key, without its secret.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: TokenId) -> Result<Token> {
        let scope = self.scope(Permission::read(Area::Account))?;
        let found = self.installation.storage().read_one(|conn| access_tokens::find_key(conn, scope, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// The account's keys, oldest first. Sessions are not among them.
    ///
    /// # Errors
    /// `Unauthenticated` (`account_required`) without an account; `Invalid` for a page out of range or a
    /// cursor that no page gave.
    pub fn list(&self, request: &PageRequest) -> Result<Page<Token>> {
        let scope = Scope::User(self.account(Permission::read(Area::Account))?);
        listing::read(self.installation.storage(), request, |conn| {
            let list = ByCreation {
                after: &|key, room| access_tokens::list(conn, scope, key, room),
                before: &|key, room| access_tokens::list_back(conn, scope, key, room),
                numbered: &|room, offset| {
                    let items = access_tokens::list_numbered(conn, scope, room, offset)?;
                    Ok((items, access_tokens::count(conn, scope)?))
                },
                cursor: &|token: &Token| TimeKey::cursor(token.created_at, token.id),
            };
            list.page(self.installation.limits(), request)
        })
    }

    /// Revokes a key. What is followed with it ends within a second.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete(&self, id: TokenId) -> Result<()> {
        let scope = self.scope(Permission::write(Area::Account))?;
        let doorman = self.installation.doorman().clone();
        let deleted = self.installation.storage().write(move |tx| {
            let deleted = access_tokens::delete_key(tx, scope, id)?;
            doorman.announce(tx);
            Ok(deleted)
        })?;
        if deleted { Ok(()) } else { Err(not_found(id)) }
    }

    /// By its id the operator finds the key of any account.
    fn scope(&self, permission: Permission) -> Result<Scope> {
        match self.actor.is_operator() && self.user.is_none() {
            true => self.actor.scope(permission),
            false => Ok(Scope::User(self.account(permission)?)),
        }
    }

    /// Whose keys it is about.
    fn account(&self, permission: Permission) -> Result<UserId> {
        self.actor.require(permission)?;
        match users::owner(&self.actor, "user_id", self.user)? {
            Some(id) => Ok(id),
            None => auth::account_of(&self.actor),
        }
    }
}

/// When keys were used, until it is stored: at most once a minute each, and not while someone waits.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<HashMap<TokenId, Timestamp>>);

impl Uses {
    /// Notes that a key is used, unless that is known to the minute.
    pub(crate) fn note(&self, id: TokenId, known: Option<Timestamp>, now: Timestamp) {
        if known.is_none_or(|at| at <= now.plus_ms(-USE_MS)) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, now);
        }
    }

    /// Stores what was noted. What cannot be stored is noted again at the next use.
    pub(crate) fn store(&self, storage: &Storage) {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return;
        }
        let _ = storage.write(move |tx| {
            noted
                .iter()
                .try_for_each(|(id, at)| access_tokens::set_last_used(tx, *id, *at, at.plus_ms(-USE_MS)))
        });
    }
}
