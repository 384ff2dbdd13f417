//! What watchers of an answer read of it from storage, shared while one of them holds it: a thousand hold what
//! one does.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::entity::block::{Block, HeldBlock};

/// Blocks that somebody holds, by the number of the last event.
#[derive(Default)]
pub(crate) struct HeldBlocks(Mutex<BTreeMap<u64, HeldBlock>>);

impl HeldBlocks {
    fn blocks(&self) -> MutexGuard<'_, BTreeMap<u64, HeldBlock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block of the first event after number `after` that another watcher read and still holds.
    pub(crate) fn following(&self, after: u64) -> Option<Block> {
        let block = self.blocks().range(after + 1..).next()?.1.get()?;
        (block.first_seq() <= after + 1).then_some(block)
    }

    /// Lets others share a block that was read, which is given back, or theirs if they were faster.
    pub(crate) fn hold(&self, block: Block) -> Block {
        let mut blocks = self.blocks();
        blocks.retain(|_, block| block.is_held());
        let same = blocks.get(&block.last_seq()).and_then(HeldBlock::get);
        if let Some(theirs) = same.filter(|theirs| theirs.first_seq() <= block.first_seq()) {
            return theirs;
        }
        blocks.insert(block.last_seq(), HeldBlock::of(&block));
        block
    }
}
