//! Where changes are announced, and the queues of those who subscribed to them.
//!
//! A queue holds ids. What stands behind them is read when a change is, under the reader's scope
//! (`service/events.rs`): nobody is told what they may not see, and announcing costs next to nothing.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
};

use serde::{Deserialize, Serialize};

use super::{completion::relay::Relays, neighbours::Word};
use crate::{
    base::{
        error::Result,
        id::{ChatFileId, ChatId, DocumentId, FileId, MessageId, ModelId, ResponseId, UserId, WorkspaceId},
        permission::{Area, Permission},
    },
    entity::document::Document,
    repo::{self, chats::Belonging},
    storage::Tx,
};

/// What a queue holds of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Notice {
    Chat(ChatId),
    /// With the message that the active branch ends in from now on, which is not the one that was stored last.
    Branch(ChatId, Option<MessageId>),
    /// With its owner and the readers of its workspace, since the rows cannot be asked any more.
    ChatDeleted(ChatId, Option<UserId>, Readers),
    Message(ChatId, MessageId),
    MessageDeleted(ChatId, MessageId),
    ChatFile(ChatId, ChatFileId),
    ChatFileDeleted(ChatId, ChatFileId),
    Document(ChatId, DocumentId),
    /// It is completed or failed.
    DocumentRead(ChatId, DocumentId),
    DocumentDeleted(ChatId, DocumentId),
    File(FileId),
    /// With the readers of its workspace.
    FileDeleted(FileId, Readers),
    Response(ResponseId),
    Workspace(WorkspaceId),
    /// With its owner and readers.
    WorkspaceDeleted(WorkspaceId, Option<UserId>, Readers),
    Model(ModelId),
    /// With its owner; those of nobody are everybody's.
    ModelDeleted(ModelId, Option<UserId>),
    User(UserId),
    UserDeleted(UserId),
}

/// Who may read what lies in a workspace. Clones share the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<UserId>", into = "Vec<UserId>")]
pub(super) struct Readers(Arc<[UserId]>);

impl Readers {
    pub(super) fn contains(&self, user: UserId) -> bool {
        self.0.contains(&user)
    }
}

impl From<Vec<UserId>> for Readers {
    fn from(users: Vec<UserId>) -> Readers {
        Readers(users.into())
    }
}

impl From<Readers> for Vec<UserId> {
    fn from(readers: Readers) -> Vec<UserId> {
        readers.0.to_vec()
    }
}

impl Notice {
    /// The chat whose followers want to know it.
    fn chat(&self) -> Option<ChatId> {
        match self {
            Notice::Chat(chat)
            | Notice::Branch(chat, _)
            | Notice::ChatDeleted(chat, ..)
            | Notice::Message(chat, _)
            | Notice::MessageDeleted(chat, _)
            | Notice::ChatFile(chat, _)
            | Notice::ChatFileDeleted(chat, _)
            | Notice::Document(chat, _)
            | Notice::DocumentRead(chat, _)
            | Notice::DocumentDeleted(chat, _) => Some(*chat),
            _ => None,
        }
    }

    /// What a credential needs to be told.
    pub(super) fn permission(&self) -> Permission {
        Permission::read(match self {
            Notice::Workspace(_)
            | Notice::WorkspaceDeleted(..)
            | Notice::File(_)
            | Notice::FileDeleted(..) => Area::Files,
            Notice::Document(..) | Notice::DocumentRead(..) | Notice::DocumentDeleted(..) => Area::Documents,
            Notice::Model(_) | Notice::ModelDeleted(..) => Area::Models,
            Notice::User(_) | Notice::UserDeleted(_) => Area::Account,
            _ => Area::Chats,
        })
    }
}

/// Where changes are announced. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed {
    subscribers: Arc<Mutex<Vec<Weak<Subscriber>>>>,
    relays: Relays,
}

impl Feed {
    /// Announces that a chat was made or changed.
    pub(crate) fn chat(&self, tx: &Tx<'_>, id: ChatId) {
        self.announce(tx, vec![Notice::Chat(id)]);
    }

    /// Announces that another branch became the active one, and what that ends in before anything else is stored.
    pub(crate) fn branch(&self, tx: &Tx<'_>, chat: ChatId, leaf: Option<MessageId>) {
        self.announce(tx, vec![Notice::Branch(chat, leaf)]);
    }

    /// Announces that chats are deleted. Whom that concerns is read here, so it comes before the deed.
    pub(crate) fn chats_deleted(&self, tx: &Tx<'_>, chats: &[Belonging]) -> Result<()> {
        let mut readers = HashMap::new();
        for id in chats.iter().filter_map(|chat| chat.workspace_id) {
            if let Entry::Vacant(unknown) = readers.entry(id) {
                unknown.insert(Readers::from(repo::workspaces::readers(tx, id)?));
            }
        }
        let readers = |workspace| readers.get(&workspace).cloned();
        let notice = |chat: &Belonging| {
            let readers = chat.workspace_id.and_then(readers).unwrap_or_default();
            Notice::ChatDeleted(chat.id, chat.user_id, readers)
        };
        self.announce(tx, chats.iter().map(notice).collect());
        Ok(())
    }

    /// Announces that a message was stored or changed.
    pub(crate) fn message(&self, tx: &Tx<'_>, chat: ChatId, id: MessageId) {
        self.announce(tx, vec![Notice::Message(chat, id)]);
    }

    /// Announces that a message was deleted.
    pub(crate) fn message_deleted(&self, tx: &Tx<'_>, chat: ChatId, id: MessageId) {
        self.announce(tx, vec![Notice::MessageDeleted(chat, id)]);
    }

    /// Announces that a file came into a chat, or a version to it.
    pub(crate) fn chat_file(&self, tx: &Tx<'_>, chat: ChatId, id: ChatFileId) {
        self.announce(tx, vec![Notice::ChatFile(chat, id)]);
    }

    /// Announces that a file was taken out of a chat.
    pub(crate) fn chat_file_deleted(&self, tx: &Tx<'_>, chat: ChatId, id: ChatFileId) {
        self.announce(tx, vec![Notice::ChatFileDeleted(chat, id)]);
    }

    /// Announces that a document came into a chat, unless it is a file of the chat, too, and told as that.
    pub(crate) fn document(&self, tx: &Tx<'_>, document: &Document) -> Result<()> {
        self.document_alone(tx, document, Notice::Document)
    }

    /// Announces that a document of a chat is completed or failed, under the same condition.
    pub(crate) fn document_read(&self, tx: &Tx<'_>, document: &Document) -> Result<()> {
        self.document_alone(tx, document, Notice::DocumentRead)
    }

    /// Announces that a document of a chat is deleted, also one that is a file of the chat: whoever deletes it by its id over a
    /// WebSocket waits to be told.
    pub(crate) fn document_deleted(&self, tx: &Tx<'_>, document: &Document) {
        if let Some(chat) = document.chat_id {
            self.announce(tx, vec![Notice::DocumentDeleted(chat, document.id)]);
        }
    }

    fn document_alone(
        &self,
        tx: &Tx<'_>,
        document: &Document,
        notice: fn(ChatId, DocumentId) -> Notice,
    ) -> Result<()> {
        let Some(chat) = document.chat_id else { return Ok(()) };
        let file = document.file_id.map(|file| repo::chat_files::of_file(tx, chat, file)).transpose()?;
        if file.flatten().is_none() {
            self.announce(tx, vec![notice(chat, document.id)]);
        }
        Ok(())
    }

    /// Announces that a file was uploaded or renamed.
    pub(crate) fn file(&self, tx: &Tx<'_>, id: FileId) {
        self.announce(tx, vec![Notice::File(id)]);
    }

    /// Announces that a file was deleted from its workspace.
    pub(crate) fn file_deleted(&self, tx: &Tx<'_>, id: FileId, workspace: Option<WorkspaceId>) -> Result<()> {
        let readers = workspace.map(|workspace| repo::workspaces::readers(tx, workspace)).transpose()?;
        self.announce(tx, vec![Notice::FileDeleted(id, readers.unwrap_or_default().into())]);
        Ok(())
    }

    /// Announces that an answer was accepted or has ended.
    pub(crate) fn response(&self, tx: &Tx<'_>, id: ResponseId) {
        self.announce(tx, vec![Notice::Response(id)]);
    }

    /// Announces that a running answer has said more.
    pub(crate) fn grown(&self, tx: &Tx<'_>, id: ResponseId) {
        Word::tell(tx, || Word::Grown(id));
        let relays = self.relays.clone();
        tx.after_commit(move || relays.wake(id));
    }

    /// Announces that a workspace was made or changed.
    pub(crate) fn workspace(&self, tx: &Tx<'_>, id: WorkspaceId) {
        self.announce(tx, vec![Notice::Workspace(id)]);
    }

    /// Announces that a workspace is deleted. Whom that concerns is read here, so it comes before the deed.
    pub(crate) fn workspace_deleted(
        &self,
        tx: &Tx<'_>,
        id: WorkspaceId,
        owner: Option<UserId>,
    ) -> Result<()> {
        let readers = repo::workspaces::readers(tx, id)?.into();
        self.announce(tx, vec![Notice::WorkspaceDeleted(id, owner, readers)]);
        Ok(())
    }

    /// Announces that a model was made or changed.
    pub(crate) fn model(&self, tx: &Tx<'_>, id: ModelId) {
        self.announce(tx, vec![Notice::Model(id)]);
    }

    /// Announces that a model was deleted.
    pub(crate) fn model_deleted(&self, tx: &Tx<'_>, id: ModelId, owner: Option<UserId>) {
        self.announce(tx, vec![Notice::ModelDeleted(id, owner)]);
    }

    /// Announces that an account was made or changed.
    pub(crate) fn user(&self, tx: &Tx<'_>, id: UserId) {
        self.announce(tx, vec![Notice::User(id)]);
    }

    /// Announces that an account was deleted.
    pub(crate) fn user_deleted(&self, tx: &Tx<'_>, id: UserId) {
        self.announce(tx, vec![Notice::UserDeleted(id)]);
    }

    fn announce(&self, tx: &Tx<'_>, notices: Vec<Notice>) {
        Word::tell(tx, || Word::Changed(notices.clone()));
        let feed = self.clone();
        // Who is to be told is asked after the commit: whoever subscribes later finds it stored.
        tx.after_commit(move || feed.tell(&notices));
    }

    /// Tells everyone who subscribed, and those who watch an answer that has ended.
    pub(super) fn tell(&self, notices: &[Notice]) {
        for notice in notices {
            if let Notice::Response(id) = notice {
                self.relays.wake(*id);
            }
        }
        for subscriber in self.subscribers().iter().filter_map(Weak::upgrade) {
            notices.iter().for_each(|notice| subscriber.tell(notice));
        }
    }

    /// Tells everyone who subscribed that they may have missed something.
    #[cfg(feature = "postgres")]
    pub(super) fn lose(&self) {
        self.relays.wake_all();
        for subscriber in self.subscribers().iter().filter_map(Weak::upgrade) {
            subscriber.queue().lost += 1;
            subscriber.wake();
        }
    }

    /// Ends every subscription.
    pub(crate) fn close(&self) {
        for subscriber in self.subscribers().drain(..).filter_map(|subscriber| subscriber.upgrade()) {
            subscriber.queue().is_closed = true;
            subscriber.wake();
        }
    }

    pub(super) fn subscribers(&self) -> MutexGuard<'_, Vec<Weak<Subscriber>>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answers that are watched here and run elsewhere.
    pub(super) fn relays(&self) -> &Relays {
        &self.relays
    }
}

pub(super) type Wake = Box<dyn Fn() + Send + Sync>;

/// One subscription, as the feed sees it.
pub(super) struct Subscriber {
    /// The chat whose changes are wanted, or none for all.
    pub(super) chat: Option<ChatId>,
    pub(super) most: usize,
    pub(super) queue: Mutex<Queue>,
    pub(super) filled: Condvar,
    pub(super) wake: Mutex<Option<Wake>>,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) notices: VecDeque<Notice>,
    pub(super) lost: u64,
    pub(super) is_closed: bool,
}

impl Subscriber {
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, notice: &Notice) {
        if self.chat.is_some() && self.chat != notice.chat() {
            return;
        }
        let mut queue = self.queue();
        let was_empty = queue.notices.is_empty() && queue.lost == 0;
        // The last one, unread, will show the newest state anyhow.
        if queue.notices.back() == Some(notice) {
            return;
        }
        match queue.lost == 0 && queue.notices.len() < self.most {
            true => queue.notices.push_back(notice.clone()),
            false => queue.lost += 1,
        }
        drop(queue);
        if was_empty {
            self.wake();
        }
    }

    pub(super) fn wake(&self) {
        self.filled.notify_all();
        if let Some(wake) = &*self.wake.lock().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("chat", &self.chat).finish_non_exhaustive()
    }
}
