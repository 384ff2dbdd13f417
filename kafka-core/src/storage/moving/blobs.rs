//! The bytes of files on their way from one directory to the other.

use std::sync::Arc;

use super::{MoveProgress, MoveStep, Moving, Watch};
use crate::base::{
    error::Result,
    id::{Ids, NodeId},
};

/// What became of the bytes of files.
#[derive(Debug, Default)]
pub(crate) struct MovedBlobs {
    /// How many the target has now.
    pub(crate) count: u64,
    /// How many bytes those are.
    pub(crate) bytes: u64,
    /// The hashes of those that were left behind because they are not what they were.
    pub(crate) damaged: Vec<String>,
    /// Whether both sides keep them in one directory, so that none were copied.
    pub(crate) is_shared: bool,
}

impl Moving<'_> {
    /// Copies the bytes that the target lacks. Each is hashed on the way and comes to its place as a whole.
    pub(crate) fn copy_blobs(&self, watch: &mut Watch<'_>) -> Result<MovedBlobs> {
        let (from, to) = (self.from.blobs(), self.to.blobs());
        let mut moved = MovedBlobs { is_shared: from.is_same_place(to), ..MovedBlobs::default() };
        let mut total = 0;
        from.each(|sha256| {
            total += from.length(sha256);
            Ok(())
        })?;
        let options = self.to.options();
        let ids = Ids::new(Arc::clone(&options.random));
        from.each(|sha256| {
            if !to.has(sha256) {
                let name: NodeId = ids.next(options.clock.now());
                let staged = to.stage(name.0, &mut from.open(sha256)?, u64::MAX)?;
                if staged.sha256 != sha256 {
                    moved.damaged.push(sha256.to_owned());
                    return Ok(());
                }
                self.to.write(move |tx| staged.place(tx))?;
            }
            moved.count += 1;
            moved.bytes += to.length(sha256);
            watch(MoveProgress { step: MoveStep::Files, done: moved.bytes, total });
            Ok(())
        })?;
        Ok(moved)
    }
}
