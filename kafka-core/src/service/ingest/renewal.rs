//! Vectors of documents that were read before there was an endpoint for them, or with another model.

use std::time::Duration;

use crate::{
    base::cancel::CancelToken,
    repo::embeddings,
    service::{
        embedding::making::{self, Made},
        installation::Installation,
    },
};

/// How long those wait whose vectors could not be made. Meanwhile they are found by their words.
const PAUSE: Duration = Duration::from_secs(60);

/// Goes through all documents, and again after a while as long as some had to be left out.
#[derive(Default)]
pub(super) struct Renewal {
    behind: i64,
    has_left_out: bool,
    resting_since: Option<std::time::Instant>,
}

impl Renewal {
    /// Makes the vectors of one document, if any lacks them.
    pub(super) fn look(&mut self, installation: &Installation, cancel: &CancelToken) {
        let Some(model) = installation.embedding().model() else { return };
        let now = installation.clock().instant();
        if installation.embedding().is_away(now) {
            return;
        }
        if self.resting_since.is_some_and(|since| now.saturating_duration_since(since) < PAUSE) {
            return;
        }
        let behind = self.behind;
        let found = installation.storage().read_one(|conn| embeddings::outdated(conn, model, behind));
        match found {
            Ok(Some(document)) => {
                let made = making::make(installation, document, cancel, move |tx| {
                    embeddings::is_there(tx, document)
                });
                if matches!(made, Ok(Made::Unavailable)) {
                    return;
                }
                self.has_left_out |= !matches!(made, Ok(Made::All));
                self.behind = document.1;
                installation.ingesting().nudge();
            }
            Ok(None) => {
                self.resting_since = (self.behind > 0 && self.has_left_out).then_some(now);
                (self.behind, self.has_left_out) = (0, false);
            }
            Err(_) => self.resting_since = Some(now),
        }
    }
}
