//! Where a text holds what is searched for, and which of several texts do so best.
//!
//! Ranking knows nothing but the texts that it is given: those of one caller. What others have written can neither be
//! read off a score nor change an order.

use std::{collections::HashMap, ops::Range};

use super::{
    query::{Clause, Query},
    words::{Word, words},
};

/// Places of one text that are kept: more than a snippet shows.
const MOST_PLACES: usize = 256;

/// What a text holds of a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Match {
    /// Where, in bytes, in their order, and the first of them only; they may overlap.
    pub(crate) places: Vec<Range<usize>>,
    /// How often each part that is wanted stands there.
    counts: Vec<u32>,
    /// Words of the text.
    length: usize,
}

impl Match {
    /// The same of the part of the text that begins at this byte: what stands before it counts, and is not shown.
    pub(crate) fn shown_from(mut self, start: usize) -> Match {
        self.places.retain(|place| place.start >= start);
        self.places.iter_mut().for_each(|place| *place = place.start - start..place.end - start);
        self
    }

    /// What the text holds, or none when it is no hit.
    pub(crate) fn of(query: &Query, text: &str) -> Option<Match> {
        let mut numbers = Numbers::default();
        let wanted: Vec<Part<'_>> = query.wanted.iter().map(|clause| numbers.part(clause)).collect();
        let unwanted: Vec<Part<'_>> = query.unwanted.iter().map(|clause| numbers.part(clause)).collect();
        let words: Vec<Word<'_>> = words(text).collect();
        let said: Vec<u8> = words.iter().map(|word| numbers.of(&word.folded)).collect();
        let mut found = Match { counts: vec![0; wanted.len()], length: words.len(), places: Vec::new() };
        for start in 0..words.len() {
            if unwanted.iter().any(|part| part.end(start, &said, &words).is_some()) {
                return None;
            }
            for (part, count) in wanted.iter().zip(&mut found.counts) {
                if let Some(last) = part.end(start, &said, &words) {
                    *count += 1;
                    if found.places.len() < MOST_PLACES {
                        found.places.push(words[start].place.start..words[last].place.end);
                    }
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

/// A number for each word of a query, which are few: texts are then compared number by number, so that a query of many
/// like phrases costs little in a text that repeats them.
#[derive(Default)]
struct Numbers<'q>(HashMap<&'q str, u8>);

impl<'q> Numbers<'q> {
    /// Of words that the query does not have.
    const OTHER: u8 = 0;

    fn part(&mut self, clause: &'q Clause) -> Part<'q> {
        let (whole, begun) = match clause.words.split_last() {
            Some((last, before)) if clause.is_prefix => (before, Some(last.as_str())),
            _ => (clause.words.as_slice(), None),
        };
        let mut number = |word: &'q String| {
            let next = u8::try_from(self.0.len() + 1).unwrap_or(u8::MAX);
            *self.0.entry(word).or_insert(next)
        };
        Part { whole: whole.iter().map(&mut number).collect(), begun }
    }

    fn of(&self, word: &str) -> u8 {
        self.0.get(word).copied().unwrap_or(Self::OTHER)
    }
}

/// A part of a query: words by their numbers, and how the one behind them begins.
struct Part<'q> {
    whole: Vec<u8>,
    begun: Option<&'q str>,
}

impl Part<'_> {
    /// The place of its last word, if the part stands here.
    fn end(&self, start: usize, said: &[u8], words: &[Word<'_>]) -> Option<usize> {
        let behind = start + self.whole.len();
        if said.get(start..behind)? != self.whole {
            return None;
        }
        match self.begun {
            None => behind.checked_sub(1),
            Some(begun) => words.get(behind)?.folded.starts_with(begun).then_some(behind),
        }
    }
}

/// What a match is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Score {
    /// In thousandths: higher where what is wanted stands more often, and where what few of the others hold; lower for
    /// long texts. (BM25, with the texts at hand as the collection.)
    pub(crate) points: u64,
    /// How much of what is wanted it holds at all, from 0 to 1; what is rarer counts more.
    pub(crate) share: f64,
    /// Whether it is one of the few that hold something with a digit in it: a number, or a code.
    pub(crate) has_code: bool,
}

/// More texts than these that hold a code, and it is no name of anything.
const MOST_WITH_CODE: f64 = 3.0;

/// What each of the matches of a query is worth beside the others.
pub(crate) fn scores(query: &Query, matches: &[Match]) -> Vec<Score> {
    const SATURATION: f64 = 1.2;
    const LENGTH: f64 = 0.75;
    let total = matches.len() as f64;
    let average = matches.iter().map(|found| found.length).sum::<usize>() as f64 / total.max(1.0);
    let holding = |part: usize| matches.iter().filter(|found| found.counts[part] > 0).count() as f64;
    let parts = matches.first().map_or(0, |found| found.counts.len());
    let rarities: Vec<f64> = (0..parts).map(|part| 1.0 + (total / holding(part).max(1.0)).ln()).collect();
    let all: f64 = rarities.iter().sum();
    let is_code: Vec<bool> =
        (0..parts).map(|part| query.wanted[part].has_digit() && holding(part) <= MOST_WITH_CODE).collect();
    let score = |found: &Match| {
        let length = 1.0 - LENGTH + LENGTH * found.length as f64 / average.max(1.0);
        let held = || found.counts.iter().zip(&rarities).filter(|(count, _)| **count > 0);
        let points = held().map(|(count, rarity)| {
            let count = f64::from(*count);
            rarity * count * (SATURATION + 1.0) / (count + SATURATION * length)
        });
        Score {
            points: (points.sum::<f64>() * 1000.0) as u64,
            share: held().map(|(_, rarity)| rarity).sum::<f64>() / all.max(1.0),
            has_code: found.counts.iter().zip(&is_code).any(|(count, is_code)| *is_code && *count > 0),
        }
    };
    matches.iter().map(score).collect()
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
    fn a_text_of_one_word_that_is_repeated_costs_no_more_than_others() {
        let phrases: String = (1..12).map(|length| format!("\"{}\" ", "aa ".repeat(length))).collect();
        let found = Match::of(&Query::with_operators(&phrases), &"aa ".repeat(5000)).unwrap();
        assert_eq!((found.places.len(), found.counts[0], found.counts[1]), (MOST_PLACES, 5000, 4999));
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
        let scored = scores(&query, &matches);
        let scores: Vec<u64> = scored.iter().map(|score| score.points).collect();
        assert!(scored[1].share < scored[2].share && scored[2].share < 1.0, "{scored:?}");
        assert_eq!((scored[0].share, scored[3].share), (scored[1].share, 1.0));
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(scores[*index]));
        assert_eq!(order[0], 3, "{scores:?}");
        assert!(scores[2] > scores[1] && scores[2] > scores[4] && scores[0] > scores[1], "{scores:?}");
        assert_eq!(super::scores(&query, &[]), []);
    }

    #[test]
    fn a_code_is_what_few_hold_and_has_a_digit() {
        let query = Query::plain("fault xk4711 2026");
        let texts = ["fault XK4711", "fault in 2026", "fault 2026", "2026", "fault 2026 too"];
        let matches: Vec<Match> = texts.iter().map(|text| Match::of(&query, text).unwrap()).collect();
        let codes: Vec<bool> = scores(&query, &matches).iter().map(|score| score.has_code).collect();
        assert_eq!(codes, [true, false, false, false, false]);
    }
}
