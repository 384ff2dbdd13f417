//! Reasoning that an endpoint leaves inside the text, between `<think>` and `</think>`.
//!
//! Only a text that begins with the tag has reasoning: further on it may be what the answer is about.
//! White space after a tag belongs to the tag.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// A piece of a text, told apart; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Reasoning(String),
}

/// Tells reasoning from text while both arrive in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct ThinkSplitter {
    place: Place,
    /// What may be the beginning of a tag.
    held: String,
    after_tag: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    Reasoning,
    Text,
}

impl ThinkSplitter {
    /// Takes the next piece of the text and gives what is certain by now.
    pub(crate) fn push(&mut self, text: &str, out: &mut impl FnMut(Piece)) {
        self.held.push_str(text);
        if self.place == Place::Start {
            let begun = self.held.trim_start();
            if let Some(rest) = begun.strip_prefix(OPEN) {
                self.held = rest.to_owned();
                self.place = Place::Reasoning;
                self.after_tag = true;
            } else if !OPEN.starts_with(begun) {
                self.place = Place::Text;
            }
        }
        if self.place == Place::Reasoning {
            self.skip_space();
            if let Some((reasoning, rest)) = self.held.split_once(CLOSE) {
                if !reasoning.is_empty() {
                    out(Piece::Reasoning(reasoning.to_owned()));
                }
                self.held = rest.to_owned();
                self.place = Place::Text;
                self.after_tag = true;
            } else {
                let certain = self.held.len() - begun_tag(&self.held);
                let tag = self.held.split_off(certain);
                self.give(out);
                self.held = tag;
            }
        }
        if self.place == Place::Text {
            self.skip_space();
            self.give(out);
        }
    }

    /// The text is over: what looked like a tag was none.
    pub(crate) fn end(&mut self, out: &mut impl FnMut(Piece)) {
        self.give(out);
    }

    fn skip_space(&mut self) {
        if self.after_tag {
            let space = self.held.len() - self.held.trim_start().len();
            self.held.drain(..space);
            self.after_tag = self.held.is_empty();
        }
    }

    fn give(&mut self, out: &mut impl FnMut(Piece)) {
        let piece = std::mem::take(&mut self.held);
        if !piece.is_empty() {
            out(match self.place {
                Place::Reasoning => Piece::Reasoning(piece),
                Place::Start | Place::Text => Piece::Text(piece),
            });
        }
    }
}

/// How many bytes at the end of `text` may be the beginning of the closing tag.
fn begun_tag(text: &str) -> usize {
    (1..CLOSE.len()).rev().find(|len| text.ends_with(&CLOSE[..*len])).unwrap_or(0)
}

/// Puts in front of a whole text the opening tag that some endpoints keep to themselves. The closing one
/// then stands on a line of its own. In a stream this cannot be known before the text was given out.
pub(crate) fn with_opening_tag(text: &str) -> Option<String> {
    let (before, after) = text.split_once(CLOSE)?;
    let is_own_line = before.trim_end_matches([' ', '\t']).ends_with('\n') && after.starts_with(['\n', '\r']);
    (is_own_line && !before.trim_start().starts_with(OPEN)).then(|| format!("{OPEN}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reasoning and text after cutting `text` into pieces of `size` characters.
    fn split(text: &str, size: usize) -> (String, String) {
        let (mut reasoning, mut answer) = (String::new(), String::new());
        let mut splitter = ThinkSplitter::default();
        let mut out = |piece| match piece {
            Piece::Reasoning(piece) => reasoning.push_str(&piece),
            Piece::Text(piece) => answer.push_str(&piece),
        };
        let characters: Vec<char> = text.chars().collect();
        for piece in characters.chunks(size) {
            splitter.push(&piece.iter().collect::<String>(), &mut out);
        }
        splitter.end(&mut out);
        (reasoning, answer)
    }

    #[test]
    fn reasoning_is_told_from_text_however_it_is_cut() {
        let cases = [
            ("<think>why</think>answer", "why", "answer"),
            ("\n<think>\nwhy\n</think>\n\nanswer\n", "why\n", "answer\n"),
            ("<think>a < b </thin</think>c", "a < b </thin", "c"),
            ("<think>\n\n</think>\n\nanswer", "", "answer"),
            ("<think>cut off", "cut off", ""),
            ("<think>cut off </thi", "cut off </thi", ""),
            ("<thi", "", "<thi"),
            ("  <thing>", "", "  <thing>"),
            (" \n ", "", " \n "),
            ("use <think>x</think> tags", "", "use <think>x</think> tags"),
            ("<think>a</think><think>b</think>", "a", "<think>b</think>"),
            ("stray </think> tag", "", "stray </think> tag"),
            ("<think>ä€😀</think>😀", "ä€😀", "😀"),
            ("", "", ""),
        ];
        for (text, reasoning, answer) in cases {
            for size in 1..=text.chars().count().max(1) {
                assert_eq!(split(text, size), (reasoning.into(), answer.into()), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn text_without_tags_is_not_held_back() {
        let mut pieces = Vec::new();
        let mut splitter = ThinkSplitter::default();
        for text in ["Hel", "lo ", " ", "<"] {
            splitter.push(text, &mut |piece| pieces.push(piece));
        }
        assert_eq!(pieces, ["Hel", "lo ", " ", "<"].map(|text| Piece::Text(text.into())));
    }

    #[test]
    fn a_missing_opening_tag_is_found_in_a_whole_text_only_where_the_other_stands_alone() {
        assert_eq!(with_opening_tag("why\n</think>\n\na").as_deref(), Some("<think>why\n</think>\n\na"));
        for text in ["<think>why\n</think>\na", "the tag </think> ends it", "answer", "a\n</think> b"] {
            assert_eq!(with_opening_tag(text), None, "{text:?}");
        }
    }
}
