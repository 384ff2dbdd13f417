//! Public identifiers: UUIDv7 in lower-case text, one type a noun so that they cannot be mixed up.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{random::Random, time::Timestamp};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> $name {
                $name(id)
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
    /// Identifies a file of a workspace or a chat.
    FileId;
    /// Identifies a file as it stands in one chat.
    ChatFileId;
    /// Identifies a version of a chat's file.
    VersionId;
    /// Identifies a chat.
    ChatId;
    /// Identifies a link by which a chat is read; it is not the secret.
    ShareLinkId;
    /// Identifies a message.
    MessageId;
    /// Identifies a document.
    DocumentId;
    /// Identifies a response.
    ResponseId;
    /// Identifies a configured model.
    ModelId;
    /// Identifies a process that opened the database for writing.
    NodeId;
}

/// Makes ids. Those made in one millisecond ascend, so that lists which are ordered by time and id hold what
/// one process made in the order in which it was made.
#[derive(Debug)]
pub(crate) struct Ids {
    random: Arc<dyn Random>,
    last: Mutex<Uuid>,
}

impl Ids {
    pub(crate) fn new(random: Arc<dyn Random>) -> Ids {
        Ids { random, last: Mutex::default() }
    }

    /// A UUIDv7 (RFC 9562 §5.7) of the instant `now` with 74 random bits. In the millisecond of the id before
    /// they are that id's bits plus a random number of 32 bits (§6.2, method 2).
    pub(crate) fn next<T: From<Uuid>>(&self, now: Timestamp) -> T {
        let mut bits = [0u8; 10];
        self.random.fill(&mut bits);
        let fresh = uuid::Builder::from_unix_timestamp_millis(now.unix_ms().max(0) as u64, &bits).into_uuid();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match last.as_u128() >> TIME_SHIFT == fresh.as_u128() >> TIME_SHIFT {
            true => after(*last, u32::from_be_bytes([bits[6], bits[7], bits[8], bits[9]])),
            false => fresh,
        };
        (*last).into()
    }
}

/// Ids that ascend, from a random one on in random steps of 32 bits, for whatever is stored many at a time. A clone
/// gives the same ids again, as a transaction needs that may run more than once.
#[derive(Clone, Debug)]
pub(crate) struct IdRun {
    last: Uuid,
    steps: u64,
}

impl IdRun {
    pub(crate) fn new(random: &dyn Random, now: Timestamp) -> IdRun {
        let (mut bits, mut steps) = ([0u8; 10], [0u8; 8]);
        random.fill(&mut bits);
        random.fill(&mut steps);
        let first = uuid::Builder::from_unix_timestamp_millis(now.unix_ms().max(0) as u64, &bits).into_uuid();
        IdRun { last: first, steps: u64::from_be_bytes(steps) }
    }

    pub(crate) fn next<T: From<Uuid>>(&mut self) -> T {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.steps = self.steps.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.steps ^ self.steps >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.last = after(self.last, (mixed >> 32) as u32);
        self.last.into()
    }
}

/// The first bit of the time, and the lengths of the two random fields around the variant's two bits.
const TIME_SHIFT: u32 = 80;
const RAND_A_BITS: u32 = 12;
const RAND_B_BITS: u32 = 62;

/// The id whose random bits, read as one number, are larger by `step` + 1. Where they overflow, the time
/// moves on by a millisecond.
fn after(id: Uuid, step: u32) -> Uuid {
    let id = id.as_u128();
    let (rand_a, rand_b) = ((1 << RAND_A_BITS) - 1, (1 << RAND_B_BITS) - 1);
    let number = (id >> TIME_SHIFT << RAND_A_BITS | id >> 64 & rand_a) << RAND_B_BITS | id & rand_b;
    let next = number + u128::from(step) + 1;
    let fields = id & !(u128::MAX << TIME_SHIFT | rand_a << 64 | rand_b);
    let time = next >> (RAND_A_BITS + RAND_B_BITS) << TIME_SHIFT;
    Uuid::from_u128(time | fields | (next >> RAND_B_BITS & rand_a) << 64 | next & rand_b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::SystemRandom;

    #[test]
    fn ids_of_one_millisecond_ascend_and_are_of_version_7() {
        let ids = Ids::new(Arc::new(SystemRandom));
        for ms in [7, 7, 8, 6] {
            let now = Timestamp::from_unix_ms(ms);
            let made: Vec<Uuid> = (0..10_000).map(|_| ids.next(now)).collect();
            assert!(made.is_sorted_by(|one, next| one < next), "in millisecond {ms}");
            for id in made {
                assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
                assert_eq!(id.as_u128() >> TIME_SHIFT, ms as u128);
            }
        }
    }

    #[test]
    fn a_run_of_ids_ascends_and_its_clone_gives_the_same() {
        let mut run = IdRun::new(&SystemRandom, Timestamp::from_unix_ms(7));
        let again = run.clone();
        let made: Vec<Uuid> = (0..10_000).map(|_| run.next()).collect();
        assert!(made.is_sorted_by(|one, next| one < next));
        assert!(made.iter().all(|id| (id.get_version_num(), id.as_u128() >> TIME_SHIFT) == (7, 7)));
        let twice: Vec<Uuid> = std::iter::repeat_with({
            let mut again = again;
            move || again.next()
        })
        .take(made.len())
        .collect();
        assert_eq!(made, twice);
        let other = IdRun::new(&SystemRandom, Timestamp::from_unix_ms(7)).next::<Uuid>();
        assert!(!made.contains(&other));
    }

    #[test]
    fn random_bits_that_overflow_move_into_the_next_millisecond() {
        let full = uuid::Builder::from_unix_timestamp_millis(41, &[0xff; 10]).into_uuid();
        let next = after(full, 0);
        assert_eq!(next, uuid::Builder::from_unix_timestamp_millis(42, &[0; 10]).into_uuid());
        let carried = after(Uuid::from_u128(full.as_u128() & !(1 << 64)), 0);
        assert_eq!(
            carried,
            uuid::Builder::from_unix_timestamp_millis(41, &[0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]).into_uuid()
        );
    }
}
