//! What a document of a word processor says (ECMA-376, WordprocessingML), as Markdown.

use std::collections::BTreeMap;

use super::{
    error::ExtractError,
    markup::{Gap, Markup},
    office::Parts,
    xml::{self, Piece},
};

/// The part that holds the text.
pub(super) const MAIN: &str = "word/document.xml";
const STYLES: &str = "word/styles.xml";
/// What stands behind the text.
const NOTES: [&str; 2] = ["word/footnotes.xml", "word/endnotes.xml"];

/// Text, headings, lists and tables, then notes, until there is enough. What was deleted while changes were tracked is left
/// out, as are fields' instructions and drawings' second forms.
pub(super) fn text(parts: &mut Parts<'_>, enough_bytes: usize) -> Result<String, ExtractError> {
    let styles = parts.optional(STYLES)?.map_or(Ok(BTreeMap::new()), |styles| headings(&styles))?;
    let mut markup = Markup::new();
    body(&parts.part(MAIN)?, &styles, &mut markup, enough_bytes)?;
    for notes in NOTES {
        if let Some(notes) = parts.optional(notes)? {
            markup.end_table();
            body(&notes, &styles, &mut markup, enough_bytes)?;
        }
    }
    Ok(markup.finish())
}

/// The levels of the styles that are headings: they say so, or have the name that they have in every language.
fn headings(styles: &str) -> Result<BTreeMap<String, usize>, ExtractError> {
    let (mut levels, mut style) = (BTreeMap::new(), String::new());
    xml::read(styles, &mut |piece| {
        if let Piece::Open(name, tag) = piece {
            let value = || xml::attribute(tag, "val").unwrap_or_default();
            let level = match name {
                "style" => {
                    style = xml::attribute(tag, "styleId").unwrap_or_default();
                    None
                }
                "name" => level_of(&value()),
                "outlineLvl" => outline(&value()),
                _ => None,
            };
            if let Some(level) = level {
                levels.entry(style.clone()).or_insert(level);
            }
        }
        true
    })?;
    Ok(levels)
}

fn level_of(style: &str) -> Option<usize> {
    let style = style.to_ascii_lowercase();
    if style == "title" {
        return Some(1);
    }
    style.strip_prefix("heading")?.trim().parse().ok().filter(|level| (1..=9).contains(level))
}

/// Nine means body text.
fn outline(level: &str) -> Option<usize> {
    level.parse().ok().filter(|level| *level < 9).map(|level: usize| level + 1)
}

fn body(
    part: &str,
    styles: &BTreeMap<String, usize>,
    markup: &mut Markup,
    enough_bytes: usize,
) -> Result<(), ExtractError> {
    let (mut tables, mut fallbacks, mut is_text) = (0_usize, 0_usize, false);
    xml::read(part, &mut |piece| {
        match piece {
            Piece::Open("Fallback", _) => fallbacks += 1,
            Piece::Close("Fallback") => fallbacks = fallbacks.saturating_sub(1),
            _ if fallbacks > 0 => {}
            Piece::Open(name, tag) => match name {
                "t" => is_text = true,
                "tab" => markup.gap(Gap::Blank),
                "br" | "cr" => markup.gap(Gap::Line),
                "noBreakHyphen" => markup.say("-"),
                "pStyle" => {
                    let style = xml::attribute(tag, "val").unwrap_or_default();
                    let level = styles.get(&style).copied().or_else(|| level_of(&style));
                    level.into_iter().for_each(|level| markup.heading(level));
                }
                "outlineLvl" => {
                    let level = outline(&xml::attribute(tag, "val").unwrap_or_default());
                    level.into_iter().for_each(|level| markup.heading(level));
                }
                "numPr" => markup.item(),
                // A table inside of another one is part of its cell.
                "tbl" => {
                    tables += 1;
                    if tables == 1 {
                        markup.end_table();
                    }
                }
                "tr" if tables == 1 => markup.begin_row(),
                "tc" if tables == 1 => markup.begin_cell(),
                _ => {}
            },
            Piece::Close(name) => match name {
                "t" => is_text = false,
                "p" => markup.end(Gap::Paragraph),
                "tbl" => {
                    tables = tables.saturating_sub(1);
                    if tables == 0 {
                        markup.end_table();
                    }
                }
                "tr" if tables == 1 => markup.end_row(),
                _ => {}
            },
            Piece::Said(said) if is_text => markup.say(&said),
            Piece::Said(_) => {}
        }
        markup.len() < enough_bytes
    })
}
