//! Whose turn it is: whoever has a thousand jobs holds up nobody else for longer than one of them takes.

use crate::{
    base::{error::Result, id::NodeId, time::Timestamp},
    repo::jobs::{self, Job},
    storage::Conn,
};

/// Whose jobs were begun since everyone who waits had a turn.
#[derive(Default)]
pub(super) struct Turns(Vec<String>);

impl Turns {
    /// The job of a kind that is due.
    pub(super) fn next(
        &self,
        conn: &Conn<'_>,
        kind: &str,
        node: NodeId,
        now: Timestamp,
    ) -> Result<Option<Job>> {
        match jobs::next(conn, kind, node, now, &self.0)? {
            None if !self.0.is_empty() => jobs::next(conn, kind, node, now, &[]),
            job => Ok(job),
        }
    }

    /// Notes whose turn it is. Who has had one already begins the next round.
    pub(super) fn note(&mut self, owner: String) {
        if self.0.contains(&owner) {
            self.0.clear();
        }
        self.0.push(owner);
    }
}
