//! The library through its public door: every service, every rule, every way an answer can go.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod bad_embeddings;
mod bad_models;
mod branches;
mod catalogue;
mod changes;
mod composer;
mod crash;
#[cfg(unix)]
mod disk;
#[cfg(target_os = "linux")]
mod document_turns;
mod documents;
#[cfg(target_os = "linux")]
mod durable;
mod embeddings;
mod embeddings_behind;
mod embeddings_renewed {
    mod slow;
}
mod endpoints;
mod events;
mod export;
mod files;
mod forks;
mod handle;
mod history;
mod home;
mod hybrid;
mod identity;
mod ingest;
#[cfg(feature = "postgres")]
mod journeys;
mod keys;
mod killed;
mod limits;
mod linear;
mod lists;
mod moving;
#[cfg(feature = "postgres")]
mod nodes;
mod nouns;
mod once;
mod order;
#[cfg(feature = "postgres")]
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod prompted;
mod quotas;
mod removal;
mod removed_documents {
    mod slow;
}
mod replacement;
mod reports;
mod resolution;
mod retrieval;
mod revocation;
#[cfg(feature = "postgres")]
mod schemas;
mod scopes;
mod search;
mod share_links;
mod stage;
mod tags;
mod tickets;
mod titles;
mod tokens;
mod tools;
mod uploads;
mod usage;
mod versions;
