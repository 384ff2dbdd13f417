//! The one source of randomness, so that tests can replace it.

use std::fmt;

/// Fills buffers with unpredictable bytes.
pub trait Random: Send + Sync + fmt::Debug {
    /// Overwrites every byte of `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no id or key may be made; the operating systems in question do not fail here after boot"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random bytes");
    }
}
