//! What can be done with the branches of a conversation: see where it branches, go over to another branch, fork it.

use super::{
    chats, forks,
    listing::{self, FromEnd},
    messages,
    once::{IdempotencyKey, Once},
};
use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::{ChatId, MessageId},
        page::{Page, PageRequest},
        permission::{Area, Permission},
    },
    entity::{
        branch::{BranchPoint, NewFork},
        chat::Chat,
    },
    repo::{self, branches},
    service::{feed::Feed, installation::Installation},
    storage::Tx,
};

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Chats);
/// What it needs for changing something.
const WRITE: Permission = Permission::write(Area::Chats);
/// Messages that one change of the active branch, or one fork, may touch: everyone's writes wait meanwhile.
pub(super) const MOST_MESSAGES: u32 = 10_000;

/// Branches of conversations, as one actor may use them. Made by [`Kafka::branches`](crate::Kafka::branches).
#[derive(Debug)]
pub struct Branches<'k> {
    installation: &'k Installation,
    actor: Actor,
    once: Option<Once>,
}

impl<'k> Branches<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Branches<'k> {
        Branches { installation, actor: *actor, once: None }
    }

    /// Makes [`fork`](Branches::fork) take effect once for this key, if there is one.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> Branches<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }

    /// The places of a chat's active branch where there is another way to go on, oldest first. Without a cursor the
    /// page is the *last* one. Costs a look-up for each message that stands on another branch.
    ///
    /// # Errors
    /// `NotFound` for the chat; `Invalid` for a page out of range, or a cursor that no page gave.
    pub fn list(&self, chat: ChatId, request: &PageRequest) -> Result<Page<BranchPoint>> {
        let scope = self.actor.scope(READ)?;
        let page = listing::read(self.installation.storage(), request, |conn| {
            let pages = FromEnd {
                after: &|seq, room| branches::after(conn, scope, chat, seq, room),
                before: &|seq, room| branches::before(conn, scope, chat, seq, room),
                numbered: &|room, offset| {
                    let rows = branches::numbered(conn, scope, chat, room, offset)?;
                    Ok((rows, branches::count(conn, scope, chat)?))
                },
                number: &|point| point.seq,
            };
            pages.page(self.installation.limits(), request)
        })?;
        if page.items.is_empty() {
            // Most chats have none, which says nothing about whether there is such a chat.
            chats::Chats::new(self.installation, &self.actor).get(chat)?;
        }
        Ok(page)
    }

    /// Makes a branch that a message stands on the active one: of several, the one that was written to last. Where the
    /// message is on the active branch already, nothing changes. To have the conversation end in the message itself,
    /// name it as [`ChatPatch::active_leaf_id`](crate::ChatPatch::active_leaf_id).
    ///
    /// # Errors
    /// `NotFound`; `TooLarge` (`branch_too_long`) where more than 10,000 messages would join and leave the active branch.
    pub fn activate(&self, id: MessageId) -> Result<Chat> {
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            let message =
                repo::messages::find_for_writing(tx, scope, id)?.ok_or_else(|| messages::not_found(id))?;
            let chat = message.chat_id;
            let mut chat =
                repo::chats::find_for_writing(tx, scope, chat)?.ok_or_else(|| chats::not_found(chat))?;
            if branches::is_active(tx, id)? {
                return Ok(chat);
            }
            let leaf = branches::newest_below(tx, id)?;
            go_over(tx, &feed, chat.id, chat.active_leaf_id, Some(leaf))?;
            (chat.active_leaf_id, chat.updated_at) = (Some(leaf), now);
            repo::chats::update(tx, scope, &chat)?;
            feed.chat(tx, chat.id);
            Ok(chat)
        })
    }

    /// Makes a chat of the actor's own that begins as this one does: with copies of the messages up to one of them, and
    /// of all files with their versions. Documents stay the chat's that they were given to: what cites them in a copy
    /// leads there. What is copied was not asked of a model again, so copies have no
    /// [`Response`](crate::Response), and count as used by nobody; the new chat counts as one that was made. It lies in
    /// the same workspace if the actor may put chats there, else in none. It keeps the default model, unless that
    /// is another account's.
    ///
    /// # Errors
    /// `NotFound` for the chat, which the actor need only be able to read; `Invalid` for a title that is too long, or a
    /// message that is not in the chat (`message_unknown`); `TooLarge` (`branch_too_long`) for more than 10,000 messages;
    /// `Conflict` (`message_streaming`) while one of the messages is being written; `Forbidden` when someone else is named as the owner; `QuotaExceeded` when plans are enforced
    /// and the owner's allows no further chat.
    pub fn fork(&self, chat: ChatId, new: NewFork) -> Result<Chat> {
        forks::fork(self.installation, &self.actor, self.once.as_ref(), chat, new)
    }
}

/// Makes the branch that ends in `leaf` the active one, in place of that which ends in `from`, and tells so. Storing a
/// message under it, or noting it as the chat's leaf, is left to the caller.
pub(crate) fn go_over(
    tx: &Tx<'_>,
    feed: &Feed,
    chat: ChatId,
    from: Option<MessageId>,
    leaf: Option<MessageId>,
) -> Result<()> {
    if leaf == from {
        return Ok(());
    }
    match repo::messages::activate(tx, chat, leaf, MOST_MESSAGES)? {
        true => feed.branch(tx, chat, leaf),
        false => return Err(too_long("choose a message nearer to the active branch")),
    }
    Ok(())
}

/// Whatever would touch more messages at once than others can wait for.
pub(super) fn too_long(advice: &str) -> Error {
    let sentence =
        format!("This would take more than {MOST_MESSAGES} messages of the chat at once; {advice}.");
    Error::new(ErrorKind::TooLarge, "branch_too_long", sentence)
}
