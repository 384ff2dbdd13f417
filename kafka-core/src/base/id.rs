//! Public identifiers: UUIDv7 in lower-case text, one type a noun so that they cannot be mixed up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{random::Random, time::Timestamp};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            pub(crate) fn generate(now: Timestamp, random: &dyn Random) -> $name {
                $name(generate(now, random))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> std::result::Result<$name, uuid::Error> {
                Uuid::parse_str(text).map($name)
            }
        }
    )*};
}

ids! {
    /// Identifies a user.
    UserId;
    /// Identifies an access token's row; it is not the secret.
    TokenId;
    /// Identifies an invitation; it is not the code.
    InvitationId;
    /// Identifies a plan.
    PlanId;
    /// Identifies a workspace.
    WorkspaceId;
    /// Identifies a chat.
    ChatId;
    /// Identifies a message.
    MessageId;
    /// Identifies a response.
    ResponseId;
    /// Identifies a configured model.
    ModelId;
    /// Identifies a process that opened the database for writing.
    NodeId;
}

/// A UUIDv7 (RFC 9562 §5.7) of the instant `now` with 74 random bits.
fn generate(now: Timestamp, random: &dyn Random) -> Uuid {
    let mut bits = [0u8; 10];
    random.fill(&mut bits);
    uuid::Builder::from_unix_timestamp_millis(now.unix_ms().max(0) as u64, &bits).into_uuid()
}
