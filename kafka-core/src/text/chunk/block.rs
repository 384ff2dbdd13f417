//! What a text consists of: parts that belong together, with what stands above them.

use std::rc::Rc;

use super::tokens;

/// Longest heading above a chunk, in bytes.
const HEADING_BYTES: usize = 1000;
/// Longest line that is one of several in a heading, in bytes.
const TITLE_BYTES: usize = 160;
/// What stands between the parts of a heading.
const INSIDE: &str = " > ";

/// A part of a text, without blanks around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Quarters of tokens, which add up.
    pub(super) quarters: usize,
    /// Shared by the blocks of a section, of which there may be many.
    pub(super) heading: Rc<str>,
    /// Whether something new begins with it.
    pub(super) begins_section: bool,
}

/// The blocks of a text while it is read.
pub(super) struct Blocks<'t> {
    text: &'t str,
    blocks: Vec<Block>,
}

impl<'t> Blocks<'t> {
    pub(super) fn of(text: &'t str) -> Blocks<'t> {
        Blocks { text, blocks: Vec::new() }
    }

    /// Adds what stands between two places, unless it is blank.
    pub(super) fn add(&mut self, start: usize, end: usize, heading: &Rc<str>, begins_section: bool) {
        let end = start + self.text[start..end].trim_end().len();
        if end > start {
            let quarters = tokens::quarters(&self.text[start..end]);
            self.blocks.push(Block { start, end, quarters, heading: Rc::clone(heading), begins_section });
        }
    }

    pub(super) fn all(self) -> Vec<Block> {
        self.blocks
    }
}

/// A heading of at most six parts from the outside in; those that are blank are left out.
pub(super) fn heading<'t>(parts: impl IntoIterator<Item = &'t str>) -> Rc<str> {
    let mut heading = String::new();
    for part in parts.into_iter().map(title).filter(|part| !part.is_empty()) {
        if !heading.is_empty() {
            heading.push_str(INSIDE);
        }
        heading.push_str(part);
    }
    heading.into()
}

/// A line as part of a heading.
pub(super) fn title(line: &str) -> &str {
    let line = line.trim();
    line[..line.floor_char_boundary(TITLE_BYTES)].trim_end()
}

/// The head of a table below a heading. It is longer than a title: its columns tell what the numbers are.
pub(super) fn with_head(heading: &str, head: &str) -> Rc<str> {
    let inside = if heading.is_empty() { "" } else { INSIDE };
    let head = head.trim();
    let room = HEADING_BYTES.saturating_sub(heading.len() + inside.len());
    format!("{heading}{inside}{}", head[..head.floor_char_boundary(room)].trim_end()).into()
}
