//! Chats for those who know rows by their numbers, see one branch of a chat, and read lists as a whole.
//!
//! A whole list is walked in batches. Each batch is one short read, so that whoever takes long over one keeps neither
//! a connection nor a moment of the database, and memory holds one batch however long the list is.

use std::{mem, sync::Arc};

use super::{
    auth, chats,
    doorman::{Ending, Followed, Guest},
    listing,
};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, Result},
        id::{ChatId, MessageId},
        page::{Room, Stretch},
        permission::{Area, Permission},
    },
    entity::{chat::LinearChat, message::Message},
    repo::{
        linear::{self, Name},
        messages as rows,
    },
    service::installation::Installation,
    storage::Conn,
};

/// What a credential needs here.
const READ: Permission = Permission::read(Area::Chats);
/// A batch. Texts beyond so many bytes are left to the next one.
const BATCH: Room = Room { entries: 100, bytes: 64 << 10 };

/// Chats and messages by their numbers, and lists as a whole, as one actor may read them. Made by
/// [`Kafka::linear`](crate::Kafka::linear).
#[derive(Debug)]
pub struct Linear<'k> {
    installation: &'k Installation,
    actor: Actor,
}

fn no_chat(number: i64) -> Error {
    Error::not_found("chat_not_found", "chat", number)
}

fn no_message(number: i64) -> Error {
    Error::not_found("message_not_found", "message", number)
}

impl<'k> Linear<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Linear<'k> {
        Linear { installation, actor: *actor }
    }

    /// The scope of whoever may name rows by their numbers, which can be guessed: not callers without a credential,
    /// to whom an id is all that lets them in.
    fn scope_by_number(&self) -> Result<Scope> {
        auth::refuse_anonymous(&self.actor)?;
        self.actor.scope(READ)
    }

    /// One chat.
    ///
    /// # Errors
    /// `NotFound`; `Unauthenticated` (`account_required`) for callers without a credential, as for everything here that
    /// goes by a number.
    pub fn chat(&self, number: i64) -> Result<LinearChat> {
        let scope = self.scope_by_number()?;
        let found =
            self.installation.storage().read_one_anywhere(|conn| linear::chat(conn, scope, number))?;
        found.ok_or_else(|| no_chat(number))
    }

    /// The id of a chat, for whatever else can be done with it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn chat_id(&self, number: i64) -> Result<ChatId> {
        let scope = self.scope_by_number()?;
        let found = self.installation.storage().read_one(|conn| linear::chat_id(conn, scope, number))?;
        found.ok_or_else(|| no_chat(number))
    }

    /// One message, on whatever branch, and the number of its chat.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn message(&self, number: i64) -> Result<(i64, Message)> {
        let scope = self.scope_by_number()?;
        let found =
            self.installation.storage().read_one_anywhere(|conn| linear::message(conn, scope, number))?;
        found.ok_or_else(|| no_message(number))
    }

    /// The id of a message, for whatever else can be done with it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn message_id(&self, number: i64) -> Result<MessageId> {
        let scope = self.scope_by_number()?;
        let found = self.installation.storage().read_one(|conn| linear::message_id(conn, scope, number))?;
        found.ok_or_else(|| no_message(number))
    }

    /// Every chat that the actor may see, the one changed last first, as they stood when the walk began. One that is
    /// deleted before its batch is read is left out. Where there are more than a batch, the walk holds eight bytes
    /// for each.
    ///
    /// # Errors
    /// `Unauthenticated` (`account_required`) for callers without a credential, as
    /// [`Chats::list`](crate::Chats::list).
    pub fn chats(&self) -> Result<ChatWalk> {
        let scope = self.scope_by_number()?;
        let (first, left) = self.installation.storage().read_anywhere(|conn| {
            let stretch = linear::newest_chats(conn, scope, BATCH)?;
            let mut left = match stretch.goes_on {
                true => linear::numbers_of_chats(conn, scope)?,
                false => Vec::new(),
            };
            left.drain(..stretch.rows.len().min(left.len()));
            left.reverse();
            Ok((stretch.rows, left))
        })?;
        let walker = Walker::new(self, Followed::Everything, !left.is_empty());
        let total = (first.len() + left.len()) as u64;
        Ok(ChatWalk { walker, total, first, left })
    }

    /// One numbered page of those, however long their texts are. The page counts from 1; its size is 1 to 100.
    ///
    /// # Errors
    /// As [`chats`](Linear::chats); `Invalid` for a page out of range.
    pub fn page_of_chats(&self, page: u32, page_size: u32) -> Result<ChatWalk> {
        let scope = self.scope_by_number()?;
        let (room, offset) = listing::numbered_room(self.installation.limits(), page, page_size)?;
        let (total, first) = self.installation.storage().read_anywhere(|conn| {
            let numbers = linear::numbers_of_chats(conn, scope)?;
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(numbers.len());
            let to = from.saturating_add(room.entries as usize).min(numbers.len());
            Ok((numbers.len() as u64, linear::chats(conn, scope, &numbers[from..to])?))
        })?;
        Ok(ChatWalk {
            walker: Walker::new(self, Followed::Everything, false),
            total,
            first,
            left: Vec::new(),
        })
    }

    /// Every message of a chat's active branch, oldest first. What is stored after the walk began is not part of it;
    /// what is changed, deleted or left by the branch before its batch is read, is read as it is then.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn messages(&self, chat: ChatId) -> Result<MessageWalk> {
        self.walk(Name::Id(chat), Branches::Active, 0, u64::MAX, || chats::not_found(chat))
    }

    /// The same for the messages of all branches, in the order in which they were stored.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn tree(&self, chat: ChatId) -> Result<MessageWalk> {
        self.walk(Name::Id(chat), Branches::All, 0, u64::MAX, || chats::not_found(chat))
    }

    /// The same for a chat with this number.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn messages_of(&self, number: i64) -> Result<MessageWalk> {
        self.walk(Name::Number(number), Branches::Active, 0, u64::MAX, || no_chat(number))
    }

    /// One numbered page of those, however long its texts are. The page counts from 1; its size is 1 to 100.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a page out of range.
    pub fn page_of(&self, number: i64, page: u32, page_size: u32) -> Result<MessageWalk> {
        let (_, offset) = listing::numbered_room(self.installation.limits(), page, page_size)?;
        self.walk(Name::Number(number), Branches::Active, offset, u64::from(page_size), || no_chat(number))
    }

    fn walk(
        &self,
        name: Name,
        branches: Branches,
        offset: i64,
        most: u64,
        unknown: impl Fn() -> Error,
    ) -> Result<MessageWalk> {
        let scope = match name {
            Name::Id(_) => self.actor.scope(READ)?,
            Name::Number(_) => self.scope_by_number()?,
        };
        let room = Room { entries: BATCH.entries.min(u32::try_from(most).unwrap_or(u32::MAX)), ..BATCH };
        let (bounds, stretch) = self.installation.storage().read_anywhere(|conn| {
            let Some(bounds) = linear::bounds(conn, scope, name)? else { return Err(unknown()) };
            let stretch = match offset {
                0 => branches.after(conn, scope, bounds.id, 0, room)?,
                _ => rows::branch_numbered(conn, scope, bounds.id, room, offset)?,
            };
            Ok((bounds, stretch))
        })?;
        let left = most - stretch.rows.len() as u64;
        let goes_on = stretch.goes_on && left > 0;
        let after = stretch.rows.last().map_or(0, |message| message.seq);
        Ok(MessageWalk {
            walker: Walker::new(self, Followed::Chat(bounds.id), goes_on),
            bounds,
            branches,
            first: stretch.rows,
            after,
            left: if goes_on { left } else { 0 },
        })
    }
}

/// A list in batches.
pub trait Walk: Iterator {
    /// Whether nothing is left to be read: what [`Iterator::next`] gave was the end.
    fn is_over(&self) -> bool;
}

/// Who walks.
#[derive(Debug)]
struct Walker {
    installation: Installation,
    actor: Actor,
    /// None for whoever needs no credential, and where the first batch is all.
    guest: Option<Arc<Guest>>,
}

impl Walker {
    fn new(linear: &Linear<'_>, followed: Followed, goes_on: bool) -> Walker {
        let (installation, actor) = (linear.installation.clone(), linear.actor);
        let has_to_ask = goes_on && actor.credential().is_some();
        let guest = has_to_ask.then(|| installation.doorman().admit(&actor, followed, || {}));
        Walker { installation, actor, guest }
    }

    /// Refuses who may not go on any more.
    fn check(&self) -> Result<()> {
        match self.guest.as_ref().and_then(|guest| guest.ending()) {
            Some(Ending::Credential) => Err(Ending::revoked()),
            Some(Ending::Followed) | None => Ok(()),
        }
    }
}

/// Which messages of a chat are walked.
#[derive(Clone, Copy, Debug)]
enum Branches {
    Active,
    All,
}

impl Branches {
    fn after(
        self,
        conn: &Conn<'_>,
        scope: Scope,
        chat: ChatId,
        seq: i64,
        room: Room,
    ) -> Result<Stretch<Message>> {
        match self {
            Branches::Active => rows::branch_after(conn, scope, chat, seq, room),
            Branches::All => rows::all_after(conn, scope, chat, seq, room),
        }
    }
}

/// The batches of [`Linear::messages`] and [`Linear::tree`]. None is empty.
#[derive(Debug)]
pub struct MessageWalk {
    walker: Walker,
    bounds: linear::Bounds,
    branches: Branches,
    first: Vec<Message>,
    after: i64,
    left: u64,
}

impl MessageWalk {
    /// The chat.
    #[must_use]
    pub fn chat_id(&self) -> ChatId {
        self.bounds.id
    }

    /// Messages of the active branch when the walk began.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bounds.length
    }

    fn read_on(&mut self) -> Result<Vec<Message>> {
        self.walker.check()?;
        let scope = self.walker.actor.scope(READ)?;
        let room = Room { entries: BATCH.entries.min(u32::try_from(self.left).unwrap_or(u32::MAX)), ..BATCH };
        let stretch = self
            .walker
            .installation
            .storage()
            .read_anywhere(|conn| self.branches.after(conn, scope, self.bounds.id, self.after, room))?;
        let mut batch = stretch.rows;
        batch.retain(|message| message.seq <= self.bounds.last_seq);
        self.after = batch.last().map_or(self.bounds.last_seq, |message| message.seq);
        self.left -= batch.len() as u64;
        if !stretch.goes_on || self.after >= self.bounds.last_seq {
            self.left = 0;
        }
        Ok(batch)
    }
}

impl Walk for MessageWalk {
    fn is_over(&self) -> bool {
        self.first.is_empty() && self.left == 0
    }
}

impl Iterator for MessageWalk {
    type Item = Result<Vec<Message>>;

    fn next(&mut self) -> Option<Result<Vec<Message>>> {
        if !self.first.is_empty() {
            return Some(Ok(mem::take(&mut self.first)));
        }
        if self.left == 0 {
            return None;
        }
        let batch = self.read_on();
        if batch.is_err() {
            self.left = 0;
        }
        Some(batch).filter(|batch| !matches!(batch, Ok(batch) if batch.is_empty()))
    }
}

/// The batches of [`Linear::chats`] and [`Linear::page_of_chats`]. None is empty.
#[derive(Debug)]
pub struct ChatWalk {
    walker: Walker,
    total: u64,
    first: Vec<LinearChat>,
    /// The next one last.
    left: Vec<i64>,
}

impl ChatWalk {
    /// Chats that the actor could see when the walk began.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    fn read_on(&mut self) -> Result<Vec<LinearChat>> {
        self.walker.check()?;
        let scope = self.walker.actor.scope(READ)?;
        let mut next = self.left.split_off(self.left.len().saturating_sub(BATCH.entries as usize));
        next.reverse();
        self.walker.installation.storage().read_one_anywhere(|conn| linear::chats(conn, scope, &next))
    }
}

impl Walk for ChatWalk {
    fn is_over(&self) -> bool {
        self.first.is_empty() && self.left.is_empty()
    }
}

impl Iterator for ChatWalk {
    type Item = Result<Vec<LinearChat>>;

    fn next(&mut self) -> Option<Result<Vec<LinearChat>>> {
        if !self.first.is_empty() {
            return Some(Ok(mem::take(&mut self.first)));
        }
        while !self.left.is_empty() {
            match self.read_on() {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => return Some(Ok(batch)),
                Err(error) => {
                    self.left.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
