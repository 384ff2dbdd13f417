//! Removes what is left of what was deleted: documents, long chats, and the names of accounts in what they wrote. All of it
//! goes a piece at a time, smaller ones while others write, who have the database in between.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{installation::Installation, upkeep::Upkeep};
use crate::{
    base::{cancel::CancelToken, error::Result},
    repo::{deleted_chats, deleted_documents, deleted_users},
    storage::{NodeKind, Storage},
};

/// A chat with more messages is removed behind. As many go at once when nobody else writes: some 10 ms.
pub(super) const MESSAGES: u32 = 1000;
/// So many passages with their vectors go at once.
const PASSAGES: u32 = 256;
/// So many messages that cite something are looked at at once.
pub(super) const CITING: u32 = 500;
/// How often it is looked whether anything was deleted, also by another process.
const LOOK: Duration = Duration::from_millis(500);

/// The thread that removes.
#[derive(Clone, Default)]
pub(crate) struct Removing(Arc<Thread>);

#[derive(Default)]
struct Thread {
    upkeep: Upkeep,
    cancel: CancelToken,
}

impl Removing {
    /// Starts it.
    pub(crate) fn start(&self, installation: &Installation) -> Result<()> {
        let (itself, cancel) = (installation.downgrade(), self.0.cancel.clone());
        self.0.upkeep.start("kafka-removal", LOOK, move |_| {
            let Some(installation) = itself.upgrade() else { return false };
            // What fails here is tried again at the next look.
            while !cancel.is_cancelled() && piece(installation.storage()).unwrap_or(false) {}
            true
        })
    }

    /// Ends it after the piece it is at.
    pub(crate) fn stop(&self) {
        self.0.cancel.cancel();
        self.0.upkeep.stop();
    }
}

/// Removes a piece, and gives way; whether there was one.
fn piece(storage: &Storage) -> Result<bool> {
    let began = Instant::now();
    let most = |rows: u32| u32::try_from(storage.piece(rows as usize)).unwrap_or(rows);
    if let Some(document) = storage.read_one(deleted_documents::next)? {
        let (citing, passages) = (most(CITING), most(PASSAGES));
        storage.write_behind(move |tx| deleted_documents::remove(tx, document, citing, passages))?;
    } else if let Some(number) = storage.read_one(deleted_chats::next)? {
        let messages = most(MESSAGES);
        storage.write_behind(move |tx| deleted_chats::remove(tx, number, messages))?;
    } else if let Some(account) = storage.read_one(deleted_users::next)? {
        let messages = most(MESSAGES);
        storage.write_behind(move |tx| deleted_users::clear(tx, &account, messages))?;
    } else {
        return Ok(false);
    }
    let took = began.elapsed();
    storage.give_way(took);
    // Other processes write in between.
    thread::sleep(took);
    Ok(true)
}

/// Comes after something was deleted: a command removes all of it itself, since nobody may stay who does.
pub(super) fn after_deletion(installation: &Installation) -> Result<()> {
    if installation.kind() != NodeKind::Cli {
        return Ok(());
    }
    while piece(installation.storage())? {}
    Ok(())
}
