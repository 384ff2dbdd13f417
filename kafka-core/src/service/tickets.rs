//! Tickets: short-lived credentials for the events of one response. A ticket says itself, sealed, what it
//! is good for; so nothing is kept, and one outlives the process that gave it.

use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::ResponseId,
        random::Random,
        secret::Secret,
        time::Timestamp,
    },
    crypto::seal::Sealer,
    entity::token::Ticket,
    service::{auth, installation::Installation},
};

/// How long a ticket opens what it is for, in milliseconds.
const LIFE_MS: i64 = 60_000;
/// By this people and scanners recognise one.
const PREFIX: &str = "kafka_ticket_";
/// Stands where the owner of a model's key does: what was sealed for the one never opens as the other.
const OWNER: &str = "ticket";
/// Stands for the credential that asked for it where the operator reads.
const OPERATOR: &str = "operator";
/// The same for someone without one.
const ANONYMOUS: &str = "anonymous";

/// Seals tickets where the installation has no secret; they end with the process then.
#[derive(Debug)]
pub(crate) struct Tickets(Sealer);

impl Tickets {
    pub(crate) fn new(random: &dyn Random) -> Tickets {
        let mut key = [0; 32];
        random.fill(&mut key);
        Tickets(Sealer::new(&Secret::new(key)))
    }
}

fn seal(installation: &Installation, grant: &str, response: ResponseId) -> Result<String> {
    let (response, random) = (response.to_string(), installation.random());
    match installation.keyring() {
        Ok(keyring) => keyring.seal(grant, OWNER, &response, random),
        Err(_) => installation.tickets().0.seal(grant, OWNER, &response, random),
    }
}

fn open(installation: &Installation, sealed: &str, response: ResponseId) -> Result<Secret<String>> {
    match installation.keyring() {
        Ok(keyring) => keyring.open(sealed, OWNER, &response.to_string()),
        Err(_) => installation.tickets().0.open(sealed, OWNER, &response.to_string()),
    }
}

/// See [`Responses::ticket`](super::responses::Responses::ticket).
pub(super) fn issue(installation: &Installation, actor: &Actor, response: ResponseId) -> Result<Ticket> {
    let expires_at = installation.now().plus_ms(LIFE_MS);
    let reader = match actor.credential() {
        Some(credential) => credential.id.to_string(),
        None if actor.is_anonymous() => ANONYMOUS.to_owned(),
        None => OPERATOR.to_owned(),
    };
    let grant = format!("{reader} {}", expires_at.unix_ms());
    let sealed = seal(installation, &grant, response)?;
    Ok(Ticket { ticket: Secret::new(format!("{PREFIX}{sealed}")), expires_at })
}

/// In whose name the bearer of a ticket reads a response.
pub(crate) fn redeem(
    installation: &Installation,
    response: ResponseId,
    ticket: &Secret<String>,
) -> Result<Actor> {
    let refused = || {
        Error::new(
            ErrorKind::Unauthenticated,
            "ticket_invalid",
            "The ticket is unknown, expired or for another response; ask for a new one.",
        )
    };
    let sealed = ticket.expose().strip_prefix(PREFIX).ok_or_else(refused)?;
    let grant = open(installation, sealed, response).map_err(|_| refused())?;
    let (reader, expires_at) = grant.expose().split_once(' ').ok_or_else(refused)?;
    let now = installation.now();
    if expires_at.parse().map_or(true, |at| Timestamp::from_unix_ms(at) <= now) {
        return Err(refused());
    }
    let actor = match reader {
        OPERATOR => Some(Actor::operator()),
        ANONYMOUS => Some(Actor::anonymous()),
        token => {
            let token = token.parse().map_err(|_| refused())?;
            installation.storage().read(|conn| auth::bearer_of(installation, conn, token, now))?
        }
    };
    actor.ok_or_else(refused)
}
