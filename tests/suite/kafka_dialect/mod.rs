//! The replaced Kafka system's protocol: its recordings are played to this server, and its defects are gone.

mod compare;
mod composer;
mod defects;
mod differences;
mod password;
mod recording;
mod sockets;
