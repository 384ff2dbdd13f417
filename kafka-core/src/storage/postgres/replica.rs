//! A streaming replica that takes reads off the primary, and gives none of them anything older.
//!
//! A read asks the primary how far it has written, and runs on the replica once that has read as far: then
//! it has all that was stored when the read began, whichever process stored it. What the replica does not have
//! within [`PATIENCE`], and whatever fails there, is read from the primary.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio_postgres::SimpleQueryMessage;

use super::{
    connect::Connector,
    fault,
    position::{self, Position},
    session::Session,
};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        warning::OnWarning,
    },
    storage::{
        Conn, StorageOptions,
        link::Link,
        pool::{Pool, PoolBounds},
    },
};

/// How long a read waits for the replica to catch up.
const PATIENCE: Duration = Duration::from_millis(10);
/// Time between two looks whether it has.
const LOOK: Duration = Duration::from_millis(1);
/// How long a replica that did not is left alone.
const LAG_PAUSE: Duration = Duration::from_millis(100);
/// How long a read waits for a connection to the replica: the primary has some, too.
const POOL_WAIT: Duration = Duration::from_millis(20);
/// Time between two tries to reach one that was lost.
const RETRY: Duration = Duration::from_secs(1);

/// The code of a replica that has not caught up.
const LAGS: &str = "replica_lags";
/// The code of one that is none any more.
const NONE: &str = "replica_is_none";

/// How far the replica has read is asked before the moment is chosen that is read of: whatever it has read by then
/// is in it.
const BEGIN: &str = "BEGIN READ ONLY; SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn(); COMMIT; \
     BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What a replica and its primary have in common, and no other server with either.
const IDENTITY: &str = "SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()), \
     current_database(), current_schema()";

type Identity = [Option<String>; 4];

pub(in crate::storage) struct Replica(Arc<Shared>);

struct Shared {
    connector: Arc<Connector>,
    primary: Arc<Connector>,
    position: Position,
    pool: Pool,
    expected: Arc<OnceLock<Identity>>,
    standing: Mutex<Standing>,
    on_warning: OnWarning,
    closed: AtomicBool,
}

#[derive(Default)]
struct Standing {
    /// A thread is trying to reach it.
    is_lost: bool,
    /// Until when it is not asked, because it was behind.
    behind_until: Option<Instant>,
}

impl Replica {
    /// The replica that the options name, if they do. One that cannot be reached now is tried again later.
    ///
    /// # Errors
    /// `Invalid` when the server is no replica (`replica_is_none`), or that of another database
    /// (`replica_of_another`); otherwise those of [`Connector::connect`], but for servers that cannot be reached.
    pub(in crate::storage) fn open(
        primary: &Arc<Connector>,
        storage: &StorageOptions,
    ) -> Result<Option<Replica>> {
        let Some(address) = &primary.options.replica else { return Ok(None) };
        let (options, patience) = (primary.options.clone(), storage.busy_timeout);
        let bounds =
            PoolBounds { kept: options.pool_size, most: options.most_connections(), wait: Some(POOL_WAIT) };
        let connector = Connector::new(address.impatient(), options, patience, &*storage.random);
        let connector = connector.map_err(of_replica)?;
        let expected = Arc::new(OnceLock::new());
        let (readers, known) = (Arc::clone(&connector), Arc::clone(&expected));
        let open = move || {
            // Another server may have the address by now.
            let session = readers.reader().map_err(fault::unavailable)?;
            match known.get() == Some(&identity(&session)?) {
                true => Ok(Link::Postgres(Box::new(session))),
                false => Err(fault::unavailable(std::io::Error::other("it is another server than before"))),
            }
        };
        let replica = Replica(Arc::new(Shared {
            connector,
            primary: Arc::clone(primary),
            position: Position::of(Arc::clone(primary)),
            pool: Pool::new(bounds, open),
            expected,
            standing: Mutex::default(),
            on_warning: storage.on_warning.clone(),
            closed: AtomicBool::new(false),
        }));
        match replica.0.check() {
            Ok(()) => {}
            // It may be starting, or have to catch up before it knows a new database.
            Err(error) if ["database_unreachable", "database_missing"].contains(&error.code()) => {
                replica.lose(&error);
            }
            Err(error) => return Err(error),
        }
        Ok(Some(replica))
    }

    /// What `work` reads, if the replica has all that stands by now. None when the primary is to be asked.
    pub(in crate::storage) fn read<T>(&self, work: impl Fn(&Conn<'_>) -> Result<T>) -> Option<Result<T>> {
        if !self.may_ask() {
            return None;
        }
        let position = self.0.position.now().ok()?;
        let begin = |link: &Link| match link {
            Link::Postgres(session) => session.begin_read_at(position),
            Link::Sqlite(_) => link.begin_read(),
        };
        let mut done = self.0.pool.read_begun(begin, &work);
        if done.as_ref().is_err_and(|error| error.code() == fault::UNAVAILABLE) {
            // It may have been restarted, and answer on a new connection.
            self.0.pool.renew();
            done = self.0.pool.read_begun(begin, &work);
        }
        match done {
            Err(error) if is_of_server(&error) => {
                self.note(&error);
                None
            }
            done => {
                self.standing().behind_until = None;
                Some(done)
            }
        }
    }

    /// Ends its connections. Reads of a closed one are the primary's.
    pub(in crate::storage) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.pool.close();
        self.0.position.close();
    }

    /// Of those who come while it is behind, one at a time finds out whether it still is.
    fn may_ask(&self) -> bool {
        let mut standing = self.standing();
        match standing.behind_until {
            _ if standing.is_lost => false,
            None => true,
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                standing.behind_until = Some(Instant::now() + LAG_PAUSE);
                true
            }
        }
    }

    /// Remembers what keeps it from being asked.
    fn note(&self, error: &Error) {
        match error.code() {
            LAGS => self.standing().behind_until = Some(Instant::now() + LAG_PAUSE),
            fault::UNAVAILABLE | NONE => self.lose(error),
            // It works, but not on this: it has much to do, or removes what is being read.
            _ => {}
        }
    }

    /// Leaves it alone until it answers again, and says so once.
    fn lose(&self, error: &Error) {
        let mut standing = self.standing();
        if std::mem::replace(&mut standing.is_lost, true) || self.0.closed.load(Ordering::Acquire) {
            return;
        }
        drop(standing);
        let reason = std::error::Error::source(error).map_or(error.to_string(), ToString::to_string);
        self.0.on_warning.tell(&format!(
            "The replica at {} cannot be asked ({}); the primary is, until it can.",
            self.0.connector.address.server(),
            reason.trim_end_matches('.')
        ));
        // Weak, so that the thread keeps nothing open that nobody uses any more.
        let shared = Arc::downgrade(&self.0);
        let tries = move || {
            loop {
                thread::sleep(RETRY);
                let Some(shared) = shared.upgrade() else { return };
                if shared.closed.load(Ordering::Acquire) || shared.is_found() {
                    return;
                }
            }
        };
        if thread::Builder::new().name("kafka-replica".to_owned()).spawn(tries).is_err() {
            // Whoever comes later tries it.
            *self.standing() = Standing { is_lost: false, behind_until: Some(Instant::now() + RETRY) };
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Whether one that was lost can be asked again.
    fn is_found(&self) -> bool {
        if self.check().is_err() {
            return false;
        }
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Standing::default();
        let server = self.connector.address.server();
        self.on_warning.tell(&format!("The replica at {server} is asked again."));
        true
    }

    /// Makes sure that it is a replica of the primary.
    fn check(&self) -> Result<()> {
        let theirs = self.connector.reader().map_err(of_replica)?;
        let theirs = identity(&theirs).map_err(of_replica)?;
        let ours = identity(&self.primary.reader()?)?;
        let (replica, primary) = (self.connector.address.server(), self.primary.address.server());
        let wrong = |code, sentence| Err(Error::new(ErrorKind::Invalid, code, sentence));
        if theirs[0].as_deref() != Some("t") {
            return wrong(
                NONE,
                format!(
                    "The server at {replica}, which replica_url names, is no replica but takes writes; name a \
                     standby of {primary}, or leave it out."
                ),
            );
        }
        if theirs[1..] != ours[1..] {
            return wrong(
                "replica_of_another",
                format!(
                    "The server at {replica}, which replica_url names, is no replica of {primary} or leads to \
                     another database or schema of it; name the same database on a standby of it, or leave it out."
                ),
            );
        }
        self.expected.get_or_init(|| theirs);
        Ok(())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.close();
    }
}

impl Session {
    /// Begins a transaction of a moment at which the replica has read as far as `position`.
    fn begin_read_at(&self, position: u64) -> Result<()> {
        let began = Instant::now();
        loop {
            let answer = self.simple(BEGIN)?;
            let [is_replica, read] = first_row(&answer);
            if is_replica.as_deref() != Some("t") {
                let sentence = "The server is no replica any more: it takes writes.";
                return Err(Error::new(ErrorKind::Storage, NONE, sentence));
            }
            if read.and_then(|read| position::parse(&read)).is_some_and(|read| read >= position) {
                return Ok(());
            }
            self.end_read()?;
            if began.elapsed() >= PATIENCE {
                return Err(Error::new(ErrorKind::Busy, LAGS, "The replica is behind the primary."));
            }
            thread::sleep(LOOK);
        }
    }
}

fn identity(session: &Session) -> Result<Identity> {
    Ok(first_row(&session.simple(IDENTITY)?))
}

fn first_row<const N: usize>(answer: &[SimpleQueryMessage]) -> [Option<String>; N] {
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    std::array::from_fn(|column| row.and_then(|row| row.get(column)).map(str::to_owned))
}

/// Whether an error tells of the server, and not of what was read.
fn is_of_server(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Busy
            | ErrorKind::Storage
            | ErrorKind::Corrupt
            | ErrorKind::Incompatible
            | ErrorKind::Internal
    )
}

/// An error of connecting, with the setting that led there.
fn of_replica(error: Error) -> Error {
    let sentence = format!("replica_url: {error}");
    error.with_message(sentence)
}
