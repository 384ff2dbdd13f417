//! A chat for whoever has a link to it.

use super::{installation::Installation, messages};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, ErrorKind, Result},
        id::ChatId,
        page::{Page, PageRequest},
    },
    entity::share_link::{SharedChat, SharedMessage},
    repo,
};

/// The one chat that a link leads to, to be read. Made by [`Kafka::shared`](crate::Kafka::shared).
#[derive(Debug)]
pub struct Shared<'k> {
    installation: &'k Installation,
    scope: Scope,
    chat: ChatId,
}

/// The answer to a token that leads nowhere, whether it never did, expired or was revoked.
pub(crate) fn not_found() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "share_link_not_found",
        "This link leads nowhere: it never did, has expired, or was revoked. Ask whoever sent it for a new one.",
    )
}

impl<'k> Shared<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Result<Shared<'k>> {
        let (scope, chat) = actor.shared()?;
        Ok(Shared { installation, scope, chat })
    }

    /// The chat.
    ///
    /// # Errors
    /// `NotFound` (`share_link_not_found`) when it was deleted.
    pub fn chat(&self) -> Result<SharedChat> {
        let (scope, id) = (self.scope, self.chat);
        let found =
            self.installation.storage().read_one_anywhere(|conn| repo::chats::find(conn, scope, id))?;
        let chat = found.ok_or_else(not_found)?;
        Ok(SharedChat { title: chat.title, created_at: chat.created_at, updated_at: chat.updated_at })
    }

    /// What was said on its active branch, oldest first; without a cursor the last page. Instructions and the results
    /// of tools are left out, so that a page may have fewer entries than it has room for, or none, and go on all the same.
    ///
    /// # Errors
    /// `Invalid` for a page out of range or a cursor that no page gave. A chat that was deleted is empty.
    pub fn messages(&self, request: &PageRequest) -> Result<Page<SharedMessage>> {
        let page = messages::page_of_branch(self.installation, self.scope, self.chat, request)?;
        Ok(Page {
            items: page.items.into_iter().filter_map(SharedMessage::of).collect(),
            next_cursor: page.next_cursor,
            prev_cursor: page.prev_cursor,
            numbers: page.numbers,
        })
    }
}
