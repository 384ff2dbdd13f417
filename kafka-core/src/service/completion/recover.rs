//! Answers whose process is gone: what came is kept, and their end is stored as interrupted.

use super::finish::{self, Ending};
use crate::{
    base::{error::Result, id::ResponseId},
    entity::response::ResponseStatus,
    repo::{response_events, responses},
    service::installation::Installation,
};

/// Ends the answers of every dead node, and returns how many there were.
///
/// Two processes may do this at the same time: each answer is ended by the one whose write comes first.
pub(crate) fn run(installation: &Installation) -> Result<usize> {
    let mut ended = 0;
    for node in installation.storage().dead_nodes()? {
        for id in installation.storage().read(|conn| responses::running_of_node(conn, node.id))? {
            end(installation, id, ResponseStatus::Interrupted)?;
            ended += 1;
        }
        installation.storage().remove_node(node.id)?;
    }
    for id in installation.storage().read(responses::running_of_nobody)? {
        end(installation, id, ResponseStatus::Interrupted)?;
        ended += 1;
    }
    Ok(ended)
}

/// Ends one answer if the process that ran it is dead.
pub(crate) fn end_if_abandoned(installation: &Installation, id: ResponseId) -> Result<()> {
    for node in installation.storage().dead_nodes()? {
        if installation.storage().read(|conn| responses::running_of_node(conn, node.id))?.contains(&id) {
            return end(installation, id, ResponseStatus::Interrupted);
        }
    }
    Ok(())
}

/// Stores the end of an answer that no thread of this process runs, with what its log holds.
pub(crate) fn end(installation: &Installation, id: ResponseId, status: ResponseStatus) -> Result<()> {
    let (feed, now) = (installation.feed().clone(), installation.now());
    installation.storage().write(move |tx| {
        let Some(response) = responses::find_running(tx, id)? else { return Ok(()) };
        let events = response_events::list(tx, id)?;
        finish::store(tx, &feed, &response, &Ending::of(status), events, now)?;
        Ok(())
    })
}
