//! Removes what is left of long chats that were deleted, a piece at a time, so that others write in between.

use std::{thread, time::Instant};

use super::installation::Installation;
use crate::{
    base::error::Result,
    repo::deleted_chats,
    storage::{NodeKind, Storage},
};

/// A chat with more messages is removed behind. As many go at once: some 10 ms.
pub(crate) const PIECE: u32 = 1000;

/// Removes a piece; whether there was one.
pub(crate) fn piece(storage: &Storage) -> Result<bool> {
    let Some(number) = storage.read_one(deleted_chats::next)? else { return Ok(false) };
    storage.write_behind(move |tx| deleted_chats::remove(tx, number, PIECE))?;
    Ok(true)
}

/// Comes after something was deleted: a command removes all of it itself, since nobody may stay who does.
pub(crate) fn after_deletion(installation: &Installation) -> Result<()> {
    if installation.kind() != NodeKind::Cli {
        return Ok(());
    }
    let mut began = Instant::now();
    while piece(installation.storage())? {
        // Other processes write in between.
        thread::sleep(began.elapsed());
        began = Instant::now();
    }
    Ok(())
}
