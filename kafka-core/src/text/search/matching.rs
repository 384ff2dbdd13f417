//! Where a text holds what is searched for, and which of several texts do so best.
//!
//! Ranking knows nothing but the texts that it is given: those of one caller. What others have written can neither be
//! read off a score nor change an order.

use std::ops::Range;

use super::{
    query::{Clause, Query},
    words::{Word, words},
};

/// What a text holds of a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Match {
    /// Where, in bytes, in their order; they may overlap.
    pub(crate) places: Vec<Range<usize>>,
    /// How often each part that is wanted stands there.
    counts: Vec<u32>,
    /// Words of the text.
    length: usize,
}

impl Match {
    /// What the text holds, or none when it is no hit.
    pub(crate) fn of(query: &Query, text: &str) -> Option<Match> {
        let words: Vec<Word<'_>> = words(text).collect();
        let mut found =
            Match { counts: vec![0; query.wanted.len()], length: words.len(), places: Vec::new() };
        for start in 0..words.len() {
            if query.unwanted.iter().any(|clause| clause.place(&words[start..]).is_some()) {
                return None;
            }
            for (clause, count) in query.wanted.iter().zip(&mut found.counts) {
                if let Some(place) = clause.place(&words[start..]) {
                    *count += 1;
                    found.places.push(place);
                }
            }
        }
        let is_hit = match query.is_plain {
            true => found.counts.iter().any(|count| *count > 0),
            false => !found.counts.is_empty() && found.counts.iter().all(|count| *count > 0),
        };
        is_hit.then_some(found)
    }
}

impl Clause {
    /// Where it stands if it begins with the first of these words.
    fn place(&self, words: &[Word<'_>]) -> Option<Range<usize>> {
        let here = words.get(..self.words.len())?;
        let last = self.words.len() - 1;
        let mut pairs = self.words.iter().zip(here).enumerate();
        let is_here = pairs.all(|(number, (wanted, word))| match self.is_prefix && number == last {
            true => word.folded.starts_with(wanted.as_str()),
            false => word.folded == *wanted,
        });
        is_here.then(|| here[0].place.start..here[last].place.end)
    }
}

/// What matches are worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scores {
    /// Of each, in their order, in thousandths.
    pub(crate) each: Vec<u64>,
    /// What no text reaches, however often it says everything.
    pub(crate) most: u64,
}

impl Scores {
    /// Which part of the most a score is.
    pub(crate) fn part(most: u64, score: u64) -> f64 {
        score as f64 / most.max(1) as f64
    }
}

/// A score for each match: higher where what is wanted stands more often, and where what few of the
/// others hold; lower for long texts. (BM25, with the texts at hand as the collection.)
pub(crate) fn scores(matches: &[Match]) -> Scores {
    const SATURATION: f64 = 1.2;
    const LENGTH: f64 = 0.75;
    let total = matches.len() as f64;
    let average = matches.iter().map(|found| found.length).sum::<usize>() as f64 / total.max(1.0);
    let holding = |part: usize| matches.iter().filter(|found| found.counts[part] > 0).count() as f64;
    let parts = matches.first().map_or(0, |found| found.counts.len());
    let rarities: Vec<f64> = (0..parts).map(|part| 1.0 + (total / holding(part).max(1.0)).ln()).collect();
    let score = |found: &Match| -> f64 {
        let length = 1.0 - LENGTH + LENGTH * found.length as f64 / average.max(1.0);
        let parts = found.counts.iter().zip(&rarities).map(|(count, rarity)| {
            let count = f64::from(*count);
            rarity * count * (SATURATION + 1.0) / (count + SATURATION * length)
        });
        parts.sum()
    };
    let most = rarities.iter().sum::<f64>() * (SATURATION + 1.0) * 1000.0;
    Scores { each: matches.iter().map(|found| (score(found) * 1000.0) as u64).collect(), most: most as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(query: &str, text: &str) -> bool {
        Match::of(&Query::with_operators(query), text).is_some()
    }

    #[test]
    fn a_text_is_a_hit_when_it_holds_what_is_wanted_and_nothing_unwanted() {
        let text = "The naïve fox jumps over the lazy e-mail";
        for query in
            ["fox", "FOX jumps", "\"lazy e mail\"", "e-mail", "jum*", "naive", "fox -cat", "\"the laz\"*"]
        {
            assert!(holds(query, text), "{query}");
        }
        for query in ["cat", "fox cat", "\"fox over\"", "umps*", "fox -jump*", "-cat", "", "\"lazy mail\""] {
            assert!(!holds(query, text), "{query}");
        }
        assert!(Match::of(&Query::plain("which cat is lazy?"), text).is_some(), "one word will do");
        assert!(Match::of(&Query::plain("cat"), text).is_none());
    }

    #[test]
    fn what_says_more_of_rarer_words_in_fewer_words_is_better() {
        let query = Query::plain("rare common");
        let texts = [
            "common common",
            "common",
            "rare",
            "rare rare common",
            "rare and many many many more words",
            "common",
        ];
        let matches: Vec<Match> = texts.iter().map(|text| Match::of(&query, text).unwrap()).collect();
        let Scores { each: scores, most } = scores(&matches);
        assert!(scores.iter().all(|score| *score < most), "{scores:?} {most}");
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(scores[*index]));
        assert_eq!(order[0], 3, "{scores:?}");
        assert!(scores[2] > scores[1] && scores[2] > scores[4] && scores[0] > scores[1], "{scores:?}");
        assert_eq!(super::scores(&[]), Scores::default());
    }
}
