//! The lines of a text with where they stand.

/// A line without what ends it.
#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    pub(super) start: usize,
    pub(super) text: &'t str,
}

impl Line<'_> {
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Columns before its first sign; a tab counts as four.
    pub(super) fn indent(&self) -> usize {
        let blanks = self.text.chars().take_while(|sign| sign.is_whitespace());
        blanks.map(|sign| if sign == '\t' { 4 } else { 1 }).sum()
    }

    /// Whether it consists of this sign alone, at least so often.
    pub(super) fn rules(&self, sign: char, least: usize) -> bool {
        let line = self.text.trim();
        line.len() >= least && line.chars().all(|other| other == sign)
    }
}

pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut next = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = next;
        next += line.len();
        Line { start, text: line.trim_end_matches(['\n', '\r']) }
    })
}
