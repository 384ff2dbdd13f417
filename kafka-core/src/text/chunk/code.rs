//! The blocks of source code: what stands between empty lines, below the definition that it stands in.

use super::{
    block::{Block, Blocks, heading},
    line::lines,
};

/// Definitions in each other that a heading names, from the outside.
const DEEPEST: usize = 3;

pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Blocks::of(text);
    // Lines that others stand below, farther to the right each.
    let mut around: Vec<(usize, &str)> = Vec::new();
    let mut open: Option<(usize, std::rc::Rc<str>, bool)> = None;
    for line in lines(text) {
        if line.is_blank() {
            if let Some((start, above, begins)) = open.take() {
                blocks.add(start, line.start, &above, begins);
            }
            continue;
        }
        let indent = line.indent();
        while around.last().is_some_and(|(other, _)| *other >= indent) {
            around.pop();
        }
        if open.is_none() {
            let above = heading(around.iter().take(DEEPEST).map(|(_, line)| *line));
            open = Some((line.start, above, around.is_empty()));
        }
        // What only closes brackets names nothing.
        if line.text.contains(char::is_alphanumeric) {
            around.push((indent, line.text));
        }
    }
    if let Some((start, above, begins)) = open {
        blocks.add(start, text.len(), &above, begins);
    }
    blocks.all()
}
