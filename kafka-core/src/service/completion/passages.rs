//! What an answer is made from besides the chat: passages of documents that whoever asked may read.

use super::run::Answering;
use crate::{
    base::{
        error::{Error, Result},
        id::ChatId,
        time::Timestamp,
    },
    entity::document::Source,
    repo::{self, chunks::Asked},
    service::{
        quotas::{Quotas, Reservation},
        retrieval::{self, Prepared},
    },
    storage::Conn,
};

/// The documents that are asked about.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct AskedDocuments {
    pub(in crate::service) asked: Asked,
    chat: ChatId,
    quotas: Quotas,
    now: Timestamp,
    reserved: Reservation,
}

impl AskedDocuments {
    /// What passages may cost that have so much room, by the plan of the chat's owner as well.
    pub(in crate::service) fn most_tokens(self, conn: &Conn<'_>, room: u64) -> Result<u64> {
        let affordable = self.quotas.room_for_passages(conn, self.chat, self.now, self.reserved)?;
        Ok(affordable.map_or(room, |affordable| affordable.min(room)))
    }
}

impl Answering {
    /// What a prompt tells documents by. None for a credential that reads no documents.
    pub(in crate::service) fn prepared(&self) -> Result<Option<Prepared>, Error> {
        let Some(scope) = self.documents else { return Ok(None) };
        let (chat, question) = (self.running.chat, self.running.user_message.id);
        self.patiently(|| {
            let cancel = &self.running.cancel;
            retrieval::prepare(&self.installation, scope, chat, question, self.reserved, cancel)
        })
        .map(Some)
    }

    /// None for a credential that reads no documents.
    pub(in crate::service) fn asked(&self, conn: &Conn<'_>) -> Result<Option<AskedDocuments>> {
        let (chat, Some(scope)) = (self.running.chat, self.documents) else { return Ok(None) };
        let Some(asked) = Asked::of_chat(conn, scope, chat)? else { return Ok(None) };
        let (quotas, now) = (self.installation.quotas(), self.installation.now());
        Ok(Some(AskedDocuments { asked, chat, quotas, now, reserved: self.reserved }))
    }

    /// Stores what the answer is made from. A document may have gone since it was read.
    pub(in crate::service) fn cite(&self, sources: &[Source]) -> Result<(), Error> {
        if sources.is_empty() {
            return Ok(());
        }
        let (id, sources) = (self.running.accepted.message_id, sources.to_vec());
        self.installation.storage().write(move |tx| {
            let mut sources = sources.clone();
            for source in &mut sources {
                source.stale = !repo::documents::is_there(tx, source.document_id)?;
            }
            repo::messages::cite(tx, id, &serde_json::to_string(&sources).unwrap_or_default())
        })
    }
}
