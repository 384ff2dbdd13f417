//! Which model makes vectors where the nodes of a database name different ones: that of the node that started last, of
//! those that live. All others would undo what it makes.

use crate::{base::error::Result, repo::jobs, service::installation::Installation, storage::Conn};

/// What the jobs are called that tell of the models of nodes, and, before the name of a model, those that make vectors anew.
pub(super) const JOBS: &str = "embedding";

/// Tells the other nodes the model of this one, and forgets what dead nodes left. Where documents were refused before, the
/// model has another chance.
pub(super) fn announce(installation: &Installation) -> Result<()> {
    let Some(model) = installation.embedding().model() else { return Ok(()) };
    let (node, now, subject) = (installation.node_id(), installation.now(), subject(installation, model));
    installation.storage().write(move |tx| {
        jobs::forget_free(tx, JOBS)?;
        jobs::claim(tx, JOBS, &subject, now, node).map(drop)
    })
}

fn subject(installation: &Installation, model: &str) -> String {
    format!("{} {model}", installation.node_id())
}

/// The model in use, if any node that stays has one.
pub(super) fn model(conn: &Conn<'_>) -> Result<Option<String>> {
    let newest = jobs::newest_held(conn, JOBS)?;
    Ok(newest.and_then(|told| told.split_once(' ').map(|(_, model)| model.to_owned())))
}

/// Whether it is this one. A command that is alone uses its own.
pub(super) fn is(conn: &Conn<'_>, own: &str) -> Result<bool> {
    Ok(model(conn)?.is_none_or(|model| model == own))
}
