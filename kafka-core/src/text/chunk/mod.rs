//! Cutting texts into passages.

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextKind {
    Plain,
}

/// How long passages are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) tokens: usize,
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes { tokens: 256 }
    }
}

/// A passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) tokens: usize,
    pub(crate) heading: Option<String>,
}

pub(crate) fn chunks(text: &str, _kind: TextKind, sizes: &Sizes) -> Vec<Chunk> {
    let (mut chunks, mut start) = (Vec::new(), 0);
    let mut heading = None;
    let mut push = |start: usize, end: usize, heading: &Option<String>| {
        if !text[start..end].trim().is_empty() {
            chunks.push(Chunk { start, end, tokens: (end - start).div_ceil(4), heading: heading.clone() });
        }
    };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('#') {
            push(start, at, &heading);
            start = at;
            heading = Some(line.trim_start_matches('#').trim().to_owned());
        } else if at - start > sizes.tokens * 4 {
            push(start, at, &heading);
            start = at;
        }
        at += line.len();
    }
    push(start, at, &heading);
    chunks
}
