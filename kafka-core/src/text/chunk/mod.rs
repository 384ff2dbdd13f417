//! Cuts a text into chunks, each about one thing and small enough to be embedded and quoted.
//!
//! A text is read as blocks (paragraphs, rows, definitions) in their order, and blocks that stand together are joined
//! until a chunk is full or a section ends. Every part of a text that is not blank lies in exactly one chunk. Each byte is
//! read a few times at most, whatever the text is. Sizes and their reasons: ADR 0011.

mod block;
mod code;
mod line;
mod markdown;
mod plain;
mod split;
mod table;
mod tokens;

use std::{fmt, str::FromStr};

use block::Block;

use super::extract::TextKind;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its first byte in the text.
    pub start: usize,
    /// The byte behind its last.
    pub end: usize,
    /// How many tokens of a model it has, roughly: models differ by a third.
    pub tokens: usize,
    /// What stands above it and tells what it is about: headings joined by ` > `, the head of its table, the definition
    /// around it. Does not repeat what the chunk itself begins with; empty where nothing stands above. At most 1 kB.
    pub heading: String,
}

/// How long chunks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// A section that is shorter is joined with the next one, in tokens. Default 128.
    pub least_tokens: usize,
    /// Most tokens of a chunk; longer blocks are cut between lines, sentences or words. At least 8. Default 256.
    pub most_tokens: usize,
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes { least_tokens: 128, most_tokens: 256 }
    }
}

impl Sizes {
    /// Whether documents can be cut so: a passage has from 32 to 1024 tokens at the most, since longer ones have no room
    /// before a question, and sections that are joined fit into one.
    pub(crate) fn are_usable(&self) -> bool {
        (32..=1024).contains(&self.most_tokens) && self.least_tokens <= self.most_tokens
    }
}

/// What sizes can be, in words.
pub(crate) const USABLE: &str =
    "two numbers such as 128-256: the second from 32 to 1024, the first no larger than the second";

/// As `128-256`.
impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.least_tokens, self.most_tokens)
    }
}

impl FromStr for Sizes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Sizes, &'static str> {
        let (least, most) = text.split_once('-').ok_or(USABLE)?;
        let number = |text: &str| text.trim().parse().map_err(|_| USABLE);
        let sizes = Sizes { least_tokens: number(least)?, most_tokens: number(most)? };
        if sizes.are_usable() { Ok(sizes) } else { Err(USABLE) }
    }
}

/// The fewest tokens that a chunk can be limited to.
const LEAST_MOST: usize = 8;
/// The most tokens that it makes sense to limit one to.
const MOST_MOST: usize = 1 << 20;

/// The chunks of a text, in their order. They do not overlap, end with something that is not blank, and cover all that is
/// not blank. A chunk begins with its first line's indentation.
#[must_use]
pub fn chunks(text: &str, kind: TextKind, sizes: &Sizes) -> Vec<Chunk> {
    let blocks = match kind {
        TextKind::Markdown => markdown::blocks(text),
        TextKind::Plain => plain::blocks(text),
        TextKind::Code => code::blocks(text),
        TextKind::Table => table::blocks(text),
    };
    let most = sizes.most_tokens.clamp(LEAST_MOST, MOST_MOST);
    let mut chunks = Vec::new();
    let mut open: Option<Block> = None;
    for block in blocks.iter().flat_map(|block| split::split(text, block, most)) {
        if let Some(chunk) = &mut open {
            let together = chunk.quarters + tokens::quarters(&text[chunk.end..block.start]) + block.quarters;
            let ends_section = block.begins_section && chunk.quarters >= sizes.least_tokens.saturating_mul(4);
            if together <= most * 4 && !ends_section {
                (chunk.end, chunk.quarters) = (block.end, together);
                continue;
            }
        }
        chunks.extend(open.replace(block).map(Chunk::from));
    }
    chunks.extend(open.map(Chunk::from));
    chunks
}

impl From<Block> for Chunk {
    fn from(block: Block) -> Chunk {
        let Block { start, end, quarters, heading, .. } = block;
        Chunk { start, end, tokens: quarters.div_ceil(4), heading: heading.to_string() }
    }
}

#[cfg(test)]
mod retrieval;
#[cfg(test)]
mod tests;
