//! Cuts a block that is longer than a chunk may be.

use super::{block::Block, tokens};

/// How good a place is to cut at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Word,
    Sentence,
    Line,
}

const CUTS: usize = 3;

/// The parts of a block of at most so many tokens, in their order: cut between lines where there are some, or else between
/// sentences, or words, or within a word. Only the first begins what the block begins.
pub(super) fn split(text: &str, block: &Block, most: usize) -> Vec<Block> {
    if block.quarters <= most * 4 {
        return vec![block.clone()];
    }
    let (mut parts, mut start) = (Vec::new(), block.start);
    while start < block.end {
        let end = end(&text[start..block.end], most).map_or(block.end, |length| start + length);
        let part = text[start..end].trim_end();
        if !part.is_empty() {
            let quarters = tokens::quarters(part);
            let begins_section = block.begins_section && parts.is_empty();
            parts.push(Block { start, end: start + part.len(), quarters, begins_section, ..block.clone() });
        }
        // Blanks that begin a line tell how deep it stands; others belong to nobody.
        let rest = &text[end..block.end];
        let blanks = rest.len() - rest.trim_start().len();
        start = end
            + rest[..blanks]
                .rfind('\n')
                .map_or(if text[..end].ends_with('\n') { 0 } else { blanks }, |at| at + 1);
    }
    parts
}

/// Where the first part of a text ends, unless all of it has room: at the best place in its second half, or else at the
/// last one that there is.
fn end(text: &str, most: usize) -> Option<usize> {
    let (mut quarters, mut half) = (0, None);
    let mut last: [Option<usize>; CUTS] = [None; CUTS];
    let mut before = ' ';
    for (at, sign) in text.char_indices() {
        if let Some(cut) = cut(before, sign) {
            last[cut as usize] = Some(at);
        }
        quarters += tokens::quarters_of(sign);
        if quarters > most * 4 {
            let half = half.unwrap_or(at);
            let late = last.iter().rev().flatten().find(|at| **at > half);
            let end = late.or(last.iter().rev().flatten().next()).copied().filter(|at| *at > 0);
            return Some(end.unwrap_or(at));
        }
        if quarters > most * 2 {
            half.get_or_insert(at);
        }
        before = sign;
    }
    None
}

/// Whether one may cut between two signs.
fn cut(before: char, sign: char) -> Option<Cut> {
    match before {
        '\n' => Some(Cut::Line),
        '。' | '！' | '？' => Some(Cut::Sentence),
        '.' | '!' | '?' | ';' if sign.is_whitespace() => Some(Cut::Sentence),
        _ if sign.is_whitespace() && !before.is_whitespace() => Some(Cut::Word),
        _ => None,
    }
}
