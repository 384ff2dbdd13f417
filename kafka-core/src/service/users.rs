//! What can be done with accounts.

use super::{
    administration::Administration,
    chats::Parting,
    input,
    listing::{self, ByCreation, TimeKey},
    removal,
};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, ErrorKind, Result},
        id::UserId,
        page::{Page, PageRequest},
        permission::{Area, Permission},
        secret::Secret,
    },
    entity::user::{NewUser, User, UserPatch},
    repo::{chats, idempotency_keys, users, workspaces},
    service::{feed::Feed, installation::Installation},
    storage::{Conn, Tx},
};

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Account);
/// What it needs for changing something.
const WRITE: Permission = Permission::write(Area::Account);

/// Accounts, as one actor may use them. Made by [`Kafka::users`](crate::Kafka::users).
#[derive(Debug)]
pub struct Users<'k> {
    installation: &'k Installation,
    actor: Actor,
}

pub(crate) fn not_found(id: UserId) -> Error {
    Error::not_found("user_not_found", "user", id)
}

/// Whose a new thing is: the actor's, unless the operator names someone.
pub(crate) fn owner(actor: &Actor, field: &str, named: Option<UserId>) -> Result<Option<UserId>> {
    match named {
        Some(id) if !actor.is_operator() && actor.user_id() != Some(id) => Err(Error::new(
            ErrorKind::Forbidden,
            "owner_not_yours",
            format!("Only the operator may name someone else as {field}; leave the field out."),
        )),
        Some(id) => Ok(Some(id)),
        None => Ok(actor.user_id()),
    }
}

/// Fails when an account that is to own something does not exist.
pub(crate) fn must_exist(conn: &Conn<'_>, id: Option<UserId>) -> Result<()> {
    match id {
        Some(id) if users::find(conn, Scope::Operator, id)?.is_none() => Err(not_found(id)),
        _ => Ok(()),
    }
}

impl<'k> Users<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Users<'k> {
        Users { installation, actor: *actor }
    }

    /// Makes an account without a password, with the plan `free`. To make one that can log in, see
    /// [`Kafka::register`](crate::Kafka::register) and
    /// [`Administration::create`](crate::Administration::create).
    ///
    /// # Errors
    /// `Forbidden` (`admin_required`) unless the actor administers the installation; `Invalid` for an
    /// address or name of the wrong form; `Conflict` when the address (`email_taken`) or username
    /// (`username_taken`) is in use.
    pub fn create(&self, new: NewUser) -> Result<User> {
        Administration::new(self.installation, &self.actor).create(new, None, false)
    }

    /// One account.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: UserId) -> Result<User> {
        let scope = self.actor.scope(READ)?;
        let found = self.installation.storage().read_one_anywhere(|conn| users::find(conn, scope, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// The account with this address, written in any case, if the actor may see it.
    ///
    /// # Errors
    /// Those of reading.
    pub fn find_by_email(&self, email: &str) -> Result<Option<User>> {
        self.actor.require(READ)?;
        let found = self.installation.storage().read_one(|conn| users::find_by_email(conn, email))?;
        Ok(found.map(|account| account.user).filter(|user| self.may_see(user.id)))
    }

    fn may_see(&self, id: UserId) -> bool {
        self.actor.is_operator() || self.actor.user_id() == Some(id)
    }

    /// Accounts that the actor may see, oldest first.
    ///
    /// # Errors
    /// `Invalid` for a page out of range or a cursor that no page gave.
    pub fn list(&self, request: &PageRequest) -> Result<Page<User>> {
        page(self.installation, self.actor.scope(READ)?, request)
    }

    /// Changes an account. The e-mail address, by which one logs in, is not changed with an API key.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` (`session_required`) for an address by an API key; `Invalid` and `Conflict`
    /// as for [`create`](Users::create); `RateLimited` (`names_throttled`) when too many of what the account
    /// wanted was taken.
    pub fn update(&self, id: UserId, patch: UserPatch) -> Result<User> {
        let scope = self.actor.scope(WRITE)?;
        if patch.email.is_some() {
            self.actor.require_session()?;
        }
        let limits = self.installation.limits();
        patch.email.as_ref().map_or(Ok(()), |email| input::email(limits, email))?;
        input::username(limits, patch.username.as_ref().and_then(Option::as_ref))?;
        input::optional_name(limits, "full_name", patch.full_name.as_ref().and_then(Option::as_ref))?;
        let is_renamed = patch.email.is_some() || patch.username.is_some();
        let attempt = match self.actor.user_id().filter(|_| is_renamed) {
            Some(me) => {
                let now = self.installation.clock().instant();
                Some(self.installation.throttle().names(me.to_string(), now)?)
            }
            None => None,
        };
        let outcome = self.write_patch(scope, id, patch);
        let is_taken = outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Conflict);
        if let Some(attempt) = attempt.filter(|_| !is_taken) {
            attempt.withdraw();
        }
        outcome
    }

    fn write_patch(&self, scope: Scope, id: UserId, patch: UserPatch) -> Result<User> {
        let (feed, now) = (self.installation.feed().clone(), self.installation.now());
        self.installation.storage().write(move |tx| {
            let mut user = users::find(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            if let Some(email) = &patch.email {
                user.email.clone_from(email);
            }
            if let Some(username) = &patch.username {
                user.username = username.clone().filter(|name| !name.is_empty());
            }
            if let Some(full_name) = &patch.full_name {
                user.full_name.clone_from(full_name);
            }
            user.updated_at = now;
            must_be_free(tx, &user)?;
            users::update(tx, scope, &user)?;
            feed.user(tx, id);
            Ok(user)
        })
    }

    /// Deletes an account with all it owns. Running answers in its chats and workspaces end.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` (`session_required`) for an API key; `Conflict` (`last_admin`) for the only
    /// administrator, unless the operator deletes one without a password.
    pub fn delete(&self, id: UserId) -> Result<()> {
        let scope = self.actor.scope(WRITE)?;
        self.actor.require_session()?;
        delete(self.installation, &self.actor, scope, id)
    }
}

/// A page of the accounts that a scope holds, oldest first.
pub(crate) fn page(installation: &Installation, scope: Scope, request: &PageRequest) -> Result<Page<User>> {
    listing::read(installation.storage(), request, |conn| {
        let list = ByCreation {
            after: &|key, room| users::list(conn, scope, key, room),
            before: &|key, room| users::list_back(conn, scope, key, room),
            numbered: &|room, offset| {
                let items = users::list_numbered(conn, scope, room, offset)?;
                Ok((items, users::count(conn, scope)?))
            },
            cursor: &|user: &User| TimeKey::cursor(user.created_at, user.id),
        };
        list.page(installation.limits(), request)
    })
}

/// Deletes an account of a scope.
pub(crate) fn delete(installation: &Installation, actor: &Actor, scope: Scope, id: UserId) -> Result<()> {
    let (parting, feed) = (Parting::new(installation), installation.feed().clone());
    let is_operator = actor.is_operator();
    installation.storage().write(move |tx| {
        let user = users::find(tx, scope, id)?.ok_or_else(|| not_found(id))?;
        // An administrator that nobody can log in as is one whom the operator has made, and may take back.
        if !(is_operator && users::password(tx, scope, id)?.is_none()) {
            must_not_be_last_admin(tx, &user)?;
        }
        parting.announce(tx, &chats::of_account(tx, scope, id)?)?;
        for workspace in workspaces::of_account(tx, id)? {
            feed.workspace_deleted(tx, workspace, Some(id))?;
        }
        feed.user_deleted(tx, id);
        users::delete(tx, scope, id)?;
        // No key holds these rows to the account, because the operator has some, too.
        idempotency_keys::delete_of_user(tx, id)
    })?;
    removal::after_deletion(installation)
}

/// Fails when nobody but this account administers. Whoever registered next would be let in as an
/// administrator.
pub(crate) fn must_not_be_last_admin(tx: &Tx<'_>, user: &User) -> Result<()> {
    if !user.is_admin || !user.is_active || users::any_other_admin(tx, user.id)? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "last_admin",
        format!("{} is the only administrator; make someone else one first.", user.email),
    ))
}

/// A new account's row, checked.
pub(crate) fn new_user(installation: &Installation, new: NewUser) -> Result<User> {
    let limits = installation.limits();
    input::email(limits, &new.email)?;
    input::username(limits, new.username.as_ref())?;
    input::optional_name(limits, "full_name", new.full_name.as_ref())?;
    let now = installation.now();
    Ok(User {
        id: installation.new_id(),
        email: new.email,
        username: new.username.filter(|name| !name.is_empty()),
        full_name: new.full_name,
        is_active: true,
        is_admin: false,
        plan: "free".to_owned(),
        total_tokens_used: 0,
        created_at: now,
        updated_at: now,
    })
}

/// Stores a new account.
pub(crate) fn insert(tx: &Tx<'_>, feed: &Feed, user: &User, password: Option<&Secret<String>>) -> Result<()> {
    must_be_free(tx, user)?;
    feed.user(tx, user.id);
    users::insert(tx, user, password)
}

/// Fails when someone else has the address or the username.
pub(crate) fn must_be_free(conn: &Conn<'_>, user: &User) -> Result<()> {
    let taken = |account: Option<users::Account>| account.is_some_and(|account| account.user.id != user.id);
    if taken(users::find_by_email(conn, &user.email)?) {
        return Err(Error::new(
            ErrorKind::Conflict,
            "email_taken",
            "There is already an account with this e-mail address; log in, or use another address.",
        ));
    }
    if let Some(username) = &user.username
        && taken(users::find_by_username(conn, username)?)
    {
        return Err(Error::new(
            ErrorKind::Conflict,
            "username_taken",
            "There is already an account with this username; choose another.",
        ));
    }
    Ok(())
}
