//! The database: the only code that names its engine.

mod catalog;
mod check;
pub(crate) mod conn;
mod engine;
mod fault;
mod lock;
mod migrate;
mod node;
mod pool;
mod shape;
mod snapshot;
pub(crate) mod sql;
mod sqlite;
pub(crate) mod value;
mod writer;

pub use catalog::{AppliedMigration, MigrationName};
pub use check::DatabaseHealth;
pub(crate) use conn::{Conn, Row, Tx};
pub(crate) use engine::{Place, Storage, StorageOptions, Synchronous};
pub(crate) use migrate::Migrator;
pub use migrate::{DownTarget, MigrateMode, MigrationReport, MigrationStatus};
pub(crate) use node::NodeHandle;
pub use node::{Node, NodeKind};
pub(crate) use value::Value;
