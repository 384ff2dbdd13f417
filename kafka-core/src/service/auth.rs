//! Who is it: turning a bearer token into an actor.

use crate::{
    base::{
        actor::{Actor, Credential, Scope, credential_missing},
        error::{Error, ErrorKind, Result},
        id::{TokenId, UserId},
        permission::{Area, Permission, Permissions},
        secret::Secret,
        time::Timestamp,
    },
    crypto::digest,
    repo::{
        access_tokens::{self, Presented},
        share_links,
    },
    service::{installation::Installation, shared},
    storage::Conn,
};

/// See [`Kafka::authenticate`](crate::Kafka::authenticate).
pub(crate) fn authenticate(installation: &Installation, token: &Secret<String>) -> Result<Actor> {
    let hash = digest::sha256_hex(token.expose().as_bytes());
    let presented = installation.storage().read_one(|conn| access_tokens::find(conn, &hash))?;
    let now = installation.now();
    let actor = presented.as_ref().and_then(|presented| actor_of(installation, presented, now));
    let (Some(presented), Some(actor)) = (presented, actor) else {
        return Err(Error::new(
            ErrorKind::Unauthenticated,
            "token_invalid",
            "The bearer token is unknown, expired or revoked; log in again.",
        ));
    };
    if presented.is_api_key {
        installation.uses().note(presented.id, presented.last_used_at, now);
    }
    Ok(actor)
}

/// See [`Kafka::open_share_link`](crate::Kafka::open_share_link).
pub(crate) fn open_share_link(installation: &Installation, token: &Secret<String>) -> Result<Actor> {
    let (hash, now) = (digest::sha256_hex(token.expose().as_bytes()), installation.now());
    let chat = installation.storage().read_one(|conn| share_links::find(conn, &hash, now))?;
    chat.map(Actor::share).ok_or_else(shared::not_found)
}

/// In whose name the bearer of a token acts, if it is in force.
fn actor_of(installation: &Installation, presented: &Presented, now: Timestamp) -> Option<Actor> {
    let Presented { id, user_id, is_api_key, expires_at, .. } = *presented;
    if expires_at.is_some_and(|at| at <= now) {
        return None;
    }
    let permissions = presented.scopes.unwrap_or(Permissions::ALL);
    // What belongs to nobody is the operator's; where there are passwords, administrators look after it.
    let looks_after_all =
        presented.is_admin && permissions.allow(Permission::write(Area::Admin)) && !installation.is_open();
    let scope = if looks_after_all { Scope::Admin(user_id) } else { Scope::User(user_id) };
    let credential = Credential { id, is_api_key, expires_at };
    let actor = Actor::bearer(scope, presented.is_admin, permissions, credential);
    // Inactive accounts are refused last, at this one door.
    presented.is_active.then_some(actor)
}

/// Whether someone who was let in would be let in again, as the same.
pub(crate) fn is_in_force(
    installation: &Installation,
    conn: &Conn<'_>,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool> {
    let Some(credential) = actor.credential() else { return Ok(true) };
    Ok(bearer_of(installation, conn, credential.id, now)? == Some(*actor))
}

/// In whose name the bearer of the token in this row acts, if it is in force.
pub(crate) fn bearer_of(
    installation: &Installation,
    conn: &Conn<'_>,
    id: TokenId,
    now: Timestamp,
) -> Result<Option<Actor>> {
    let presented = access_tokens::find_by_id(conn, id)?;
    Ok(presented.and_then(|presented| actor_of(installation, &presented, now)))
}

/// See [`Kafka::local_actor`](crate::Kafka::local_actor).
pub(crate) fn local_actor(installation: &Installation) -> Result<Actor> {
    match (installation.is_open(), installation.admits_anonymous()) {
        (true, _) => Ok(Actor::operator()),
        (false, true) => Ok(Actor::anonymous()),
        (false, false) => Err(credential_missing()),
    }
}

/// Refuses callers without a credential, who reach what they made by its id alone. The operator needs no account.
pub(crate) fn refuse_anonymous(actor: &Actor) -> Result<()> {
    match actor.is_anonymous() {
        true => account_of(actor).map(drop),
        false => Ok(()),
    }
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
