//! Whether those who follow something may go on.
//!
//! Following is authorised once and lasts long. Meanwhile a token can be revoked, expire, or lose its
//! account, and what is followed can go, here or in another process. One thread looks after all of it:
//! it asks again when this process announces such a change, when another one has written to the
//! database, and when a token's time is over; and wakes whoever must not go on.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{neighbours::Word, upkeep::Upkeep};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, ErrorKind, Result},
        id::{ChatId, ResponseId},
        permission::{Area, Permission},
    },
    repo,
    service::{auth, installation::Installation},
    storage::{Conn, Tx},
};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// What is followed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Followed {
    Response(ResponseId),
    Chat(ChatId),
    Everything,
}

/// Why someone must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The credential is not in force any more.
    Credential,
    /// What was followed is gone, as far as the actor may see.
    Followed,
}

impl Ending {
    /// The refusal of a credential that was good before.
    pub(crate) fn revoked() -> Error {
        Error::new(
            ErrorKind::Unauthenticated,
            "credential_revoked",
            "The credential is no longer in force: it was revoked or expired, or its account changed; log in.",
        )
    }
}

/// Keeps the list of those who follow something. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Doorman(Arc<Inner>);

#[derive(Default)]
struct Inner {
    upkeep: Upkeep,
    next: AtomicU64,
    guests: Mutex<HashMap<u64, Weak<Guest>>>,
    /// Something has changed that may concern any of them.
    has_news: AtomicBool,
}

type Wake = Box<dyn Fn() + Send + Sync>;

/// One who follows something, until it is dropped.
pub(crate) struct Guest {
    number: u64,
    doorman: Doorman,
    actor: Actor,
    followed: Followed,
    /// Whether it was asked about since it came: something may have changed just before.
    is_known: AtomicBool,
    ending: Mutex<Option<Ending>>,
    wake: Wake,
}

impl Doorman {
    /// Starts the thread. It ends with the installation.
    pub(super) fn start(&self, installation: &Installation) -> Result<()> {
        // Weak, so that the thread keeps nothing open that nobody uses any more.
        let installation = installation.downgrade();
        let mut last_version = None;
        self.0.upkeep.start("kafka-doorman", INTERVAL, move |_| {
            let Some(installation) = installation.upgrade() else { return false };
            installation.doorman().look(&installation, &mut last_version);
            true
        })
    }

    pub(super) fn stop(&self) {
        self.0.upkeep.stop();
    }

    /// Lets someone follow something from now on. `wake` is called once they must not go on: it must be
    /// quick, and not call the library.
    pub(crate) fn admit(
        &self,
        actor: &Actor,
        followed: Followed,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Guest> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let guest = Arc::new(Guest {
            number,
            doorman: self.clone(),
            actor: *actor,
            followed,
            is_known: AtomicBool::new(false),
            ending: Mutex::new(None),
            wake: Box::new(wake),
        });
        self.guests().insert(number, Arc::downgrade(&guest));
        guest
    }

    /// Has everyone asked about again after the commit of this transaction, at once.
    pub(crate) fn announce(&self, tx: &Tx<'_>) {
        Word::tell(tx, || Word::Access);
        let doorman = self.clone();
        tx.after_commit(move || doorman.ask_all());
    }

    /// Has everyone asked about again, at once.
    pub(super) fn ask_all(&self) {
        self.0.has_news.store(true, Ordering::Release);
        self.0.upkeep.nudge();
    }

    fn look(&self, installation: &Installation, last_version: &mut Option<i64>) {
        let guests: Vec<Arc<Guest>> = self.guests().values().filter_map(Weak::upgrade).collect();
        if guests.is_empty() {
            return;
        }
        let version = installation.storage().foreign_version().ok();
        // What cannot be asked may have changed.
        let others_wrote = version.is_none() || version != *last_version;
        *last_version = version;
        let asks_all = self.0.has_news.swap(false, Ordering::AcqRel) || others_wrote;
        let now = installation.now();
        for guest in guests {
            let expires_at = guest.actor.credential().and_then(|credential| credential.expires_at);
            let is_over = expires_at.is_some_and(|at| at <= now);
            if asks_all || is_over || !guest.is_known.load(Ordering::Relaxed) {
                guest.ask(installation);
            }
        }
    }

    fn guests(&self) -> MutexGuard<'_, HashMap<u64, Weak<Guest>>> {
        self.0.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Why this one must not go on, if so.
    pub(crate) fn ending(&self) -> Option<Ending> {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, installation: &Installation) {
        if self.ending().is_some() {
            return;
        }
        let now = installation.now();
        let found = installation.storage().read(|conn| {
            if !auth::is_in_force(installation, conn, &self.actor, now)? {
                return Ok(Some(Ending::Credential));
            }
            Ok((!self.sees(conn)?).then_some(Ending::Followed))
        });
        // What could not be asked is asked at the next look.
        self.is_known.store(found.is_ok(), Ordering::Relaxed);
        if let Ok(Some(ending)) = found {
            *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending);
            (self.wake)();
        }
    }

    fn sees(&self, conn: &Conn<'_>) -> Result<bool> {
        let scope = self.actor.scope(Permission::read(Area::Chats))?;
        Ok(match self.followed {
            // One that is gone for everyone ends by itself, with its last event.
            Followed::Response(id) => {
                repo::responses::find(conn, scope, id)?.is_some()
                    || repo::responses::find(conn, Scope::Operator, id)?.is_none()
            }
            Followed::Chat(id) => repo::chats::find(conn, scope, id)?.is_some(),
            Followed::Everything => true,
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.doorman.guests().remove(&self.number);
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("followed", &self.followed).finish_non_exhaustive()
    }
}
