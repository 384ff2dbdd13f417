//! The rows of a table whose columns are separated by a sign (CSV, TSV), each below the table's head.

use super::block::{Block, Blocks, heading, with_head};

const SEPARATORS: [u8; 4] = *b",;\t|";

pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Blocks::of(text);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let separator =
        SEPARATORS.into_iter().max_by_key(|sign| first.bytes().filter(|byte| byte == sign).count());
    let separator = separator.unwrap_or(b',');
    let (mut start, mut rows, mut above) = (0, 0, heading([]));
    // A quote that nothing closes makes one row of all that follows; then quotes mean nothing here.
    let mut has_quotes = true;
    while start < text.len() {
        let end = row(&text[start..], separator, has_quotes).map(|length| start + length);
        let Some(end) = end else {
            has_quotes = false;
            continue;
        };
        let is_blank = text[start..end].trim().is_empty();
        match rows {
            _ if is_blank => {}
            // The head goes with the first row.
            0 => rows = 1,
            1 => {
                let head = text.len() - text.trim_start().len();
                blocks.add(head, end, &above, true);
                above = with_head("", &text[head..start]);
                rows = 2;
            }
            _ => blocks.add(start, end, &above, false),
        }
        start = end;
    }
    if rows == 1 {
        let head = text.len() - text.trim_start().len();
        blocks.add(head, text.len(), &above, true);
    }
    blocks.all()
}

/// How long the row at the beginning of a text is, with what ends it; none where a quote stays open.
fn row(text: &str, separator: u8, has_quotes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut begins_cell) = (0, true);
    while at < bytes.len() {
        match bytes[at] {
            b'"' if begins_cell && has_quotes => {
                at += 1;
                loop {
                    at += memchr(b'"', bytes.get(at..)?)? + 1;
                    match bytes.get(at) {
                        Some(b'"') => at += 1,
                        _ => break,
                    }
                }
                begins_cell = false;
                continue;
            }
            b'\n' => return Some(at + 1),
            byte => begins_cell = byte == separator,
        }
        at += 1;
    }
    Some(text.len())
}

fn memchr(wanted: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == wanted)
}
