//! Two servers under the same load. They alternate in short runs, and their ratio is the median of the
//! ratios of neighbouring runs, which a busy machine slows alike.

use crate::{
    figures::median,
    load::{self, Outcome, Target},
};

/// Runs of each of the two servers.
pub(crate) const RUNS: usize = 15;

/// How two servers did; what stands in pairs is the baseline's and ours.
pub(crate) struct Comparison {
    pub(crate) requests_per_second: [f64; 2],
    /// Processor time of the load, in percent of a run.
    pub(crate) load_percent: [f64; 2],
    /// Ours by the baseline's.
    pub(crate) ratio: f64,
}

/// Compares two servers, each asked on so many connections at a time.
pub(crate) fn compare(baseline: Target<'_>, ours: Target<'_>, connections: usize) -> Comparison {
    let mut outcomes = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        for (target, outcomes) in [baseline, ours].into_iter().zip(&mut outcomes) {
            outcomes.push(load::run(target, connections));
        }
    }
    let of_both =
        |figure: fn(&Outcome) -> f64| outcomes.each_ref().map(|outcomes| median(outcomes.iter().map(figure)));
    let pairs = outcomes[0].iter().zip(&outcomes[1]);
    Comparison {
        requests_per_second: of_both(|outcome| outcome.requests_per_second),
        load_percent: of_both(|outcome| outcome.load_percent),
        ratio: median(pairs.map(|(baseline, ours)| ours.requests_per_second / baseline.requests_per_second)),
    }
}
