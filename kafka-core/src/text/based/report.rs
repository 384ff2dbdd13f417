//! The flaws that are told: the first ones of the text, with their places as people count them.

use super::{finding::Finding, flaw::Flaw};

/// Most findings that are told of one text.
pub(super) const MOST: usize = 20;

/// Keeps the first flaws of the text, in whatever order they are found.
#[derive(Default)]
pub(super) struct Report {
    flaws: Vec<(usize, Flaw)>,
}

impl Report {
    pub(super) fn add(&mut self, at: usize, flaw: Flaw) {
        self.flaws.push((at, flaw));
        if self.flaws.len() > 8 * MOST {
            self.keep_first();
        }
    }

    fn keep_first(&mut self) {
        // Stable, so that what is found first at one place is told first.
        self.flaws.sort_by_key(|(at, _)| *at);
        self.flaws.truncate(MOST);
    }

    pub(super) fn findings(mut self, text: &str) -> Vec<Finding> {
        self.keep_first();
        let source = Source { text };
        let finding = |(at, flaw): (usize, Flaw)| {
            let (line, column) = source.place(at);
            Finding { line, column, rule: flaw.rule(), sentence: flaw.sentence(source, at).into_owned() }
        };
        self.flaws.into_iter().map(finding).collect()
    }
}

/// The text, for those who speak of its parts.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    text: &'a str,
}

impl<'a> Source<'a> {
    /// The line and the column of a byte.
    pub(super) fn place(self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}');
        (line + 1, column.chars().count() + 1)
    }

    pub(super) fn byte(self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or_default()
    }

    /// Enough of a part of the text to know it.
    pub(super) fn excerpt(self, start: usize, end: usize) -> String {
        let part = self.text.get(start..end).unwrap_or_default();
        let part = part.split(['\r', '\n']).next().unwrap_or_default();
        match part.char_indices().nth(40) {
            Some((end, _)) => format!("{}…", &part[..end]),
            None => part.to_owned(),
        }
    }
}
