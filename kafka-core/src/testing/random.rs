//! Randomness that repeats.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Random;

/// Gives different bytes at each call, and the same ones in each run. Ids made with it are unique, and
/// those of one millisecond sort in the order in which they were made.
#[derive(Debug, Default)]
pub struct SequentialRandom(AtomicU64);

impl Random for SequentialRandom {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        // Ids lose a few bits of their first and third byte to version and variant, so the count ends the buffer.
        buffer.fill(0);
        let length = buffer.len().min(number.len());
        let (at, from) = (buffer.len() - length, number.len() - length);
        buffer[at..].copy_from_slice(&number[from..]);
    }
}
