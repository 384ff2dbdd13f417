//! The blocks of text without marks: paragraphs, below what looks like a heading.

use super::{
    block::{Block, Blocks, heading},
    line::{Line, lines},
};

/// Longest line that is taken for a heading, in bytes.
const HEADING_BYTES: usize = 80;

pub(super) fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut above) = (Blocks::of(text), heading([]));
    // Where the open block starts, and the only line it has so far.
    let mut open: Option<(usize, Option<Line<'_>>)> = None;
    // The line that is a heading by itself, if it is one, waits here for the paragraph below.
    let mut head: Option<Line<'_>> = None;
    for line in lines(text) {
        match open {
            _ if line.is_blank() => {
                let Some((start, alone)) = open.take() else { continue };
                match alone.filter(is_heading) {
                    Some(name) if head.is_none() => head = Some(name),
                    _ => add(&mut blocks, start, line.start, &mut head, &mut above),
                }
            }
            Some((_, Some(name))) if head.is_none() && (line.rules('=', 3) || line.rules('-', 3)) => {
                (head, open) = (Some(name), None);
            }
            Some((start, _)) => open = Some((start, None)),
            None => open = Some((line.start, Some(line))),
        }
    }
    if let Some((start, _)) = open {
        add(&mut blocks, start, text.len(), &mut head, &mut above);
    } else if let Some(name) = head {
        blocks.add(name.start, text.len(), &heading([]), true);
    }
    blocks.all()
}

/// Adds a paragraph, which takes the heading that waits for it.
fn add<'t>(
    blocks: &mut Blocks<'t>,
    start: usize,
    end: usize,
    head: &mut Option<Line<'t>>,
    above: &mut std::rc::Rc<str>,
) {
    match head.take() {
        Some(name) => {
            blocks.add(name.start, end, &heading([]), true);
            *above = heading([name.text]);
        }
        None => blocks.add(start, end, above, false),
    }
}

/// Whether a line that stands alone is a heading: in capital letters only.
fn is_heading(line: &Line<'_>) -> bool {
    let has_small = line.text.chars().any(char::is_lowercase);
    let letters = line.text.chars().filter(|sign| sign.is_uppercase()).take(3).count();
    line.text.len() <= HEADING_BYTES && !has_small && letters >= 3
}
