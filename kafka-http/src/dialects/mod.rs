//! The wire formats of the systems that this one replaces: each maps what its clients send to calls of the
//! library, and holds no rules.

pub(crate) mod fastapi;
pub(crate) mod kafka;

/// A wire format besides that of the API itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// That of the Kafka system and its front end, also over WebSocket.
    Kafka,
}

impl Dialect {
    /// Every one there is.
    pub const ALL: [Dialect; 1] = [Dialect::Kafka];

    /// What it is called in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Kafka => "kafka",
        }
    }
}
