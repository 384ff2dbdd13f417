//! Bringing rankings together that were made by different measures: reciprocal rank fusion (Cormack, Clarke and Büttcher,
//! SIGIR 2009). Ranks count, since the scores of words and of vectors do not compare; but what holds only some of the words
//! counts for less, because the best of few is good for little. The figures that these numbers were chosen by are in ADR 0012.

use std::{collections::HashMap, hash::Hash};

/// How little the first ranks differ; the constant of the paper.
const EVENNESS: u64 = 60;
const UNIT: f64 = 1_000_000.0;
/// What a text counts, beside one that is near, that says as much of every word as can be said …
const MOST_OF_WORDS: f64 = 2.0;
/// … and how fast that falls with the part of it that is said: half of it counts an eighth.
const FALL: i32 = 3;

/// What a place among those found by words counts that was given for this part, from 0 to 1, of the highest score.
pub(crate) fn weight(part: f64) -> f64 {
    MOST_OF_WORDS * part.powi(FALL)
}

/// A score for whatever stands in one of the rankings, the best first: higher where it stands further ahead,
/// and where it stands in both. Those found by words come with their weights.
pub(crate) fn fused<K: Eq + Hash + Copy>(by_words: &[(K, f64)], near: &[K]) -> HashMap<K, u64> {
    let mut scores = HashMap::new();
    let near = near.iter().map(|key| (*key, 1.0));
    for ranking in [by_words.to_vec(), near.collect()] {
        for (rank, (key, weight)) in (1..).zip(ranking) {
            *scores.entry(key).or_default() += (UNIT * weight / (EVENNESS + rank) as f64) as u64;
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_ahead_in_both_is_best_and_what_says_little_counts_for_little() {
        for (weights, expected) in
            [([1.0, 1.0, 0.1], ["b", "a", "d", "c"]), ([0.01; 3], ["b", "d", "a", "c"])]
        {
            let by_words: Vec<_> = ["a", "b", "c"].into_iter().zip(weights).collect();
            let scores = fused(&by_words, &["b", "d"]);
            let mut order = ["a", "b", "c", "d"];
            order.sort_by_key(|key| std::cmp::Reverse(scores[key]));
            assert_eq!(order, expected);
        }
        assert!(weight(1.0) > 1.0 && weight(0.5) < 0.5);
    }
}
