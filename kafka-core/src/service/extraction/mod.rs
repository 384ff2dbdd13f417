//! The texts of documents: made once by a program of their own, and kept beside the bytes.
//!
//! What was made of bytes is named by their hash, so that it holds for each file that has them. It is made when it
//! is first wanted; whoever wants it waits, without a connection to the database. That a document has no text is
//! kept like a text. What could not be found out, because there was no time or no process, is tried again.

mod child;

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use child::End;
pub use child::Extractor;

use crate::{
    base::{
        cancel::CancelToken,
        limits::Limits,
        shares::{Shares, Whose},
    },
    entity::file::FileText,
    storage::blob::Blobs,
    text::extract::{Format, GENERATION, HEAD_BYTES},
};

/// How often one that waits for its turn looks whether it still has to.
const LOOK: Duration = Duration::from_millis(50);

/// The runs of one installation.
pub(crate) struct Extraction {
    extractor: Option<Extractor>,
    most_at_once: usize,
    patience: Duration,
    most_bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The hashes that are being read.
    running: BTreeSet<String>,
    /// For whom. Documents that take long may have been made to, and others' are not to wait for those.
    shares: Shares,
    is_closed: bool,
}

/// What is kept of a document.
#[derive(Serialize, Deserialize)]
struct Kept {
    generation: u32,
    #[serde(flatten)]
    text: FileText,
}

/// What was made of the document with this hash; none of bytes that are none, or that nobody has wanted the text of.
pub(crate) fn kept(blobs: &Blobs, sha256: &str) -> Option<FileText> {
    let kept: Kept = serde_json::from_slice(&blobs.made_of(sha256)?).ok()?;
    (kept.generation == GENERATION).then_some(kept.text)
}

/// Whether the bytes are of a document. They are at their beginning afterwards.
pub(crate) fn is_document(bytes: &mut (impl Read + Seek)) -> bool {
    format_of(bytes).is_some()
}

/// Which document the bytes are of, if they are. They are at their beginning afterwards.
pub(crate) fn format_of(bytes: &mut (impl Read + Seek)) -> Option<Format> {
    let mut head = Vec::new();
    let read = bytes.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head);
    if read.is_ok() && bytes.rewind().is_ok() { Format::of(&head) } else { None }
}

impl Extraction {
    pub(crate) fn new(extractor: Option<Extractor>, limits: &Limits) -> Extraction {
        Extraction {
            extractor,
            most_at_once: limits.extractions.max(1),
            patience: Duration::from_millis(limits.extraction_ms.into()),
            most_bytes: limits.extracted_bytes,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Has the texts of those of these bytes made that are documents, for as long as one of them may take, so that
    /// [`kept`] finds them. Ends early when it is cancelled.
    pub(crate) fn prepare<'h>(
        &self,
        blobs: &Blobs,
        hashes: impl IntoIterator<Item = &'h str>,
        whose: Whose,
        cancel: &CancelToken,
    ) {
        let until = Instant::now() + self.patience;
        for sha256 in hashes {
            if self.extractor.is_none() || cancel.is_cancelled() || Instant::now() >= until {
                return;
            }
            if kept(blobs, sha256).is_none()
                && blobs.open(sha256).is_ok_and(|mut bytes| is_document(&mut bytes))
            {
                self.make(blobs, sha256, whose, until, cancel);
            }
        }
    }

    /// What is said of a document that nobody has read.
    pub(crate) fn unread(&self) -> FileText {
        no_text(self.refusal().unwrap_or("Its text has not been read yet; ask again in a moment."))
    }

    /// Why no document is read here, where that is so.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        self.extractor.is_none().then_some("Documents are not read here.")
    }

    /// Makes one text, when it is its turn and nobody else has made it meanwhile.
    fn make(&self, blobs: &Blobs, sha256: &str, whose: Whose, until: Instant, cancel: &CancelToken) {
        let Some(extractor) = &self.extractor else { return };
        let Some(_turn) = self.turn(sha256, whose, until, cancel) else { return };
        if kept(blobs, sha256).is_some() {
            return;
        }
        let Ok(bytes) = blobs.open(sha256) else { return };
        let began = Instant::now();
        let is_to_stop = || cancel.is_cancelled() || self.state().is_closed;
        let text = match extractor.run(bytes, self.most_bytes, until, &is_to_stop) {
            End::Text { text, is_cut: false } => FileText { text: Some(text), note: None },
            End::Text { text, is_cut: true } => {
                let note = format!("Of its text this is the beginning, {} bytes.", text.len());
                FileText { text: Some(text), note: Some(note) }
            }
            End::Refused(reason) => FileText { text: None, note: Some(reason) },
            End::Failed => no_text(
                "Its text could not be read: it may be damaged, or take more time or memory than a file may; save it \
                 anew, or divide it.",
            ),
            // Others had most of the time, so that nothing is known of this one.
            End::TimedOut if until.saturating_duration_since(began) < self.patience * 9 / 10 => return,
            End::TimedOut => no_text(
                "Its text could not be read within the time that a file may take; divide it into smaller ones.",
            ),
            End::Unknown => return,
        };
        let kept = Kept { generation: GENERATION, text };
        // Text always serializes. What cannot be kept is made again the next time.
        let _ = blobs.keep_made_of(sha256, &serde_json::to_vec(&kept).unwrap_or_default());
    }

    /// Waits until this document may be read: few are at once, of one owner fewer, and none twice.
    fn turn(&self, sha256: &str, whose: Whose, until: Instant, cancel: &CancelToken) -> Option<Turn<'_>> {
        let mut state = self.state();
        while state.shares.room(whose, self.most_at_once).is_err() || state.running.contains(sha256) {
            if state.is_closed || cancel.is_cancelled() || Instant::now() >= until {
                return None;
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.is_closed {
            return None;
        }
        state.running.insert(sha256.to_owned());
        state.shares.take(whose);
        Some(Turn { extraction: self, sha256: sha256.to_owned(), whose })
    }

    /// Kills the programs that run, and waits until they are gone. None runs afterwards.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        while !state.running.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_text(reason: &str) -> FileText {
    FileText { text: None, note: Some(reason.to_owned()) }
}

/// The right to read one document.
struct Turn<'e> {
    extraction: &'e Extraction,
    sha256: String,
    whose: Whose,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.extraction.state();
        state.running.remove(&self.sha256);
        state.shares.give_back(self.whose);
        drop(state);
        self.extraction.changed.notify_all();
    }
}
