//! Names for requests, so that an answer and a log line can be brought together.

use std::sync::atomic::{AtomicU64, Ordering};

use kafka_core::{Random, SystemRandom};

/// Longest id taken over from a client, in bytes.
const LONGEST: usize = 128;

/// Makes ids that are unique in this process and very likely among processes.
#[derive(Debug)]
pub(super) struct RequestIds {
    process: String,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> RequestIds {
        let mut process = [0; 8];
        SystemRandom.fill(&mut process);
        RequestIds { process: format!("{:016x}", u64::from_le_bytes(process)), next: AtomicU64::new(1) }
    }

    /// The client's own id if it is harmless in a log, otherwise a new one.
    pub(super) fn choose(&self, sent: Option<&str>) -> String {
        match sent {
            Some(id) if is_sane(id) => id.to_owned(),
            _ => self.fresh(),
        }
    }

    pub(super) fn fresh(&self) -> String {
        format!("{}-{:08x}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

fn is_sane(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= LONGEST
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harmless_id_is_kept_and_any_other_replaced() {
        let ids = RequestIds::new();
        assert_eq!(ids.choose(Some("a-b_C.1:2")), "a-b_C.1:2");
        for strange in ["", "a b", "a\"b", "ü", "a/b", &"x".repeat(LONGEST + 1)] {
            assert_ne!(ids.choose(Some(strange)), strange);
        }
        assert_ne!(ids.choose(None), ids.choose(None));
    }
}
