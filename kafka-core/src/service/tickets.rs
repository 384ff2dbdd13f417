//! Tickets: short-lived credentials for the events of one response, kept in memory by their hash.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, ErrorKind, Result},
        id::ResponseId,
        secret::Secret,
        time::Timestamp,
    },
    crypto::{bearer, digest},
    entity::token::Ticket,
    repo::users,
    service::installation::Installation,
};

/// How long a ticket opens what it is for, in milliseconds.
const LIFE_MS: i64 = 60_000;
/// Most tickets in force at a time.
const MOST: usize = 10_000;

/// The tickets in force, by their hash.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Grant>>);

/// What a ticket is good for.
#[derive(Clone, Copy, Debug)]
struct Grant {
    response: ResponseId,
    /// In whose name it is read.
    actor: Actor,
    expires_at: Timestamp,
}

/// See [`Responses::ticket`](super::responses::Responses::ticket).
pub(super) fn issue(installation: &Installation, actor: &Actor, response: ResponseId) -> Result<Ticket> {
    let now = installation.now();
    let grant = Grant { response, actor: *actor, expires_at: now.plus_ms(LIFE_MS) };
    let ticket = bearer::generate(installation.random());
    let mut tickets = installation.tickets().0.lock().unwrap_or_else(PoisonError::into_inner);
    tickets.retain(|_, grant| grant.expires_at > now);
    if tickets.len() >= MOST {
        return Err(Error::new(
            ErrorKind::Busy,
            "tickets_at_capacity",
            format!("{MOST} tickets are in force, which is as many as may; try again in a minute."),
        )
        .with_retry_after(Duration::from_secs(60)));
    }
    tickets.insert(hash(&ticket), grant);
    Ok(Ticket { ticket, expires_at: grant.expires_at })
}

/// In whose name the bearer of a ticket reads a response.
pub(crate) fn redeem(
    installation: &Installation,
    response: ResponseId,
    ticket: &Secret<String>,
) -> Result<Actor> {
    let tickets = installation.tickets().0.lock().unwrap_or_else(PoisonError::into_inner);
    let found = tickets.get(&hash(ticket)).copied();
    drop(tickets);
    let refused = || {
        Error::new(
            ErrorKind::Unauthenticated,
            "ticket_invalid",
            "The ticket is unknown, expired or for another response; ask for a new one.",
        )
    };
    let now = installation.now();
    let grant = found.filter(|grant| grant.response == response && grant.expires_at > now);
    let actor = grant.ok_or_else(refused)?.actor;
    if let Some(id) = actor.user_id() {
        let user = installation.storage().read(|conn| users::find(conn, Scope::Operator, id))?;
        if !user.is_some_and(|user| user.is_active) {
            return Err(refused());
        }
    }
    Ok(actor)
}

fn hash(ticket: &Secret<String>) -> String {
    digest::sha256_hex(ticket.expose().as_bytes())
}
