//! Blocking HTTP front end of the Kafka chat backend.

pub mod error;
pub mod server;
