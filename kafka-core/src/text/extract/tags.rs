//! Cuts a page into its tags and what stands between them, as browsers do, without their tables of trees: errors end where
//! they end in a browser, and each byte is read a few times at most.

use std::borrow::Cow;

use unicode_normalization::char::compose;

/// What is met in a page. Names are in small letters.
pub(super) enum Token<'p> {
    Open { name: String, closes_itself: bool },
    Close(String),
    Said(Cow<'p, str>),
}

/// Elements whose content has no tags.
const RAW: [&str; 5] = ["script", "style", "title", "textarea", "noscript"];
/// Longest reference to a sign, in bytes between `&` and `;`.
const REFERENCE_BYTES: usize = 12;

/// The tokens of a page, in their order.
pub(super) fn tokens(page: &str) -> impl Iterator<Item = Token<'_>> {
    let (mut rest, mut raw): (&str, Option<&str>) = (page, None);
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            if let Some(name) = raw.take() {
                let (said, after) = rest.split_at(raw_end(rest, name));
                rest = after;
                return Some(Token::Said(said_in(said)));
            }
            // A sign that begins no tag is one of the text.
            let start = rest.match_indices('<').find(|(at, _)| begins_tag(&rest[at + 1..]));
            let start = start.map_or(rest.len(), |(at, _)| at);
            if start > 0 {
                let (said, after) = rest.split_at(start);
                rest = after;
                return Some(Token::Said(said_in(said)));
            }
            let inside = &rest[1..];
            if let Some(comment) = inside.strip_prefix("!--") {
                rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            } else if inside.starts_with(['!', '?']) {
                rest = inside.find('>').map_or("", |end| &inside[end + 1..]);
            } else {
                let (is_close, inside) =
                    inside.strip_prefix('/').map_or((false, inside), |name| (true, name));
                let ends_name = |sign: char| sign.is_whitespace() || ['/', '>'].contains(&sign);
                let name = inside[..inside.find(ends_name).unwrap_or(inside.len())].to_ascii_lowercase();
                // One that nothing ends is not shown.
                let end = tag_end(inside)?;
                rest = &inside[end + 1..];
                if is_close {
                    return Some(Token::Close(name));
                }
                raw = RAW.into_iter().find(|raw| *raw == name);
                return Some(Token::Open { name, closes_itself: inside[..end].ends_with('/') });
            }
        }
    })
}

fn begins_tag(inside: &str) -> bool {
    let name = inside.strip_prefix('/').unwrap_or(inside);
    inside.starts_with(['!', '?']) || name.starts_with(|sign: char| sign.is_ascii_alphabetic())
}

/// Where the sign stands that ends a tag: not in a value in quotes.
fn tag_end(inside: &str) -> Option<usize> {
    let (mut quote, mut before) = (None, b' ');
    for (at, byte) in inside.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) => quote = (open != byte).then_some(open),
            (None, b'"' | b'\'') if before == b'=' => quote = Some(byte),
            (None, b'>') => return Some(at),
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    None
}

/// Where an element without tags ends.
fn raw_end(rest: &str, name: &str) -> usize {
    let is_end = |at: usize| {
        rest.as_bytes()
            .get(at + 2..at + 2 + name.len())
            .is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
    };
    rest.match_indices("</").map(|(at, _)| at).find(|at| is_end(*at)).unwrap_or(rest.len())
}

/// A text with the signs that it refers to.
fn said_in(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut said = String::with_capacity(text.len());
    let mut parts = text.split('&');
    said.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let head = &part[..part.floor_char_boundary(REFERENCE_BYTES + 1)];
        let found = head.split_once(';').and_then(|(name, _)| Some((name.len() + 1, sign(name)?)));
        match found {
            Some((length, sign)) => {
                said.push(sign);
                said.push_str(&part[length..]);
            }
            None => {
                said.push('&');
                said.push_str(part);
            }
        }
    }
    said.into()
}

/// The sign of a reference: by its number, or one of those that are common in texts.
fn sign(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hexadecimal = number.strip_prefix(['x', 'X']);
        let number = hexadecimal.map_or_else(|| number.parse(), |digits| u32::from_str_radix(digits, 16));
        return char::from_u32(number.ok()?);
    }
    let known = SIGNS.iter().find(|(known, _)| *known == name).map(|(_, sign)| *sign);
    known.or_else(|| {
        let mut letters = name.chars();
        let letter = letters.next().filter(char::is_ascii_alphabetic)?;
        let (_, mark) = MARKS.iter().find(|(mark, _)| *mark == letters.as_str())?;
        compose(letter, *mark)
    })
}

const SIGNS: [(&str, char); 38] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("euro", '€'),
    ("pound", '£'),
    ("cent", '¢'),
    ("copy", '©'),
    ("reg", '®'),
    ("trade", '™'),
    ("hellip", '…'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("laquo", '«'),
    ("raquo", '»'),
    ("bull", '•'),
    ("middot", '·'),
    ("deg", '°'),
    ("times", '×'),
    ("sect", '§'),
    ("para", '¶'),
    ("frac12", '½'),
    ("szlig", 'ß'),
    ("aelig", 'æ'),
    ("AElig", 'Æ'),
    ("oslash", 'ø'),
    ("Oslash", 'Ø'),
    ("oelig", 'œ'),
    ("OElig", 'Œ'),
    ("shy", '\u{ad}'),
];
/// What stands behind a letter in the name of one with a mark.
const MARKS: [(&str, char); 8] = [
    ("acute", '\u{301}'),
    ("grave", '\u{300}'),
    ("circ", '\u{302}'),
    ("uml", '\u{308}'),
    ("tilde", '\u{303}'),
    ("cedil", '\u{327}'),
    ("ring", '\u{30a}'),
    ("caron", '\u{30c}'),
];
