//! The headings of a document, a line each, from which one sees what it is about.

use crate::text::{chunk::Chunk, extract::TextKind};

/// Most bytes of them.
const MOST_BYTES: usize = 4 << 10;

/// Those that stand in a text as such; else what its passages stand under.
pub(super) fn of(text: &str, kind: TextKind, chunks: &[Chunk]) -> String {
    let mut outline = String::new();
    let mut add = |heading: &str| {
        let is_new = outline.lines().next_back().is_none_or(|last| last != heading);
        if is_new && !heading.is_empty() && outline.len() + heading.len() < MOST_BYTES {
            outline.push_str(heading);
            outline.push('\n');
        }
    };
    if kind == TextKind::Markdown {
        let mut is_code = false;
        for line in text.lines() {
            is_code ^= line.trim_start().starts_with("```");
            let heading = line.trim_start_matches('#');
            if !is_code && heading.len() < line.len() && heading.starts_with(' ') {
                add(heading.trim());
            }
        }
    } else {
        chunks.iter().for_each(|chunk| add(chunk.heading.lines().next().unwrap_or_default()));
    }
    outline
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::chunk::{Sizes, chunks};

    #[test]
    fn headings_are_told_once_and_code_is_none() {
        let text = "# One\n\ntext #no\n## Two\n```sh\n# comment\n```\n#hashtag\n# \n";
        for (kind, expected) in [(TextKind::Markdown, "One\nTwo\n"), (TextKind::Plain, "")] {
            assert_eq!(of(text, kind, &chunks(text, kind, &Sizes::default())), expected);
        }
        let table = "name,age\n".to_owned() + &"x,1\n".repeat(2000);
        let chunks = chunks(&table, TextKind::Table, &Sizes::default());
        assert_eq!(of(&table, TextKind::Table, &chunks), "name,age\n");
    }
}
