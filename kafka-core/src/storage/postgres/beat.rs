//! How a node tells that it lives, and learns that others write: a thread with a connection of its own.
//!
//! It beats each second, by the server's clock. Who has not beaten for 5 seconds is dead. What other nodes tell
//! with their commits comes on the same connection.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    connect::Connector,
    fault,
    notice::{CHANNEL, Hearing, Whole},
    session::Session,
};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        id::NodeId,
    },
    storage::{
        Conn, Tx,
        heard::{Ear, Heard},
        sql::statements,
    },
};

const BEAT: Duration = Duration::from_secs(1);
/// Who has not beaten for so long is dead.
const SILENCE: Duration = Duration::from_secs(5);

statements! {
    LIVES = ["SELECT 1 FROM nodes WHERE id = $1 AND heartbeat_at > \
        CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) - 5000"];
    /// What is removed here was dead in the moment of its removal.
    REMOVE = ["DELETE FROM nodes WHERE id = $1 AND heartbeat_at <= \
        CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) - 5000"];
}

/// Whether a node has beaten lately.
pub(in crate::storage) fn lives(conn: &Conn<'_>, node: NodeId) -> Result<bool> {
    Ok(conn.first(&LIVES, &[node.into()], |_| Ok(()))?.is_some())
}

/// Removes the row of a node that is dead, and returns whether it was.
pub(in crate::storage) fn remove(tx: &Tx<'_>, node: NodeId) -> Result<bool> {
    Ok(tx.execute(&REMOVE, &[node.into()])? > 0)
}

/// What keeps a node alive. It ends when this is dropped.
pub(in crate::storage) struct Beat {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    connector: Arc<Connector>,
    beat: String,
    stopped: AtomicBool,
    /// Grows when another process may have written what was not heard.
    unheard: AtomicI64,
    ear: OnceLock<Ear>,
    /// Since when no beat was missed.
    unbroken: Mutex<Option<Instant>>,
}

impl Beat {
    /// Starts to beat for a node whose row stands. `kind` and `pid` are those of the row, which is written
    /// again when others have taken this process for dead.
    pub(in crate::storage) fn start(
        connector: Arc<Connector>,
        node: NodeId,
        kind: &'static str,
        pid: u32,
    ) -> Result<Beat> {
        const NOW: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
        let shared = Arc::new(Shared {
            connector,
            beat: format!(
                "UPDATE nodes SET heartbeat_at = {NOW} WHERE id = '{node}'; \
                 INSERT INTO nodes (id, kind, pid, started_at, heartbeat_at) \
                 SELECT '{node}', '{kind}', {pid}, {NOW}, {NOW} \
                 WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE id = '{node}')"
            ),
            stopped: AtomicBool::new(false),
            unheard: AtomicI64::new(0),
            ear: OnceLock::new(),
            unbroken: Mutex::default(),
        });
        let session = Some(shared.listen()?);
        let thread = thread::Builder::new()
            .name("kafka-beat".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.run(session)
            })
            .map_err(|fault| {
                Error::new(
                    ErrorKind::Busy,
                    "thread_refused",
                    "The system gives no thread to tell the database that this process lives.",
                )
                .with_source(fault)
            })?;
        Ok(Beat { shared, thread: Mutex::new(Some(thread)) })
    }

    /// A number that changes when another process may have written and was not heard.
    pub(in crate::storage) fn unheard_version(&self) -> i64 {
        self.shared.unheard.load(Ordering::Acquire)
    }

    /// Has someone hear from now on what other nodes tell. There is one who does.
    pub(in crate::storage) fn listen(&self, ear: Ear) {
        let _ = self.shared.ear.set(ear);
    }

    /// Whether others may be judged: after a pause of the server all nodes look dead to the first that is
    /// back.
    pub(in crate::storage) fn may_judge(&self) -> bool {
        let unbroken = *self.shared.unbroken.lock().unwrap_or_else(PoisonError::into_inner);
        unbroken.is_some_and(|since| since.elapsed() >= SILENCE)
    }

    /// Ends the beats with the next write of any process.
    pub(in crate::storage) fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
    }

    /// Waits for the last beat, so that the row of the node is not written again.
    pub(in crate::storage) fn join(&self) {
        self.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread has no panics of its own.
        drop(thread.map(JoinHandle::join));
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn listen(self: &Arc<Shared>) -> Result<Session> {
        let session = self.connector.writer()?;
        session.run(&format!("SET statement_timeout = '4s'; LISTEN {CHANNEL}; {}", self.beat))?;
        *self.unbroken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(session)
    }

    fn run(self: &Arc<Shared>, mut session: Option<Session>) {
        let mut next = Instant::now() + BEAT;
        let mut hearing = Hearing::default();
        while !self.stopped.load(Ordering::Acquire) {
            let told = match &session {
                Some(session) => self.hear(session, &mut hearing, next),
                None => {
                    thread::sleep(next.saturating_duration_since(Instant::now()).min(BEAT / 10));
                    Ok(())
                }
            };
            let is_due = Instant::now() >= next;
            if is_due {
                next = Instant::now() + BEAT;
            }
            let done = match &session {
                Some(session) if is_due && told.is_ok() => session.run(&self.beat),
                _ => told,
            };
            if done.is_err() {
                session = None;
            }
            if session.is_none() {
                *self.unbroken.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.unheard.fetch_add(1, Ordering::AcqRel);
                hearing = Hearing::default();
                if is_due {
                    session = self.listen().ok();
                }
                if session.is_some() {
                    // Not before: who reads anew now misses nothing that comes later.
                    self.say(Heard::Gap);
                }
            }
        }
    }

    fn say(&self, heard: Heard<'_>) {
        if let Some(ear) = self.ear.get() {
            ear(heard);
        }
    }

    /// Passes on what others tell, until a beat is due or it is time to end.
    fn hear(&self, session: &Session, hearing: &mut Hearing, until: Instant) -> Result<()> {
        let mut driver = session.driver()?;
        while let Some(notice) = driver.notified(until).map_err(fault::classify)? {
            match hearing.take(&self.connector.origin, notice.payload()) {
                Whole::Nothing => {}
                Whole::Text(lines) => self.say(Heard::Told(&lines)),
                Whole::Unknown => self.say(Heard::Gap),
            }
            if self.stopped.load(Ordering::Acquire) || Instant::now() >= until {
                return Ok(());
            }
        }
        if driver.is_closed() {
            return Err(fault::unavailable(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)));
        }
        Ok(())
    }
}
