//! The change feed: what was committed, to whom it concerns.
//!
//! A service announces a change inside the transaction that makes it ([`feed`](super::feed)); after the commit
//! it goes to the queues of those who subscribed, and on PostgreSQL to those of other nodes, too
//! ([`neighbours`](super::neighbours)).

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    doorman::{Ending, Followed, Guest},
    feed::{Feed, Notice, Queue, Subscriber},
};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::Result,
        id::{ChatId, MessageId, ResponseId, UserId},
        permission::{Area, Permission},
    },
    entity::{change::Change, message::MessageStatus, response::ResponseStatus},
    repo,
    service::{auth, chats, installation::Installation},
    storage::Conn,
};

/// Subscribing to changes, as one actor may. Made by [`Kafka::events`](crate::Kafka::events).
#[derive(Debug)]
pub struct Events<'k> {
    installation: &'k Installation,
    actor: Actor,
}

impl<'k> Events<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Events<'k> {
        Events { installation, actor: *actor }
    }

    /// The changes from now on: of one chat, or (`None`) of everything that the actor may see. Each is
    /// told after its commit. At most [`Limits::pending_changes`](crate::Limits) wait to be read; what
    /// comes on top of them is lost, and the loss told.
    ///
    /// On PostgreSQL it does not matter which node makes a change; one whose connection to the database was lost
    /// tells a loss, since nobody knows what it missed. On SQLite only what this process changes is told; but that
    /// a chat is gone, whoever deleted it.
    ///
    /// # Errors
    /// `NotFound` for a chat that the actor may not see; `Unauthenticated` (`account_required`) for
    /// everything without an account.
    pub fn subscribe(&self, chat: impl Into<Option<ChatId>>) -> Result<Changes> {
        let chat = chat.into();
        match chat {
            Some(chat) => drop(chats::Chats::new(self.installation, &self.actor).get(chat)?),
            // Callers without a credential have nothing but ids.
            None if self.actor.is_anonymous() => drop(auth::account_of(&self.actor)?),
            None => self.actor.require(Permission::read(Area::Chats))?,
        }
        let subscriber = Arc::new(Subscriber {
            chat,
            most: self.installation.limits().pending_changes,
            queue: Mutex::default(),
            filled: Condvar::new(),
            wake: Mutex::new(None),
        });
        let feed = self.installation.feed().clone();
        feed.subscribers().push(Arc::downgrade(&subscriber));
        let followed = chat.map_or(Followed::Everything, Followed::Chat);
        let reader = Arc::downgrade(&subscriber);
        let guest = self.installation.doorman().admit(&self.actor, followed, move || {
            if let Some(reader) = reader.upgrade() {
                // Who looks and finds nothing waits before the lock is given back.
                drop(reader.queue());
                reader.wake();
            }
        });
        Ok(Changes {
            guest,
            is_gone: false,
            is_refused: false,
            installation: self.installation.clone(),
            actor: self.actor,
            feed,
            subscriber,
            told: None,
            told_response: None,
        })
    }
}

/// A subscription to changes; dropping it ends it. As an iterator it blocks until the next change, and
/// ends when the installation is closed.
#[derive(Debug)]
pub struct Changes {
    installation: Installation,
    actor: Actor,
    feed: Feed,
    subscriber: Arc<Subscriber>,
    guest: Arc<Guest>,
    /// Whether it is told that the chat is gone.
    is_gone: bool,
    /// Whether it is told that the credential is not in force any more.
    is_refused: bool,
    /// The message told last, as it was: the newest state may be announced once more.
    told: Option<(MessageId, MessageStatus, u64)>,
    /// The answer told last, likewise.
    told_response: Option<(ResponseId, ResponseStatus)>,
}

impl Changes {
    /// The next change, waiting at most `patience` for it. `None` when none came.
    ///
    /// # Errors
    /// `Unauthenticated` (`credential_revoked`) once the actor's credential is no longer in force; those of
    /// reading.
    pub fn next_within(&mut self, patience: Duration) -> Result<Option<Change>> {
        let until = Instant::now() + patience;
        loop {
            let next = self.wait(until.saturating_duration_since(Instant::now()));
            match (self.ending(), self.subscriber.chat) {
                (Some(Ending::Followed), Some(chat)) => {
                    self.is_gone = true;
                    return Ok(Some(Change::ChatDeleted(chat)));
                }
                (Some(_), _) => return Err(Ending::revoked()),
                (None, _) => {}
            }
            let found = match next {
                Some(Ok(notice)) => self.resolve(notice)?,
                Some(Err(lost)) => Some(Change::Lost(lost)),
                None => return Ok(None),
            };
            // The feed and the doorman may both know.
            if let Some(Change::ChatDeleted(_)) = found
                && self.subscriber.chat.is_some()
                && std::mem::replace(&mut self.is_gone, true)
            {
                continue;
            }
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Why the reader must not go on, unless it knows.
    fn ending(&self) -> Option<Ending> {
        self.guest.ending().filter(|ending| *ending == Ending::Credential || !self.is_gone)
    }

    /// Calls `wake` whenever there is something to read after there was nothing, for readers that do not
    /// block here. It runs on the thread that committed and holds up the next commit: it must be quick,
    /// and not call the library.
    pub fn on_news(&self, wake: impl Fn() + Send + Sync + 'static) {
        *self.subscriber.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(wake));
    }

    /// The next notice, or the number of those lost. None when neither came.
    fn wait(&self, patience: Duration) -> Option<Result<Notice, u64>> {
        let nothing = |queue: &mut Queue| {
            queue.notices.is_empty() && queue.lost == 0 && !queue.is_closed && self.ending().is_none()
        };
        let waited = self.subscriber.filled.wait_timeout_while(self.subscriber.queue(), patience, nothing);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        if let Some(notice) = queue.notices.pop_front() {
            return Some(Ok(notice));
        }
        match std::mem::take(&mut queue.lost) {
            0 => None,
            lost => Some(Err(lost)),
        }
    }

    /// What stands behind a notice. None when the actor may not see it, or it is gone again.
    fn resolve(&mut self, notice: Notice) -> Result<Option<Change>> {
        if !self.actor.permissions().allow(notice.permission()) {
            return Ok(None);
        }
        let scope = self.actor.scope(notice.permission())?;
        let is_of_chat = self.subscriber.chat.is_some();
        self.installation.storage().read(|conn| {
            let sees_chat =
                |conn: &Conn<'_>, id| repo::chats::find(conn, scope, id).map(|chat| chat.is_some());
            Ok(match notice {
                Notice::Chat(id) => {
                    repo::chats::find(conn, scope, id)?.map(|chat| Change::Chat(Box::new(chat)))
                }
                Notice::Branch(chat_id, active_leaf_id) => {
                    sees_chat(conn, chat_id)?.then_some(Change::Branch { chat_id, active_leaf_id })
                }
                Notice::Message(_, id) => {
                    let message = repo::messages::find(conn, scope, id)?;
                    let message = message.filter(|message| {
                        let state = Some((message.id, message.status, digest(&message.content)));
                        std::mem::replace(&mut self.told, state) != state
                    });
                    message.map(|message| Change::Message(Box::new(message)))
                }
                Notice::MessageDeleted(chat_id, id) => {
                    sees_chat(conn, chat_id)?.then_some(Change::MessageDeleted { chat_id, id })
                }
                Notice::ChatDeleted(id, owner, readers) => {
                    let could_see = |user: UserId| owner == Some(user) || readers.contains(user);
                    let saw =
                        is_of_chat || self.actor.is_operator() || self.actor.user_id().is_some_and(could_see);
                    saw.then_some(Change::ChatDeleted(id))
                }
                Notice::ChatFile(_, id) => {
                    let file = repo::chat_files::find(conn, scope, id)?;
                    file.map(|file| Change::ChatFile(Box::new(file)))
                }
                Notice::ChatFileDeleted(chat_id, id) => {
                    sees_chat(conn, chat_id)?.then_some(Change::ChatFileDeleted { chat_id, id })
                }
                Notice::Document(_, id) => {
                    let document = repo::documents::find(conn, scope, id)?;
                    document.map(|document| Change::Document(Box::new(document)))
                }
                Notice::DocumentRead(_, id) => {
                    let document = repo::documents::find(conn, scope, id)?;
                    document.map(|document| Change::DocumentRead(Box::new(document)))
                }
                Notice::DocumentDeleted(chat_id, id) => {
                    sees_chat(conn, chat_id)?.then_some(Change::DocumentDeleted { chat_id, id })
                }
                Notice::File(id) => {
                    repo::files::find(conn, scope, id)?.map(|file| Change::File(Box::new(file)))
                }
                Notice::FileDeleted(id, readers) => {
                    let could_see = |user: UserId| readers.contains(user);
                    let saw = self.actor.is_operator() || self.actor.user_id().is_some_and(could_see);
                    saw.then_some(Change::FileDeleted(id))
                }
                Notice::Response(id) => {
                    let response = repo::responses::find(conn, scope, id)?;
                    let response = response.filter(|response| {
                        let state = Some((response.id, response.status));
                        std::mem::replace(&mut self.told_response, state) != state
                    });
                    response.map(|response| Change::Response(Box::new(response)))
                }
                Notice::Workspace(id) => {
                    let workspace = repo::workspaces::find(conn, scope, id)?;
                    workspace.map(|workspace| Change::Workspace(Box::new(workspace)))
                }
                Notice::WorkspaceDeleted(id, owner, readers) => {
                    let saw = match scope {
                        Scope::Operator => true,
                        Scope::Admin(_) if owner.is_none() => true,
                        Scope::Admin(user) | Scope::User(user) => readers.contains(user),
                        Scope::Anonymous | Scope::Share(_) => false,
                    };
                    saw.then_some(Change::WorkspaceDeleted(id))
                }
                Notice::Model(id) => {
                    repo::models::find(conn, scope, id)?.map(|row| Change::Model(Box::new(row.model)))
                }
                Notice::ModelDeleted(id, owner) => {
                    let saw = owner.is_none() || self.actor.is_operator() || owner == self.actor.user_id();
                    saw.then_some(Change::ModelDeleted(id))
                }
                Notice::User(id) => {
                    let scope = if self.actor.is_admin() { Scope::Operator } else { scope };
                    repo::users::find(conn, scope, id)?.map(|user| Change::User(Box::new(user)))
                }
                Notice::UserDeleted(id) => {
                    let saw = self.actor.is_admin() || self.actor.user_id() == Some(id);
                    saw.then_some(Change::UserDeleted(id))
                }
            })
        })
    }

    fn is_over(&self) -> bool {
        let queue = self.subscriber.queue();
        queue.is_closed && queue.notices.is_empty() && queue.lost == 0
    }
}

/// What tells one text from the next without keeping it.
fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl Iterator for Changes {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Result<Change>> {
        loop {
            match self.next_within(Duration::from_secs(60)) {
                Ok(Some(change)) => return Some(Ok(change)),
                Ok(None) if self.is_over() => return None,
                Ok(None) => {}
                // Told once; there is nothing after it.
                Err(_) if self.is_refused => return None,
                // What cannot be read after the close is no failure.
                Err(_) if self.subscriber.queue().is_closed => return None,
                Err(error) => {
                    self.is_refused = self.guest.ending() == Some(Ending::Credential);
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        let me = Arc::as_ptr(&self.subscriber);
        self.feed.subscribers().retain(|subscriber| subscriber.as_ptr() != me);
    }
}
