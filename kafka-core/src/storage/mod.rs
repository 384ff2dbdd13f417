//! The database: the only code that names its engine.

mod behind;
pub(crate) mod blob;
mod blob_made;
mod catalog;
mod check;
pub(crate) mod conn;
mod engine;
mod fault;
#[cfg(feature = "postgres")]
mod heard;
mod link;
mod lock;
mod migrate;
mod moving;
mod node;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod shape;
#[cfg(feature = "postgres")]
mod shared;
mod snapshot;
pub(crate) mod sql;
mod sqlite;
pub(crate) mod value;
mod writer;

pub use catalog::{AppliedMigration, MigrationName};
pub use check::DatabaseHealth;
pub(crate) use conn::{Conn, Row, Tx};
pub use engine::Synchronous;
pub(crate) use engine::{Place, Storage, StorageOptions};
#[cfg(feature = "postgres")]
pub(crate) use heard::Heard;
pub(crate) use migrate::Migrator;
pub use migrate::{DownTarget, MigrateMode, MigrationReport, MigrationStatus};
pub(crate) use moving::Moving;
pub use moving::{MoveProgress, MoveStep, StoredContents};
pub(crate) use node::NodeHandle;
pub use node::{Node, NodeKind};
#[cfg(all(feature = "postgres", feature = "testing"))]
pub use postgres::fresh::FreshDatabase;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresAddress, PostgresOptions};
pub(crate) use value::Value;

/// Every statement of this floor that runs on PostgreSQL.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn statements() -> impl Iterator<Item = &'static sql::Statement> {
    let all = [catalog::ALL, migrate::ALL, moving::ALL, node::ALL].into_iter();
    #[cfg(feature = "postgres")]
    let all = all.chain([postgres::ALL, shared::ALL]);
    all.flatten().copied()
}
