//! The database: the only code that names its engine.

pub(crate) mod conn;
mod fault;
pub(crate) mod sql;
pub(crate) mod value;

pub(crate) use conn::{Conn, Row, Tx};
pub(crate) use value::Value;
