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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Migrator, Place, StorageOptions, sql::unlisted_statements};

    unlisted_statements! {
        CHAT = ["INSERT INTO chats (id, title, created_at, updated_at) VALUES ('c', '', 0, 0)"];
        DOCUMENT = ["INSERT INTO documents (id, chat_id, filename, created_at, updated_at) VALUES ($1, 'c', 'n', 0, 0)"];
        NUMBERS = ["SELECT number FROM documents"];
        USERS = ["INSERT INTO deleted_users (user_id) VALUES ($1)"];
        GONE = ["SELECT user_id FROM deleted_users"];
    }

    const IDS: [&str; 2] = ["00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"];

    fn storage() -> Storage {
        let storage = Storage::open(Place::Memory, StorageOptions::default()).unwrap();
        Migrator::new(&storage).unwrap().up(None).unwrap();
        storage.write(|tx| tx.execute(&CHAT, &[])).unwrap();
        storage
    }

    #[test]
    fn what_another_process_has_removed_is_left_alone_when_its_number_is_given_again() {
        let storage = storage();
        let add = |id: &'static str| storage.write(move |tx| tx.execute(&DOCUMENT, &[id.into()])).unwrap();
        let documents = || storage.read(|conn| conn.all(&NUMBERS, &[], |row| row.next::<i64>())).unwrap();
        add(IDS[0]);
        storage.write(|tx| deleted_documents::mark(tx, IDS[0].parse().unwrap(), CITING)).unwrap();
        let found = storage.read_one(deleted_documents::next).unwrap().unwrap();
        while piece(&storage).unwrap() {}
        assert_eq!(documents(), [0; 0]);
        add(IDS[1]);
        assert_eq!(documents(), [1]);
        storage.write(move |tx| deleted_documents::remove(tx, found, CITING, PASSAGES)).unwrap();
        assert_eq!(documents(), [1]);
    }

    #[test]
    fn an_account_whose_row_has_the_number_of_one_that_is_done_is_not_forgotten() {
        let storage = storage();
        let add = |id: &'static str| storage.write(move |tx| tx.execute(&USERS, &[id.into()])).unwrap();
        add(IDS[0]);
        let found = storage.read_one(deleted_users::next).unwrap().unwrap();
        while piece(&storage).unwrap() {}
        add(IDS[1]);
        storage.write(move |tx| deleted_users::clear(tx, &found, MESSAGES)).unwrap();
        let gone = storage.read(|conn| conn.all(&GONE, &[], |row| row.next::<String>())).unwrap();
        assert_eq!(gone, [IDS[1]]);
    }
}
