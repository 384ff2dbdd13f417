//! The part of a text that shows why it is a hit.

use std::ops::Range;

/// Stands before what was searched for. No text of a snippet holds this sign otherwise.
pub(crate) const MARK_START: char = '\u{2}';
/// Stands behind it.
pub(crate) const MARK_END: char = '\u{3}';
/// About how long a snippet is, in characters.
const CHARS: usize = 200;
/// How much of that stands before the first mark.
const BEFORE: usize = 60;

/// About 200 characters around the first of `places`, each of which is marked; the beginning where there is none.
/// Control characters, and runs of blanks, are one blank each; `…` stands where the text goes on.
pub(crate) fn snippet(text: &str, places: &[Range<usize>]) -> String {
    let first = places.first().map_or(0, |place| place.start);
    let start = match text[..first].char_indices().rev().take(BEFORE).last() {
        // Words are not cut in two where a blank is near.
        Some((start, _)) if start > 0 => {
            text[start..first].find(char::is_whitespace).map_or(start, |blank| start + blank)
        }
        _ => 0,
    };
    let end = text[start..].char_indices().nth(CHARS).map_or(text.len(), |(end, _)| start + end);
    let mut shown = String::with_capacity(end - start + 16);
    if start > 0 {
        shown.push('…');
    }
    let mut at = start;
    for place in places {
        if place.start < at || place.start >= end {
            continue;
        }
        push(&mut shown, &text[at..place.start]);
        shown.push(MARK_START);
        // What was found is shown whole.
        push(&mut shown, &text[place.clone()]);
        shown.push(MARK_END);
        at = place.end;
    }
    if at < end {
        push(&mut shown, &text[at..end]);
    }
    if at.max(end) < text.len() {
        shown.push('…');
    }
    shown.trim_end().to_owned()
}

fn push(shown: &mut String, text: &str) {
    for sign in text.chars() {
        if !sign.is_whitespace() && !sign.is_control() {
            shown.push(sign);
        } else if !shown.is_empty() && !shown.ends_with(' ') {
            shown.push(' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::search::{matching::Match, query::Query};

    fn shown(query: &str, text: &str) -> String {
        let places = Match::of(&Query::with_operators(query), text).unwrap_or_default().places;
        snippet(text, &places).replace(MARK_START, "[").replace(MARK_END, "]")
    }

    #[test]
    fn hits_are_marked_where_they_stand() {
        for (query, text, expected) in [
            ("fox", "The Fox, a fox.", "The [Fox], a [fox]."),
            ("\"a fox\" fox", "The Fox, a fox.", "The [Fox], [a fox]."),
            ("cafe", "Un CAFÉ\n\n  noir", "Un [CAFÉ] noir"),
            ("b", "<b>\u{2}b\u{3}</b>", "<[b]> [b] </[b]>"),
            ("none", "Nothing of it", "Nothing of it"),
            ("x", "", ""),
        ] {
            assert_eq!(shown(query, text), expected, "{text:?}");
        }
    }

    #[test]
    fn of_a_long_text_the_part_around_the_first_hit_is_shown() {
        let text = format!("{}needle{}", "before ".repeat(100), " behind".repeat(100));
        let part = shown("needle", &text);
        assert!(
            part.starts_with("… before ") && part.contains(" [needle] ") && part.ends_with('…'),
            "{part}"
        );
        assert!((100..=CHARS + 10).contains(&part.chars().count()), "{part}");
        let beginning = snippet(&text, &[]);
        assert!(beginning.starts_with("before ") && beginning.ends_with('…'), "{beginning}");
    }

    proptest! {
        #[test]
        fn marks_come_in_pairs_and_nothing_else_is_a_control_character(text in "(.|\n)*", query in "\\PC*") {
            let places = Match::of(&Query::plain(&query), &text).unwrap_or_default().places;
            let shown = snippet(&text, &places);
            let mut is_open = false;
            for sign in shown.chars().filter(|sign| sign.is_control()) {
                prop_assert_eq!(sign, if is_open { MARK_END } else { MARK_START });
                is_open = !is_open;
            }
            prop_assert!(!is_open);
        }
    }
}
