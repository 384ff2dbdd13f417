//! How a node tells that it lives, and learns that others write: a thread with a connection of its own.
//!
//! It beats each second, by the server's clock. Who has not beaten for 5 seconds is dead. What every commit
//! announces comes on the same connection.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use postgres::fallible_iterator::FallibleIterator;

use super::{
    connect::Connector,
    fault,
    session::{CHANNEL, Session},
};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        id::NodeId,
    },
    storage::{Conn, Tx, sql::statements},
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
    /// Grows when another process has written, or may have.
    foreign: AtomicI64,
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
            foreign: AtomicI64::new(0),
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

    /// A number that changes when another process has written.
    pub(in crate::storage) fn foreign_version(&self) -> i64 {
        self.shared.foreign.load(Ordering::Acquire)
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
        let session = self.connector.reader()?;
        // By itself, since it holds from the next transaction on.
        session.run("SET default_transaction_read_only = off")?;
        session.run(&format!("SET statement_timeout = '4s'; LISTEN {CHANNEL}; {}", self.beat))?;
        *self.unbroken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(session)
    }

    fn run(self: &Arc<Shared>, mut session: Option<Session>) {
        let mut next = Instant::now() + BEAT;
        while !self.stopped.load(Ordering::Acquire) {
            let told = match &session {
                Some(session) => self.hear(session, next),
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
                // What others write meanwhile is not heard.
                self.foreign.fetch_add(1, Ordering::AcqRel);
                if is_due {
                    session = self.listen().ok();
                }
            }
        }
    }

    /// Counts what others announce, until a beat is due or it is time to end.
    fn hear(&self, session: &Session, until: Instant) -> Result<()> {
        let mut client = session.client()?;
        let mut notices = client.notifications();
        let mut heard = notices.timeout_iter(until.saturating_duration_since(Instant::now()));
        while let Some(notice) = heard.next().map_err(fault::classify)? {
            if !self.connector.is_writer(notice.process_id()) {
                self.foreign.fetch_add(1, Ordering::AcqRel);
            }
            if self.stopped.load(Ordering::Acquire) || Instant::now() >= until {
                return Ok(());
            }
        }
        drop(heard);
        drop(notices);
        if client.is_closed() {
            return Err(fault::unavailable(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)));
        }
        Ok(())
    }
}
