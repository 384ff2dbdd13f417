//! The answers that this process runs now.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::held::HeldBlocks;
use crate::{
    base::{
        cancel::CancelToken,
        error::{Error, ErrorKind, Result},
        id::{ChatId, ResponseId},
        shares::{Full, Shares, Whose},
    },
    entity::{
        block::Block,
        event::Event,
        message::Message,
        response::{Response, ResponseError},
    },
};

/// How many events of an answer are kept in memory, once for all that watch it: as many blocks as hold no
/// more, and the last in any case. A commit's block costs some 200 bytes besides its events, so that a slow
/// answer keeps less than 100 kB. Who is further behind reads what is stored.
const RECENT: usize = 256;

/// One answer that runs or waits, shared by its thread, the log and everyone who watches.
pub(crate) struct Running {
    pub(crate) id: ResponseId,
    pub(crate) chat: ChatId,
    pub(crate) accepted: Arc<Response>,
    pub(crate) user_message: Message,
    /// Raised when the answer is no longer wanted.
    pub(crate) cancel: CancelToken,
    /// Set when it is not wanted because it cannot be kept, rather than because someone said so: with the
    /// reason, unless that is the end of this process.
    cut_off: OnceLock<Option<ResponseError>>,
    shown: Mutex<Shown>,
    grown: Condvar,
    /// What those who are further behind hold now of what is stored.
    pub(crate) held: HeldBlocks,
}

/// What is on disk and may therefore be seen.
struct Shown {
    /// The last ones, in the blocks in which they were committed.
    recent: VecDeque<Block>,
    /// How many events those are.
    kept: usize,
    /// How many there are in all; they are numbered 1 to this.
    last_seq: u64,
    over: bool,
}

/// What a watcher finds.
pub(crate) enum Seen {
    /// The block that holds the first event that is new to the watcher.
    Events(Block),
    /// There are new ones, but the next is in storage only.
    Behind,
    /// Nothing new within the time.
    Nothing,
    /// Nothing new, and nothing will come from this process.
    Over,
}

impl Running {
    pub(super) fn new(
        response: &Response,
        user_message: Message,
        first: Block,
        cancel: CancelToken,
    ) -> Arc<Running> {
        Arc::new(Running {
            id: response.id,
            chat: response.chat_id,
            accepted: Arc::new(response.clone()),
            user_message,
            cancel,
            cut_off: OnceLock::new(),
            shown: Mutex::new(Shown {
                last_seq: first.last_seq(),
                kept: first.len(),
                recent: VecDeque::from([first]),
                over: false,
            }),
            grown: Condvar::new(),
            held: HeldBlocks::default(),
        })
    }

    /// Stops the answer; what came of it is kept as interrupted, with the reason.
    pub(super) fn cut_off(&self, reason: Option<ResponseError>) {
        // Who asked first decides.
        if !self.cancel.is_cancelled() {
            let _ = self.cut_off.set(reason);
            self.cancel.cancel();
        }
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.cut_off.get().is_some()
    }

    /// Why it was cut off.
    pub(super) fn cut_off_for(&self) -> Option<ResponseError> {
        self.cut_off.get().cloned().flatten()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many events are shown; they are numbered 1 to this.
    pub(crate) fn last_seq(&self) -> u64 {
        self.shown().last_seq
    }

    /// All events that are shown, while they are few enough to be kept.
    pub(super) fn all_shown(&self) -> Option<Vec<Event>> {
        let shown = self.shown();
        let has_all = shown.kept as u64 == shown.last_seq;
        has_all.then(|| shown.recent.iter().flat_map(Block::events).collect())
    }

    /// Waits at most `patience` for events after number `after`, and no longer than until the watcher has
    /// to leave; who finds that it has to, [nudges](Running::nudge).
    pub(crate) fn watch(&self, after: u64, patience: Duration, leaves: impl Fn() -> bool) -> Seen {
        let shown = self.shown();
        let nothing_new = |shown: &mut Shown| shown.last_seq <= after && !shown.over && !leaves();
        let (shown, _) = self
            .grown
            .wait_timeout_while(shown, patience, nothing_new)
            .unwrap_or_else(PoisonError::into_inner);
        if shown.last_seq <= after {
            return if shown.over { Seen::Over } else { Seen::Nothing };
        }
        let first_kept = shown.last_seq - shown.kept as u64;
        let block = shown.recent.partition_point(|block| block.last_seq() <= after);
        match shown.recent.get(block) {
            Some(block) if after >= first_kept => Seen::Events(block.clone()),
            _ => Seen::Behind,
        }
    }

    /// Waits at most `patience` until its end is shown. True when it is.
    pub(super) fn wait_until_over(&self, patience: Duration) -> bool {
        let waited = self.grown.wait_timeout_while(self.shown(), patience, |shown| !shown.over);
        waited.unwrap_or_else(PoisonError::into_inner).0.over
    }

    /// Has every watcher look whether it has to leave.
    pub(crate) fn nudge(&self) {
        // Who looks and need not leave waits before the lock is given back.
        drop(self.shown());
        self.grown.notify_all();
    }

    /// Shows what a commit holds of this answer.
    pub(super) fn show(&self, events: Option<Block>, over: bool) {
        let mut shown = self.shown();
        if shown.over {
            // Its end was shown by who deleted it, with all that was stored until then.
            return;
        }
        if let Some(events) = events {
            shown.last_seq = events.last_seq().max(shown.last_seq);
            shown.kept += events.len();
            shown.recent.push_back(events);
        }
        while shown.kept > RECENT && shown.recent.len() > 1 {
            let old = shown.recent.pop_front();
            shown.kept -= old.map_or(0, |block| block.len());
        }
        shown.over |= over;
        drop(shown);
        self.grown.notify_all();
    }
}

impl Running {
    /// Shows the end of an answer that was deleted: its log is nowhere but here now, whole, for those who
    /// watch already.
    fn part(&self, log: &[Event]) {
        let Ok(log) = Block::joining(log) else { return self.show(None, true) };
        let mut shown = self.shown();
        (shown.last_seq, shown.kept, shown.over) = (log.last_seq(), log.len(), true);
        shown.recent = VecDeque::from([log]);
        drop(shown);
        self.grown.notify_all();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("id", &self.id).field("chat", &self.chat).finish_non_exhaustive()
    }
}

/// The answers of this process by id. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    answers: Mutex<Answers>,
    ended: Condvar,
    slots: Mutex<Shares>,
    closing: AtomicBool,
}

#[derive(Debug, Default)]
struct Answers {
    running: HashMap<ResponseId, Arc<Running>>,
    /// Counts what waiters want to be woken for, so that none of it is missed between look and wait.
    news: u64,
}

/// One of the answers that may run at a time; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    live: Live,
    whose: Whose,
}

impl Slot {
    pub(super) fn whose(&self) -> Whose {
        self.whose
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.live.slots().give_back(self.whose);
        self.live.nudge();
    }
}

impl Live {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> MutexGuard<'_, Shares> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of `most` slots, if one of that share is free.
    pub(super) fn reserve(&self, whose: Whose, most: usize) -> Result<Slot> {
        let mut slots = self.slots();
        let (kind, code, what) = match slots.room(whose, most) {
            Ok(()) => {
                slots.take(whose);
                return Ok(Slot { live: self.clone(), whose });
            }
            Err(Full::All) => (ErrorKind::Busy, "answers_at_capacity", format!("{most} answers run already")),
            Err(Full::Share(taken)) => (
                ErrorKind::RateLimited,
                "owner_busy",
                format!("{taken} answers run or wait already in the chats of this chat's owner"),
            ),
        };
        let sentence = format!("{what}, which is as many as may; try again when one has ended.");
        Err(Error::new(kind, code, sentence).with_retry_after(Duration::from_secs(5)))
    }

    /// Takes a slot past every limit, for what ends at once.
    pub(super) fn reserve_for_end(&self) -> Slot {
        self.slots().take(Whose::Operator);
        Slot { live: self.clone(), whose: Whose::Operator }
    }

    /// Makes an answer known. One that was accepted while everything ends, ends too.
    pub(super) fn add(&self, running: Arc<Running>) {
        self.answers().running.insert(running.id, Arc::clone(&running));
        if self.0.closing.load(Ordering::Acquire) {
            running.cut_off(None);
        }
    }

    /// The answer, while this process runs it.
    pub(crate) fn get(&self, id: ResponseId) -> Option<Arc<Running>> {
        self.answers().running.get(&id).cloned()
    }

    /// What runs or waits in this process.
    pub(crate) fn all(&self) -> Vec<Arc<Running>> {
        self.answers().running.values().cloned().collect()
    }

    /// Forgets an answer that has ended, and wakes those that wait for their turn.
    pub(super) fn remove(&self, id: ResponseId) {
        self.answers().running.remove(&id);
        self.nudge();
    }

    /// Stops an answer that another process has ended, if it runs here.
    #[cfg(feature = "postgres")]
    pub(crate) fn let_go(&self, id: ResponseId) {
        if let Some(running) = self.get(id) {
            running.cancel.cancel();
        }
    }

    /// What to give [`wait_for_news`](Live::wait_for_news), read before looking at the database.
    pub(crate) fn news(&self) -> u64 {
        self.answers().news
    }

    /// Waits at most `patience` for an answer of this process to end, or not at all if one has since
    /// `seen` was read.
    pub(crate) fn wait_for_news(&self, seen: u64, patience: Duration) {
        let answers = self.answers();
        let nothing_new = |answers: &mut Answers| answers.news == seen;
        drop(self.0.ended.wait_timeout_while(answers, patience, nothing_new));
    }

    /// Wakes whoever waits for an answer to end, so that they look again.
    pub(super) fn nudge(&self) {
        self.answers().news += 1;
        self.0.ended.notify_all();
    }

    /// Stops an answer whose message is gone, and shows those who watch how it ended, as its log had it.
    pub(crate) fn abandon(&self, id: ResponseId, log: Option<&[Event]>) {
        if let Some(running) = self.get(id) {
            if let Some(log) = log {
                running.part(log);
            }
            running.cancel.cancel();
        }
    }

    /// Stops the answers of chats that are gone.
    pub(crate) fn abandon_chats(&self, chats: &HashSet<ChatId>) {
        for running in self.all().into_iter().filter(|running| chats.contains(&running.chat)) {
            running.cancel.cancel();
        }
    }

    /// Stops every answer as interrupted and waits at most `patience` until their ends are stored.
    pub(crate) fn close(&self, patience: Duration) {
        self.0.closing.store(true, Ordering::Release);
        for running in self.all() {
            running.cut_off(None);
        }
        self.wait_until_idle(patience);
    }

    /// Waits at most `patience` until no answer runs. True when none does.
    pub(crate) fn wait_until_idle(&self, patience: Duration) -> bool {
        let answers = self.answers();
        let busy = |_: &mut Answers| self.slots().taken() > 0;
        let waited = self.0.ended.wait_timeout_while(answers, patience, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
