//! Tickets: short-lived credentials for the events of one response. A ticket says itself, sealed, what it
//! is good for; so nothing is kept, and one outlives the process that gave it.

use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, ErrorKind, Result},
        id::{ResponseId, UserId},
        random::Random,
        secret::Secret,
        time::Timestamp,
    },
    crypto::seal::Sealer,
    entity::token::Ticket,
    repo::users,
    service::installation::Installation,
};

/// How long a ticket opens what it is for, in milliseconds.
const LIFE_MS: i64 = 60_000;
/// By this people and scanners recognise one.
const PREFIX: &str = "kafka_ticket_";
/// Stands where the owner of a model's key does: what was sealed for the one never opens as the other.
const OWNER: &str = "ticket";
/// Stands for the account where the operator reads.
const OPERATOR: &str = "operator";

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
    let reader = actor.user_id().map_or_else(|| OPERATOR.to_owned(), |id| id.to_string());
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
    let (reader, expires_at) = read(grant.expose()).ok_or_else(refused)?;
    if expires_at <= installation.now() {
        return Err(refused());
    }
    let Some(id) = reader else { return Ok(Actor::operator()) };
    let user = installation.storage().read(|conn| users::find(conn, Scope::Operator, id))?;
    let user = user.filter(|user| user.is_active).ok_or_else(refused)?;
    Ok(Actor::user(id, user.is_admin))
}

/// What a ticket grants: whose name it bears, if not the operator's, and until when.
fn read(grant: &str) -> Option<(Option<UserId>, Timestamp)> {
    let (reader, expires_at) = grant.split_once(' ')?;
    let reader = match reader {
        OPERATOR => None,
        id => Some(id.parse().ok()?),
    };
    Some((reader, Timestamp::from_unix_ms(expires_at.parse().ok()?)))
}
