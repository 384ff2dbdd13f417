//! Bringing rankings together that were made by different measures: reciprocal rank fusion (Cormack, Clarke and Büttcher,
//! SIGIR 2009). Ranks count, since the scores of words and of vectors do not compare. The figures that the numbers here
//! were chosen by are in ADR 0012.

use std::{cmp::Reverse, collections::HashMap, hash::Hash};

use super::matching::Score;

/// How little the first ranks differ; the constant of the paper.
const EVENNESS: u64 = 60;
const UNIT: f64 = 1_000_000.0;
/// What a text counts that holds a code of the query, beside one that is near: vectors hardly tell one code from another.
const OF_CODE: f64 = 2.0;
/// How fast what a text counts that has a vector, too, falls with the part of the query that it holds: the best of few is
/// good for little, and half of it counts an eighth.
const FALL: i32 = 3;
/// The places, from 1 on, at which the best three by words stand at the latest, whatever is near.
const LATEST: [usize; 3] = [6, 9, 12];

/// A text that words have found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<K> {
    pub(crate) key: K,
    pub(crate) score: Score,
    /// Whether it could have been found by its vector; what could not, is ranked by itself and counts in full.
    pub(crate) has_vector: bool,
}

/// A score for whatever words have found or is near, both the best first: higher where it stands further ahead, and
/// where it stands in both.
pub(crate) fn fused<K: Eq + Hash + Copy>(by_words: &[Said<K>], near: &[K]) -> HashMap<K, u64> {
    let mut scores = HashMap::new();
    let mut add = |key: K, rank: u64, weight: f64| {
        *scores.entry(key).or_default() += (UNIT * weight / (EVENNESS + rank) as f64) as u64;
    };
    (1..).zip(near).for_each(|(rank, key)| add(*key, rank, 1.0));
    for has_vector in [true, false] {
        let of_these = by_words.iter().filter(|said| said.has_vector == has_vector);
        for (rank, said) in (1..).zip(of_these) {
            let weight = match (said.score.has_code, has_vector) {
                (true, _) => OF_CODE,
                (false, true) => said.score.share.powi(FALL),
                (false, false) => 1.0,
            };
            add(said.key, rank, weight);
        }
    }
    for (said, latest) in by_words.iter().zip(LATEST) {
        let mut all: Vec<u64> = scores.values().copied().collect();
        all.sort_unstable_by_key(|score| Reverse(*score));
        if let (Some(there), Some(own)) = (all.get(latest - 1), scores.get_mut(&said.key))
            && *own < *there
        {
            *own = there + 1;
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(by_words: &[(u8, f64, bool, bool)], near: &[u8]) -> Vec<u8> {
        let said = by_words.iter().map(|(key, share, has_code, has_vector)| Said {
            key: *key,
            score: Score { points: 0, share: *share, has_code: *has_code },
            has_vector: *has_vector,
        });
        let scores = fused(&said.collect::<Vec<_>>(), near);
        let mut order: Vec<u8> = scores.keys().copied().collect();
        order.sort_by_key(|key| (Reverse(scores[key]), *key));
        order
    }

    #[test]
    fn what_stands_ahead_in_both_is_best_and_what_says_little_counts_for_little() {
        // All of the query, and a tenth of it.
        assert_eq!(order(&[(1, 1.0, false, true), (2, 1.0, false, true)], &[2, 3]), [2, 1, 3]);
        assert_eq!(order(&[(1, 0.1, false, true), (2, 0.1, false, true)], &[2, 3]), [2, 3, 1]);
        // A code, and what has no vectors.
        assert_eq!(order(&[(1, 0.1, true, true)], &[2, 3]), [1, 2, 3]);
        assert_eq!(order(&[(8, 0.1, false, true), (9, 0.1, false, false)], &[2, 3]), [2, 9, 3, 8]);
    }

    #[test]
    fn the_best_by_words_have_their_places_whatever_is_near() {
        let said: Vec<_> = (50..60).map(|key| (key, 0.1, false, true)).collect();
        let near: Vec<u8> = (1..=20).collect();
        let order = order(&said, &near);
        assert_eq!((order[5], order[8], order[11]), (50, 51, 52), "{order:?}");
        assert_eq!(order[..5], [1, 2, 3, 4, 5]);
        assert_eq!(order[20..], [18, 19, 20, 53, 54, 55, 56, 57, 58, 59]);
    }
}
