//! A chat for whoever has a link to it.

use super::{
    installation::Installation,
    listing::{self, FromEnd},
};
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
    /// of tools are no part of it, and not counted either.
    ///
    /// # Errors
    /// `Invalid` for a page out of range or a cursor that no page gave. A chat that was deleted is empty.
    pub fn messages(&self, request: &PageRequest) -> Result<Page<SharedMessage>> {
        let (scope, chat) = (self.scope, self.chat);
        let page = listing::read(self.installation.storage(), request, |conn| {
            let pages = FromEnd {
                after: &|seq, room| repo::shared::after(conn, scope, chat, seq, room),
                before: &|seq, room| repo::shared::before(conn, scope, chat, seq, room),
                numbered: &|room, offset| {
                    let rows = repo::shared::numbered(conn, scope, chat, room, offset)?;
                    Ok((rows, repo::shared::count(conn, scope, chat)?))
                },
                number: &|message| message.seq,
            };
            pages.page(self.installation.limits(), request)
        })?;
        Ok(Page {
            items: page.items.into_iter().filter_map(SharedMessage::of).collect(),
            next_cursor: page.next_cursor,
            prev_cursor: page.prev_cursor,
            numbers: page.numbers,
        })
    }
}
