//! Which passages are given, in which order, and those side by side as one.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{TOKENS_AROUND, tokens_of};
use crate::{
    base::{error::Result, id::DocumentId, page::Room},
    repo::{
        chunks::{self, Asked, Found},
        documents,
        search::plan_anew,
    },
    storage::Conn,
    text::search::{
        fusion::{fused, weight},
        matching::{Match, Scores, scores},
        query::Query,
    },
};

/// Candidates: as many as a long book has passages.
const CANDIDATES: Room = Room { entries: 500, bytes: 2 << 20 };
/// Passages of an answer, before those side by side become one.
const MOST: usize = 12;
/// Passages from the beginning of a document.
const BEGINNING: u32 = 4;
/// A passage with less than such a part of the best one's score says little.
const LEAST_PART: u64 = 4;

/// A passage that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) document_id: DocumentId,
    pub(super) filename: String,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) heading: Option<String>,
    pub(super) text: String,
    last_idx: u32,
    is_joined: bool,
}

impl Selected {
    fn of(found: Found) -> Selected {
        Selected {
            document_id: found.document_id,
            filename: found.filename,
            start: found.start,
            end: found.end,
            heading: found.heading,
            text: found.text,
            last_idx: found.idx,
            is_joined: false,
        }
    }

    /// Takes the passage behind this one into it; its text is read afterwards, with what stands between.
    fn take(&mut self, next: &Found) -> bool {
        let is_next = next.document_id == self.document_id && next.idx == self.last_idx + 1;
        if is_next {
            (self.end, self.last_idx, self.is_joined) = (next.end, next.idx, true);
        }
        is_next
    }
}

/// The texts of those that were joined, as they stand in their documents.
fn with_texts(conn: &Conn<'_>, mut selected: Vec<Selected>) -> Result<Vec<Selected>> {
    for joined in selected.iter_mut().filter(|selected| selected.is_joined) {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let range = place(joined.start)..place(joined.end);
        let text = documents::with_text(conn, joined.document_id, |text| text.get(range).map(str::to_owned))?;
        joined.text = text.flatten().unwrap_or_default();
    }
    Ok(selected)
}

/// The passages that hold content words of a question, and those whose vectors are near, the best first, in so many
/// tokens; none where no word stands anywhere and nothing is near.
pub(super) fn matching(
    conn: &Conn<'_>,
    asked: Asked,
    query: &Query,
    near: &[i64],
    most_tokens: u64,
) -> Result<Vec<Selected>> {
    if query.wanted.is_empty() {
        return Ok(Vec::new());
    }
    plan_anew(conn)?;
    let candidates = asked.matching(conn, query, CANDIDATES)?.rows;
    let (scored, most) = by_words(candidates.into_iter(), query);
    let weighted: Vec<(i64, f64)> =
        scored.iter().map(|(score, found)| (found.number, weight(Scores::part(most, *score)))).collect();
    let mut ranked: Vec<Found> = scored.into_iter().map(|(_, found)| found).collect();
    if !near.is_empty() {
        for number in near.iter().filter(|number| !weighted.iter().any(|(there, _)| there == *number)) {
            ranked.extend(asked.numbered(conn, *number)?);
        }
        let scores = fused(&weighted, near);
        ranked.sort_by_key(|found| (Reverse(scores.get(&found.number).copied()), found.number));
    }
    with_texts(conn, fit(ranked, most_tokens))
}

/// As many as there is room for, those side by side as one.
fn fit(mut ranked: Vec<Found>, most_tokens: u64) -> Vec<Selected> {
    let mut left = most_tokens;
    ranked.retain(|found| {
        let cost = found.tokens.max(tokens_of(&found.text)) + TOKENS_AROUND;
        let has_room = cost <= left;
        left -= if has_room { cost } else { 0 };
        has_room
    });
    ranked.truncate(MOST);
    merged(ranked)
}

/// What holds the words with what it is worth, the best first, and the most that it could be worth.
fn by_words(candidates: impl Iterator<Item = Found>, query: &Query) -> (Vec<(u64, Found)>, u64) {
    // What it stands under says what it is about, too.
    let about = |found: &Found| format!("{}\n{}", found.heading.as_deref().unwrap_or_default(), found.text);
    let (found, matches): (Vec<Found>, Vec<Match>) = candidates
        .filter_map(|found| Match::of(query, &about(&found)).map(|matched| (found, matched)))
        .unzip();
    let Scores { each, most } = scores(&matches);
    let mut ranked: Vec<(u64, Found)> = each.into_iter().zip(found).collect();
    ranked.sort_by_key(|(score, found)| (Reverse(*score), found.number));
    let least = ranked.first().map_or(0, |(best, _)| best / LEAST_PART);
    ranked.retain(|(score, _)| *score >= least);
    (ranked, most)
}

/// Passages side by side as one, each in the place of its best part.
fn merged(best_first: Vec<Found>) -> Vec<Selected> {
    let ranks: BTreeMap<i64, usize> =
        best_first.iter().enumerate().map(|(rank, found)| (found.number, rank)).collect();
    let mut in_order = best_first;
    in_order.sort_by_key(|found| (found.document_id, found.idx));
    let mut merged: Vec<(usize, Selected)> = Vec::new();
    for found in in_order {
        let rank = ranks.get(&found.number).copied().unwrap_or_default();
        if let Some((best, selected)) = merged.last_mut()
            && selected.take(&found)
        {
            *best = rank.min(*best);
        } else {
            merged.push((rank, Selected::of(found)));
        }
    }
    merged.sort_by_key(|(rank, _)| *rank);
    merged.into_iter().map(|(_, selected)| selected).collect()
}

/// The first passages of a document as far as tokens are left, as one.
pub(super) fn beginning(conn: &Conn<'_>, document: i64, most_tokens: u64) -> Result<Vec<Selected>> {
    let mut left = most_tokens.saturating_sub(TOKENS_AROUND);
    let first = chunks::first(conn, document, BEGINNING)?;
    let fits = first.into_iter().take_while(|found| {
        let cost = found.tokens.max(tokens_of(&found.text));
        let has_room = cost <= left;
        left = left.saturating_sub(cost);
        has_room
    });
    with_texts(conn, merged(fits.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(number: i64, idx: u32, start: u64, text: &str) -> Found {
        Found {
            number,
            document_id: uuid::Uuid::from_u128(7).into(),
            filename: "a.txt".into(),
            idx,
            start,
            end: start + text.len() as u64,
            tokens: 10,
            heading: None,
            text: text.into(),
        }
    }

    fn selected(candidates: &[Found], question: &str, most_tokens: u64) -> Vec<(u64, u64, bool)> {
        let (scored, _) = by_words(candidates.iter().cloned(), &Query::plain(question));
        let all = fit(scored.into_iter().map(|(_, found)| found).collect(), most_tokens);
        all.into_iter().map(|selected| (selected.start, selected.end, selected.is_joined)).collect()
    }

    #[test]
    fn neighbours_become_one_and_the_best_comes_first() {
        let candidates = [
            found(1, 0, 0, "castle one"),
            found(2, 1, 12, "castle two"),
            found(3, 2, 24, "the third castle"),
            found(4, 8, 90, "castle castle castle"),
            found(5, 11, 200, "castle further on"),
        ];
        let expected = [(90, 110, false), (0, 40, true), (200, 217, false)];
        assert_eq!(selected(&candidates, "castle", 1000), expected);
    }

    #[test]
    fn what_has_no_room_and_what_says_little_is_left_out() {
        let long = format!("castle {}", "word ".repeat(400));
        let candidates = [found(1, 0, 0, "the rare castle of K."), found(2, 5, 100, &long)];
        assert_eq!(selected(&candidates, "rare castle", 1000).len(), 1);
        let candidates = [found(1, 0, 0, "castle one"), found(2, 5, 100, "castle two")];
        assert_eq!(selected(&candidates, "castle", 40).len(), 1);
        assert_eq!(selected(&candidates, "castle", 1000).len(), 2);
        assert_eq!(selected(&candidates, "tower", 1000), []);
    }
}
