//! Vectors of documents that were read before there was an endpoint for them, or with another model.
//!
//! What is being made is a job, so that one node makes it. A document that the model refuses keeps its job, with the time of
//! its next turn, so that no node asks again before that.

use std::time::{Duration, Instant};

use crate::{
    base::{cancel::CancelToken, error::Result, time::Timestamp},
    repo::{
        documents,
        embeddings::{self, Lacking},
        jobs,
    },
    service::{
        embedding::{
            in_use,
            making::{self, Made},
        },
        installation::Installation,
    },
};

/// How long those wait whose vectors could not be made. Meanwhile they are found by their words.
const PAUSE: Duration = Duration::from_secs(60);
/// A document that a model has refused so often is left alone until a process starts.
const MOST_REFUSALS: u32 = 3;

/// After so many documents in a row for which the endpoint gave nothing, it is taken to be away.
const MOST_IN_VAIN: u32 = 3;
/// Rests become twice as long, so often, as long as nothing is made in between: 16 minutes.
const MOST_DOUBLINGS: u32 = 4;

/// Goes through all documents, rests, and goes through them again: that takes a while where there are many.
#[derive(Default)]
pub(super) struct Renewal {
    has_announced: bool,
    /// Told the operator that another model is in use, that vectors have another length, and that some are refused.
    has_warned: [bool; 3],
    length: Option<usize>,
    behind: i64,
    has_left_out: bool,
    /// Documents in a row for which the endpoint gave nothing.
    in_vain: u32,
    /// Rests since something was made.
    rests: u32,
    rests_until: Option<Instant>,
    /// It rests because nothing lacked anything.
    is_idle: bool,
}

/// What came of a turn.
enum Turn {
    /// This document has what it lacked.
    Made(i64),
    /// This one had to be left out.
    LeftOut(i64),
    /// The endpoint gave nothing for this one, or nothing more.
    Unavailable { number: i64, has_made: bool },
    /// There is no further one.
    Over,
}

impl Renewal {
    /// Tells the other nodes the model of this one, before it makes any vector.
    pub(super) fn announce(&mut self, installation: &Installation) -> Result<()> {
        if !self.has_announced {
            in_use::announce(installation)?;
            self.has_announced = true;
        }
        Ok(())
    }

    /// Makes the vectors of one document, if any lacks them.
    pub(super) fn look(&mut self, installation: &Installation, cancel: &CancelToken) {
        let Some(model) = installation.embedding().model() else { return };
        let now = installation.clock().instant();
        if installation.embedding().is_away(now) {
            return;
        }
        let length = installation.embedding().length();
        if std::mem::replace(&mut self.length, length) != length {
            // What was looked at may have another length.
            (self.behind, self.rests_until) = (0, None);
        }
        if installation.ingesting().has_lacking() && self.is_idle {
            self.rests_until = self.rests_until.map(|until| until.min(now + PAUSE));
        }
        if self.rests_until.is_some_and(|until| now < until) {
            return;
        }
        match self.turn(installation, model, cancel) {
            Ok(Turn::Made(number)) => {
                (self.in_vain, self.rests) = (0, 0);
                self.go_on(installation, number);
            }
            Ok(Turn::LeftOut(number)) => {
                self.has_left_out = true;
                self.go_on(installation, number);
            }
            Ok(Turn::Unavailable { number, has_made }) => {
                self.has_left_out = true;
                self.in_vain += 1;
                if has_made {
                    self.rests = 0;
                }
                self.go_on(installation, number);
                if self.in_vain >= MOST_IN_VAIN {
                    self.rest(now);
                }
            }
            Ok(Turn::Over) => {
                self.rest(now);
                (self.is_idle, self.behind, self.has_left_out) = (!self.has_left_out, 0, false);
            }
            Err(_) => self.rest(now),
        }
    }

    fn rest(&mut self, now: Instant) {
        self.rests_until = Some(now + PAUSE * 2_u32.pow(self.rests.min(MOST_DOUBLINGS)));
        (self.in_vain, self.rests, self.is_idle) = (0, self.rests + 1, false);
    }

    fn warn_once(&mut self, installation: &Installation, of: usize, sentence: impl Fn() -> String) {
        if !std::mem::replace(&mut self.has_warned[of], true) {
            installation.warn(&sentence());
        }
    }

    fn go_on(&mut self, installation: &Installation, behind: i64) {
        self.behind = behind;
        installation.ingesting().nudge();
    }

    fn turn(&mut self, installation: &Installation, model: &str, cancel: &CancelToken) -> Result<Turn> {
        let (storage, node, now) = (installation.storage(), installation.node_id(), installation.now());
        if let Some(other) = storage.read_one(in_use::model)?.filter(|other| other != model) {
            self.warn_once(installation, 0, || {
                format!(
                    "This node makes no vectors of documents, because a node of its database that started later makes \
                     those of the model {other} and this one names {model}; give all nodes the same embedding_model."
                )
            });
            return Ok(Turn::Over);
        }
        let (kind, behind) = (format!("{} {model}", making::JOBS), self.behind);
        let lacking = Lacking { model, length: self.length, job: &kind, node, now };
        let found = storage.read_one(|conn| embeddings::outdated(conn, lacking, behind))?;
        let Some(((id, number), has_other_length)) = found else { return Ok(Turn::Over) };
        let claimed = storage.write(move |tx| jobs::claim(tx, &kind, &id.to_string(), now, node))?;
        let Some((job, attempts)) = claimed else { return Ok(Turn::LeftOut(number)) };
        if has_other_length {
            self.warn_once(installation, 1, || {
                format!(
                    "The embedding endpoint gives vectors of another length than before under the name {model}, so \
                     those of all documents are made anew; give another model another name (embedding_model)."
                )
            });
        }
        let made = making::make(installation, (id, number), cancel, move |tx| {
            Ok(documents::number_of_job(tx, job, node)?.is_some())
        })?;
        let now = installation.now();
        let (turn, again) = match made {
            Made::All => (Turn::Made(number), None),
            Made::Stopped => (Turn::LeftOut(number), None),
            Made::Unavailable { has_made } => (Turn::Unavailable { number, has_made }, Some((now, attempts))),
            Made::Refused { why, .. } => {
                if attempts + 1 == MOST_REFUSALS {
                    self.warn_once(installation, 2, || {
                        format!(
                            "The embedding endpoint refuses documents, which are found by their words alone until a process \
                             starts; the first is {id}. {why}"
                        )
                    });
                }
                (Turn::LeftOut(number), Some((after(attempts + 1, now), attempts + 1)))
            }
        };
        storage.write(move |tx| match again {
            Some((at, attempts)) => jobs::put_back(tx, job, node, at, attempts),
            None => jobs::finish(tx, job, node),
        })?;
        Ok(turn)
    }
}

/// When a model is asked again that has refused a document so often.
fn after(refusals: u32, now: Timestamp) -> Timestamp {
    match refusals < MOST_REFUSALS {
        true => now.plus_ms(i64::try_from(PAUSE.as_millis()).unwrap_or(i64::MAX)),
        false => Timestamp::from_unix_ms(i64::MAX),
    }
}
