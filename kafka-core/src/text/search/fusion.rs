//! Bringing rankings together that were made by different measures: reciprocal rank fusion (Cormack, Clarke and Büttcher,
//! SIGIR 2009). Only the ranks count, since the scores of words and of vectors do not compare.

use std::{collections::HashMap, hash::Hash};

/// How little the first ranks differ; the constant of the paper.
const EVENNESS: u64 = 60;
const UNIT: u64 = 1_000_000;

/// A score for whatever stands in one of the rankings, each with the best first: higher where it stands further ahead,
/// and where it stands in more than one.
pub(crate) fn fused<K: Eq + Hash + Copy>(rankings: &[&[K]]) -> HashMap<K, u64> {
    let mut scores = HashMap::new();
    for ranking in rankings {
        for (rank, key) in (1..).zip(*ranking) {
            *scores.entry(*key).or_default() += UNIT / (EVENNESS + rank);
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_ahead_in_both_is_best() {
        let scores = fused(&[&["a", "b", "c"], &["b", "d"]]);
        let mut order = ["a", "b", "c", "d"];
        order.sort_by_key(|key| std::cmp::Reverse(scores[key]));
        assert_eq!(order, ["b", "a", "d", "c"]);
    }
}
