//! Processor time, as the system counts it.

use std::fs;

/// Processor time of a process so far, with all its threads, in ticks of 10 ms.
pub(crate) fn ticks(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may hold blanks; after it stand the state and ten fields before these two.
    let (_, fields) = text.rsplit_once(") ").unwrap();
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
