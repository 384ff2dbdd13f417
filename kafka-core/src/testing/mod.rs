//! Stand-ins for tests of applications that embed the library. Feature `testing`; outside the
//! guarantees of semantic versioning.
#![expect(clippy::expect_used, reason = "a test is best told by a panic that its stand-in does not work")]

mod endpoint;
#[doc(hidden)]
pub mod fuzz;
mod provider;
mod random;
mod script;
#[cfg(feature = "postgres")]
mod scripted_postgres;
mod time;

#[cfg(feature = "postgres")]
pub use crate::storage::FreshDatabase;
pub use endpoint::{ScriptedEndpoint, ScriptedRequest};
pub use provider::{ScriptedAnswer, ScriptedCall, ScriptedProvider};
pub use random::SequentialRandom;
pub use script::{Gate, Script};
#[cfg(feature = "postgres")]
pub use scripted_postgres::ScriptedPostgres;
pub use time::ManualClock;

/// Every SQL statement that the product runs on either engine: its name, and its text as PostgreSQL
/// gets it.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str)> {
    crate::repo::statements()
        .chain(crate::storage::statements())
        .map(|statement| (statement.name, statement.postgres))
}

/// How often each of them ran in this process so far, by its name, without those that never did. For
/// tests that bound what a call costs; such a test stands in a program of its own.
pub fn statement_runs() -> std::collections::BTreeMap<&'static str, u64> {
    crate::repo::statements()
        .map(|statement| (statement.name, statement.runs.load(std::sync::atomic::Ordering::Relaxed)))
        .filter(|(_, runs)| *runs > 0)
        .collect()
}
