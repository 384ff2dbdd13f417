//! The blocking HTTP front end of the Kafka chat backend.

pub mod cidr;
pub mod config;
pub mod error;
pub mod server;
