//! What can be done with links by which one chat is read.

use super::{
    chats::{self, READ, WRITE},
    installation::Installation,
};
use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::{ChatId, ShareLinkId},
        time::Timestamp,
    },
    crypto::{bearer, digest},
    entity::share_link::{IssuedShareLink, NewShareLink, ShareLink},
    repo,
};

/// The longest that a link can be asked to work, in seconds: a hundred years.
const MOST_SECONDS: u64 = 100 * 366 * 24 * 3600;

/// Links to chats, as one actor may make and revoke them. Made by [`Kafka::share_links`](crate::Kafka::share_links).
///
/// Who has a link reads what is on the chat's active branch when they look, so also what is said later. They see what
/// people wrote and models answered, and the names of files; no instructions, reasoning or results of tools, no
/// other branches, and nothing of what is in files.
#[derive(Debug)]
pub struct ShareLinks<'k> {
    installation: &'k Installation,
    actor: Actor,
}

fn not_found(id: ShareLinkId) -> Error {
    Error::not_found("share_link_not_found", "link", id)
}

impl<'k> ShareLinks<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> ShareLinks<'k> {
        ShareLinks { installation, actor: *actor }
    }

    /// Makes a link to a chat. Its token is in the answer, and nowhere else afterwards.
    ///
    /// # Errors
    /// `NotFound` for a chat that may not be changed; `Invalid` (`expiry_past`) for an expiry that is not in the future,
    /// and (`expiry_twice`) for both kinds of it; `Conflict` (`too_many_share_links`) when the chat has
    /// [`Limits::share_links`](crate::Limits) that work.
    pub fn create(&self, chat: ChatId, new: NewShareLink) -> Result<IssuedShareLink> {
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let token = bearer::share(self.installation.random());
        let hash = digest::sha256_hex(token.expose().as_bytes());
        let link = ShareLink {
            id: self.installation.new_id(),
            chat_id: chat,
            expires_at: expiry(new, now)?,
            created_at: now,
        };
        let (stored, most) = (link.clone(), self.installation.limits().share_links);
        self.installation.storage().write(move |tx| {
            repo::chats::find_for_writing(tx, scope, chat)?.ok_or_else(|| chats::not_found(chat))?;
            if repo::share_links::list(tx, scope, chat, now)?.len() >= most {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "too_many_share_links",
                    format!(
                        "A chat has at most {most} links that work; revoke one that is not needed any more."
                    ),
                ));
            }
            repo::share_links::forget_dead(tx, chat, now)?;
            repo::share_links::insert(tx, &stored, &hash)
        })?;
        Ok(IssuedShareLink { link, token })
    }

    /// The links to a chat that work, oldest first.
    ///
    /// # Errors
    /// `NotFound` for a chat that may not be read.
    pub fn list(&self, chat: ChatId) -> Result<Vec<ShareLink>> {
        let (scope, now) = (self.actor.scope(READ)?, self.installation.now());
        self.installation.storage().read(|conn| {
            repo::chats::find(conn, scope, chat)?.ok_or_else(|| chats::not_found(chat))?;
            repo::share_links::list(conn, scope, chat, now)
        })
    }

    /// Ends a link at once.
    ///
    /// # Errors
    /// `NotFound` for a link that does not work any more, or leads to a chat that may not be changed.
    pub fn revoke(&self, id: ShareLinkId) -> Result<()> {
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let revoked =
            self.installation.storage().write(move |tx| repo::share_links::revoke(tx, scope, id, now))?;
        if revoked { Ok(()) } else { Err(not_found(id)) }
    }

    /// Ends all links to a chat at once; there may be none.
    ///
    /// # Errors
    /// `NotFound` for a chat that may not be changed.
    pub fn revoke_all(&self, chat: ChatId) -> Result<()> {
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        self.installation.storage().write(move |tx| {
            repo::chats::find_for_writing(tx, scope, chat)?.ok_or_else(|| chats::not_found(chat))?;
            repo::share_links::revoke_all(tx, chat, now)
        })
    }
}

fn expiry(new: NewShareLink, now: Timestamp) -> Result<Option<Timestamp>> {
    let past = |field| Error::invalid("expiry_past", field, "give an instant in the future");
    match (new.expires_at, new.expires_in) {
        (None, None) => Ok(None),
        (Some(at), None) if at > now => Ok(Some(at)),
        (Some(_), None) => Err(past("expires_at")),
        (None, Some(seconds @ 1..=MOST_SECONDS)) => {
            let ms = i64::try_from(seconds * 1000).unwrap_or(i64::MAX);
            Ok(Some(now.plus_ms(ms)))
        }
        (None, Some(_)) => {
            let message = format!("give a number of seconds from 1 to {MOST_SECONDS}");
            Err(Error::invalid("expiry_out_of_range", "expires_in", message))
        }
        (Some(_), Some(_)) => {
            Err(Error::invalid("expiry_twice", "expires_in", "leave out expires_in or expires_at"))
        }
    }
}
