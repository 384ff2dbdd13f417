//! The event log: what running answers say, stored in batches over all of them and shown only then.
//!
//! One thread takes what has come together, stores it in one write and shows it to watchers after the
//! commit. It stores at once when it was idle or an answer ends, else every [`INTERVAL`]. What one answer
//! says between two commits is one row, so the cost of a commit grows with the answers, not the tokens.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{
    finish::{self, Ending},
    live::{Live, Running, Slot},
};
use crate::{
    base::{
        day::Day,
        error::{Error, ErrorKind, Result},
        id::{NodeId, ResponseId},
        time::{Clock, Timestamp},
    },
    entity::{
        block::{Block, Encoder},
        event::{Event, EventKind, NameData, TextData},
        response::ResponseError,
    },
    repo,
    service::feed::Feed,
    storage::{Storage, Tx},
};

/// Time between two commits while answers stream.
const INTERVAL: Duration = Duration::from_millis(25);
/// Time until what could not be stored is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// What becomes of an answer that cannot be stored for now.
const CUT_OFF: &str = "The answer was cut off because it could not be stored";

/// What an answer said since the last commit.
struct Pending {
    running: Arc<Running>,
    pieces: Vec<Piece>,
    ending: Option<(Ending, Slot)>,
}

struct Piece {
    kind: EventKind,
    text: String,
}

#[derive(Default)]
struct Queue {
    pending: HashMap<ResponseId, Pending>,
    /// Something may not wait for the interval.
    urgent: bool,
    closed: bool,
}

/// The handle through which answers speak. Clones share it.
#[derive(Clone)]
pub(crate) struct EventLog(Arc<Inner>);

struct Inner {
    queue: Mutex<Queue>,
    filled: Condvar,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl EventLog {
    /// Starts the log's thread.
    pub(crate) fn start(
        storage: Storage,
        live: Live,
        feed: Feed,
        node: NodeId,
        clock: Arc<dyn Clock>,
    ) -> Result<EventLog> {
        let log = EventLog(Arc::new(Inner {
            queue: Mutex::default(),
            filled: Condvar::new(),
            thread: Mutex::new(None),
        }));
        let recorder = Recorder { log: log.clone(), storage, live, feed, node, clock };
        let thread = thread::Builder::new().name("kafka-log".to_owned()).spawn(move || recorder.run());
        let thread = thread.map_err(|error| {
            Error::new(
                ErrorKind::Busy,
                "thread_unavailable",
                "The system gives no more threads; try again later.",
            )
            .with_source(error)
        })?;
        *log.0.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(log)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a piece of text to an answer, or the name of a stage that begins.
    pub(super) fn say(&self, running: &Arc<Running>, kind: EventKind, text: String) {
        let mut queue = self.queue();
        let was_empty = queue.pending.is_empty();
        queue.pending_of(running).pieces.push(Piece { kind, text });
        drop(queue);
        // While more is pending the thread knows when to look; waking it for each token would cost most
        // when models are fastest.
        if was_empty {
            self.0.filled.notify_one();
        }
    }

    /// Ends an answer. Its slot is free once the end is stored.
    pub(super) fn end(&self, running: &Arc<Running>, ending: Ending, slot: Slot) {
        let mut queue = self.queue();
        queue.pending_of(running).ending = Some((ending, slot));
        queue.urgent = true;
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Stores what is pending and ends the thread.
    pub(crate) fn close(&self) {
        self.queue().closed = true;
        self.0.filled.notify_all();
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic there has been reported; there is nothing to add.
            drop(thread.join());
        }
    }
}

impl Queue {
    fn pending_of(&mut self, running: &Arc<Running>) -> &mut Pending {
        self.pending.entry(running.id).or_insert_with(|| Pending {
            running: Arc::clone(running),
            pieces: Vec::new(),
            ending: None,
        })
    }

    /// Puts back what could not be stored, before what came meanwhile.
    fn put_back(&mut self, mut failed: Pending) {
        if let Some(newer) = self.pending.remove(&failed.running.id) {
            failed.pieces.extend(newer.pieces);
            failed.ending = failed.ending.or(newer.ending);
        }
        self.pending.insert(failed.running.id, failed);
    }
}

/// What the log's thread works with.
struct Recorder {
    log: EventLog,
    storage: Storage,
    live: Live,
    feed: Feed,
    node: NodeId,
    clock: Arc<dyn Clock>,
}

/// One answer's share of a commit.
struct Entry {
    running: Arc<Running>,
    /// New since the last commit.
    events: Block,
    ending: Option<Ending>,
}

/// What a commit made of an entry.
enum Stored {
    /// These are new and on disk.
    News(Block),
    /// The answer was deleted, ended by another process, or taken over.
    Gone,
}

impl Recorder {
    fn run(self) {
        let mut stored_at: Option<Instant> = None;
        while let Some(batch) = self.next_batch(stored_at) {
            stored_at = Some(Instant::now());
            let failed = self.record(batch);
            if !failed.is_empty() && !self.put_back(failed) {
                return;
            }
        }
    }

    /// What has come together, as soon as it may be stored. None when the log is closed and empty.
    fn next_batch(&self, stored_at: Option<Instant>) -> Option<Vec<Pending>> {
        let inner = &*self.log.0;
        let mut queue = self.log.queue();
        while queue.pending.is_empty() {
            if queue.closed {
                return None;
            }
            queue = inner.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(due) = stored_at.map(|at| at + INTERVAL) {
            while !queue.urgent && !queue.closed {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                queue = inner.filled.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        queue.urgent = false;
        Some(queue.pending.drain().map(|(_, pending)| pending).collect())
    }

    /// Stores and shows a batch, and returns what could not be stored and may be tried again.
    fn record(&self, mut batch: Vec<Pending>) -> Vec<Pending> {
        match self.store(&batch) {
            Ok(stored) => {
                for (pending, stored) in batch.into_iter().zip(stored) {
                    self.show(pending, stored);
                }
                Vec::new()
            }
            // One answer's trouble must not hurt the others.
            Err(_) if batch.len() > 1 => {
                batch.drain(..).flat_map(|pending| self.record(vec![pending])).collect()
            }
            Err(error) => match error.kind() {
                // Another process has the lock, or the queue is full: it passes.
                ErrorKind::Busy => batch,
                // The disk is full or fails: the models are stopped, so that what waits does not grow.
                ErrorKind::Storage => {
                    let reason = ResponseError::of_storage(&error, CUT_OFF);
                    batch.iter().for_each(|pending| pending.running.cut_off(Some(reason.clone())));
                    batch
                }
                // No time mends it; watchers are told by the end of their streams.
                _ => {
                    batch.drain(..).for_each(|pending| self.show(pending, Stored::Gone));
                    Vec::new()
                }
            },
        }
    }

    fn store(&self, batch: &[Pending]) -> Result<Vec<Stored>> {
        let entries = batch.iter().map(Entry::of).collect::<Result<Vec<_>>>()?;
        let (feed, node, now) = (self.feed.clone(), self.node, self.clock.now());
        self.storage.write(move |tx| {
            let said: Vec<_> = entries.iter().filter_map(Entry::said).collect();
            let all_run = repo::response_events::append(tx, node, &said)?;
            entries.iter().map(|entry| entry.store(tx, &feed, node, now, all_run)).collect()
        })
    }

    fn show(&self, pending: Pending, stored: Stored) {
        let running = &pending.running;
        let over = pending.ending.is_some() || matches!(stored, Stored::Gone);
        match stored {
            Stored::News(events) => running.show(Some(events), over),
            Stored::Gone => {
                running.cancel.cancel();
                running.show(None, true);
            }
        }
        if over {
            self.live.remove(running.id);
        }
    }

    /// Keeps what could not be stored and tries again later. False when the log was closed meanwhile: recovery will then mend it.
    fn put_back(&self, failed: Vec<Pending>) -> bool {
        let mut queue = self.log.queue();
        for pending in failed {
            queue.put_back(pending);
        }
        let retry_at = Instant::now() + RETRY;
        loop {
            let left = retry_at.saturating_duration_since(Instant::now());
            if queue.closed || left.is_zero() {
                return !queue.closed;
            }
            queue = self.log.0.filled.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Entry {
    fn of(pending: &Pending) -> Result<Entry> {
        let first = pending.running.last_seq() + 1;
        let mut encoder = Encoder::default();
        for (piece, seq) in pending.pieces.iter().zip(first..) {
            match piece.kind {
                EventKind::Stage => encoder.push(seq, piece.kind, &NameData { name: &piece.text })?,
                _ => encoder.push(seq, piece.kind, &TextData { text: &piece.text })?,
            }
        }
        Ok(Entry {
            running: Arc::clone(&pending.running),
            events: encoder.finish_fitting()?,
            ending: pending.ending.as_ref().map(|(ending, _)| ending.clone()),
        })
    }

    /// What is stored of an answer that goes on: with that of all others, which on a server is one journey.
    fn said(&self) -> Option<(ResponseId, Vec<Event>)> {
        self.ending.is_none().then(|| (self.running.id, self.events.events().collect()))
    }

    /// Stores the end of an answer, and makes known what was stored of one that goes on. `all_run` when all of those
    /// are known to run here.
    fn store(&self, tx: &Tx<'_>, feed: &Feed, node: NodeId, now: Timestamp, all_run: bool) -> Result<Stored> {
        let running = &self.running;
        let is_known_to_run = self.ending.is_none() && all_run;
        if !is_known_to_run && !repo::responses::is_running_on(tx, running.id, node)? {
            return Ok(Stored::Gone);
        }
        let Some(ending) = &self.ending else {
            feed.grown(tx, running.id);
            return Ok(Stored::News(self.events.clone()));
        };
        let mut events = match running.all_shown() {
            Some(events) => events,
            None => repo::response_events::list(tx, running.id)?,
        };
        let shown = events.len();
        events.extend(self.events.events());
        let all = finish::store(tx, feed, &running.accepted, ending, events, Day::of(now), now)?;
        all.map_or(Ok(Stored::Gone), |all| Block::joining(&all[shown..]).map(Stored::News))
    }
}
