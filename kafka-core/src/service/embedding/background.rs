//! The thread that makes the vectors of documents, one document at a time in each process that stays.
//!
//! Those of documents that were read lately come first: reading leaves a job for each. When there is none, documents are looked
//! for that have no vectors, or another model's, or of another length. What is being made anew is a job, too, so that one node makes
//! it. A document of which the model refuses everything keeps that, so that it is looked at no more until a process starts.

use std::{sync::Arc, time::Duration};

use super::{
    cost,
    in_use::{self, JOBS},
    making::{Made, Making, Task},
    rest::{PAUSE, Rest},
    told,
};
use crate::{
    base::{cancel::CancelToken, error::Result, id::DocumentId, time::Timestamp},
    repo::{
        documents,
        embeddings::{self, Lacking, WORDS_ONLY},
        jobs,
    },
    service::{ingest::NICENESS, installation::Installation, turns::Turns, upkeep::Upkeep},
    storage::Tx,
};

/// What the jobs are called that make the first vectors of a document, which its owner pays for.
const FIRST: &str = "vectors";
/// How often it is looked whether another process has read a document.
const LOOK: Duration = Duration::from_secs(1);
/// What the endpoint fails at in so many turns, though it works, is taken to be refused.
const MOST_TURNS: u32 = 3;
/// After so many documents in a row for which the endpoint gave nothing, it is taken to be away.
const MOST_IN_VAIN: u32 = 3;

/// The thread. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct VectorThread(Arc<Thread>);

#[derive(Default)]
struct Thread {
    upkeep: Upkeep,
    cancel: CancelToken,
}

impl VectorThread {
    /// Starts it, where there is an endpoint.
    pub(crate) fn start(&self, installation: &Installation) -> Result<()> {
        if installation.embedding().model().is_none() {
            return Ok(());
        }
        let (itself, cancel) = (installation.downgrade(), self.0.cancel.clone());
        let (mut has_announced, mut worker) = (false, Worker::default());
        self.0.upkeep.start_behind("kafka-vectors", NICENESS, LOOK, move |_| {
            let Some(installation) = itself.upgrade() else { return false };
            // What fails here is tried again at the next look. No vector is made before the others know the model.
            has_announced = has_announced || in_use::announce(&installation).is_ok();
            while has_announced && !cancel.is_cancelled() && worker.step(&installation, true, &cancel) {}
            true
        })
    }

    /// Has it look now.
    fn nudge(&self) {
        self.0.upkeep.nudge();
    }

    /// Ends it, also in the middle of a batch.
    pub(crate) fn stop(&self) {
        self.0.cancel.cancel();
        self.0.upkeep.stop();
    }
}

/// Has the first vectors of a document made that is completed, where there is an endpoint.
pub(in crate::service) fn ask(
    installation: &Installation,
) -> impl Fn(&Tx<'_>, DocumentId, Timestamp) -> Result<()> + Send + use<> {
    let thread = installation.embedding().model().map(|_| installation.embedding().thread.clone());
    move |tx, id, now| {
        let Some(thread) = thread.clone() else { return Ok(()) };
        jobs::add(tx, FIRST, &id.to_string(), now)?;
        tx.after_commit(move || thread.nudge());
        Ok(())
    }
}

/// Makes the first vectors of what was read, on this thread.
pub(in crate::service) fn work_off(installation: &Installation) {
    let (mut worker, cancel) = (Worker::default(), CancelToken::new());
    while worker.step(installation, false, &cancel) {}
}

/// Goes through the jobs, then through all documents, rests, and goes through them again: that takes a while where there are many.
#[derive(Default)]
struct Worker {
    turns: Turns,
    /// What is behind this document was not looked at in this round.
    behind: i64,
    /// The length that vectors had when it began.
    length: Option<usize>,
    /// Documents in a row for which the endpoint gave nothing.
    in_vain: u32,
    rest: Rest,
    told: Told,
}

/// What the operator was told, once each.
#[derive(Default)]
struct Told {
    other_model: bool,
    other_length: bool,
    refusal: bool,
}

/// A document whose vectors are due.
struct Due {
    id: DocumentId,
    /// The kind of its job.
    kind: String,
    is_first: bool,
}

/// What becomes of a job.
enum Then {
    Finish,
    Release,
    /// Not before then; that was the try of this number.
    Later(Timestamp, u32),
}

impl Worker {
    /// Makes the vectors of one document, as far as a turn goes. False when there is none, or none is to be asked for now.
    fn step(&mut self, installation: &Installation, renews: bool, cancel: &CancelToken) -> bool {
        let now = installation.clock().instant();
        self.turn(installation, renews, cancel).unwrap_or_else(|_| {
            self.rest.begin(now, true);
            false
        })
    }

    fn turn(&mut self, installation: &Installation, renews: bool, cancel: &CancelToken) -> Result<bool> {
        let Some(model) = installation.embedding().model() else { return Ok(false) };
        if installation.embedding().is_away(installation.clock().instant()) {
            return Ok(false);
        }
        let due = match self.first(installation)? {
            None if renews => self.outdated(installation, model)?,
            first => first,
        };
        let Some(due) = due else { return Ok(false) };
        if let Some(other) = installation.storage().read_one(in_use::model)?.filter(|other| other != model) {
            once(&mut self.told.other_model, installation, || {
                format!(
                    "This node makes no vectors of documents, because a node of its database that started later makes \
                     those of the model {other} and this one names {model}; give all nodes the same embedding_model."
                )
            });
            return Ok(false);
        }
        self.work(installation, model, &due, cancel)
    }

    /// The one of those that were read lately whose turn it is.
    fn first(&mut self, installation: &Installation) -> Result<Option<Due>> {
        let (storage, node, now) = (installation.storage(), installation.node_id(), installation.now());
        if self.rest.is_on(installation.clock().instant(), true) {
            return Ok(None);
        }
        let Some(job) = storage.read(|conn| self.turns.next(conn, FIRST, node, now))? else {
            return Ok(None);
        };
        self.turns.note(job.owner);
        Ok(job.subject.parse().ok().map(|id| Due { id, kind: FIRST.to_owned(), is_first: true }))
    }

    /// The next one that lacks them otherwise.
    fn outdated(&mut self, installation: &Installation, model: &str) -> Result<Option<Due>> {
        let (storage, node, now) = (installation.storage(), installation.node_id(), installation.now());
        let instant = installation.clock().instant();
        let length = installation.embedding().length();
        if std::mem::replace(&mut self.length, length) != length {
            // What was looked at may have another length.
            self.behind = 0;
            self.rest.end();
        }
        if self.rest.is_on(instant, false) {
            return Ok(None);
        }
        let kind = format!("{JOBS} {model}");
        let lacking = Lacking { model, length, job: &kind, first_job: FIRST, node, now };
        let found = storage.read_one(|conn| embeddings::outdated(conn, lacking, self.behind))?;
        let Some(((id, number), has_other_length)) = found else {
            self.rest.begin(instant, false);
            self.behind = 0;
            return Ok(None);
        };
        if has_other_length {
            once(&mut self.told.other_length, installation, || {
                format!(
                    "The embedding endpoint gives vectors of another length than before under the name {model}, so \
                     those of all documents are made anew; give another model another name (embedding_model)."
                )
            });
        }
        self.behind = number;
        Ok(Some(Due { id, kind, is_first: false }))
    }

    fn work(
        &mut self,
        installation: &Installation,
        model: &str,
        due: &Due,
        cancel: &CancelToken,
    ) -> Result<bool> {
        let (storage, node, now) = (installation.storage(), installation.node_id(), installation.now());
        let (id, kind, is_first) = (due.id, due.kind.clone(), due.is_first);
        let claimed = storage.write(move |tx| {
            let Some((job, turns)) = jobs::claim(tx, &kind, &id.to_string(), now, node)? else {
                return Ok(None);
            };
            Ok(Some((job, turns, documents::number_of_job(tx, job, node)?)))
        })?;
        let Some((job, turns, number)) = claimed else { return Ok(true) };
        let Some(number) = number else {
            storage.write(move |tx| jobs::finish(tx, job, node))?;
            return Ok(true);
        };
        if is_first && leave_without_room(installation, (id, number), model, job)? {
            return Ok(true);
        }
        let is_last = turns + 1 >= MOST_TURNS;
        let mut making = Making::of(Task { installation, model, id, number, job, is_first, is_last, cancel });
        let made = making.run()?;
        if let Some((refused, why)) = making.refusals()
            && (is_first || !self.told.refusal)
        {
            self.told.refusal |= !is_first;
            installation.warn(&format!(
                "The embedding endpoint refuses {refused} passages of the document {id}, which are found by their words alone. {why}"
            ));
        }
        let now = installation.now();
        let soon = now.plus_ms(i64::try_from(PAUSE.as_millis()).unwrap_or(i64::MAX));
        let then = match made {
            // Of what has none there is nothing to look at until a process starts.
            Made::All { has_any: false } if !is_first => {
                Then::Later(Timestamp::from_unix_ms(i64::MAX), turns)
            }
            Made::All { .. } | Made::Gone => Then::Finish,
            Made::InPart => Then::Later(soon, turns + 1),
            Made::Unavailable { .. } => Then::Later(if is_first { soon } else { now }, turns),
            Made::Paused | Made::Stopped => Then::Release,
        };
        self.note(installation, made, (is_first, number));
        storage.write(move |tx| match then {
            Then::Finish => jobs::finish(tx, job, node),
            Then::Release => jobs::release(tx, job, node),
            Then::Later(at, turns) => jobs::put_back(tx, job, node, at, turns),
        })?;
        Ok(made != Made::Stopped)
    }

    /// Notes what a turn says about when the next one is.
    fn note(&mut self, installation: &Installation, made: Made, (is_first, number): (bool, i64)) {
        match made {
            Made::Unavailable { has_made } => {
                self.in_vain += 1;
                if has_made {
                    self.rest.shorten();
                }
                if self.in_vain >= MOST_IN_VAIN {
                    self.in_vain = 0;
                    self.rest.begin(installation.clock().instant(), true);
                }
            }
            Made::All { has_any: true } | Made::Paused => {
                self.in_vain = 0;
                self.rest.shorten();
            }
            _ => {}
        }
        if made == Made::Paused && !is_first {
            // It goes on with this one when those that were read meanwhile have had their turn.
            self.behind = number - 1;
        }
    }
}

/// Leaves a document of which nothing is made yet as one that is found by its words alone, if its vectors would cost its owner
/// more than a plan has left of the day.
fn leave_without_room(
    installation: &Installation,
    (id, number): embeddings::Embedded,
    model: &str,
    job: i64,
) -> Result<bool> {
    let (storage, quotas) = (installation.storage(), installation.quotas());
    let (node, now) = (installation.node_id(), installation.now());
    if !quotas.is_enforced() {
        return Ok(false);
    }
    let lacks = storage.read(|conn| {
        let left = quotas.left(conn, documents::owner(conn, id)?, now)?;
        let Some(left) = left else { return Ok(None) };
        if embeddings::handled(conn, number, model)? != (0, 0) {
            return Ok(None);
        }
        let cost = cost::of_bytes(embeddings::left_bytes(conn, number, model)?);
        Ok((cost > left).then_some((cost, left)))
    })?;
    let Some((cost, left)) = lacks else { return Ok(false) };
    storage.write(move |tx| {
        if documents::number_of_job(tx, job, node)?.is_some() {
            let note = documents::note(tx, id)?;
            documents::set_note(tx, id, &Some(told::without_room(note.as_deref(), cost, left)))?;
            embeddings::note_model(tx, id, WORDS_ONLY)?;
        }
        jobs::finish(tx, job, node)
    })?;
    Ok(true)
}

fn once(is_told: &mut bool, installation: &Installation, sentence: impl Fn() -> String) {
    if !std::mem::replace(is_told, true) {
        installation.warn(&sentence());
    }
}
