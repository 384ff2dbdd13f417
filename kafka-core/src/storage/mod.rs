//! The database: the only code that names its engine.

pub(crate) mod conn;
mod engine;
mod fault;
mod migrate;
mod pool;
pub(crate) mod sql;
mod sqlite;
pub(crate) mod value;
mod writer;

pub(crate) use conn::{Conn, Row, Tx};
pub(crate) use engine::{Place, Storage, StorageOptions, Synchronous};
pub(crate) use migrate::Migrator;
pub(crate) use value::Value;
