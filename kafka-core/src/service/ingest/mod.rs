//! Reading documents: behind the uploads, one at a time in each process that stays.
//!
//! A job names a document, and the node that has taken it. A document is [read](text), cut into passages, and stored in
//! small batches, between which others write; it is found only when the last of them, and their words, are there. When
//! a process dies, its node's row goes, the job is free, and whoever takes it begins anew. Whatever fails leaves no
//! passage behind. No endpoint is asked meanwhile: [vectors](super::embedding::background) are made of what is completed.

mod outline;
mod text;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    documents::{Removal, take_place},
    embedding::background,
    installation::Installation,
    removal, search_index,
    turns::Turns,
    upkeep::Upkeep,
};
use crate::{
    base::{
        actor::Scope,
        cancel::CancelToken,
        error::{ErrorKind, Result},
        id::DocumentId,
    },
    crypto::digest::sha256_hex,
    repo::{
        chunks, document_texts,
        documents::{self, ToRead},
        jobs::{self, Job},
    },
    storage::Tx,
    text::chunk::{self, Chunk},
};
use text::Outcome;

/// What jobs of this sort are called.
pub(super) const KIND: &str = "ingest";
/// How often it is looked whether another process has stored a document.
const LOOK: Duration = Duration::from_secs(1);
/// Reading comes last: whoever uploads much holds up nobody who asks for little.
pub(super) const NICENESS: i32 = 19;
/// A document that was begun so often and has come to no end is given up: it may be what ends its readers.
const MOST_ATTEMPTS: u32 = 5;
/// How long one waits that could not be read now, because of the disk or of others that are read.
const PAUSE_MS: i64 = 2000;
/// Passages that are stored, or deleted, in one transaction, and about their bytes.
const BATCH: u32 = 200;
const BATCH_BYTES: usize = 256 << 10;

/// The thread that reads documents. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Ingesting(Arc<Thread>);

#[derive(Default)]
struct Thread {
    upkeep: Upkeep,
    cancel: CancelToken,
}

impl Ingesting {
    /// Starts it.
    pub(crate) fn start(&self, installation: &Installation) -> Result<()> {
        let (itself, cancel) = (installation.downgrade(), self.0.cancel.clone());
        let mut turns = Turns::default();
        self.0.upkeep.start_behind("kafka-ingest", NICENESS, LOOK, move |_| {
            let Some(installation) = itself.upgrade() else { return false };
            // What fails here is tried again at the next look.
            while !cancel.is_cancelled() && step(&installation, &mut turns, &cancel).unwrap_or(false) {}
            true
        })
    }

    /// Has it look now.
    pub(super) fn nudge(&self) {
        self.0.upkeep.nudge();
    }

    /// Ends it, also in the middle of a document.
    pub(crate) fn stop(&self) {
        self.0.cancel.cancel();
        self.0.upkeep.stop();
    }
}

/// Reads what waits, on this thread.
pub(super) fn work_off(installation: &Installation) -> Result<()> {
    let (mut turns, cancel) = (Turns::default(), CancelToken::new());
    while step(installation, &mut turns, &cancel)? {}
    // What was replaced.
    removal::after_deletion(installation)
}

/// A document at work.
struct Work<'a> {
    installation: &'a Installation,
    cancel: &'a CancelToken,
    job: Job,
    id: DocumentId,
}

/// How a document's turn ended.
enum End {
    /// It is completed, with this said about its text; so many passages it has, and tokens.
    Completed(Option<String>, [usize; 2]),
    /// It cannot be read, for this reason.
    Failed(String),
    /// It waits for another turn. `is_to_blame`: this one counts against it.
    Later { is_to_blame: bool },
    /// It is gone, or another process's.
    Lost,
}

/// It waits, for no fault of its own.
const LATER: End = End::Later { is_to_blame: false };

/// Takes the job that is due, if there is one, and does it. False when there is none.
fn step(installation: &Installation, turns: &mut Turns, cancel: &CancelToken) -> Result<bool> {
    let (node, now) = (installation.node_id(), installation.now());
    let storage = installation.storage();
    let Some(job) = storage.read(|conn| turns.next(conn, KIND, node, now))? else { return Ok(false) };
    turns.note(job.owner.clone());
    let (number, id) = (job.number, job.subject.parse().ok());
    let is_taken = storage.write(move |tx| {
        let is_taken = jobs::take(tx, number, node, now)?;
        match id {
            Some(id) if is_taken => documents::begin(tx, id, now)?,
            None if is_taken => jobs::finish(tx, number, node)?,
            _ => {}
        }
        Ok(is_taken)
    })?;
    let Some(id) = id.filter(|_| is_taken) else { return Ok(true) };
    let work = Work { installation, cancel, job, id };
    // Whatever a text does to its reader, the next one has its turn.
    let end = catch_unwind(AssertUnwindSafe(|| work.run())).unwrap_or_else(|_| {
        Ok(End::Failed(
            "The document could not be read: it breaks its reader; the log says where.".to_owned(),
        ))
    });
    work.end(end.unwrap_or_else(|error| {
        let is_of_storage = matches!(error.kind(), ErrorKind::Storage | ErrorKind::Busy);
        End::Later { is_to_blame: !is_of_storage }
    }))?;
    Ok(true)
}

impl Work<'_> {
    fn run(&self) -> Result<End> {
        let Some(document) =
            self.installation.storage().read_one(|conn| documents::to_read(conn, self.id))?
        else {
            return Ok(End::Lost);
        };
        if self.job.attempts >= MOST_ATTEMPTS {
            let sentence = format!(
                "Reading it was begun {MOST_ATTEMPTS} times and never came to an end; upload it again, or in another format."
            );
            return Ok(End::Failed(sentence));
        }
        match text::read(self.installation, &document, self.cancel)? {
            Outcome::Text { text, kind, note } => {
                let chunks = chunk::chunks(&text, kind, self.installation.chunks());
                match chunks.is_empty() {
                    true => Ok(End::Failed("The file has no text; upload one that has some.".to_owned())),
                    false => {
                        let outline = outline::of(&text, kind, &chunks);
                        self.store(&document, text, outline, chunks, note)
                    }
                }
            }
            Outcome::Refused(sentence) => Ok(End::Failed(sentence)),
            Outcome::Unknown => Ok(LATER),
        }
    }

    fn store(
        &self,
        document: &ToRead,
        text: String,
        outline: String,
        chunks: Vec<Chunk>,
        note: Option<String>,
    ) -> Result<End> {
        self.clear(document.number)?;
        let (storage, now) = (self.installation.storage(), self.installation.now());
        let (job, node, id, number) =
            (self.job.number, self.installation.node_id(), self.id, document.number);
        let counts = [chunks.len(), chunks.iter().map(|chunk| chunk.tokens).sum()];
        let (text, chunks) = (Arc::new(text), Arc::new(chunks));
        let sha256 = sha256_hex(text.as_bytes());
        let mut is_ours = storage.write_behind(move |tx| {
            let is_ours = documents::number_of_job(tx, job, node)?.is_some();
            if is_ours {
                documents::note_text(tx, id, &sha256, &outline, now)?;
            }
            Ok(is_ours)
        })?;
        let (mut from, mut written) = (0, 0);
        while is_ours && from < chunks.len() {
            if self.cancel.is_cancelled() {
                return Ok(LATER);
            }
            let began = Instant::now();
            let to = batch_end(&chunks, from, storage.piece(BATCH_BYTES));
            // A part of the text ends where the passages of the next batch begin.
            let end = chunks.get(to).map_or(text.len(), |next| next.start);
            let (text, chunks) = (Arc::clone(&text), Arc::clone(&chunks));
            is_ours = storage.write_behind(move |tx| {
                let is_ours = documents::number_of_job(tx, job, node)?.is_some();
                if is_ours {
                    document_texts::insert(tx, number, written, &text[written..end])?;
                    chunks::insert(tx, number, from, &chunks[from..to], &text)?;
                }
                Ok(is_ours)
            })?;
            (from, written) = (to, end);
            storage.give_way(began.elapsed());
        }
        if !is_ours {
            return Ok(End::Lost);
        }
        if !search_index::wait_for_document(storage, number, &|| self.cancel.is_cancelled())? {
            return Ok(LATER);
        }
        Ok(End::Completed(note, counts))
    }

    /// Takes away what an earlier turn has stored.
    fn clear(&self, number: i64) -> Result<()> {
        let storage = self.installation.storage();
        let mut cleared = 1;
        while cleared > 0 {
            let began = Instant::now();
            cleared = storage.write_behind(move |tx| {
                let parts = document_texts::clear_some(tx, number, 1)?;
                Ok(parts + chunks::clear_some(tx, number, BATCH)?)
            })?;
            storage.give_way(began.elapsed());
        }
        Ok(())
    }

    fn end(&self, end: End) -> Result<()> {
        let (job, node, id) = (self.job.number, self.installation.node_id(), self.id);
        let (attempts, storage) = (self.job.attempts, self.installation.storage());
        let (now, removal) = (self.installation.now(), Removal::of(self.installation));
        let ask_for_vectors = background::ask(self.installation);
        if matches!(end, End::Failed(_))
            && let Some(document) = storage.read_one(|conn| documents::to_read(conn, id))?
        {
            self.clear(document.number)?;
        }
        let feed = self.installation.feed().clone();
        let tell = move |tx: &Tx<'_>| match documents::find(tx, Scope::Operator, id)? {
            Some(document) => feed.document_read(tx, &document),
            None => Ok(()),
        };
        storage.write(move |tx| {
            let is_ours = documents::number_of_job(tx, job, node)?.is_some();
            match &end {
                End::Later { is_to_blame } if is_ours => {
                    documents::wait(tx, id, now)?;
                    let attempts = attempts + u32::from(*is_to_blame);
                    return jobs::put_back(tx, job, node, now.plus_ms(PAUSE_MS), attempts);
                }
                End::Completed(note, counts) if is_ours => {
                    documents::complete(tx, id, note, *counts, now)?;
                    tell(tx)?;
                    take_place(tx, id, &removal)?;
                    ask_for_vectors(tx, id, now)?;
                }
                End::Failed(why) if is_ours => {
                    documents::fail(tx, id, why, now)?;
                    tell(tx)?;
                }
                _ => {}
            }
            jobs::finish(tx, job, node)
        })
    }
}

/// Where a batch of about so many bytes ends that begins with a passage.
fn batch_end(chunks: &[Chunk], from: usize, most_bytes: usize) -> usize {
    let mut bytes = 0;
    let fits = chunks[from..].iter().take(BATCH as usize).take_while(|chunk| {
        let has_room = bytes < most_bytes;
        bytes += chunk.end - chunk.start;
        has_room
    });
    from + fits.count()
}
