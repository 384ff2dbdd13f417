//! Which passages are given, in which order, and those side by side as one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
};

use super::told::{TOKENS_AROUND, tokens};
use crate::{
    base::{error::Result, id::DocumentId, page::Room},
    repo::{
        chunks::{self, Asked, FileDocument, Found},
        document_texts,
        search::plan_anew,
    },
    service::embedding::Near,
    storage::Conn,
    text::search::{
        fusion::{Said, fused},
        matching::{Match, Score, scores},
        query::Query,
    },
};

/// Candidates: as many as a long book has passages.
const CANDIDATES: Room = Room { entries: 500, bytes: 2 << 20 };
/// Passages of an answer, before those side by side become one.
const MOST: usize = 12;
/// Passages from the beginning of a document.
const BEGINNING: u32 = 4;
/// Tokens of a file of the chat that is given whole: some pages.
const WHOLE_TOKENS: u64 = 2000;
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
        (_, joined.text) = document_texts::between(conn, joined.document_id, joined.start, joined.end)?;
    }
    Ok(selected)
}

/// The passages that hold content words of a question, and those whose vectors are near, the best first; and whether a
/// word stands anywhere.
pub(super) fn ranked(
    conn: &Conn<'_>,
    asked: Asked,
    query: &Query,
    near: &Near,
) -> Result<(Vec<Found>, bool)> {
    if query.wanted.is_empty() {
        return Ok((Vec::new(), false));
    }
    plan_anew(conn)?;
    let candidates = asked.matching(conn, query, CANDIDATES)?.rows;
    let scored = by_words(candidates.into_iter(), query);
    let said: Vec<Said<i64>> = scored
        .iter()
        .map(|(score, found)| {
            let has_vector = near.documents.contains(&found.document_id);
            Said { key: found.number, score: *score, has_vector }
        })
        .collect();
    let mut ranked: Vec<Found> = scored.into_iter().map(|(_, found)| found).collect();
    if !near.passages.is_empty() {
        let is_new = |number: &i64| !said.iter().any(|said| said.key == *number);
        let others: Vec<i64> = near.passages.iter().copied().filter(is_new).collect();
        ranked.extend(asked.numbered(conn, &others)?);
        let scores = fused(&said, &near.passages);
        ranked.sort_by_key(|found| (Reverse(scores.get(&found.number).copied()), found.number));
    }
    Ok((ranked, !said.is_empty()))
}

/// The short ones of these documents whole, as far as tokens are left.
pub(super) fn whole(conn: &Conn<'_>, documents: Vec<FileDocument>, mut left: u64) -> Result<Vec<Selected>> {
    let mut whole = Vec::new();
    for FileDocument { id, filename, tokens: length, .. } in documents {
        let around = tokens(filename.len()) + TOKENS_AROUND;
        if length > WHOLE_TOKENS || length + around > left {
            continue;
        }
        let (_, text) = document_texts::between(conn, id, 0, u64::MAX)?;
        let Some(rest) = left.checked_sub(tokens(text.len()).max(length) + around) else { continue };
        left = rest;
        whole.push(Selected {
            document_id: id,
            filename,
            start: 0,
            end: text.len() as u64,
            heading: None,
            text,
            last_idx: 0,
            is_joined: false,
        });
    }
    Ok(whole)
}

/// As many as there is room for.
pub(super) fn fitting(mut ranked: Vec<Found>, most_tokens: u64) -> Vec<Found> {
    let mut left = most_tokens;
    ranked.retain(|found| {
        let cost = cost(found);
        let has_room = cost <= left;
        left -= if has_room { cost } else { 0 };
        has_room
    });
    ranked.truncate(MOST);
    ranked
}

/// What a passage costs with its number, its name and its heading.
fn cost(found: &Found) -> u64 {
    let name = found.filename.len() + found.heading.as_ref().map_or(0, String::len);
    found.tokens.max(tokens(found.text.len())) + tokens(name) + TOKENS_AROUND
}

/// What holds the words with what it is worth, the best first.
fn by_words(candidates: impl Iterator<Item = Found>, query: &Query) -> Vec<(Score, Found)> {
    // What it stands under says what it is about, too.
    let about = |found: &Found| format!("{}\n{}", found.heading.as_deref().unwrap_or_default(), found.text);
    let (found, matches): (Vec<Found>, Vec<Match>) = candidates
        .filter_map(|found| Match::of(query, &about(&found)).map(|matched| (found, matched)))
        .unzip();
    let mut ranked: Vec<(Score, Found)> = scores(query, &matches).into_iter().zip(found).collect();
    ranked.sort_by_key(|(score, found)| (Reverse(score.points), found.number));
    let least = ranked.first().map_or(0, |(best, _)| best.points / LEAST_PART);
    ranked.retain(|(score, _)| score.points >= least);
    ranked
}

/// Those side by side as one, with their texts.
pub(super) fn joined(conn: &Conn<'_>, best_first: Vec<Found>) -> Result<Vec<Selected>> {
    with_texts(conn, merged(best_first))
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

/// The first passages of a document, but for what is given already, as far as tokens are left, as one. Of a first one
/// that is longer there is its beginning.
pub(super) fn beginning(
    conn: &Conn<'_>,
    document: i64,
    given: &HashSet<i64>,
    most_tokens: u64,
) -> Result<Vec<Selected>> {
    let mut first = chunks::first(conn, document, BEGINNING)?;
    let Some(at_first) = first.first_mut() else { return Ok(Vec::new()) };
    let around = cost(at_first) - at_first.tokens.max(tokens(at_first.text.len()));
    let mut left = most_tokens.saturating_sub(around);
    let room = usize::try_from(4 * left).unwrap_or(usize::MAX);
    if tokens(at_first.text.len()) > left {
        cut(at_first, room);
        first.truncate(1);
    }
    let fits = first.into_iter().take_while(|found| {
        let cost = tokens(found.text.len());
        let has_room = cost <= left && !found.text.is_empty() && !given.contains(&found.number);
        left = left.saturating_sub(cost);
        has_room
    });
    joined(conn, fits.collect())
}

/// Cuts a passage behind a word.
fn cut(found: &mut Found, most_bytes: usize) {
    let text = &found.text[..found.text.floor_char_boundary(most_bytes)];
    let end = text.rfind(char::is_whitespace).unwrap_or(text.len());
    found.text.truncate(end);
    found.end = found.start + end as u64;
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
        let scored = by_words(candidates.iter().cloned(), &Query::plain(question));
        let all = fitting(scored.into_iter().map(|(_, found)| found).collect(), most_tokens);
        merged(all).into_iter().map(|selected| (selected.start, selected.end, selected.is_joined)).collect()
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
