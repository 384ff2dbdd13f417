//! Figures: what is made of many, and what tells how far to trust them.

use std::fs;

/// The one in the middle.
#[allow(dead_code, reason = "not every benchmark runs more than once")]
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many threads wanted a processor of this machine, on average over the last minute.
pub(crate) fn machine_load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().split(' ').next().unwrap().to_owned()
}
